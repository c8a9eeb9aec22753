"""Blocks of a model, from input to output, whatever it is made of."""

import warnings
from types import SimpleNamespace
from typing import Any

import keras

from ..backbones.block_names import name_blocks
from ..backbones.hub_layer import HubLayer


def blocks(model: keras.Layer) -> list[str]:
    """Return the names of a model's blocks, from input to output.

    Parameters
    ----------
    model : keras.Model or HubLayer
        A functional or Sequential model, with models or HubLayers in it or without; a block is
        what its layers' names have in common up to the first number (`block1`, `conv4`). Of a
        HubLayer those count that its output depends on. A name that occurs in several of the
        models in it comes with the model's name before it, `base/dense` and `model/dense`.

    Raises
    ------
    TypeError
        Not a model; a model written as a class, whose layers have no order.

    Examples
    --------
    >>> blocks(keras.applications.MobileNetV2(weights=None))[-3:]
    ['block_16', 'Conv_1', 'predictions']
    """
    return list(block_parts(model))


def find_base(model: keras.Model) -> keras.Layer | None:
    """Return the pretrained network in a model: the first model or HubLayer with weights."""
    inner = (layer for layer in model.layers if isinstance(layer, keras.Model | HubLayer))
    return next((layer for layer in inner if layer.weights), None)


def block_of(layer: keras.Layer) -> str:
    """Return the block that a layer with weights belongs to, by its name."""
    return name_blocks([f"{layer.name}/weight"])[0]


def block_parts(model: keras.Layer) -> dict[str, list[Any]]:
    """Return block -> its layers, in the order of the network.

    In the place of a layer a block of a HubLayer has an object with its `weights`, the layer as
    `hub`, and the name of the `block` in it.
    """
    units: dict[tuple, list[Any]] = {}
    for owner, layer in {id(layer): (owner, layer) for owner, layer in _layers(model)}.values():
        if isinstance(layer, HubLayer):
            for name, weights in layer._blocks.items():
                part = SimpleNamespace(weights=weights, hub=layer, block=name)
                units.setdefault((name, layer.name, id(layer)), []).append(part)
        elif layer.weights:
            units.setdefault((block_of(layer), owner.name, id(owner)), []).append(layer)
    found: dict[str, list[Any]] = {}
    for (name, owner, _), parts in units.items():
        several = sum(name == other for other, _, _ in units) > 1
        found.setdefault(f"{owner}/{name}" if several else name, []).extend(parts)
    return found


def _layers(model):
    """`(model, layer)` in the order of the network; those of a model in the model in its place."""
    if isinstance(model, HubLayer):
        return [(model, model)]
    if not isinstance(model, keras.Model):
        raise TypeError(f"A keras.Model or a HubLayer is expected, not {type(model).__name__}.")
    if not model.built or not getattr(model, "inputs", None):
        raise TypeError(
            f"{model.name} has no known order of layers: it is written as a class, or was never "
            "built. Begin it with keras.Input, or give the network in it that is to be fine-tuned."
        )
    found = []
    for layer in model.layers:
        found += _layers(layer) if isinstance(layer, keras.Model) else [(model, layer)]
    return found


def say_recomputed(base: keras.Layer) -> None:
    """Warn of what the frozen blocks of a module cost while others of them train."""
    if isinstance(base, HubLayer) and 0 < sum(
        any(weight.trainable for weight in weights) for weights in base._blocks.values()
    ) < len(base.blocks):
        warnings.warn(
            f"{base.name} is a HubLayer, a module that cannot be cut: its frozen blocks are "
            "computed again in every step. Of a Keras model they are computed once: if there is "
            "one of the same network (task.network(), tl.load_backbone), fine-tune that.",
            stacklevel=3,
        )
