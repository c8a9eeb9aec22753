"""The doctor finds each fault in a model that has just that one, and none in healthy models."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tlhelpers as tl
from tlhelpers.storage.find_module import find_module

CHECKS = [
    "head and labels",
    "range of inputs",
    "augmentation and cache",
    "training and test data",
    "compiled since unfreezing",
    "saved and loaded",
    "training steps",
    "learning rate",
    "BatchNorm statistics",
    "frozen weights",
    "gradients",
]
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def backbone(seed=0):
    """Functional, `[n, 8, 8, 3] -> [n, 6]`, two blocks with BatchNorm, named as if from Keras."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, name="block1_conv")(inputs)
    x = keras.layers.BatchNormalization(name="block1_norm")(x)
    x = keras.layers.Conv2D(6, 3, name="block2_conv")(x)
    x = keras.layers.BatchNormalization(name="block2_norm")(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x))
    return keras.Model(inputs, x, name="mobilenet_tiny")  # by its name it expects -1 to 1


def model(base=None, before=(), head=None, rate=1e-3, loss=LOSS, last=1):
    if base is None:
        base = backbone()
        tl.unfreeze(base, last=last)
    head = head or keras.layers.Dense(3, name="head")
    made = keras.Sequential([keras.Input((8, 8, 3)), *before, base, head])
    made.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    return made


@pytest.fixture
def pairs():
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (48, 8, 8, 3)).astype(np.float32)
    return images, np.arange(48) % 3


@pytest.fixture
def others():
    rng = np.random.default_rng(1)
    return rng.uniform(-1, 1, (20, 8, 8, 3)).astype(np.float32), np.arange(20) % 3


def problems(table):
    return list(table.index[table["result"] == "problem"])


def told(table, check):
    return f"{table.loc[check, 'found']} | {table.loc[check, 'what to do']}"


# Healthy ------------------------------------------------------------------------------------------


def functional(base):
    """As in the published recipe: preprocessing, the base called with training=False, pooling."""
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Rescaling(2.0, offset=-1.0)(inputs)
    x = keras.layers.Dropout(0.2)(base(x, training=False))
    made = keras.Model(inputs, keras.layers.Dense(3)(x))
    made.compile("adam", LOSS)
    return made


def test_healthy_model_passes_all(pairs, others):
    """Every check says ok."""
    table = tl.doctor(model(), pairs, others)
    assert list(table.index) == CHECKS
    assert list(table.columns) == ["result", "found", "what to do"]
    assert set(table["result"]) == {"ok"}, table
    assert set(table["what to do"]) == {""}


def test_healthy_functional_model_and_data_set_pass(pairs, others):
    """Also with preprocessing and dropout in the model, and a data set that augments late."""
    base = backbone()
    tl.unfreeze(base, last=1)
    augment = keras.layers.RandomFlip()
    data = tf.data.Dataset.from_tensor_slices((pairs[0] / 2 + 0.5, pairs[1]))
    data = data.cache().map(lambda x, y: (augment(x, training=True), y)).batch(16)
    test = tf.data.Dataset.from_tensor_slices((others[0] / 2 + 0.5, others[1])).batch(16)
    table = tl.doctor(functional(base), data, test)
    assert problems(table) == []
    assert set(table["result"]) == {"ok"}, table


@pytest.mark.slow
def test_healthy_hub_layer_passes(digits):
    """A module, some blocks of it free."""
    layer = tl.HubLayer(digits.backbone)
    layer.unfreeze(last=2)
    made = keras.Sequential([layer, keras.layers.Dense(10, kernel_initializer="zeros")])
    made.compile(keras.optimizers.Adam(1e-4), LOSS)
    table = tl.doctor(made, digits.few(5), digits.validation, steps=3)
    assert set(table["result"]) == {"ok"}, table
    assert table.loc["range of inputs", "found"] == "inputs from 0 to 1; expected 0 to 1"


# One fault each -----------------------------------------------------------------------------------


def test_statistics_that_drift(pairs):
    """The published recipe: base(x, training=False), then layers unfrozen one by one."""
    base = backbone()
    base.trainable = True
    for layer in base.layers[:3]:
        layer.trainable = False
    table = tl.doctor(functional(base), (pairs[0] / 2 + 0.5, pairs[1]))
    assert problems(table) == ["BatchNorm statistics"]
    assert told(table, "BatchNorm statistics").startswith(
        "statistics of 1 of 2 BatchNorm layers move, block2_norm first | Set trainable = False"
    )


