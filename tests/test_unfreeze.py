import keras
import numpy as np
import pytest
from test_hub_layer import moved, values

import tlhelpers as tl

BLOCKS = [f"block{k}" for k in range(1, 8)]


@pytest.fixture
def glyphnet(digits):
    return digits.network()


def with_head(base, shape=(32, 32, 3)):
    return keras.Sequential([keras.Input(shape), base, keras.layers.Dense(3, name="head")])


def fit(model, images, optimizer=None):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer or keras.optimizers.Adam(0.01), loss)
    model.fit(images, np.arange(len(images)) % 3, epochs=2, verbose=0)


@pytest.fixture
def mobilenet():
    keras.utils.set_random_seed(0)
    options = {"weights": None, "include_top": False, "pooling": "avg", "alpha": 0.35}
    return keras.applications.MobileNetV2((32, 32, 3), **options)


def test_blocks_of_every_kind_of_model(glyphnet, mobilenet, digits, module):
    """Keras models, HubLayers, and models of both are listed from input to output."""
    assert tl.blocks(glyphnet) == BLOCKS
    assert tl.blocks(with_head(glyphnet)) == [*BLOCKS, "head"]
    assert tl.blocks(tl.HubLayer(digits.backbone)) == BLOCKS
    assert tl.blocks(with_head(tl.HubLayer(digits.backbone))) == [*BLOCKS, "head"]
    numbered = [f"block_{k}" for k in range(1, 17)]
    assert tl.blocks(mobilenet) == ["Conv1", "expanded", *numbered, "Conv_1"]


@pytest.mark.parametrize("name", ["ResNet50", "VGG16", "EfficientNetV2B0"])
def test_blocks_of_keras_applications(name):
    """The stages that the papers speak of."""
    model = getattr(keras.applications, name)(weights=None, include_top=False)
    blocks = tl.blocks(model)
    first, last = {
        "ResNet50": ("conv1", "conv5"),
        "VGG16": ("block1", "block5"),
        "EfficientNetV2B0": ("stem", "top"),
    }[name]
    assert (blocks[0], blocks[-1]) == (first, last)
    assert len(blocks) == {"ResNet50": 5, "VGG16": 5, "EfficientNetV2B0": 23}[name]


@pytest.mark.parametrize("kind", ["keras", "hub"])
@pytest.mark.parametrize("whole", [True, False])
def test_chosen_blocks_move_and_nothing_else(kind, whole, glyphnet, digits):
    """Exactly the chosen blocks train, in a network alone or with the head on it."""
    base = glyphnet if kind == "keras" else tl.HubLayer(digits.backbone)
    model = with_head(base)
    chosen = ["block2", "block7"]
    if whole:
        tl.unfreeze(model, [*chosen, "head"])
    else:
        tl.unfreeze(base, chosen)
    before = values(model)
    fit(model, digits.train.images[:9])
    kernels = {path for path in moved(model, before) if "kernel" in path}
    head = {weight.path for weight in model.layers[-1].weights if weight.name == "kernel"}
    assert kernels == {"block2_conv/kernel", "block7_dense/kernel"} | head
    if kind == "keras":
        assert not any("norm" in path for path in moved(model, before))


@pytest.mark.parametrize("naive", [True, False])
@pytest.mark.slow
def test_batch_norm_stays_really_frozen(naive, mobilenet, digits):
    """The published recipe lets statistics drift in spite of `training=False`; ours does not."""
    inputs = keras.Input((32, 32, 3))
    model = keras.Model(inputs, keras.layers.Dense(3)(mobilenet(inputs, training=False)))
    if naive:
        mobilenet.trainable = True
        for layer in mobilenet.layers[:100]:
            layer.trainable = False
    else:
        tl.unfreeze(mobilenet, last=6)
    before = values(model)
    fit(model, digits.train.images[:9])
    drifted = {path for path in moved(model, before) if "moving" in path}
    assert bool(drifted) == naive
    kernels = {path for path in moved(model, before) if "kernel" in path}
    assert len(kernels) > 10


