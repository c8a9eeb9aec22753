import json
import subprocess
import sys
import warnings

import keras
import make_modules
import numpy as np
import pytest
import tensorflow as tf

import tlhelpers as tl

BOTH_KINDS = pytest.mark.parametrize("saved_by", ["tensorflow", "keras2"])


def classifier(layer, optimizer="adam"):
    model = keras.Sequential([keras.Input((8, 8, 3)), layer, keras.layers.Dense(3)])
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def fit(model, images):
    labels = np.arange(len(images)) % 3
    return model.fit(images, labels, epochs=3, verbose=0)


def values(layer):
    return {weight.path: weight.numpy().copy() for weight in layer.weights}


def moved(layer, before):
    """Names of the weights that are not exactly what they were."""
    return {name for name, value in values(layer).items() if (value != before[name]).any()}


# Any kind of model, any kind of call -----------------------------------------------------------


def test_gives_what_the_module_gives(tiny_module, images):
    """The layer computes what the module computes in inference mode."""
    want = tf.saved_model.load(str(tiny_module))(images, training=False)
    np.testing.assert_array_equal(tl.HubLayer(tiny_module)(images), want)
    np.testing.assert_array_equal(tl.HubLayer(tiny_module)(images, training=True), want)


@pytest.mark.parametrize("style", ["sequential", "open", "functional", "subclass", "function"])
def test_works_in_each_style_of_model(style, tiny_module, images):
    """Sequential, functional and subclassed models take the layer, and know its output's size."""
    layer = tl.HubLayer(tiny_module)
    want = layer(images)
    if style == "function":
        np.testing.assert_allclose(tf.function(layer)(images), want, atol=1e-6)
        return
    if style == "sequential":
        model = keras.Sequential([keras.Input((8, 8, 3)), layer])
        assert model.output_shape == (None, 4)
    elif style == "open":  # the module tells the size of its input
        model = keras.Sequential([layer, keras.layers.Activation("linear")])
        assert model.input_shape == (None, 8, 8, 3)
        assert model.output_shape == (None, 4)
    elif style == "functional":
        inputs = keras.Input((8, 8, 3))
        model = keras.Model(inputs, layer(inputs))
        assert model.output_shape == (None, 4)
    else:

        class Model(keras.Model):
            def __init__(self):
                super().__init__()
                self.backbone = layer

            def call(self, x):
                return self.backbone(x)

        model = Model()
    np.testing.assert_allclose(model.predict(images, verbose=0), want, atol=1e-6)
    np.testing.assert_allclose(model(images), want, atol=1e-6)
    model.compile(loss="mse")
    assert model.evaluate(images, np.asarray(want), verbose=0) < 1e-9


@pytest.mark.parametrize("eager", [False, True])
def test_frozen_weights_move_exactly_zero(eager, tiny_module, images):
    """With trainable=False `fit` changes the head and nothing of the module."""
    layer = tl.HubLayer(tiny_module)
    before = values(layer)
    model = classifier(layer)
    model.run_eagerly = eager
    assert len(model.trainable_weights) == 2
    fit(model, images)
    assert moved(layer, before) == set()


@pytest.mark.parametrize(
    "optimizer", ["Adam", "AdamW", "SGD", "RMSprop", "Adagrad", "Lion", "Nadam", "Adafactor"]
)
@pytest.mark.slow
def test_each_optimizer_trains_the_module(optimizer, tiny_module, images):
    """With trainable=True the kernel moves, statistics stay, and outputs follow the kernel."""
    layer = tl.HubLayer(tiny_module, trainable=True)
    assert [weight.path for weight in layer.trainable_weights] == ["dense/kernel"]
    before, given = values(layer), layer(images).numpy()
    options = {"momentum": 0.9} if optimizer == "SGD" else {}
    model = classifier(layer, getattr(keras.optimizers, optimizer)(0.01, **options))
    fit(model, images)
    assert moved(layer, before) == {"dense/kernel"}
    now = layer(images).numpy()
    assert np.abs(now - given).max() > 1e-4
    kernel = images.reshape(len(images), -1) @ layer.trainable_weights[0].numpy()
    np.testing.assert_allclose(now, kernel, atol=1e-4)  # the mean is still 0


@pytest.mark.parametrize("graph", [False, True])
def test_own_loop_trains_as_fit_does(graph, tiny_module, images):
    """A `tf.GradientTape` loop changes the same weights in the same way as `fit`."""
    labels = np.arange(len(images)) % 3
    results = []
    for own in (False, True):
        keras.utils.set_random_seed(0)
        layer = tl.HubLayer(tiny_module, trainable=True)
        model = classifier(layer, keras.optimizers.SGD(0.1))

        def step(model=model):
            with tf.GradientTape() as tape:
                loss = model.loss(labels, model(images, training=True))
            weights = model.trainable_variables
            model.optimizer.apply(tape.gradient(loss, weights), weights)

        step = tf.function(step) if graph else step
        for _ in range(3):
            step() if own else model.train_on_batch(images, labels)
        results.append(values(layer)["dense/kernel"])
    np.testing.assert_allclose(*results, atol=1e-6)


