"""A language model cut in two: what stays frozen, and its last layers as a model of their own."""

from typing import Any

import keras
import numpy as np


class Trunk:
    """The first layers of KerasHub's Llama: tokens `[n, t]` to activations `[n, t, width]`."""

    def __init__(self, backbone: Any, layer: int) -> None:
        self._model = keras.Model(backbone.input, backbone.transformer_layers[layer - 1].output)

    def __call__(self, tokens: np.ndarray, batch_size: int = 16) -> np.ndarray:
        """Return activations; what stands behind a text's end does not change them."""
        tokens = np.asarray(tokens)
        inputs = {"token_ids": tokens, "padding_mask": np.ones_like(tokens)}
        return self._model.predict(inputs, batch_size=batch_size, verbose=0)


def tail_of(backbone: Any, layer: int) -> keras.Model:
    """Return the layers behind one as a model: activations to logits `[n, t, vocabulary]`."""
    x = activations = keras.Input((None, backbone.hidden_dim), name="activations")
    for each in backbone.transformer_layers[layer:]:
        x = each(x)
    logits = backbone.token_embedding(backbone.layer_norm(x), reverse=True)
    return keras.Model(activations, logits, name="tail")
