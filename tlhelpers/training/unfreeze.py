"""Partial fine-tuning: which blocks of a model train."""

from collections.abc import Sequence

import keras

from ..backbones.block_names import choose_blocks
from ..backbones.hub_layer import HubLayer
from ..runtime.checks import one_of
from ..runtime.keras_private import all_layers
from .blocks import block_parts


def unfreeze(
    model: keras.Layer,
    blocks: Sequence[str] | None = None,
    *,
    last: int | None = None,
    batch_norm: str = "frozen",
) -> None:
    """Let some blocks train and freeze all others. Compile the model again afterwards.

    BatchNorm layers stay frozen by default, all of them: they keep the statistics of the source
    task, and their scale and shift. (Calling a frozen base with `training=False` is not enough:
    since Keras 3, `fit` overrides that in a functional model.) In a HubLayer, where BatchNorm
    cannot be told from the rest, statistics stay and scale and shift train.

    Parameters
    ----------
    model : keras.Model or HubLayer
        Usually the pretrained network; the layers that you put on it are left alone if they are
        not part of what you give.
    blocks : list of str, optional
        Names out of `tlhelpers.blocks(model)`. Without any argument, all blocks train.
    last : int, optional
        Instead: how many blocks, counted from the output.
    batch_norm : "frozen" or "update"
        With "update" the BatchNorm layers of the chosen blocks train as well, and take up the
        statistics of each batch. Notebook 03 measures when that pays.

    Raises
    ------
    TypeError
        As for `blocks`.
    ValueError
        Unknown block; a number that is too large; both arguments; another `batch_norm`, or
        "update" for a HubLayer.

    Examples
    --------
    >>> model = keras.applications.MobileNetV2(weights=None)
    >>> unfreeze(model, last=2)  # then compile again
    >>> [layer.name for layer in model.layers if layer.trainable and layer.weights]
    ['Conv_1', 'predictions']
    """
    one_of(batch_norm, "batch_norm", ("frozen", "update"))
    hub = [each.name for each in all_layers(model) if isinstance(each, HubLayer)]
    if hub and batch_norm == "update":
        raise ValueError(
            f"{hub[0]} is a HubLayer, whose BatchNorm statistics stay as they are. Give "
            "batch_norm='frozen', or a Keras model."
        )
    units = block_parts(model)
    chosen = choose_blocks(list(units), blocks, last)
    for part in all_layers(model):
        if isinstance(part, keras.Model):
            part.trainable = True
    for name, parts in units.items():
        for part in parts:
            part.trainable = name in chosen
    for layer in all_layers(model):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = layer.trainable and batch_norm == "update"
        elif isinstance(layer, HubLayer):
            free = (part for name in chosen for part in units[name])
            own = [part.block for part in free if getattr(part, "hub", None) is layer]
            if own:
                layer.unfreeze(None if blocks is None and last is None else own)
            else:
                layer.freeze()


def freeze(model: keras.Layer) -> None:
    """Let nothing of a model train. Compile again afterwards, also a model that it is part of.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> freeze(model)
    >>> model.trainable_weights
    []
    """
    if isinstance(model, HubLayer):
        model.freeze()
    else:
        model.trainable = False
