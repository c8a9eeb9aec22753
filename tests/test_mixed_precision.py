"""Everything under mixed precision, against float32: float16 has 11 bits, so to 1 in 100."""

import keras
import numpy as np
import pytest

import tlhelpers as tl

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.fixture
def mixed():
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture
def pairs():
    labels = np.arange(36) % 3
    images = np.random.default_rng(0).random((36, 8, 8, 3), np.float32) * 0.5
    images[np.arange(36), :, :, labels] += 0.5  # each class has its colour
    return images, labels


def backbone(policy=None):
    keras.utils.set_random_seed(0)
    layers = keras.layers
    parts = [layers.Conv2D(6, 3, name=f"block{i}_conv", dtype=policy) for i in (1, 2)]
    norm = layers.BatchNormalization(name="block2_norm", dtype=policy)
    pool = layers.GlobalAveragePooling2D(dtype=policy)
    return keras.Sequential([keras.Input((8, 8, 3)), *parts, norm, pool])


def classifier(policy=None, hidden=False):
    head = [keras.layers.Dense(3, "softmax" if hidden else None, dtype=policy)]
    if hidden:
        head.insert(0, keras.layers.Dense(8, "relu", dtype=policy))
    return keras.Sequential([backbone(policy), *head])


def test_features_are_float32_and_have_a_place_of_their_own(mixed, pairs):
    """Features of both precisions agree, and neither is read from the cache of the other."""
    exact = tl.extract_features(backbone("float32"), pairs[0])
    found = tl.extract_features(backbone(), pairs[0])
    assert found.dtype == np.float32
    assert np.any(found != exact)
    np.testing.assert_allclose(found, exact, atol=1e-2)


def test_module_takes_and_gives_float32_among_layers_in_float16(mixed, tiny_module, pairs):
    """Its weights stay float32, what surrounds it is cast, and it trains."""
    layer = tl.HubLayer(tiny_module)
    half = keras.ops.cast(pairs[0], "float16")
    exact = layer(half.numpy().astype("float32"))
    assert layer(half).dtype == "float32"
    np.testing.assert_array_equal(layer(half), exact)
    model = keras.Sequential([layer, keras.layers.Dense(3)])
    histories = tl.fine_tune(model, pairs, last=2, epochs=(1, 2), verbose=0)
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert model(pairs[0]).dtype == "float16"
    assert histories.tuning.history["loss"][1] < histories.tuning.history["loss"][0]


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.slow
def test_recipe_ends_where_float32_does(hidden, mixed, pairs):
    """Solved head and trained head, cut network, scaled loss; then training can go on."""
    ends = []
    for policy in ("float32", None):
        model = classifier(policy, hidden)
        keras.utils.set_random_seed(1)
        history = tl.fine_tune(model, pairs, pairs, epochs=(3, 2), learning_rate=1e-3, verbose=0)
        ends.append(history.head.history["loss"] + history.tuning.history["loss"])
        assert {weight.dtype for weight in model.weights} == {"float32"}
    np.testing.assert_allclose(*ends, rtol=0.05)
    optimizer = model.optimizer
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    assert optimizer.built  # with the scale that the training arrived at
    steps = int(optimizer.iterations)
    model.fit(*pairs, verbose=0)
    assert model.optimizer is optimizer
    assert int(optimizer.iterations) == steps + 2


def test_large_features(mixed, pairs):
    """Their squares end beyond float16; the head is solved all the same."""
    base = backbone()
    model = keras.Sequential([base, keras.layers.Rescaling(3000.0), keras.layers.Dense(3)])
    history = tl.fine_tune(model, pairs, epochs=(1, 0), verbose=0).head.history
    assert history["accuracy"][0] > 0.9


def test_cut_network(mixed, pairs):
    """Trunk and tail give what the whole gives."""
    model = classifier()
    tl.freeze(model.layers[0])
    trunk, tail = tl.split_at(model)
    activations = tl.extract_features(trunk, pairs[0])
    np.testing.assert_array_equal(tail(activations), model(pairs[0]))


def test_learning_rates_by_layer(mixed, pairs):
    """The table sees the rates behind the scaling of the loss; 0 leaves weights to the bit."""
    model = classifier()
    model.compile(tl.layerwise("adam", {"block1": 0.0, "block2": 0.1}), LOSS)
    before = model.get_weights()
    model.fit(*pairs, epochs=2, verbose=0)
    assert list(tl.trainable_summary(model)["learning_rate"]) == pytest.approx([0, 1e-4, 1e-3])
    changed = [np.any(a != b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [False] * 2 + [True] * 8


@pytest.mark.parametrize("begin", [[keras.Input((8, 8, 3))], []])
def test_exported_module_is_float32(begin, mixed, pairs, tmp_path):
    """Who loads it needs no GPU; the model keeps its precision."""
    # without a keras.Input, a Sequential model takes float16 itself
    layers = keras.layers
    model = keras.Sequential(
        [*begin, layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(3)]
    )
    given = model(pairs[0])
    folder = tl.export_module(model, tmp_path / "module")
    assert "| output | float32 [" in (folder / "README.md").read_text(encoding="utf-8")
    module = tl.HubLayer(folder)
    assert module.compute_dtype == "float32"
    assert module(pairs[0]).dtype == "float32"
    np.testing.assert_allclose(module(pairs[0]), given, atol=1e-2)
    assert given.dtype == model(pairs[0]).dtype == "float16"


def test_embedded_network_computes_in_float32(mixed, digits):
    """Its file says so; its features are those of the module."""
    network = digits.network()
    assert {layer.compute_dtype for layer in network.layers if layer.weights} == {"float32"}
    images = digits.validation.images[:8]
    np.testing.assert_allclose(network(images), tl.HubLayer(digits.backbone)(images), atol=1e-4)


def test_doctor_sees_gradients_that_are_small_in_float16(mixed, pairs):
    """A healthy model has no problem, though without scaling its gradients would vanish."""
    base = backbone()
    tl.unfreeze(base)
    small = keras.layers.Rescaling(1e-5)
    model = keras.Sequential([base, small, keras.layers.Dense(3)])
    model.compile("adam", LOSS)
    table = tl.doctor(model, pairs, expects=(0, 1), steps=2)
    assert list(table.index[table["result"] == "problem"]) == []
