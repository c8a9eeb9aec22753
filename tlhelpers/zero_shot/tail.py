"""The last layers of a sentence encoder as a model of their own."""

from collections.abc import Sequence

import keras
from keras import ops


def tail_of(layers: Sequence[keras.layers.Layer]) -> keras.Model:
    """Return copies of a BERT's last layers, and the mean of their tokens, as a model.

    From activations `[n, tokens, width]`, zeros behind a text's end, to vectors `[n, width]` of
    length 1.
    """
    before = keras.Input((None, layers[0].get_weights()[-1].shape[-1]), name="activations")
    there = ops.any(ops.not_equal(before, 0), axis=-1)
    x = before
    for layer in layers:
        copy = type(layer).from_config(layer.get_config())
        x = copy(x, padding_mask=there)
        copy.set_weights(layer.get_weights())
    weights = ops.cast(there, x.dtype)[..., None]
    mean = ops.sum(weights * x, axis=1) / ops.sum(weights, axis=1)
    return keras.Model(before, ops.normalize(mean, axis=1), name="tail")
