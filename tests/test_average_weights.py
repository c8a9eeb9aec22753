"""Promises of `average_weights`."""

import keras
import numpy as np
import pytest

import tlhelpers as tl


def model(seed, units=3):
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(units)])


def test_between_two():
    """From the first, at 0, to the second, at 1; models, or what get_weights gives."""
    one, two = model(1), model(2)
    for mix in (0, 0.25, 1):
        found = tl.average_weights([one, two.get_weights()], mix)
        for array, a, b in zip(found, one.get_weights(), two.get_weights(), strict=True):
            np.testing.assert_allclose(array, (1 - mix) * a + mix * b, rtol=1e-6)
            assert array.dtype == np.float32
    one.set_weights(found)
    np.testing.assert_array_equal(one.layers[0].kernel, two.layers[0].kernel)


def test_of_several():
    """By default all alike; or with a share for each."""
    three = [model(seed) for seed in range(3)]
    kernels = [each.get_weights()[0] for each in three]
    np.testing.assert_allclose(tl.average_weights(three)[0], np.mean(kernels, 0), rtol=1e-5)
    found = tl.average_weights(three, [0.5, 0.5, 0])[0]
    np.testing.assert_allclose(found, (kernels[0] + kernels[1]) / 2, rtol=1e-5)


@pytest.mark.parametrize(
    ("models", "mix", "message"),
    [
        ((1,), None, "1 models are given; two or more"),
        ((1, 2, 3), 0.5, "mix is one number, for two models; 3 are given"),
        ((1, 2), [0.5, 0.6], "2 shares that sum to 1"),
        ((1, 2), [1.0], "2 shares that sum to 1"),
    ],
)
def test_errors(models, mix, message):
    """Too few models, shares that do not fit."""
    with pytest.raises(ValueError, match=message):
        tl.average_weights([model(seed) for seed in models], mix)


def test_other_architecture():
    """Weights of other shapes have no mean."""
    with pytest.raises(ValueError, match="Model 2 is of another form than the first"):
        tl.average_weights([model(1), model(2, units=4)])
