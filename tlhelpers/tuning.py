"""Partial fine-tuning: freeze and unfreeze a network by block, and see what trains."""

import math

import keras
import numpy as np
import pandas as pd

from .block_names import choose_blocks, name_blocks
from .hub import HubLayer


def blocks(model):
    """Names of a model's blocks, from input to output.

    Parameters
    ----------
    model : keras.Model or HubLayer
        A functional or Sequential model, with models or HubLayers in it or without; a block is
        what its layers' names have in common up to the first number (`block1`, `conv4`).

    Returns
    -------
    list of str

    Raises
    ------
    TypeError
        Not a model; a model written as a class, whose layers have no order.
    """
    return list(_units(model))


def unfreeze(model, blocks=None, *, last=None):
    """Let some blocks train and freeze all others. Compile the model again afterwards.

    BatchNorm layers stay frozen, all of them: they keep the statistics of the source task, and
    their scale and shift. (Calling a frozen base with `training=False` is not enough: since
    Keras 3, `fit` overrides that in a functional model.) In a HubLayer, where BatchNorm cannot be
    told from the rest, statistics stay and scale and shift train.

    Parameters
    ----------
    model : keras.Model or HubLayer
        Usually the pretrained network; the layers that you put on it are left alone if they are
        not part of what you give.
    blocks : list of str, optional
        Names out of `tlhelpers.blocks(model)`. Without any argument, all blocks train.
    last : int, optional
        Instead: how many blocks, counted from the output.

    Raises
    ------
    TypeError
        As for `blocks`.
    ValueError
        Unknown block; a number that is too large; both arguments.
    """
    units = _units(model)
    chosen = choose_blocks(list(units), blocks, last)
    for part in model._flatten_layers():
        if isinstance(part, keras.Model):
            part.trainable = True
    for name, parts in units.items():
        for part in parts:
            if not isinstance(part, _HubBlock):
                part.trainable = name in chosen
                for layer in part._flatten_layers():
                    if isinstance(layer, keras.layers.BatchNormalization):
                        layer.trainable = False
    for layer in _hub_layers(model):
        own = [name for name in layer.blocks if name in chosen]
        if own:
            layer.unfreeze(own)
        else:
            layer.freeze()


def freeze(model):
    """Let nothing of a model train. Compile again afterwards, also a model that it is part of."""
    if isinstance(model, HubLayer):
        model.freeze()
    else:
        model.trainable = False


def trainable_summary(model):
    """Table of a model's blocks: what trains, and at which learning rate.

    Parameters
    ----------
    model : keras.Model or HubLayer

    Returns
    -------
    pandas.DataFrame
        A row a block: `layers`, `parameters`, `trainable` (how many of them train) and
        `learning_rate` (0 for a frozen block, empty for a model that is not compiled).
    """
    optimizer = getattr(model, "optimizer", None)
    rate = np.nan if optimizer is None else float(optimizer.learning_rate)
    rows = []
    for name, parts in _units(model).items():
        weights = [weight for part in parts for weight in part.weights]
        train = [weight for weight in weights if weight.trainable]
        factors = [_factor(optimizer, weight) for weight in train] or [0.0]
        rows.append(
            {
                "block": name,
                "layers": len(parts),
                "parameters": sum(math.prod(weight.shape) for weight in weights),
                "trainable": sum(math.prod(weight.shape) for weight in train),
                "learning_rate": rate * max(factors),
            }
        )
    return pd.DataFrame(rows).set_index("block")


def find_base(model):
    """The pretrained network in a model: the first model or HubLayer in it that has weights."""
    inner = (layer for layer in model.layers if isinstance(layer, keras.Model | HubLayer))
    return next((layer for layer in inner if layer.weights), None)


# Parts of a model -------------------------------------------------------------------------------


class _HubBlock:
    """One block of a HubLayer, in the place of a layer."""

    def __init__(self, layer, name):
        self.weights = layer._blocks[name]


def _units(model):
    """Block -> its layers (or blocks of HubLayers), in the order of the network."""
    named = []
    for layer in _layers(model):
        if isinstance(layer, HubLayer):
            named += [(name, _HubBlock(layer, name)) for name in layer.blocks]
        elif layer.weights:
            named += [(name_blocks([f"{layer.name}/weight"])[0], layer)]
    units = {name: [] for name, _ in named}
    for name, part in named:
        units[name].append(part)
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


def _factor(optimizer, weight):
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # under mixed precision
    return optimizer.factor(weight) if hasattr(optimizer, "factor") and optimizer.built else 1.0


def _hub_layers(model):
    return [layer for layer in model._flatten_layers() if isinstance(layer, HubLayer)]
