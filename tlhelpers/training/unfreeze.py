"""Partial fine-tuning: which blocks of a model train."""

from collections.abc import Sequence

import keras

from ..backbones.block_names import choose_blocks
from ..backbones.hub_layer import HubLayer
from ..runtime.keras_private import all_layers
from .blocks import block_parts


def unfreeze(
    model: keras.Layer, blocks: Sequence[str] | None = None, *, last: int | None = None
) -> None:
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

    Examples
    --------
    >>> model = keras.applications.MobileNetV2(weights=None)
    >>> unfreeze(model, last=2)  # then compile again
    >>> [layer.name for layer in model.layers if layer.trainable and layer.weights]
    ['Conv_1', 'predictions']
    """
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
            layer.trainable = False
        elif isinstance(layer, HubLayer):
            own = [name for name in layer.blocks if name in chosen]
            if own:
                layer.unfreeze(own)
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
