"""A learning rate for each layer."""

import re
from functools import cache
from typing import Any

import keras

from ..backbones.block_names import name_blocks
from ..runtime.keras_private import WeightDecayHook, optimizer_variables, variable_index

_MODEL = re.compile(r"^(sequential|functional|model)(_\d+)?/")  # names that Keras gives to models


def layerwise(
    optimizer: keras.optimizers.Optimizer | str,
    multipliers: dict[str, float] | None = None,
    *,
    decay: float | None = None,
) -> keras.optimizers.Optimizer:
    """Return an optimizer with a learning rate for each layer.

    Discriminative fine-tuning (Howard and Ruder, ULMFiT, 2018): early layers hold general
    knowledge, so they move more slowly. Schedules, weight decay, clipping, moving averages and
    mixed precision work as in the optimizer that is given; the step of each weight, and its
    decay, is multiplied. A multiplier of 0 leaves weights as they are, to the bit. The class is
    derived from the optimizer's own and is saved with the model.

    Parameters
    ----------
    optimizer
        A new one, or its name; it is not changed, its settings are taken.
    multipliers : dict, optional
        Block -> multiplier of the learning rate, at least 0. Other blocks have 1. A name is a block
        of `tlhelpers.blocks`, or the name of a layer.
    decay : float, optional
        Instead: the last block has 1, the one before `decay`, the one before that `decay ** 2`, and
        so on, over the blocks that train.

    Raises
    ------
    TypeError, ValueError
        Not an optimizer; one in use; both or none of the two; a negative multiplier. A name that no
        weight has is found when training begins.

    Examples
    --------
    >>> type(layerwise(keras.optimizers.Adam(1e-3), {"block7": 0.1})).__name__
    'LayerwiseAdam'
    """
    try:
        optimizer = keras.optimizers.get(optimizer)
    except ValueError:
        names = ", ".join(sorted(filter(_is_known, (x.__name__.lower() for x in _optimizers()))))
        raise ValueError(
            f"optimizer is {optimizer!r}; an optimizer of keras.optimizers, or the name of one, is "
            f"expected: {names}."
        ) from None
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        raise TypeError(
            "A LossScaleOptimizer is given; give its inner optimizer. Under mixed precision "
            "`compile` puts the scaling around it."
        )
    if optimizer.built:
        raise ValueError("The optimizer is in use already. Give a new one, or its name.")
    if (multipliers is None) == (decay is None):
        raise ValueError("Give either multipliers, as {block: multiplier}, or decay.")
    kind: Any = type(optimizer)
    settings = optimizer.get_config() | {"multipliers": multipliers, "decay": decay}
    return _layerwise_class(kind).from_config(settings)


class _Layerwise(WeightDecayHook):
    """What `layerwise` adds to the class of an optimizer."""

    def __init__(self, *args, multipliers=None, decay=None, **kwargs):
        super().__init__(*args, **kwargs)
        given = {"decay": decay} if multipliers is None else multipliers
        bad = {name: value for name, value in given.items() if not value >= 0}
        if bad:
            raise ValueError(f"Multipliers are numbers of at least 0; given are {bad}.")
        self.multipliers, self.decay = multipliers, decay
        self._now = 1.0  # what `learning_rate` is multiplied by just now

    def build(self, variables):
        super().build(variables)
        paths = [_MODEL.sub("", variable.path) for variable in variables]
        blocks = name_blocks(paths)
        known = list(dict.fromkeys(blocks))
        if self.multipliers is None:
            self._factors = [self.decay ** (len(known) - 1 - known.index(b)) for b in blocks]
            return
        names = [{block, *path.split("/")[:-1]} for block, path in zip(blocks, paths, strict=True)]
        unknown = [name for name in self.multipliers if name not in set().union(*names)]
        if unknown:
            raise ValueError(f"No weight that trains belongs to {unknown}. Blocks: {known}.")
        self._factors = [
            next((m for name, m in self.multipliers.items() if name in own), 1.0) for own in names
        ]

    def factor(self, variable):
        """What the learning rate of a variable is multiplied by."""
        return self._factors[variable_index(self, variable)]

    @property
    def learning_rate(self):
        rate = super().learning_rate
        return rate if self._now == 1 else rate * self._now

    @learning_rate.setter
    def learning_rate(self, value):
        keras.optimizers.Optimizer.learning_rate.fset(self, value)

    def apply(self, grads, trainable_variables=None):
        if trainable_variables is None:
            trainable_variables = optimizer_variables(self)
        variables = list(trainable_variables)
        if not self.built:
            with keras.name_scope(self.name):
                self.build(variables)
        moving = [(g, v) for g, v in zip(grads, variables, strict=True) if self.factor(v) != 0]
        super().apply([g for g, _ in moving], [v for _, v in moving])

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, learning_rate * self.factor(variable))

    def decay_weights(self, variables, decay):
        # Keras decays all weights at the rate that `learning_rate` tells
        for factor in dict.fromkeys(map(self.factor, variables)):
            self._now = factor
            decay([v for v in variables if self.factor(v) == factor])
        self._now = 1.0

    def get_config(self):
        multipliers = None if self.multipliers is None else dict(self.multipliers)
        return super().get_config() | {"multipliers": multipliers, "decay": self.decay}


@cache
def _layerwise_class(kind):
    name = f"Layerwise{kind.__name__}"
    return keras.saving.register_keras_serializable("tlhelpers")(type(name, (_Layerwise, kind), {}))


def register_optimizers() -> None:
    """Let Keras load models that were saved with a layer-wise optimizer."""
    for kind in _optimizers():
        _layerwise_class(kind)


def _is_known(name):
    try:
        return bool(keras.optimizers.get(name))
    except (KeyError, TypeError, ValueError):  # some classes have no such name, or need arguments
        return False


def _optimizers():
    bases = (keras.optimizers.Optimizer, keras.optimizers.LossScaleOptimizer)
    for kind in vars(keras.optimizers).values():
        if isinstance(kind, type) and issubclass(kind, bases[0]) and kind not in bases:
            yield kind