# What `hub.KerasLayer` promises ----------------------------------------------------------------


@BOTH_KINDS
def test_half_plus_one_is_retrained(saved_by, module):
    """w moves until w x + 1 = x / 2 + 6 near 10, the fixed part of the module stays."""
    layer = tl.HubLayer(module("half_plus_one", saved_by=saved_by), trainable=True)
    inputs = keras.Input((1,))
    model = keras.Model(inputs, layer(inputs))
    np.testing.assert_allclose(model(np.array([[0.0], [8.0]])), [[1.0], [5.0]])
    assert len(model.trainable_weights) == 1
    fixed = [weight.numpy() for weight in model.non_trainable_weights]
    model.compile(keras.optimizers.SGD(0.002), "mse")
    x = np.array([[9.0], [10.0], [11.0]] * 10)
    model.fit(x, x / 2 + 6, batch_size=30, epochs=10, verbose=0)
    np.testing.assert_array_equal(model(np.array([[0.0]])), [[1.0]])
    np.testing.assert_allclose(model(np.array([[10.0]])), [[11.0]], rtol=0.03)
    for weight, was in zip(model.non_trainable_weights, fixed, strict=True):
        np.testing.assert_array_equal(weight, was)


@BOTH_KINDS
def test_regularization_losses_count_while_the_layer_trains(saved_by, module):
    """The module's 0.01 w^2 is a loss of the model exactly while w is trainable."""
    layer = tl.HubLayer(module("half_plus_one", saved_by=saved_by))
    inputs = keras.Input((1,))
    model = keras.Model(inputs, layer(inputs))
    for trainable in (False, True, False, True):
        layer.trainable = trainable
        assert np.allclose(sum(model.losses), 0.0025 if trainable else 0.0)
    model.compile("sgd", "mse")
    zeros = np.zeros((4, 1))
    assert np.isclose(model.evaluate(zeros, zeros + 1, verbose=0), 0.0025)
    w = layer.trainable_weights[0].numpy().copy()
    model.fit(zeros, zeros + 1, verbose=0)  # only the regularization loss pulls at w
    np.testing.assert_allclose(layer.trainable_weights[0], w * (1 - 0.01 * 0.02), rtol=1e-6)


def test_regularization_loss_of_a_frozen_block_does_not_count(tmp_path):
    """Each loss belongs to the weight it reads."""
    a, b = tf.Variable([[2.0]], name="block1/kernel"), tf.Variable([[3.0]], name="block2/kernel")
    call = tf.function(lambda x: x @ a @ b, input_signature=[tf.TensorSpec((None, 1))])

    def sum_of(weight):
        return tf.function(lambda: tf.reduce_sum(weight), input_signature=[])

    losses = [sum_of(weight) for weight in (a, b, b)]
    layer = tl.HubLayer(make_modules.save(tmp_path, call, [a, b], [a, b], losses))
    assert layer.losses == []
    layer.unfreeze()
    assert sum(map(float, layer.losses)) == 8.0
    layer.unfreeze(last=1)
    assert sum(map(float, layer.losses)) == 6.0


@BOTH_KINDS
@pytest.mark.slow
def test_batch_norm_updated_when_asked(saved_by, module):
    """batch_norm="update": statistics and scale learn x -> 2 x, and rest in inference."""
    layer = tl.HubLayer(
        module("batch_norm", saved_by=saved_by), trainable=True, batch_norm="update"
    )
    inputs = keras.Input((1,))
    model = keras.Model(inputs, layer(inputs))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    x = np.array([[11.0], [12.0], [13.0]])
    model.fit(x, 2 * x, epochs=100, verbose=0)
    learnt = values(layer)
    mean = next(value for name, value in learnt.items() if "moving_mean" in name)
    np.testing.assert_allclose(mean, [12.0], rtol=1e-5)
    for _ in range(3):
        np.testing.assert_allclose(model(x), 2 * x, rtol=1e-3)
        np.testing.assert_allclose(model.predict(x, verbose=0), 2 * x, rtol=1e-3)
    assert moved(layer, learnt) == set()


