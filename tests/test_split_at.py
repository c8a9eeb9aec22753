import keras
import numpy as np
import pytest

import tlhelpers as tl
from tlhelpers.runtime import memory

FREE = memory.free_memory()


def glyphnet_model(digits):
    keras.utils.set_random_seed(0)
    base = digits.network()
    tl.unfreeze(base, last=2)
    return keras.Sequential([keras.Input((32, 32, 3)), base, keras.layers.Dense(10, name="head")])


def mobilenet_model(_):
    keras.utils.set_random_seed(0)
    options = {"weights": None, "include_top": False, "pooling": "avg", "alpha": 0.35}
    base = keras.applications.MobileNetV2((32, 32, 3), **options)
    tl.unfreeze(base, last=2)
    outputs = keras.layers.Dense(10, name="head")(base.output)
    return keras.Model(base.input, outputs)  # flat, unlike the other


CASES = pytest.mark.parametrize(
    ("make", "layer"),
    [
        (glyphnet_model, "block5_out"),
        (glyphnet_model, "block5"),
        pytest.param(mobilenet_model, "block_15_add", marks=pytest.mark.slow),
    ],
)


def fit(model, x, labels):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tl.layerwise(keras.optimizers.Adam(1e-3), {"head": 2.0}), loss)
    return model.fit(x, labels, epochs=3, batch_size=16, shuffle=False, verbose=0).history["loss"]


@CASES
def test_tail_learns_what_the_whole_would(make, layer, digits):
    """Losses and final weights are those of ordinary partial fine-tuning on the same batches."""
    images, labels = digits.train.images[:64], digits.train.labels[:64]
    whole = make(digits)
    want = fit(whole, images, labels)
    model = make(digits)
    trunk, tail = tl.split_at(model, layer)
    activations = tl.extract_features(trunk, images, spatial=True, progress=False)
    got = fit(tail, activations, labels)
    np.testing.assert_allclose(got, want, atol=1e-4)
    for one, two in zip(model.weights, whole.weights, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-4)
    # the model is joined already: its layers are those that learnt
    joined = tail.predict(activations, verbose=0)
    np.testing.assert_allclose(model.predict(images, verbose=0), joined, atol=1e-4)
    assert len(tail.trainable_weights) == len(whole.trainable_weights)


@pytest.mark.slow
def test_every_place_can_be_cut(digits):
    """Wherever the network may be cut, the two halves give what the whole gives."""
    model = mobilenet_model(digits)
    tl.freeze(model)
    images = digits.train.images[:2]
    want = model(images)
    with pytest.raises(ValueError, match=r"cut behind 'nowhere': there is no such") as error:
        tl.split_at(model, "nowhere")
    places = str(error.value).split("behind: ")[1].rstrip(".").split(", ")
    assert "block_15_add" in places
    assert len(places) == len(tl.blocks(model)) - 1  # nothing follows the head
    for place in places:
        trunk, tail = tl.split_at(model, place)
        np.testing.assert_allclose(tail(trunk(images)), want, atol=1e-5)


def test_places_that_cannot_be_cut(digits):
    """Inside a residual block something leads past; before a weight that trains nothing is kept."""
    model = mobilenet_model(digits)
    with pytest.raises(
        ValueError, match=r"something leads past it.*block_2_add, block_3_project_BN"
    ):
        tl.split_at(model, "block_2_expand")
    with pytest.raises(ValueError, match=r"Before 'Conv_1_bn' \d+ weights train, block_16"):
        tl.split_at(model, "Conv_1_bn")
    with pytest.raises(TypeError, match=r"a SavedModel is one function.*network"):
        tl.split_at(tl.HubLayer(digits.backbone), "block5")
    model = keras.Sequential([tl.HubLayer(digits.backbone), keras.layers.Dense(2)])
    with pytest.raises(TypeError, match="SavedModel is one function"):
        tl.split_at(model, "block5")
    with pytest.raises(TypeError, match="functional or a built Sequential model is expected"):
        tl.split_at(keras.layers.Dense(1), "dense")


def published(digits):
    """As tutorials build it: preprocessing, the base called with training=False, dropout."""
    base = digits.network()
    tl.unfreeze(base, last=1)
    inputs = keras.Input((32, 32, 3))
    x = base(keras.layers.Rescaling(0.5)(inputs), training=False)
    x = keras.layers.Dropout(0.2, name="drop")(x)
    return keras.Model(inputs, keras.layers.Dense(3)(x))


def test_inside_a_model_in_a_model(digits):
    """The inner model is cut, what is before it goes into the trunk, the head into the tail."""
    model = published(digits)
    images = digits.train.images[:4]
    trunk, tail = tl.split_at(model, "block6")
    activations = trunk.predict(images, verbose=0)
    want = model.predict(images, verbose=0)
    np.testing.assert_allclose(tail.predict(activations, verbose=0), want, atol=1e-5)
    assert [w.path for w in tail.trainable_weights] == [w.path for w in model.trainable_weights]


def test_without_a_layer(digits):
    """As late as nothing before it trains or is random."""
    model = published(digits)
    trunk, _ = tl.split_at(model)
    assert trunk.output_shape == (None, 1536)  # block7 trains
    tl.freeze(model.layers[2])
    trunk, tail = tl.split_at(model)
    assert trunk.output_shape == (None, 128)
    assert "drop" in [layer.name for layer in tail.layers]
    model = glyphnet_model(digits)
    tl.unfreeze(model)
    with pytest.raises(ValueError, match=r"trains from its first layer on.*Freeze its first"):
        tl.split_at(model)


def test_behind_a_hub_layer(digits):
    """A module cannot be cut inside, but what follows it can be cut off."""
    model = keras.Sequential([tl.HubLayer(digits.backbone, name="hub"), keras.layers.Dense(2)])
    images = digits.train.images[:4]
    for trunk, tail in (tl.split_at(model), tl.split_at(model, "hub")):
        assert trunk.output_shape == (None, 128)
        joined = tail.predict(trunk.predict(images, verbose=0), verbose=0)
        np.testing.assert_allclose(joined, model.predict(images, verbose=0), atol=1e-5)


def test_dropout_in_the_trunk_is_said():
    """What is random in training is not in the activations."""
    inputs = keras.Input((4,))
    x = keras.layers.Dropout(0.5, name="drop")(keras.layers.Dense(3, trainable=False)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2)(x))
    with pytest.warns(UserWarning, match=r"\['drop'\] differ in training"):
        tl.split_at(model, "drop")


def test_memory_is_said_and_checked_first(digits, monkeypatch, capsys):
    """The size is printed; what does not fit is refused before anything is computed."""
    trunk, _ = tl.split_at(glyphnet_model(digits), "block5")
    tl.extract_features(trunk, digits.train.images[:64], spatial=True)
    assert capsys.readouterr().out == "64 activations of shape [8, 8, 96]: 2 MiB\n"
    monkeypatch.setattr(memory, "free_memory", lambda: 2**20)
    monkeypatch.setattr(trunk, "call", lambda *_, **__: pytest.fail("computed"))
    message = r"65 activations of shape \[8, 8, 96\] need 0\.0 GiB.*Cut the network later"
    with pytest.raises(MemoryError, match=message):
        tl.extract_features(trunk, digits.train.images[:65], spatial=True)


def test_free_memory():
    """A number of bytes that this machine can have."""
    assert 2**20 < FREE < 2**50
