"""Training in stages that goes on where it was cut off.

Keras' own `BackupAndRestore` is made for one `fit`. It writes weights and epoch to two files, in
place: a process that dies between the two comes back with the weights of one epoch and the number
of another. It keeps neither what early stopping knows nor the history, and after a restart data are
shuffled as in the first epoch.
"""

import json
import math
import random
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..runtime import replicas
from ..runtime.types import StrPath
from ..storage import cache
from .data_forms import as_pair, in_order
from .identity import FORMAT, training_key

Kept = tuple[dict[str, Any], dict[str, np.ndarray]]


class ResumableTraining:
    """What the stages of a training have reached, in a folder.

    `start.npz` tells what is trained and holds the head as it was; `<stage>-<epoch>.npz` is a stage
    after an epoch (the last two are kept), `<stage>.npz` one that is finished. `base`, the
    pretrained network in the model, is not kept in full; `data` are all that is trained and
    validated on, `arguments` what else must not change from one process to the next.
    """

    def __init__(
        self, folder: StrPath, model: keras.Model, base: keras.Layer, data: tuple, arguments: dict
    ) -> None:
        self.folder, self._model = Path(folder).expanduser(), model
        self._places = {id(variable): i for i, variable in enumerate(model.variables)}
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in self.folder.glob("*.part") if replicas.is_chief() else ():
            left.unlink(missing_ok=True)
        key = training_key(model, base, data, arguments)
        seed = replicas.everywhere(random.randrange(2**31))[0][0]
        found = self.read("start", ("identity", "seed"))
        if found is not None:
            self._refuse(found[0]["identity"], key)
        if found is None or not self._fits(found[1]):
            if [*self.folder.glob("head*.npz"), *self.folder.glob("tuning*.npz")]:
                raise ValueError(
                    f"{self.folder} holds a backup whose start.npz is missing or damaged, so that "
                    "it cannot be told what it is of. Put that file back, or give another folder."
                )
            pretrained = {id(variable) for variable in base.variables}
            head = [variable for variable in model.variables if id(variable) not in pretrained]
            found = {"identity": key, "seed": seed}, self.values(head)
            self.write("start", *found)
        told, values = found
        self.assign(values)
        self._seed = told["seed"]

    def stage(self, name: str, train: Callable) -> tuple[keras.Model | None, Any]:
        """Return the model that a stage trained and its history; from the folder if it is finished.

        `train(fit)` gives the model that it trained, a part of the whole, and its history. Where
        the history was kept, the whole gets the weights, and no model is given.
        """
        found = self.read(name, ("history", "epoch"))
        if found and not self._fits(found[1]):
            found = None
        self._check_workers(found is not None)
        if found is None:
            part, history = train(partial(self._fit, name))
            told = {"history": history.history, "epoch": history.epoch}
            if self.write(name, told, self.values(part.variables)):
                self.drop_epochs(name)
            return part, history
        history = keras.callbacks.History()
        vars(history).update(found[0])
        self.assign(found[1])
        return None, history

    def _fit(
        self, stage, part, data, epochs, *, callbacks=(), shuffle=True, batch_size=None, **fit
    ):
        """Fit a part of the model behind the last epoch that was kept.

        The order of data depends on the epoch.
        """
        kept = (self._kept(path, part) for path in self._epochs(stage))
        found = next(filter(None, kept), None)
        first = found[0]["epoch"][-1] + 1 if found else 0
        self._check_workers(first)
        if found and found[0]["stopped"]:
            epochs = first
        pair = as_pair(data)
        if pair is None:
            fit["batch_size"] = batch_size
        else:
            size, seed = batch_size or 32, self._seed if shuffle else None
            data = in_order(pair, size, seed, range(first, max(epochs, first + 1)))
            fit = {"validation_batch_size": size} | fit
            fit["steps_per_epoch"] = math.ceil(len(pair[1]) / size)
        callbacks = list(callbacks or ())
        callbacks += [keras.callbacks.History(), _Keep(self, stage, found, callbacks)]
        fit |= {"initial_epoch": first, "epochs": epochs, "callbacks": callbacks}
        return part.fit(data, shuffle=False, **fit)  # a data set has its order

    def read(self, stem: str, keys: Sequence[str]) -> Kept | None:
        """Return `(what it tells, arrays)` of a file; None if it is absent or not whole.

        It is not whole if it does not tell all of the keys, or lacks an array.
        """
        values = cache.read_arrays(self.folder / f"{stem}.npz") or {}
        try:
            told = json.loads(str(values.pop("told")))
            found = {key: told[key] for key in keys}
            arrays = told.get("arrays", sorted(values))  # an older format, see `_refuse`
            return (found, values) if arrays == sorted(values) else None
        except (KeyError, TypeError, ValueError):
            return None

    def write(self, stem: str, told: dict[str, Any], values: dict[str, np.ndarray]) -> bool:
        """Write what a file tells, and its arrays: whole, by the first of several processes."""
        if not replicas.is_chief():
            return False
        told = told | {"arrays": sorted(values)}
        values = {"told": np.array(json.dumps(told, default=float)), **values}
        what = "Training goes on, but its state was not kept"
        mend = "Make room there, or mount the drive again."
        return cache.write_arrays(self.folder / f"{stem}.npz", values, what, mend, lasting=True)

    def _kept(self, path, part):
        """What is in the file of an epoch, if all of it fits the part of the model that trains."""
        found = self.read(path.stem, ("history", "epoch", "stopping", "stopped"))
        if found is None or not self._fits(found[1]):
            return None
        part.optimizer.build(part.trainable_variables)
        states = {f"o{i}": tuple(v.shape) for i, v in enumerate(part.optimizer.variables)}
        best = {f"b{i}": value.shape for i, value in enumerate(part.get_weights())}
        shapes = {name: value.shape for name, value in found[1].items() if name[0] != "v"}
        epoch = int(path.stem.rsplit("-", 1)[1])
        whole = shapes in (states, states | best) and found[0]["epoch"][-1:] == [epoch]
        return found if whole else None

    def _fits(self, values):
        """Whether the weights among these values are of the model."""
        shapes = {f"v{i}": tuple(v.shape) for i, v in enumerate(self._model.variables)}
        own = {name: value.shape for name, value in values.items() if name.startswith("v")}
        return own.items() <= shapes.items()

    def _epochs(self, stage):
        """Files of a stage's epochs, the newest first."""
        return sorted(self.folder.glob(f"{stage}-[0-9]*.npz"), reverse=True)

    def drop_epochs(self, stage: str, keep: int = 0) -> None:
        """Remove the files of a stage's epochs, but the last few."""
        for path in self._epochs(stage)[keep:] if replicas.is_chief() else ():
            path.unlink(missing_ok=True)

    def values(self, variables: Sequence[keras.Variable]) -> dict[str, np.ndarray]:
        """Return the values of those variables that belong to the model, by their place in it."""
        return {f"v{self._places[id(v)]}": v.numpy() for v in variables if id(v) in self._places}

    def assign(self, values: dict[str, np.ndarray]) -> None:
        """Put such values back into the model."""
        variables = self._model.variables
        for key, value in values.items():
            if key.startswith("v"):
                variables[int(key[1:])].assign(value)

    def _refuse(self, known, given):
        other = [name for name in given if known.get(name) != given[name]]
        if "format" in other:
            raise ValueError(
                f"The backup in {self.folder} was written by another version of tlhelpers, in "
                f"format {known.get('format', 1)}; this one reads format {FORMAT}, which tells the "
                "layers' settings and the loss as well. To go on, install the version that wrote "
                "it; to begin anew, give another folder or delete this one."
            )
        if other:
            both = {
                name: f"{name} ({known.get(name)}, now {given[name]})"
                for name in ("loss", "arguments")
            }
            both["layers"] = "layers (their settings: dropout, regularizers, activations, …)"
            what = ", ".join(both.get(name, name) for name in other)
            raise ValueError(
                f"The backup in {self.folder} does not belong to this training; it differs in: "
                f"{what}. To go on, give what was given then, the model newly built as it was "
                "before training; to begin anew, give another folder or delete this one."
            )

    def _check_workers(self, number):
        """Raise ValueError unless all workers read the same number from their folder."""
        reached = [row[0] for row in replicas.everywhere(int(number))]
        if len(set(reached)) > 1:
            raise ValueError(
                f"The workers read different backups in {self.folder} (they reached {reached}). "
                "Give a folder that all of them share."
            )