@BOTH_KINDS
@pytest.mark.parametrize("trainable", [False, True])
def test_batch_norm_frozen_by_default(saved_by, trainable, module):
    """Without batch_norm="update" statistics move exactly 0, also while scale and shift train."""
    layer = tl.HubLayer(module("batch_norm", saved_by=saved_by), trainable=trainable)
    before = values(layer)
    model = keras.Sequential([layer, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    x = np.array([[1.0], [2.0], [3.0]])
    model.fit(x, 2 * x, epochs=5, verbose=0)
    parts = {name.split("/")[-1] for name in moved(layer, before)}
    assert parts == ({"beta", "gamma"} if trainable else set())


def test_training_reaches_a_module_without_statistics(module):
    """Dropout works while the layer trains, and only then."""
    x = np.array([[3.0]])
    layer = tl.HubLayer(module("dropout"), trainable=True)
    assert (layer(x), layer(x, training=False), layer(x, training=True)) == (3.0, 3.0, 0.0)
    inputs = keras.Input((1,))
    model = keras.Model(inputs, layer(inputs))
    assert (model(x), model(x, training=True), model.predict(x, verbose=0)) == (3.0, 0.0, 3.0)
    layer.freeze()
    assert layer(x, training=True) == 3.0


def test_custom_attributes_and_assets(tmp_path):
    """Files and variables that a module carries are reached through `resolved_object`."""
    file = tmp_path / "number.txt"
    file.write_text("12345")
    call = tf.function(
        lambda text: tf.strings.to_number(text, tf.int64),
        input_signature=[tf.TensorSpec((None, 1), tf.string)],
    )
    folder = make_modules.save(
        tmp_path / "module",
        call,
        sample_input=tf.saved_model.Asset(str(file)),
        sample_output=tf.Variable([[12345]], dtype=tf.int64),
    )
    file.unlink()
    layer = tl.HubLayer(folder)
    with open(layer.resolved_object.sample_input.asset_path.numpy()) as asset:
        given = layer([[asset.read()]])
    np.testing.assert_array_equal(given, layer.resolved_object.sample_output)


@pytest.mark.parametrize("shape", [None, {"sigma": (2,), "delta": (1,)}])
def test_dict_inputs_and_outputs(shape, module):
    """Dicts go in and come out, in a functional model and in plain calls."""
    options = {"arguments": {"return_dict": True}, "output_shape": shape}
    layer = tl.HubLayer(module("dict_in_and_out"), **options)
    x, y = np.array([[11.0], [22.0]]), np.array([[1.0], [2.0]])
    inputs = {name: keras.Input((1,), name=name) for name in "xy"}
    outputs = layer(inputs)
    assert outputs["sigma"].shape == (None, 2)
    model = keras.Model(inputs, outputs)
    for given in (layer({"x": x, "y": y}), model.predict({"x": x, "y": y}, verbose=0)):
        np.testing.assert_allclose(given["delta"], [[10.0], [20.0]])
        np.testing.assert_allclose(given["sigma"], [[12.0, 13.0], [24.0, 26.0]])
    assert layer.compute_output_shape({"x": (5, 1), "y": (5, 1)}) == {
        "sigma": (5, 2),
        "delta": (5, 1),
    }
    key = tl.HubLayer(
        module("dict_in_and_out"), arguments={"return_dict": True}, output_key="delta"
    )
    np.testing.assert_allclose(key({"x": x, "y": y}), [[10.0], [20.0]])


def test_list_of_integers_and_floats(module):
    """Lists go in and come out; each part has its own type."""
    layer = tl.HubLayer(module("list_in_and_out"))
    sums, products = layer([[[1, 2]], [[1.0, 2.0]]])
    np.testing.assert_allclose(sums, [6.0])
    inputs = [keras.Input((2,), dtype="int32"), keras.Input((2,))]
    model = keras.Model(inputs, layer(inputs))
    numbers = [np.array([[1, 2]], "int32"), np.array([[1.0, 2.0]], "float32")]
    np.testing.assert_allclose(model.predict(numbers, verbose=0)[1], products)
    assert layer.compute_output_shape([(7, 2), (7, 2)]) == [(7,), (7, 2)]


def test_output_shapes_that_the_module_does_not_tell(module):
    """`output_shape` fills in what TensorFlow cannot infer, and a wrong one is found out."""
    folder = module("unknown_shapes")
    inputs = keras.Input((1,))
    assert [output.shape for output in tl.HubLayer(folder)(inputs)][1] == (None, None, None)
    layer = tl.HubLayer(folder, output_shape=[(1,), (2, 2), (3,)])
    assert [output.shape for output in layer(inputs)] == [(None, 1), (None, 2, 2), (None, 3)]
    assert layer.compute_output_shape((5, 1)) == [(5, 1), (5, 2, 2), (5, 3)]
    assert [output.shape for output in layer(np.ones((2, 1)))] == [(2, 1), (2, 2, 2), (2, 3)]
    with pytest.raises(ValueError, match="not compatible"):
        tl.HubLayer(folder, output_shape=[(9,), (2, 2), (3,)])(np.ones((2, 1)))


def test_computed_output_shape(module):
    """Without output_shape the module is asked, with the type that it takes."""
    assert tl.HubLayer(module("half_plus_one")).compute_output_shape((10, 1)) == (10, 1)
    assert tl.HubLayer(module("text")).compute_output_shape((None,)) == (None, 2)


def test_arguments(module):
    """`arguments` reach the module's function."""
    x = np.array([[1.0], [2.0]])
    layer = tl.HubLayer(module("with_arguments"), arguments={"a": 10.0})
    np.testing.assert_allclose(layer(x), 10 * x)
    again = tl.HubLayer.from_config(json.loads(json.dumps(layer.get_config())))
    np.testing.assert_allclose(again(x), 10 * x)


def test_signatures(module):
    """A signature gives all of its outputs, or one of them; it is called by name or position."""
    folder = module("half_plus_one")
    x = np.array([[8.0]])
    one = tl.HubLayer(folder, signature="serving_default", output_key="output_0")
    all_ = tl.HubLayer(folder, signature="serving_default", signature_outputs_as_dict=True)
    assert one(x) == 5.0
    assert list(all_(x)) == ["output_0"]
    assert all_({"x": x})["output_0"] == 5.0
    model = keras.Sequential([keras.Input((1,)), one])
    assert model.predict(x, verbose=0) == 5.0


def test_text_modules(module):
    """Strings come as a list, as a tensor, in an array; the table of words trains."""
    layer = tl.HubLayer(module("text"), input_shape=[], dtype=tf.string, trainable=True)
    want = [[1.0, 2.0], [0.0, 0.0]]
    for words in (["cat", "bird"], tf.constant(["cat", "bird"]), np.array(["cat", "bird"])):
        np.testing.assert_array_equal(layer(words), want)
    np.testing.assert_array_equal(layer(["cat"]), want[:1])
    model = keras.Sequential([layer, keras.layers.Dense(1)])
    assert model.output_shape == (None, 1)
    assert model.inputs[0].dtype == "string"
    model.compile("adam", "mse")
    words = np.array(["cat", "dog"] * 4, object)
    assert model.predict(words, verbose=0).shape == (8, 1)
    before = values(layer)
    model.fit(words, np.ones(8), verbose=0)
    differs = before["embeddings"] != values(layer)["embeddings"]
    np.testing.assert_array_equal(differs, [[False] * 2, [True] * 2, [True] * 2])
    batches = tf.data.Dataset.from_tensor_slices((words, np.ones(8))).batch(4)
    model.fit(batches, shuffle=False, verbose=0)


@pytest.mark.parametrize("kind", ["ragged", "sparse"])
def test_ragged_and_sparse_inputs(kind, module):
    """A module that takes them gets ragged and sparse tensors as they are."""
    layer = tl.HubLayer(module("ragged_and_sparse", kind))
    if kind == "ragged":
        x, inputs = tf.ragged.constant([[1.0, 2.0], [4.0]]), keras.Input((None,), ragged=True)
    else:
        x = tf.sparse.from_dense([[1.0, 2.0, 0.0], [0.0, 0.0, 4.0]])
        inputs = keras.Input((3,), sparse=True)
    model = keras.Model(inputs, layer(inputs))
    np.testing.assert_allclose(layer(x), [[3.0], [4.0]])
    given = model.predict(tf.data.Dataset.from_tensors(x), verbose=0)
    np.testing.assert_allclose(given, [[3.0], [4.0]])


def test_ragged_output(module):
    """A ragged output is ragged in Keras too."""
    layer = tl.HubLayer(module("ragged_out"))
    assert layer(keras.Input((), dtype="string")).ragged
    assert layer(["a bb", "ccc"]).to_list() == [[1.0, 2.0], [3.0]]


def test_loaded_object(tiny_module, images):
    """An object that is loaded already works, shares its weights, and says it cannot be saved."""
    loaded = tf.saved_model.load(str(tiny_module))
    layer = tl.HubLayer(loaded, trainable=True)
    fit(classifier(layer), images)
    np.testing.assert_array_equal(loaded.variables[0], layer.weights[0])
    assert tl.extract_features(layer, images).shape == (12, 4)
    with pytest.raises(NotImplementedError, match=r"loaded object.*Give the handle"):
        layer.get_config()


def test_plain_function():
    """Any callable is a module, as for `hub.KerasLayer`."""
    layer = tl.HubLayer(lambda x, training: -x if training else x)
    np.testing.assert_array_equal(layer(np.ones((2, 1)), training=True), np.ones((2, 1)))
    assert layer.blocks == []


# How Keras runs it ------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_leaves_the_module_in_its_own_type(policy, tiny_module, images):
    """The module computes in float32, layers around it in the policy's type; both train."""
    keras.mixed_precision.set_dtype_policy(policy)
    try:
        layer = tl.HubLayer(tiny_module, trainable=True)
        before = values(layer)
        inputs = keras.Input((8, 8, 3))
        flat = keras.layers.Rescaling(1.0)(inputs)
        model = keras.Model(inputs, keras.layers.Dense(3)(layer(flat)))
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        fit(model, images)
        assert model.layers[-1].compute_dtype == policy.removeprefix("mixed_")
        assert layer(images).dtype == "float32"
        assert moved(layer, before) == {"dense/kernel"}
    finally:
        keras.mixed_precision.set_dtype_policy("float32")


@pytest.mark.slow
def test_compilation_is_left_out_where_it_cannot_work(tiny_module, module, images):
    """XLA compiles a module of numbers; one with texts says no, so that "auto" leaves it alone."""
    layer = tl.HubLayer(tiny_module, trainable=True)
    before = values(layer)
    model = classifier(layer)
    model.compile("adam", model.loss, jit_compile=True)
    assert model.jit_compile
    fit(model, images)
    assert moved(layer, before) == {"dense/kernel"}
    words = tl.HubLayer(module("text"))
    model = keras.Sequential([words, keras.layers.Dense(1)])
    with warnings.catch_warnings(action="ignore"):  # Keras says that it goes on without
        model.compile("adam", "mse", jit_compile=True)
    assert not model.jit_compile
    model.compile("adam", "mse", jit_compile="auto")
    model.fit(np.array(["cat"], object), np.ones(1), verbose=0)


STRATEGY = """
import sys, numpy as np, tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
import keras, tlhelpers as tl
images = np.random.default_rng(0).random((12, 8, 8, 3), np.float32)
labels = np.arange(12) % 3
many = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert many.num_replicas_in_sync == 2
results = []
for strategy in (many, tf.distribute.get_strategy()):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        layer = tl.HubLayer(sys.argv[1])
        layer.unfreeze(last=2)
        head = keras.layers.Dense(3, kernel_initializer="ones")
        model = keras.Sequential([keras.Input((8, 8, 3)), layer, head])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.1), loss)
    before = layer.weights[0].numpy().copy()
    model.fit(images, labels, epochs=3, batch_size=12, shuffle=False, verbose=0)
    assert (layer.weights[0].numpy() != before).any()
    results.append((layer.weights[0].numpy(), model.predict(images, verbose=0)))
for one, two in zip(*results):
    np.testing.assert_allclose(one, two, atol=1e-5)
"""


def run(script, *arguments):
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_two_devices_train_as_one(tiny_module):
    """Under MirroredStrategy on two devices the weights become those of one device."""
    run(STRATEGY, tiny_module)


def test_training_as_a_tensor(module):
    """`training` may be known only when the graph runs."""
    layer = tl.HubLayer(module("dropout"), trainable=True)
    call = tf.function(lambda x, training: layer(x, training=training))
    x = tf.constant([[3.0]])
    assert (call(x, tf.constant(True)), call(x, tf.constant(False))) == (0.0, 3.0)


# Blocks -----------------------------------------------------------------------------------------


def test_blocks_come_in_the_order_of_use(module, digits):
    """Blocks are read from names, and sorted by where the input meets them, not by name."""
    assert tl.HubLayer(module("blocks")).blocks == ["stem", "block_1", "block_2", "head"]
    assert tl.HubLayer(digits.backbone).blocks == [f"block{k}" for k in range(1, 8)]


@pytest.mark.parametrize(
    ("choice", "free"),
    [
        ({"last": 2}, {"block_2", "head"}),
        ({"blocks": ["stem", "block_2"]}, {"stem", "block_2"}),
        ({"blocks": "block_1"}, {"block_1"}),
        ({}, {"stem", "block_1", "block_2", "head"}),
    ],
)
@pytest.mark.slow
def test_unfrozen_blocks_move_and_no_others(choice, free, module):
    """Exactly the chosen blocks train, whatever was chosen before; freeze ends it."""
    layer = tl.HubLayer(module("blocks"))
    model = keras.Sequential([layer, keras.layers.Dense(1)])
    x = np.random.default_rng(0).random((8, 4))
    for _ in range(2):
        layer.unfreeze(**choice)
        model.compile("adam", "mse")
        before = values(layer)
        model.fit(x, np.ones(8), verbose=0)
        assert moved(layer, before) == {f"net/{name}_conv/kernel" for name in free}
        layer.unfreeze(last=1)
    layer.freeze()
    model.compile("adam", "mse")
    before = values(layer)
    model.fit(x, np.ones(8), verbose=0)
    assert moved(layer, before) == set()


def test_unfreezing_what_is_not_there(module):
    """Unknown names, numbers too large or small, and both at once are refused with the names."""
    layer = tl.HubLayer(module("blocks"))
    with pytest.raises(ValueError, match=r"Unknown blocks \['block_9'\].*stem.*block_1.*head"):
        layer.unfreeze(["head", "block_9"])
    for last in (0, 5, -1):
        with pytest.raises(ValueError, match=r"last is .*; a whole number from 1 to 4 .*head"):
            layer.unfreeze(last=last)
    with pytest.raises(ValueError, match="not both"):
        layer.unfreeze(["head"], last=1)
    for last in (True, 1.0, 1.5):
        with pytest.raises(TypeError, match=r"last is .*; a whole number from 1 to 4"):
            layer.unfreeze(last=last)
    assert layer.trainable_weights == []


def test_blocks_with_nothing_to_train_are_said(tmp_path):
    """A chosen block without weights that may train is named."""
    a, b = tf.Variable([[2.0]], name="block1/kernel"), tf.Variable([[3.0]], name="block2/kernel")
    call = tf.function(lambda x: x @ a @ b, input_signature=[tf.TensorSpec((None, 1))])
    layer = tl.HubLayer(make_modules.save(tmp_path, call, [a, b], [b]))
    with pytest.warns(UserWarning, match=r"Nothing in the blocks \['block1'\] may train"):
        layer.unfreeze(["block1", "block2"])
    with pytest.warns(UserWarning, match="zero trainable weights"):
        layer.unfreeze(["block1"])


def test_loops_of_tensorflow_1_do_not_stop_loading(tmp_path):
    """A graph with the old loops is used as it is, its blocks in the given order."""
    w = tf.Variable([[2.0]], name="block1/kernel")

    with tf.compat.v1.Graph().as_default() as graph:
        tf.compat.v1.disable_control_flow_v2()
        x = tf.compat.v1.placeholder(tf.float32, (None, 1), name="x")
        (_, y) = tf.compat.v1.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * 2.0), [0, x])
        tf.identity(y, name="y")
        tf.compat.v1.enable_control_flow_v2()
    code = graph.as_graph_def()
    wrapped = tf.compat.v1.wrap_function(lambda: tf.graph_util.import_graph_def(code, name=""), [])
    loop = wrapped.prune("x:0", "y:0")
    call = tf.function(lambda x: loop(x) @ w, input_signature=[tf.TensorSpec((None, 1))])
    layer = tl.HubLayer(make_modules.save(tmp_path, call, [w], [w]))
    assert layer(np.array([[1.0]])) == 16.0
    assert layer.blocks == ["block1"]