def test_unfreeze_is_the_same_whatever_was_before(glyphnet):
    """The result depends on the call alone; freeze ends it."""
    tl.unfreeze(glyphnet, last=1)
    once = [weight.path for weight in glyphnet.trainable_weights]
    assert once == ["block7_dense/kernel"]
    tl.unfreeze(glyphnet)
    assert len(glyphnet.trainable_weights) == 7
    tl.freeze(glyphnet)
    assert glyphnet.trainable_weights == []
    tl.unfreeze(glyphnet, "block7")
    assert [weight.path for weight in glyphnet.trainable_weights] == once


def test_frozen_hub_layer_in_a_model(digits):
    """Without a chosen block the module rests, and the head may train alone."""
    layer = tl.HubLayer(digits.backbone, trainable=True)
    model = with_head(layer)
    tl.unfreeze(model, ["head"])
    assert {weight.name for weight in model.trainable_weights} == {"kernel", "bias"}
    tl.freeze(layer)
    assert not layer.trainable
    tl.freeze(model)
    assert model.trainable_weights == []


def test_what_is_refused(glyphnet):
    """Unknown blocks, numbers out of range, both, no model, a class: each says what is possible."""
    with pytest.raises(ValueError, match=r"Unknown blocks \['block9'\]. The blocks: \['block1'"):
        tl.unfreeze(glyphnet, ["block9"])
    for last in (0, 8, -1, 1.0, True):
        error = ValueError if type(last) is int else TypeError
        with pytest.raises(error, match=r"last is .*; a whole number from 1 to 7"):
            tl.unfreeze(glyphnet, last=last)
    with pytest.raises(ValueError, match="not both"):
        tl.unfreeze(glyphnet, ["block1"], last=1)
    with pytest.raises(TypeError, match=r"keras\.Model or a HubLayer is expected, not Dense"):
        tl.blocks(keras.layers.Dense(1))

    class Model(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(TypeError, match="no known order of layers: it is written as a class"):
        tl.blocks(Model())


def test_summary(glyphnet, digits):
    """A row a block: layers, parameters, how many train, and at which rate."""
    model = with_head(glyphnet)
    tl.unfreeze(glyphnet, last=2)
    table = tl.trainable_summary(model)
    assert list(table.index) == [*BLOCKS, "head"]
    assert table.parameters.sum() == model.count_params()
    assert table.learning_rate.isna().all()
    fit(model, digits.train.images[:9], tl.layerwise("sgd", {"block6": 0.1, "head": 2.0}))
    table = tl.trainable_summary(model)
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert table.trainable.sum() == trainable
    np.testing.assert_allclose(table.learning_rate, [0, 0, 0, 0, 0, 0.001, 0.01, 0.02], rtol=1e-6)
    np.testing.assert_array_equal(table.layers, [2, 2, 2, 2, 2, 2, 2, 1])
    layer = tl.HubLayer(digits.backbone)
    layer.unfreeze(last=1)
    table = tl.trainable_summary(layer)
    assert table.parameters.sum() == layer.count_params()
    assert (table.trainable > 0).sum() == 1


@pytest.mark.slow
def test_module_whose_frozen_blocks_are_computed_in_every_step(module, recwarn):
    """A module is one function: while some of its blocks train, it is said what the others cost."""

    def tune(base, last):
        recwarn.clear()
        model = keras.Sequential([keras.Input((4,)), base, keras.layers.Dense(2, name="top")])
        data = np.random.default_rng(0).random((8, 4), np.float32), np.arange(8) % 2
        tl.fine_tune(model, data, last=last, epochs=(1, 1), verbose=0)
        return [str(each.message) for each in recwarn if "every step" in str(each.message)]

    hub = tl.HubLayer(module("without_scopes"), name="hub")
    (said,) = tune(hub, 1)
    assert said.startswith("hub is a HubLayer, a module that cannot be cut: its frozen blocks are")
    assert "task.network()" in said
    assert tune(hub, None) == []
    layers = [keras.layers.Dense(4, name=f"block{i}") for i in (1, 2)]
    assert tune(keras.Sequential([keras.Input((4,)), *layers], name="base"), 1) == []
