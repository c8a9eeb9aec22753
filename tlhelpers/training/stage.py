"""One stage of a training: `fit` that goes on behind the last epoch that was kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras

from ..runtime import replicas
from .data_forms import as_pair, fit_arguments, in_order

if TYPE_CHECKING:
    from .resume import ResumableTraining


class Stage:
    """A stage of a `ResumableTraining`, under its name."""

    def __init__(self, training: ResumableTraining, name: str) -> None:
        self.training, self.name = training, name

    def fit(
        self,
        part: keras.Model,
        data: object,
        epochs: int,
        callbacks: Sequence[keras.callbacks.Callback] | None = None,
        **fit: object,
    ) -> keras.callbacks.History:
        """Fit a part of the model; the order of data depends on the epoch."""
        callbacks, training = list(callbacks or ()), self.training
        if training.folder is None:
            size, shuffle = fit.pop("batch_size", None), fit.get("shuffle", True)
            fit |= fit_arguments(data, size, shuffle=shuffle)
            if "y" not in fit:
                fit["shuffle"] = False  # a data set has its order
            return part.fit(epochs=epochs, callbacks=callbacks, **fit)
        kept = map(training.read, [path.stem for path in self._epochs()])
        found = next(filter(None, kept), None)
        first = found[0]["epoch"][-1] + 1 if found else 0
        training.check_workers(first)
        if found and found[0]["stopped"]:
            epochs = first
        pair = as_pair(data)
        if pair is None:
            fit["x"] = data
        else:
            size = fit.pop("batch_size", None) or 32
            seed = training.seed if fit.pop("shuffle", True) else None
            fit["x"] = in_order(pair, size, seed, range(first, max(epochs, first + 1)))
            fit |= {"steps_per_epoch": math.ceil(len(pair[1]) / size), "shuffle": False}
            fit.setdefault("validation_batch_size", size)
        history = keras.callbacks.History()
        callbacks += [history, _Keep(self, found, history, callbacks)]
        return part.fit(initial_epoch=first, epochs=epochs, callbacks=callbacks, **fit)

    def _epochs(self):
        """Files of this stage's epochs, the newest first."""
        return sorted(self.training.folder.glob(f"{self.name}-[0-9]*.npz"), reverse=True)

    def keep_epoch(self, told: dict, values: dict) -> None:
        """Write the state after an epoch, and drop all but the last two."""
        self.training.write(f"{self.name}-{told['epoch'][-1]:06d}", told, values)
        self.drop_epochs(keep=2)

    def drop_epochs(self, keep: int = 0) -> None:
        """Remove the files of this stage's epochs, but the last few."""
        for path in self._epochs()[keep:] if replicas.is_chief() else ():
            path.unlink(missing_ok=True)


class _Keep(keras.callbacks.Callback):
    """Puts back what was kept when training begins, and keeps the state after each epoch."""

    def __init__(self, stage, found, history, callbacks):
        super().__init__()
        self._stage, self._found, self._history = stage, found, history
        kinds = keras.callbacks.EarlyStopping
        self._stopping = next((each for each in callbacks if isinstance(each, kinds)), None)

    def on_train_begin(self, logs=None):
        if self._found is None:
            return
        told, values = self._found
        self._stage.training.assign(values)
        self.model.optimizer.build(self.model.trainable_variables)
        for i, variable in enumerate(self.model.optimizer.variables):
            variable.assign(values[f"o{i}"])
        self._history.history.update(told["history"])
        self._history.epoch.extend(told["epoch"])
        if self._stopping is not None and told["stopping"]:
            vars(self._stopping).update(told["stopping"])
            count = sum(key.startswith("b") for key in values)
            self._stopping.best_weights = [values[f"b{i}"] for i in range(count)] or None

    def on_epoch_end(self, epoch, logs=None):
        values = self._stage.training.values(self.model.variables)
        values |= {f"o{i}": v.numpy() for i, v in enumerate(self.model.optimizer.variables)}
        stopping = None
        if self._stopping is not None:
            names = ("wait", "best", "best_epoch", "stopped_epoch")
            stopping = {name: getattr(self._stopping, name) for name in names}
            best = self._stopping.best_weights or ()
            values |= {f"b{i}": value for i, value in enumerate(best)}
        told = {
            "history": self._history.history,
            "epoch": self._history.epoch,
            "stopping": stopping,
            "stopped": bool(self.model.stop_training),
        }
        self._stage.keep_epoch(told, values)