def test_some_blocks_and_moving_statistics_do_not_go_together(module):
    """One switch serves the whole module, so statistics of frozen blocks would move."""
    layer = tl.HubLayer(module("blocks"), batch_norm="update")
    with pytest.raises(ValueError, match=r"statistics of all blocks.*batch_norm='frozen'"):
        layer.unfreeze(last=1)
    layer.unfreeze()
    before = values(layer)
    layer(np.ones((2, 4)), training=True)
    assert moved(layer, before) == {f"net/{n}_bn/moving_mean" for n in layer.blocks}


# Saving -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("trainable", [True, False, "some"])
def test_config_makes_the_same_layer(trainable, module):
    """Everything given survives get_config, JSON and from_config, also which blocks train."""
    layer = tl.HubLayer(module("blocks"), trainable=trainable is True, name="backbone")
    if trainable == "some":
        layer.unfreeze(["block_1"])
    again = tl.HubLayer.from_config(json.loads(json.dumps(layer.get_config())))
    assert again.name == "backbone"
    assert again.trainable == layer.trainable
    free = [weight.path for weight in layer.trainable_weights]
    assert [weight.path for weight in again.trainable_weights] == free
    assert again.get_config() == layer.get_config()


def test_config_keeps_all_options(module):
    """Options of the constructor come back."""
    options = {
        "signature": "serving_default",
        "output_key": "output_0",
        "output_shape": [1],
        "input_shape": [1],
        "dtype": "float32",
        "batch_norm": "update",
        "arguments": {},
    }
    layer = tl.HubLayer(module("half_plus_one"), **options)
    config = layer.get_config()
    for key in ("signature", "output_key", "output_shape", "input_shape", "dtype", "batch_norm"):
        assert config[key] == options[key]
    again = tl.HubLayer.from_config(json.loads(json.dumps(config)))
    assert again(np.array([[8.0]])) == 5.0