@pytest.mark.slow
def test_published_recipe_of_mobilenet():
    """MobileNetV2 with random weights, called with training=False, unfrozen from layer 100."""
    base = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(64, 64, 3))
    for layer in base.layers[:100]:
        layer.trainable = False
    inputs = keras.Input((64, 64, 3))
    x = base(keras.applications.mobilenet_v2.preprocess_input(inputs), training=False)
    x = keras.layers.Dropout(0.2)(keras.layers.GlobalAveragePooling2D()(x))
    made = keras.Model(inputs, keras.layers.Dense(1)(x))
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    made.compile(keras.optimizers.RMSprop(1e-5), loss, run_eagerly=True)  # faster than its graphs
    images = np.random.default_rng(0).integers(0, 256, (32, 64, 64, 3)).astype(np.float32)
    table = tl.doctor(made, (images, np.arange(32) % 2), steps=2)
    assert problems(table) == ["BatchNorm statistics"]
    assert "statistics of 18 of 52 BatchNorm layers move" in told(table, "BatchNorm statistics")
    tl.unfreeze(base, last=2)
    made.compile(keras.optimizers.RMSprop(1e-5), loss, run_eagerly=True)
    assert problems(tl.doctor(made, (images, np.arange(32) % 2), steps=2)) == []


def test_statistics_of_a_hub_layer_that_drift(module):
    """A module with batch_norm='update' says so."""
    layer = tl.HubLayer(module("batch_norm"), trainable=True, batch_norm="update")
    made = keras.Sequential([layer])
    made.compile("sgd", "mse")
    inputs = np.linspace(0, 1, 32, dtype=np.float32)[:, None]
    table = tl.doctor(made, (inputs, inputs))
    assert problems(table) == ["BatchNorm statistics"]
    assert "batch_norm='frozen'" in told(table, "BatchNorm statistics")


def test_frozen_weights_that_move(pairs):
    """A layer that writes to a weight of its own though it is frozen."""

    class Restless(keras.layers.Layer):
        def build(self, _):
            self.count = self.add_weight(name="count", shape=(), initializer="zeros")

        def call(self, x):
            self.count.assign_add(1.0)
            return x

        def compute_output_shape(self, shape):
            return shape

    keras.saving.register_keras_serializable("tests")(Restless)
    layer = Restless(name="restless")
    layer.trainable = False
    table = tl.doctor(model(before=[layer]), pairs)
    assert problems(table) == ["frozen weights"]
    assert "1 of 7 frozen weights move" in told(table, "frozen weights")
    assert "restless/count first" in told(table, "frozen weights")


def test_frozen_without_compiling_again(pairs):
    """The function compiled before freezing goes on training: both checks tell."""
    made = model(last=2)
    made.fit(*pairs, verbose=0)
    tl.freeze(made.layers[0])
    table = tl.doctor(made, pairs)
    assert problems(table) == ["compiled since unfreezing", "frozen weights"]
    assert "4 weights that are frozen now still train" in told(table, "compiled since unfreezing")
    assert "4 of 8 frozen weights move, block1_conv/kernel" in told(table, "frozen weights")


def test_unfrozen_without_compiling_again(pairs):
    """The optimizer does not know what was unfrozen after a first fit."""
    base = backbone()
    tl.freeze(base)
    made = model(base)
    made.fit(*pairs, verbose=0)
    tl.unfreeze(base, last=1)
    table = tl.doctor(made, pairs)
    assert problems(table) == ["compiled since unfreezing"]
    assert told(table, "compiled since unfreezing") == (
        "2 weights that should train now are unknown to the optimizer | Compile again after each "
        "freeze or unfreeze."
    )
    made.compile("adam", LOSS)
    assert problems(tl.doctor(made, pairs)) == []


def test_module_in_a_lambda(digits):
    """The popular workaround: the module's weights are unknown to the model, and not saved."""
    module = tf.saved_model.load(find_module(digits.backbone))
    made = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Lambda(lambda x: module(x), output_shape=(128,)),
            keras.layers.Dense(10),
        ]
    )
    made.compile(keras.optimizers.Adam(1e-4), LOSS)
    table = tl.doctor(made, digits.few(2), expects=(0, 1), steps=2)
    assert problems(table) == ["saved and loaded", "gradients"]
    assert "21 variables are used that the model does not know of" in told(table, "gradients")
    assert "not possible" in told(table, "saved and loaded")


