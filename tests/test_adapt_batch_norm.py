"""Promises of `adapt_batch_norm`."""

import keras
import numpy as np
import pytest

import tlhelpers as tl


def network():
    """Two BatchNorm layers, the second behind the first; both frozen, as is all the rest."""
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((4,))
    for number in (1, 2):
        x = keras.layers.Dense(4, name=f"block{number}_dense")(x)
        x = keras.layers.BatchNormalization(name=f"block{number}_norm")(x)
        x = keras.layers.Dropout(0.5)(x)
    model = keras.Model(inputs, x)
    model.trainable = False
    return model


def test_statistics_of_these_images():
    """Mean and variance as NumPy finds them, one layer after the other; without dropout."""
    model, images = network(), np.random.default_rng(0).normal(3, 2, (50, 4))
    before = [weight.numpy() for weight in model.weights]
    tl.adapt_batch_norm(model, images)
    x = images
    for number in (1, 2):
        dense, norm = (model.get_layer(f"block{number}_{kind}") for kind in ("dense", "norm"))
        x = x @ dense.kernel.numpy() + dense.bias.numpy()
        np.testing.assert_allclose(norm.moving_mean, x.mean(0), rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(norm.moving_variance, x.var(0), rtol=1e-2)
        x = (x - x.mean(0)) / np.sqrt(x.var(0) + norm.epsilon)
    moved = [w.path for w, old in zip(model.weights, before, strict=True) if np.any(w != old)]
    assert len(moved) == 4
    assert all("moving" in path for path in moved)


def test_mean_over_batches_and_nothing_else_changes():
    """Every batch counts alike; momentum, rates of dropout and what is frozen stay."""
    model, images = network(), np.random.default_rng(0).normal(3, 2, (64, 4))
    norm = model.get_layer("block1_norm")
    tl.adapt_batch_norm(model, images, batch_size=16)
    dense = model.get_layer("block1_dense")
    means = (images @ dense.kernel.numpy() + dense.bias.numpy()).mean(0)
    np.testing.assert_allclose(norm.moving_mean, means, rtol=1e-3, atol=1e-3)
    assert norm.momentum == 0.99
    assert [each.rate for each in model.layers if isinstance(each, keras.layers.Dropout)] == [
        0.5
    ] * 2
    assert model.trainable_weights == []
    again = [weight.numpy() for weight in model.weights]
    tl.adapt_batch_norm(model, images, batch_size=16)
    for one, two in zip(again, model.weights, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)


def test_errors():
    """What has no BatchNorm layer, or too few images."""
    plain = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)], name="plain")
    with pytest.raises(ValueError, match="plain has no BatchNorm layer"):
        tl.adapt_batch_norm(plain, np.zeros((8, 4)))
    with pytest.raises(ValueError, match="1 images are given; statistics need 2"):
        tl.adapt_batch_norm(network(), np.zeros((1, 4)))
    with pytest.raises(ValueError, match="batch_size is 1"):
        tl.adapt_batch_norm(network(), np.zeros((8, 4)), batch_size=1)