RELOAD = """
import sys, numpy as np, keras, tlhelpers
tlhelpers.setup()
folder = sys.argv[1]
images, want = np.load(folder + "/images.npy"), np.load(folder + "/want.npy")
model = keras.models.load_model(folder + "/model.keras")
np.testing.assert_array_equal(model.predict(images, verbose=0), want)
free = [weight.path for weight in model.layers[0].trainable_weights]
fresh = keras.Sequential(
    [keras.Input((32, 32, 3)), tlhelpers.HubLayer("embedded:glyphnet"), keras.layers.Dense(3)])
assert (fresh.predict(images, verbose=0) != want).all()
fresh.load_weights(folder + "/model.weights.h5")
np.testing.assert_array_equal(fresh.predict(images, verbose=0), want)
model.fit(images, np.zeros(len(images)), verbose=0)  # and goes on training
print(free)
"""


@pytest.mark.slow
@pytest.mark.parametrize("tuned", [False, True])
def test_saved_model_gives_the_same_in_a_new_process(tuned, tmp_path, digits):
    """Files .keras and .weights.h5 hold all weights, fine-tuned or not, and what trains."""
    images, labels = digits.train.images[:16], digits.train.labels[:16] % 3
    layer = tl.HubLayer("embedded:glyphnet")
    if tuned:
        layer.unfreeze(last=2)
    model = keras.Sequential([keras.Input((32, 32, 3)), layer, keras.layers.Dense(3)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(images, labels, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "want.npy", model.predict(images, verbose=0))
    free = [weight.path for weight in layer.trainable_weights]
    assert run(RELOAD, tmp_path).splitlines()[-1] == str(free)
    assert len(free) == (6 if tuned else 0)


def test_saved_model_whose_module_is_gone(tmp_path, module):
    """Loading says which folder is missing."""
    folder = module("half_plus_one")
    model = keras.Sequential([keras.Input((1,)), tl.HubLayer(folder)])
    model.save(tmp_path / "model.keras")
    (tmp_path / "half_plus_one").rename(tmp_path / "elsewhere")
    with pytest.raises((ValueError, TypeError), match="half_plus_one"):
        keras.models.load_model(tmp_path / "model.keras")


# What is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"signature": "serving_default"}, "give either output_key or signature_outputs_as_dict"),
        (
            {"signature": "x", "signature_outputs_as_dict": True, "output_key": "y"},
            "give either output_key or signature_outputs_as_dict",
        ),
        ({"signature_outputs_as_dict": True}, "needs a signature"),
        ({"signature": "nope", "output_key": "y"}, r"Unknown signature 'nope'.*serving_default"),
        (
            {"signature": "serving_default", "output_key": "output_0", "trainable": True},
            r"trainable=True is unsupported with a signature",
        ),
        ({"tags": ["train"]}, "train"),
        ({"batch_norm": "thaw"}, r"batch_norm is 'thaw'; one of 'frozen', 'update' is expected"),
    ],
)
def test_options_that_do_not_go_together(options, message, module):
    """Options that contradict each other or the module are refused when the layer is made."""
    with pytest.raises(ValueError, match=message):
        tl.HubLayer(module("half_plus_one"), **options)


