"""Tiny SavedModels in TF Hub's interface, as published modules come."""

import tensorflow as tf


def save(folder, call, variables=(), trainable=(), losses=(), signatures=None, **attributes):
    """Save `call` (a traced tf.function) and its variables as a reusable SavedModel."""
    module = tf.train.Checkpoint(**attributes)
    module.__call__ = call
    module.variables = list(variables)
    module.trainable_variables = list(trainable)
    module.regularization_losses = list(losses)
    tf.saved_model.save(module, str(folder), signatures)
    return str(folder)


def half_plus_one(folder):
    """`[n, 1] -> [n, 1]`, y = w x + 1 with w = 0.5 trainable and regularised."""
    w = tf.Variable([[0.5]], name="times/kernel")
    one = tf.Variable([1.0], name="plus/bias", trainable=False)

    @tf.function(input_signature=[tf.TensorSpec((None, 1))])
    def call(x):
        return x @ w + one

    loss = tf.function(lambda: 0.01 * tf.reduce_sum(w**2), input_signature=[])
    return save(folder, call, [w, one], [w], [loss], signatures=call)


def keras2_half_plus_one(folder):
    """The same, saved by Keras 2 as most published modules were."""
    import tf_keras

    constant = tf_keras.initializers.Constant
    times = tf_keras.layers.Dense(
        1,
        use_bias=False,
        kernel_initializer=constant(0.5),
        kernel_regularizer=tf_keras.regularizers.L2(0.01),
    )
    plus = tf_keras.layers.Dense(
        1, kernel_initializer=constant(1.0), bias_initializer=constant(1.0), trainable=False
    )
    model = tf_keras.Sequential([tf_keras.Input((1,)), times, plus])
    model.save(str(folder), save_format="tf")
    return str(folder)


def batch_norm(folder):
    """`[n, 1] -> [n, 1]`, batch normalisation with momentum 0.8."""
    beta, gamma = tf.Variable([0.0], name="bn/beta"), tf.Variable([1.0], name="bn/gamma")
    mean = tf.Variable([0.0], name="bn/moving_mean", trainable=False)
    variance = tf.Variable([1.0], name="bn/moving_variance", trainable=False)

    @tf.function
    def call(x, training=False):
        m, v = mean, variance
        if training:
            m, v = tf.nn.moments(x, 0)
            mean.assign(0.8 * mean + 0.2 * m)
            variance.assign(0.8 * variance + 0.2 * v)
        return tf.nn.batch_normalization(x, m, v, beta, gamma, 1e-3)

    for training in (True, False):
        call.get_concrete_function(tf.TensorSpec((None, 1)), training=training)
    return save(folder, call, [beta, gamma, mean, variance], [beta, gamma])


def keras2_batch_norm(folder):
    """The same, saved by Keras 2."""
    import tf_keras

    norm = tf_keras.layers.BatchNormalization(momentum=0.8)
    tf_keras.Sequential([tf_keras.Input((1,)), norm]).save(str(folder), save_format="tf")
    return str(folder)


def blocks(folder):
    """`[n, 4] -> [n, 4]`, four blocks with BatchNorm; variables in another order than used."""
    order = ["stem", "block_1", "block_2", "head"]
    kernels = {name: tf.Variable(tf.eye(4) * 0.9, name=f"net/{name}_conv/kernel") for name in order}
    means = {
        name: tf.Variable(tf.zeros(4), name=f"net/{name}_bn/moving_mean", trainable=False)
        for name in order
    }

    @tf.function
    def one(x, name, training):  # a function in a function, as Keras 2 saved them
        x = x @ kernels[name]
        if training:
            means[name].assign(0.9 * means[name] + 0.1 * tf.reduce_mean(x, 0))
            return x - tf.reduce_mean(x, 0) + 1.0
        return x - means[name] + 1.0

    @tf.function
    def call(x, training=False):
        for name in order:
            x = one(x, name, training)
        return x

    for training in (True, False):
        call.get_concrete_function(tf.TensorSpec((None, 4)), training=training)
    by_name = [kernels[name] for name in sorted(order)]
    return save(folder, call, by_name + [means[name] for name in sorted(order)], by_name)


def without_scopes(folder, names="alike"):
    """`[n, 4] -> [n, 2]`: three dense layers and a norm, whose variables have no scoped names.

    `names`: all are called "Variable", or by what they are, kernel and bias.
    """

    def variable(value, name):
        return tf.Variable(value, name=None if names == "alike" else name)

    kernels = [variable(tf.ones((4, 4)) / 4 + tf.eye(4), "kernel") for _ in range(2)]
    kernels.append(variable(tf.ones((4, 2)), "kernel"))
    biases = [variable(tf.ones(width), "bias") for width in (4, 4, 2)]
    scale = variable(tf.ones(4), "gamma")

    @tf.function(input_signature=[tf.TensorSpec((None, 4))])
    def call(x):
        x = tf.nn.relu(x @ kernels[0] + biases[0]) * scale
        return tf.nn.relu(x @ kernels[1] + biases[1]) @ kernels[2] + biases[2]

    order = [kernels[2], biases[0], kernels[0], scale, biases[2], kernels[1], biases[1]]
    return save(folder, call, order, order)


