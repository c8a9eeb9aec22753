"""Blocks of a model, from input to output, whatever it is made of."""

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
        what its layers' names have in common up to the first number (`block1`, `conv4`).

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

    In the place of a layer a block of a HubLayer has an object that has just its `weights`.
    """
    units: dict[str, list[Any]] = {}
    for layer in _layers(model):
        if isinstance(layer, HubLayer):
            for name, weights in layer._blocks.items():
                units.setdefault(name, []).append(SimpleNamespace(weights=weights))
        elif layer.weights:
            units.setdefault(block_of(layer), []).append(layer)
    return units


def _layers(model):
    """Layers in the order of the network; those of a model in the model stand in its place."""
    if isinstance(model, HubLayer):
        return [model]
    if not isinstance(model, keras.Model):
        raise TypeError(f"A keras.Model or a HubLayer is expected, not {type(model).__name__}.")
    if not model.built or not getattr(model, "inputs", None):
        raise TypeError(
            f"{model.name} has no known order of layers: it is written as a class, or was never "
            "built. Begin it with keras.Input, or give the network in it that is to be fine-tuned."
        )
    found = []
    for layer in model.layers:
        found += _layers(layer) if isinstance(layer, keras.Model) else [layer]
    return found