def test_signature_made_trainable_later(module):
    """A signature cannot be trained, also when it is asked for afterwards."""
    layer = tl.HubLayer(module("half_plus_one"), signature="serving_default", output_key="output_0")
    layer.trainable = True
    with pytest.raises(ValueError, match=r"trainable=True is unsupported"):
        layer(np.array([[1.0]]))


def test_output_keys_that_are_not_there(module):
    """A key for an output that is no dict, and an unknown key, are told apart."""
    with pytest.raises(ValueError, match="the output is not a dict"):
        tl.HubLayer(module("half_plus_one"), output_key="a")(np.array([[1.0]]))
    layer = tl.HubLayer(module("half_plus_one"), signature="serving_default", output_key="unknown")
    with pytest.raises(
        ValueError, match=r"output_key is 'unknown'; the module gives \['output_0'\]"
    ):
        layer(np.array([[1.0]]))


def test_tags_and_options_need_a_handle():
    """A loaded object has been loaded: how is no question any more."""
    for option in ({"tags": []}, {"load_options": tf.saved_model.LoadOptions()}):
        with pytest.raises(ValueError, match="need a handle"):
            tl.HubLayer(lambda x: x, **option)


def test_nothing_to_train_is_said_once(module):
    """Trainable without trainable weights is suspicious, but allowed."""
    with pytest.warns(UserWarning, match="zero trainable weights"):
        layer = tl.HubLayer(module("with_arguments"), trainable=True)
    with warnings.catch_warnings(action="error"):
        assert layer(np.array([[1.0]])) == 1.0