def two_outputs(folder):
    """`[n, 4]` -> `{"feature": [n, 4], "note": [n, 1]}`: two outputs on one trunk."""
    names = ("block1", "block2", "block3", "block4_note", "block5_unused")
    weights = {name: tf.Variable(tf.eye(4), name=f"{name}/kernel") for name in names}

    def inner(x):
        middle = x @ weights["block1"]
        note = middle @ weights["block4_note"]
        feature = middle @ weights["block2"] @ weights["block3"] @ weights["block3"]
        return feature, tf.reduce_sum(note, -1, keepdims=True)

    inner = tf.function(inner)  # a function in a function, as Keras 2 saved them

    @tf.function(input_signature=[tf.TensorSpec((None, 4))])
    def call(x):
        feature, note = inner(x)
        return {"feature": feature, "note": note}

    order = list(weights.values())
    return save(folder, call, order, order, signatures=call)


def dropout(folder):
    """`[n, 1] -> [n, 1]`: zero in training, the input otherwise; no statistics."""
    w = tf.Variable([[1.0]], name="dense/kernel")

    @tf.function
    def call(x, training=False):
        return 0.0 * x @ w if training else x @ w

    for training in (True, False):
        call.get_concrete_function(tf.TensorSpec((None, 1)), training=training)
    return save(folder, call, [w], [w])


def with_arguments(folder):
    """`[n, 1] -> [n, 1]`, y = a x + b with arguments a and b; no variables."""

    @tf.function(input_signature=[tf.TensorSpec((None, 1)), tf.TensorSpec(()), tf.TensorSpec(())])
    def call(x, a=1.0, b=0.0):
        return a * x + b

    return save(folder, call)


def text(folder):
    """`string [n] -> [n, 2]`: a row of a trainable table, by the word's entry in a vocabulary."""
    words = tf.lookup.KeyValueTensorInitializer(["cat", "dog"], tf.constant([1, 2], tf.int64))
    table = tf.lookup.StaticHashTable(words, default_value=0)
    rows = tf.Variable([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]], name="embeddings")

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)])
    def call(sentences):
        return tf.gather(rows, table.lookup(sentences))

    return save(folder, call, [rows], [rows], table=table)


def dict_in_and_out(folder):
    """`{x, y: [n, 1]}` -> `[x + y, x + 2 y]`, with `return_dict=True` also `x - y`."""

    @tf.function
    def call(inputs, return_dict=False):
        x, y = inputs["x"], inputs["y"]
        sigma = tf.concat([x + y, x + 2 * y], -1)
        return {"sigma": sigma, "delta": x - y} if return_dict else sigma

    spec = {"x": tf.TensorSpec((None, 1)), "y": tf.TensorSpec((None, 1))}
    for return_dict in (False, True):
        call.get_concrete_function(spec, return_dict=return_dict)
    return save(folder, call)


def list_in_and_out(folder):
    """`[int32 [n, 2], float32 [n, 2]]` -> their sums `[n]`, and the products `[n, 2]`."""

    @tf.function(input_signature=[[tf.TensorSpec((None, 2), tf.int32), tf.TensorSpec((None, 2))]])
    def call(inputs):
        numbers, values = tf.cast(inputs[0], tf.float32), inputs[1]
        return [tf.reduce_sum(numbers + values, -1), numbers * values]

    return save(folder, call)


def unknown_shapes(folder):
    """`[n, 1]` -> list of three whose shapes TensorFlow cannot tell: [n, 1], [n, 2, 2], [n, 3]."""

    def hide(x, shape):
        shape = tf.cast(tf.random.uniform((), 1.0, 1.0) * tf.cast(shape, tf.float32), tf.int32)
        return tf.broadcast_to(x, shape)

    @tf.function(input_signature=[tf.TensorSpec((None, 1))])
    def call(x):
        n = tf.shape(x)[0]
        return [hide(x, [n, 1]), hide(x[:, None], [n, 2, 2]), hide(x, [n, 3])]

    return save(folder, call)


def ragged_and_sparse(folder, kind):
    """Sums over the words of a ragged, or the columns of a sparse, input of numbers."""
    ragged = tf.RaggedTensorSpec((None, None), tf.float32)
    spec = ragged if kind == "ragged" else tf.SparseTensorSpec((None, 3), tf.float32)

    @tf.function(input_signature=[spec])
    def call(x):
        if kind == "ragged":
            return tf.reduce_sum(x, 1)[:, None]
        return tf.sparse.sparse_dense_matmul(x, tf.ones((3, 1)))

    return save(folder, call)


def ragged_out(folder):
    """`string [n]` -> ragged `[n, words]`: the lengths of the words."""

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)])
    def call(sentences):
        return tf.cast(tf.strings.length(tf.strings.split(sentences)), tf.float32)

    return save(folder, call)
