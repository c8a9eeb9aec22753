"""What the checks of the doctor look at, and what they say of it."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf


@dataclass
class Case:
    """A model, its data, and what a few steps of training showed."""

    model: keras.Model
    data: Any
    test: Any
    expects: tuple[float, float] | None
    batches: list[tuple]  # (inputs, labels) on which it is trained, as arrays
    base: keras.Layer | None = None  # the pretrained network in the model
    losses: list[float] = field(default_factory=list)  # mean up to each step
    first_loss: float = np.nan  # of the first batches before the steps, and after them
    last_loss: float = np.nan
    before: dict[int, np.ndarray] = field(default_factory=dict)  # the weights by id, untrained
    alive: set[int] | None = None  # ids of weights with a gradient; None if none was computed
    strangers: list[tf.Variable] = field(default_factory=list)  # used, but unknown to the model
    error: Exception | None = None  # what stopped the training

    def moved(self, weight: keras.Variable) -> bool:
        """Return whether training changed a weight."""
        return not np.array_equal(self.before[id(weight)], weight.numpy(), equal_nan=True)


class Finding(NamedTuple):
    """A row of the doctor's table."""

    result: str
    found: str
    what_to_do: str = ""


ok = partial(Finding, "ok")
problem = partial(Finding, "problem")
not_checked = partial(Finding, "not checked")