@pytest.mark.parametrize(
    ("name", "inputs", "came"),
    [
        ("text", np.ones((2,), "float32"), r"float32 \[2\]"),
        ("blocks", np.ones((2, 4), "uint8"), r"uint8 \[2, 4\]"),
        ("dict_in_and_out", {"x": np.ones((2, 1), "float32")}, r"\{x: float32 \[2, 1\]\}"),
        ("list_in_and_out", np.ones((2, 2), "float32"), r"float32 \[2, 2\]"),
    ],
)
def test_inputs_that_the_module_does_not_take(name, inputs, came, module):
    """The message shows types and shapes of what came and of what is taken."""
    with pytest.raises(ValueError, match=rf"{came}.*It takes \(.*(string|float32) \["):
        tl.HubLayer(module(name))(inputs)


def test_shape_that_the_module_does_not_take(tiny_module):
    """Keras' own message tells the two shapes."""
    with pytest.raises(ValueError, match=r"expected shape=\(None, 8, 8, 3\).*\(2, 9, 9, 3\)"):
        tl.HubLayer(tiny_module)(np.ones((2, 9, 9, 3)))


def test_output_of_unknown_rank(tmp_path):
    """A model cannot be built on an output of unknown dimensions; output_shape mends it."""
    call = tf.function(
        lambda x: tf.io.parse_tensor(tf.io.serialize_tensor(x), tf.float32),
        input_signature=[tf.TensorSpec((None, 2))],
    )
    folder = make_modules.save(tmp_path, call)
    with pytest.raises(ValueError, match=r"dimensions its output has\. Give output_shape"):
        tl.HubLayer(folder)(keras.Input((2,)))
    assert tl.HubLayer(folder, output_shape=[2])(keras.Input((2,))).shape == (None, 2)


