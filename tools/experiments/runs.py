"""What the experiments share: tables that grow row by row, and a rate that falls to 0."""

from pathlib import Path

import keras
import numpy as np
import pandas as pd

FOLDER = Path(__file__).parents[2] / "data" / "experiments"


def rows_with(path, **values):
    """The rows of a table that have these values; none, if there is no table yet."""
    table = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=list(values))
    return table[(table[list(values)] == pd.Series(values)).all(axis=1)]


def append(path, rows):
    """Add rows to a table in one go, so that several processes may do it."""
    FOLDER.mkdir(exist_ok=True)
    text = rows.round(5).to_csv(header=not path.exists(), index=False)
    with path.open("a") as file:
        file.write(text)


def some_of(split, most, rng):
    """At most so many samples of a split, drawn, in the order of the split."""
    return split.take(np.sort(rng.permutation(len(split))[:most]))


class HalfCosine(keras.callbacks.Callback):
    """The learning rate falls along half a cosine wave, from `start` to 0 in `steps`."""

    def __init__(self, start, steps):
        super().__init__()
        self.start, self.steps, self.step = start, steps, 0

    def on_train_batch_begin(self, batch, logs=None):
        rate = self.start * (1 + np.cos(np.pi * self.step / self.steps)) / 2
        self.model.optimizer.learning_rate.assign(rate)
        self.step += 1
