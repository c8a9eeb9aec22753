"""What the checks of the doctor look at, and what they say of it."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf


@dataclass
class Case:
    """A model, its data, and what a few steps of training showed.

    Attributes
    ----------
    batches : list of (inputs, labels)
        What it is trained on, as arrays.
    base : keras.Layer or None
        The pretrained network in the model.
    losses : list of float
        Mean up to each step; `first_loss` and `last_loss` are those of the first batches.
    before : dict of int -> array
        Values of the weights before training, by the id of the weight.
    alive : set of int or None
        Ids of the weights that get a gradient; None where none could be computed.
    strangers : list of tf.Variable
        Variables that the model uses without knowing of them.
    error : Exception or None
        What stopped the training.
    """

    model: keras.Model
    data: object
    test: object
    expects: tuple[float, float] | None
    batches: list[tuple]
    base: keras.Layer | None = None
    losses: list[float] = field(default_factory=list)
    first_loss: float = np.nan
    last_loss: float = np.nan
    before: dict[int, np.ndarray] = field(default_factory=dict)
    alive: set[int] | None = None
    strangers: list[tf.Variable] = field(default_factory=list)
    error: Exception | None = None

    def moved(self, weight: keras.Variable) -> bool:
        """Return whether training changed a weight."""
        return not np.array_equal(self.before[id(weight)], weight.numpy(), equal_nan=True)


class Finding(NamedTuple):
    """A row of the doctor's table."""

    result: str
    found: str
    what_to_do: str = ""


def ok(found: str) -> Finding:
    """Return that all is well."""
    return Finding("ok", found)


def problem(found: str, what_to_do: str) -> Finding:
    """Return that something is wrong."""
    return Finding("problem", found, what_to_do)


def not_checked(why: str, what_to_do: str = "") -> Finding:
    """Return that nothing can be said."""
    return Finding("not checked", why, what_to_do)


def first_line(error: Exception) -> str:
    """Return the kind of an error and the first line of its message."""
    line = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {line[:200]}"


def whole(error: Exception) -> str:
    """Return an error with its traceback, as Python prints it."""
    return "".join(traceback.format_exception(error))