class _Keep(keras.callbacks.Callback):
    """Puts back what was kept when training begins, and keeps the state after each epoch."""

    def __init__(self, training, stage, found, callbacks):
        super().__init__()
        self._training, self._stage, self._found = training, stage, found
        kinds = keras.callbacks.EarlyStopping
        self._stopping = next((each for each in callbacks if isinstance(each, kinds)), None)

    def on_train_begin(self, logs=None):
        if self._found is None:
            return
        told, values = self._found
        self._training.assign(values)
        for i, variable in enumerate(self.model.optimizer.variables):
            variable.assign(values[f"o{i}"])
        self.model.history.history.update(told["history"])
        self.model.history.epoch.extend(told["epoch"])
        if self._stopping is not None and told["stopping"]:
            vars(self._stopping).update(told["stopping"])
            best = [value for key, value in values.items() if key.startswith("b")]
            self._stopping.best_weights = best or None

    def on_epoch_end(self, epoch, logs=None):
        values = self._training.values(self.model.variables)
        values |= {f"o{i}": v.numpy() for i, v in enumerate(self.model.optimizer.variables)}
        best = getattr(self._stopping, "best_weights", None) or ()
        values |= {f"b{i}": value for i, value in enumerate(best)}
        names = ("wait", "best", "best_epoch", "stopped_epoch")
        told = {
            "history": self.model.history.history,
            "epoch": self.model.history.epoch,
            "stopping": self._stopping and {name: getattr(self._stopping, name) for name in names},
            "stopped": bool(self.model.stop_training),
        }
        self._training.write(f"{self._stage}-{epoch:06d}", told, values)
        self._training.drop_epochs(self._stage, keep=2)