def test_weights_without_gradient(pairs):
    """Something stops the gradient on its way."""

    @keras.saving.register_keras_serializable("tests")
    class Stop(keras.layers.Layer):
        def call(self, x):
            return keras.ops.stop_gradient(x)

    base = backbone()
    tl.unfreeze(base, last=1)
    head = keras.Sequential([keras.Input((6,)), Stop(), keras.layers.Dense(3)])
    table = tl.doctor(model(base, head=head), pairs)
    assert problems(table) == ["gradients"]
    assert "2 of 4 weights that are to train get no gradient, block2_conv/kernel" in told(
        table, "gradients"
    )


def test_head_of_zeros_is_healthy(pairs):
    """Zeros let no gradient through in the first step only."""
    head = keras.layers.Dense(3, kernel_initializer="zeros")
    assert problems(tl.doctor(model(head=head), pairs)) == []


@pytest.mark.parametrize(
    ("before", "message"),
    [
        ([keras.layers.Rescaling(127.5)], "inputs from -127 to 127; expected -1 to 1 | Preprocess"),
        ([keras.layers.Rescaling(1 / 127.5)], "rescaled twice? | Rescale once"),
        ([keras.layers.Rescaling(0.5, 0.5)], "the lower part is unused | Use the network's"),
    ],
)
def test_range_of_inputs(before, message, pairs):
    """Not rescaled, rescaled twice, and shifted into half of the range."""
    table = tl.doctor(model(before=before), pairs)
    assert problems(table) == ["range of inputs"]
    assert message in told(table, "range of inputs")


def test_range_that_is_not_known(pairs):
    """It can be told; without that nothing is claimed."""
    base = keras.models.clone_model(backbone())
    base.name = "own"
    tl.unfreeze(base, last=1)
    table = tl.doctor(model(base), pairs)
    assert told(table, "range of inputs") == (
        "what own expects is not known | Give expects=(low, high)."
    )
    assert problems(tl.doctor(model(base), pairs, expects=(0, 1))) == ["range of inputs"]
    broken = pairs[0].copy()
    broken[3] = np.nan
    table = tl.doctor(model(base), (broken, pairs[1]), expects=(-1, 1))
    assert "range of inputs" in problems(table)
    assert "NaN" in told(table, "range of inputs")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("VGG16", (-124, 152)),
        ("ResNet50", (-124, 152)),
        ("ResNet50V2", (-1, 1)),
        ("MobileNetV2", (-1, 1)),
        ("MobileNetV3Small", (0, 255)),
        ("InceptionV3", (-1, 1)),
        ("EfficientNetV2B0", (0, 255)),
        ("DenseNet121", (-2.2, 2.7)),
        ("ConvNeXtTiny", (0, 255)),
    ],
)
@pytest.mark.slow
def test_ranges_of_keras_applications(name, expected):
    """What is expected contains what the network's own preprocessing gives, and fits it."""
    from tlhelpers.backbones.expected_range import expected_range

    network = getattr(keras.applications, name)(weights=None, include_top=False)
    assert expected_range(network) == expected
    family = {"VGG16": "vgg16", "ResNet50": "resnet50", "ResNet50V2": "resnet_v2"}
    family |= {"MobileNetV2": "mobilenet_v2", "MobileNetV3Small": "mobilenet_v3"}
    family |= {"InceptionV3": "inception_v3", "EfficientNetV2B0": "efficientnet_v2"}
    family |= {"DenseNet121": "densenet", "ConvNeXtTiny": "convnext"}
    preprocess = getattr(keras.applications, family[name]).preprocess_input
    every_grey = np.repeat(np.arange(256, dtype=np.float32)[:, None, None, None], 3, axis=-1)
    got = preprocess(every_grey.copy())
    low, high = expected
    assert low - 0.05 * (high - low) <= got.min() <= low + 0.05 * (high - low)
    assert high - 0.05 * (high - low) <= got.max() <= high + 0.05 * (high - low)


def test_augmentation_before_a_cache(pairs):
    """The same 'random' pictures in each epoch."""
    augment = keras.layers.RandomFlip()
    data = tf.data.Dataset.from_tensor_slices(pairs)
    data = data.map(lambda x, y: (augment(x, training=True), y)).cache().batch(16)
    table = tl.doctor(model(), data.prefetch(1))
    assert problems(table) == ["augmentation and cache"]
    assert told(table, "augmentation and cache") == (
        "random operations before the cache, in map | Put .cache() first, then .map(augment): "
        "each epoch draws anew."
    )


def test_overlap(pairs, others):
    """Samples that stand in both, whatever their order; also in data sets."""
    mixed = np.concatenate([others[0], pairs[0][5:8]]), np.zeros(23, int)
    table = tl.doctor(model(), pairs, mixed)
    assert problems(table) == ["training and test data"]
    assert "3 of 23 test samples are also in" in told(table, "training and test data")