@pytest.mark.parametrize("dtype", [keras.DTypePolicy("mixed_float16"), "mixed_float16", None])
def test_policies_are_no_input_types(dtype, module):
    """A module keeps its own type, whatever policy is given; nonsense is refused."""
    layer = tl.HubLayer(module("half_plus_one"), dtype=dtype)
    assert layer.compute_dtype == "float32"
    with pytest.raises(ValueError, match=r"dtype is 'flaot'; give a type"):
        tl.HubLayer(module("half_plus_one"), dtype="flaot")


def test_arguments_that_cannot_be_saved(module):
    """A config must be JSON; the message names the argument."""
    layer = tl.HubLayer(module("with_arguments"), arguments={"a": tf.constant(2.0)})
    assert layer(np.array([[3.0]])) == 6.0
    with pytest.raises(ValueError, match=r"arguments=.*cannot be saved, it is not JSON"):
        layer.get_config()


def test_losses_that_are_no_functions(module):
    """The interface wants functions; numbers would be those of the day of saving."""
    loaded = tf.saved_model.load(module("half_plus_one"))
    loaded.regularization_losses = [1.0]
    with pytest.raises(ValueError, match="regularization_losses must be functions"):
        tl.HubLayer(loaded)


# The embedded module, and a published one ---------------------------------------------------------


def test_embedded_module_and_keras_file_are_one_network(digits):
    """glyphnet/ and glyphnet.keras give the same features."""
    images = digits.train.images[:20]
    network = digits.network()
    features = tl.HubLayer(digits.backbone)(images)
    assert features.shape == (20, 128)
    np.testing.assert_allclose(features, network(images, training=False), atol=1e-4)


def test_embedded_module_honours_training(digits):
    """In training mode GlyphNet's BatchNorm uses and moves its statistics; else it does not."""
    images = digits.train.images[:20]
    layer = tl.HubLayer(digits.backbone, trainable=True, batch_norm="update")
    before = values(layer)
    layer(images)
    assert moved(layer, before) == set()
    layer(images, training=True)
    assert moved(layer, before) == {w.path for w in layer.non_trainable_weights}
    assert len(layer.non_trainable_weights) == 14


@pytest.mark.slow
def test_real_imagenet_module(mirror, tmp_path):
    """MobileNetV2 as published: extracts, trains a head, its last blocks, and comes back."""
    layer = tl.HubLayer("https://tfhub.dev/google/imagenet/mobilenet_v2_100_224/feature_vector/5")
    assert layer.blocks == ["Conv1", "expanded", *(f"block_{k}" for k in range(1, 17)), "Conv_1"]
    photos = np.random.default_rng(0).random((4, 224, 224, 3), np.float32)
    assert tl.extract_features(layer, photos).shape == (4, 1280)
    model = keras.Sequential([layer, keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    for free in ((), ("block_16", "Conv_1")):
        layer.unfreeze(free)
        model.compile("adam", loss)
        before = values(layer)
        model.fit(photos, np.array([0, 1, 0, 1]), verbose=0)
        names = {weight.path for weight in layer.trainable_weights}
        assert moved(layer, before) == names
        assert len(names) == (12 if free else 0)
    model.save(tmp_path / "photos.keras")
    again = keras.models.load_model(tmp_path / "photos.keras")
    np.testing.assert_array_equal(
        again.predict(photos, verbose=0), model.predict(photos, verbose=0)
    )


@pytest.mark.slow
def test_real_word_vectors(mirror, tmp_path):
    """GloVe as a text module: its table trains under a head and comes back."""
    layer = tl.HubLayer("https://tfhub.dev/example/glove_en_50d/1", trainable=True)
    words = ["king queen", "cat dog", "stock market"]
    assert layer(words).shape == (3, 50)
    before = values(layer)
    model = keras.Sequential([layer, keras.layers.Dense(2)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(np.array(words, object), np.array([0, 0, 1]), verbose=0)
    assert moved(layer, before) == {weight.path for weight in layer.trainable_weights}
    model.save(tmp_path / "words.keras")
    again = keras.models.load_model(tmp_path / "words.keras")
    words = np.array(words, object)
    np.testing.assert_array_equal(again.predict(words, verbose=0), model.predict(words, verbose=0))
