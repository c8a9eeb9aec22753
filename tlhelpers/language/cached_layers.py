"""A Llama that goes on where it stopped: keys and values of earlier tokens are kept."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf


class CachedLayers:
    """The layers of KerasHub's Llama, run on new tokens and on what is kept of those before.

    Tracing thirty layers takes ten seconds. They are alike, so one of them is traced, and gets the
    weights of each in turn.
    """

    def __init__(self, backbone: Any) -> None:
        self.backbone = backbone
        self._steps: dict[tuple, Any] = {}

    def caches(self, n: int, room: int) -> list[tf.Tensor]:
        """Return empty caches for n texts of so many tokens: `[n, 2, room, heads, d]` a layer."""
        backbone = self.backbone
        size = backbone.hidden_dim // backbone.num_query_heads
        shape = (n, 2, room, backbone.num_key_value_heads, size)
        return [tf.zeros(shape, backbone.compute_dtype) for _ in backbone.transformer_layers]

    def begun(self, caches: Sequence[tf.Tensor], tokens: int, n: int, room: int) -> list[tf.Tensor]:
        """Return caches for n texts that begin with the first tokens of one that was read."""
        new = self.caches(n, room - tokens)
        old = [tf.repeat(cache[:, :, :tokens], n, axis=0) for cache in caches]
        return [tf.concat(pair, axis=2) for pair in zip(old, new, strict=True)]

    def forward(
        self, tokens: Any, caches: Sequence[tf.Tensor], at: int
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Return what the last layer gives for new tokens, and the caches with them.

        `tokens` are `[n, new]`, `at` is how many tokens came before; `[n, new, width]` comes back.
        """
        return self._run(_layer, tf.constant(tokens, tf.int32), caches, tf.constant(at))

    def logits(self, hidden: tf.Tensor) -> tf.Tensor:
        """Return logits `[..., vocabulary]` of what the last layer gave `[..., width]`."""
        backbone = self.backbone
        return backbone.token_embedding(backbone.layer_norm(hidden), reverse=True)

    def step(self) -> Callable:
        """Return a compiled function for the weights as they are now: one more token of one text.

        From tokens `[1, 1]`, caches and how many tokens came before to logits `[vocabulary]` and
        the caches.
        """
        layers = self.backbone.transformer_layers
        alike = tuple(_form(layer) for layer in layers)  # LoRA, or freezing, makes another step
        if alike not in self._steps:

            @tf.function
            def step(tokens, caches, at):
                hidden, caches = self._run(_compiled_layer, tokens, caches, at)
                return self.logits(hidden[:, -1])[0], caches

            self._steps[alike] = step
        return self._steps[alike]

    def _run(self, run_layer, tokens, caches, at):
        hidden, new, like = self.backbone.token_embedding(tokens), [], {}
        for layer, cache in zip(self.backbone.transformer_layers, caches, strict=True):
            traced = like.setdefault(_form(layer), layer)
            weights = [variable.value for variable in layer.trainable_variables]
            frozen = [variable.value for variable in layer.non_trainable_variables]
            hidden, cache = run_layer(traced, weights, frozen, hidden, cache, at)
            new.append(cache)
        return hidden, new


def _form(layer):
    """What must be the same for two layers to run by one trace."""
    parts = layer.trainable_variables, layer.non_trainable_variables
    return tuple(tuple((v.name, tuple(v.shape)) for v in part) for part in parts)


def _call(layer: keras.layers.Layer, weights, frozen, hidden, cache, at):
    (hidden, cache), _ = layer.stateless_call(
        weights,
        frozen,
        hidden,
        self_attention_cache=cache,
        self_attention_cache_update_index=at,
    )
    return hidden, cache


_layer = tf.function(_call, reduce_retracing=True)
_compiled_layer = tf.function(_call, jit_compile=True)