def test_overlap_of_take_and_skip_on_a_shuffled_data_set(pairs):
    """Shuffled anew for each use, so that the parts are not disjoint."""
    tf.random.set_seed(0)
    data = tf.data.Dataset.from_tensor_slices(pairs).shuffle(48)
    table = tl.doctor(model(), data.take(32).batch(8), data.skip(32).batch(8))
    assert problems(table) == ["training and test data"]


def test_learning_rate_that_destroys(pairs):
    """The loss jumps within a few steps."""
    made = model(last=2)
    made.fit(*pairs, epochs=3, verbose=0)
    made.compile(keras.optimizers.Adam(1.0), LOSS)
    table = tl.doctor(made, pairs)
    assert problems(table) == ["learning rate"]
    assert "at rate 1 | Divide the learning rate" in told(table, "learning rate")


@pytest.mark.parametrize(
    ("outputs", "labels", "loss", "message"),
    [
        (2, [0, 1, 2], LOSS, "labels 0 to 2, 2 outputs"),
        (5, [0, 1, 2], LOSS, "End the head with Dense(3)."),
        (3, [1, 2, 3], LOSS, "labels 1 to 3, 3 outputs"),
        (3, [-1, 0, 1], LOSS, "Number the classes 0, 1, 2"),
        (3, [[1, 0, 0], [0, 1, 0]], LOSS, "Use CategoricalCrossentropy"),
        (3, [0, 1, 2], "categorical_crossentropy", "Use SparseCategoricalCrossentropy"),
        (3, [[1, 0, 0, 0], [0, 1, 0, 0]], "categorical_crossentropy", "End the head with Dense(4)"),
        (3, [0, 1, 2], "sparse_categorical_crossentropy", "Use from_logits=True."),
        (3, [0, 1, 2], keras.losses.BinaryCrossentropy(from_logits=True), "one output a label"),
        (1, [0, 1, 2], keras.losses.BinaryCrossentropy(from_logits=True), "are 0 and 1"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_head_and_labels(outputs, labels, loss, message, pairs):
    """Classes, form of labels, loss and activation go together; each mismatch is told."""
    head = keras.layers.Dense(outputs, name="head")
    labels = np.array(labels)[np.arange(48) % len(labels)]
    table = tl.doctor(model(head=head, loss=loss), (pairs[0], labels))
    assert "head and labels" in problems(table)
    assert message in told(table, "head and labels")


def test_softmax_taken_twice(pairs):
    """A softmax in the head and another in the loss."""
    head = keras.layers.Dense(3, activation="softmax")
    table = tl.doctor(model(head=head), pairs)
    assert problems(table) == ["head and labels"]
    assert "softmax is taken twice | Use from_logits=False" in told(table, "head and labels")


@pytest.mark.parametrize(
    ("outputs", "activation", "labels", "loss"),
    [
        (3, "softmax", [0, 1, 2], "sparse_categorical_crossentropy"),
        (3, "softmax", [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "categorical_crossentropy"),
        (1, "sigmoid", [0, 1], "binary_crossentropy"),
        (3, "sigmoid", [[1, 1, 0], [0, 1, 0]], "binary_crossentropy"),
        (2, None, [[0.1, 0.2], [0.3, 0.4]], "mse"),
    ],
)
@pytest.mark.slow
def test_healthy_heads(outputs, activation, labels, loss, pairs):
    """What goes together raises no alarm."""
    head = keras.layers.Dense(outputs, activation=activation)
    labels = np.array(labels)[np.arange(48) % len(labels)]
    assert problems(tl.doctor(model(head=head, loss=loss), (pairs[0], labels))) == []


def test_loading_that_changes_predictions(pairs):
    """A layer that does not save its weight."""

    @keras.saving.register_keras_serializable("tests")
    class Forgetful(keras.layers.Layer):
        def build(self, shape):
            self.scale = self.add_weight(name="scale", shape=(), initializer="ones")

        def call(self, x):
            return x * self.scale

        def save_own_variables(self, store):
            pass

        def load_own_variables(self, store):
            pass

    layer = Forgetful()
    made = model(before=[layer])
    layer.scale.assign(0.9)
    table = tl.doctor(made, pairs)
    assert problems(table) == ["saved and loaded"]
    assert "predicts otherwise, by up to" in told(table, "saved and loaded")


def test_random_predictions(pairs):
    """Noise that is not switched off outside training."""

    @keras.saving.register_keras_serializable("tests")
    class Noise(keras.layers.Layer):
        def call(self, x):
            return x + keras.random.normal(keras.ops.shape(x)) / 10

    table = tl.doctor(model(before=[Noise()]), pairs, expects=(-2, 2))
    assert problems(table) == ["saved and loaded"]
    assert "random outside training" in told(table, "saved and loaded")


def test_training_that_fails_is_a_finding(pairs):
    """The table comes all the same, with what else was found."""
    made = model(loss="categorical_crossentropy")
    table = tl.doctor(made, pairs, pairs)
    assert {"training steps", "head and labels", "training and test data"} == set(problems(table))
    assert "training stopped with: " in told(table, "training steps")
    assert table.loc["frozen weights", "result"] == "not checked"


def test_nothing_trains(pairs):
    """Everything frozen."""
    made = model()
    made.trainable = False
    made.compile("adam", LOSS)
    assert "training steps" in problems(tl.doctor(made, pairs))


# What it leaves behind ----------------------------------------------------------------------------


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.slow
def test_leaves_no_trace(pairs, trained):
    """Weights, statistics, seeds and optimizer are as before, to the bit."""
    made = functional(backbone())
    twin = functional(backbone())
    twin.set_weights(made.get_weights())
    if trained:
        for each in (made, twin):
            keras.utils.set_random_seed(0)
            each.fit(*pairs, verbose=0, shuffle=False)
    before = [variable.numpy() for variable in made.variables]
    state = [variable.numpy() for variable in made.optimizer.variables]
    tl.doctor(made, pairs)
    for one, two in zip(before, made.variables, strict=True):
        np.testing.assert_array_equal(one, two.numpy())
    for one, two in zip(state, made.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, two.numpy())
    assert made.optimizer.built == trained
    made.fit(*pairs, verbose=0, shuffle=False)
    twin.fit(*pairs, verbose=0, shuffle=False)
    assert made.optimizer.iterations == twin.optimizer.iterations


def test_doctor_before_unfreezing_does_no_harm(pairs):
    """What it compiled does not stay: unfreezing after it works as it would have."""
    base = backbone()
    tl.freeze(base)
    made = model(base)
    tl.doctor(made, pairs)
    tl.unfreeze(base, last=1)
    before = base.get_layer("block2_conv").kernel.numpy()
    made.fit(*pairs, verbose=0)
    assert np.any(base.get_layer("block2_conv").kernel.numpy() != before)


def test_layerwise_and_mixed_precision(pairs):
    """Other optimizers, wrapped ones among them, are put back too."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        base = backbone()
        tl.unfreeze(base, last=1)
        made = model(base)
        made.compile(tl.layerwise("adam", decay=0.5), LOSS)
        optimizer = made.optimizer
        assert problems(tl.doctor(made, pairs)) == []
        assert made.optimizer is optimizer
    finally:
        keras.config.set_dtype_policy("float32")


def test_texts_are_shown_whole(pairs):
    """In a notebook and in a terminal."""
    table = tl.doctor(model(before=[keras.layers.Rescaling(127.5)]), pairs)
    for shown in (repr(table), table._repr_html_()):
        assert "Preprocess the inputs as the pretrained network expects." in shown
    assert type(table[table["result"] == "problem"]) is type(table)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (lambda m, p: (keras.layers.Dense(1), p), "A keras.Model is expected, not Dense"),
        (lambda m, p: (m, p[0]), "a Split, a pair"),
        (lambda m, p: (m, (p[0], p[1][:3])), "48 inputs, 3 labels"),
        (lambda m, p: (m, tf.data.Dataset.from_tensor_slices(p[0])), "gives no labels"),
        (lambda m, p: (m, p, p[0]), "a Split, a pair"),
        (lambda m, p: (keras.Sequential(m.layers), p), "not compiled"),
    ],
)
def test_what_is_refused(arguments, message, pairs):
    """Each says what came and what is expected."""
    with pytest.raises((TypeError, ValueError), match=message):
        tl.doctor(*arguments(model(), pairs))


@pytest.mark.parametrize("name", ["InceptionV3", "MobileNetV2", "EfficientNetV2B0", "VGG16"])
@pytest.mark.slow
def test_networks_with_their_preparation_take_images_up_to_one(name):
    """The course's backbones prepare what comes, so that images in [0, 1] are right."""
    from tlhelpers.backbones import keras_networks
    from tlhelpers.backbones.expected_range import expected_range

    assert expected_range(keras_networks.build(name, 80)) == (0, 1)
