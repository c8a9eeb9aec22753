"""Training in stages that goes on where it was cut off.

Keras' own `BackupAndRestore` is made for one `fit`. It writes weights and epoch to two files, in
place: a process that dies between the two comes back with the weights of one epoch and the number
of another. It keeps neither what early stopping knows nor the history, and after a restart data are
shuffled as in the first epoch.
"""

import hashlib
import json
import math
import random
from pathlib import Path

import keras
import numpy as np

from . import distribution, kept
from .batches import as_pair, fit_arguments, in_order
from .images import LazyImages


class Backup:
    """What the stages of a training have reached, in a folder; without a folder it does nothing.

    `start.npz` tells what is trained and holds the head as it was; `<stage>-<epoch>.npz` is a stage
    after an epoch (the last two are kept), `<stage>.npz` one that is finished.

    Parameters
    ----------
    folder : str, path or None
    model, base : keras.Model
        The whole, before training, and the pretrained network in it, which is not kept in full.
    data : tuple
        All that is trained and validated on.
    arguments : dict
        What else must not change from one process to the next.
    """

    def __init__(self, folder, model, base, data, arguments):
        self.folder = None if folder is None else Path(folder).expanduser()
        if folder is None:
            return
        self._model = model
        self._places = {id(variable): i for i, variable in enumerate(model.variables)}
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in self.folder.glob("*.part") if distribution.is_chief() else ():
            left.unlink(missing_ok=True)
        identity = identify(model, base, data, arguments)
        seed = distribution.everywhere(random.randrange(2**31))[0][0]
        found = self._read("start")
        if found is None:
            self._check_empty()
            pretrained = {id(variable) for variable in base.variables}
            head = [variable for variable in model.variables if id(variable) not in pretrained]
            found = {"identity": identity, "seed": seed}, self._values(head)
            self._write("start", *found)
        told, values = found
        self._refuse(told["identity"], identity)
        self._assign(values)
        self.seed = told["seed"]

    def stage(self, name, train):
        """The history of a stage: what `train` returns, or what is kept, if it is finished.

        `train` gives the model that it trained, a part of the whole, and its history.
        """
        self.name = name
        if self.folder is None:
            return train()[1]
        found = self._read(name)
        self._check_workers(found is not None)
        if found is None:
            part, history = train()
            told = {"history": history.history, "epoch": history.epoch}
            self._write(name, told, self._values(part.variables))
            if distribution.is_chief():
                for path in self._epochs():
                    path.unlink(missing_ok=True)
            return history
        told, values = found
        self._assign(values)
        history = keras.callbacks.History()
        history.history, history.epoch = told["history"], told["epoch"]
        return history

    def fit(self, part, data, epochs, callbacks=(), **fit):
        """`part.fit`, from the last epoch that is kept; the order of data depends on the epoch."""
        callbacks = list(callbacks or ())
        if self.folder is None:
            size, shuffle = fit.pop("batch_size", None), fit.get("shuffle", True)
            fit |= fit_arguments(data, size, shuffle)
            if "y" not in fit:
                fit["shuffle"] = False  # a data set has its order
            return part.fit(epochs=epochs, callbacks=callbacks, **fit)
        found = next(filter(None, map(self._read, [path.stem for path in self._epochs()])), None)
        first = found[0]["epoch"][-1] + 1 if found else 0
        self._check_workers(first)
        if found and found[0]["stopped"]:
            epochs = first
        pair = as_pair(data)
        if pair is None:
            fit["x"] = data
        else:
            size = fit.pop("batch_size", None) or 32
            seed = self.seed if fit.pop("shuffle", True) else None
            fit["x"] = in_order(pair, size, seed, range(first, max(epochs, first + 1)))
            fit |= {"steps_per_epoch": math.ceil(len(pair[1]) / size), "shuffle": False}
            fit.setdefault("validation_batch_size", size)
        history = keras.callbacks.History()
        callbacks += [history, _Keep(self, found, history, callbacks)]
        return part.fit(initial_epoch=first, epochs=epochs, callbacks=callbacks, **fit)

    # Files ------------------------------------------------------------------------------------

    def _epochs(self):
        """Files of this stage's epochs, the newest first."""
        return sorted(self.folder.glob(f"{self.name}-[0-9]*.npz"), reverse=True)

    def keep_epoch(self, told, values):
        """Write the state after an epoch and drop all but the last two."""
        self._write(f"{self.name}-{told['epoch'][-1]:06d}", told, values)
        for path in self._epochs()[2:] if distribution.is_chief() else ():
            path.unlink(missing_ok=True)

    def _read(self, stem):
        """`(what it tells, arrays)` of a file; None if it is absent or not whole."""
        values = kept.read_arrays(self.folder / f"{stem}.npz")
        return values and (json.loads(str(values.pop("told"))), values)

    def _write(self, stem, told, values):
        if distribution.is_chief():
            values = {"told": json.dumps(told, default=float), **values}
            what = "Training goes on, but its state was not kept"
            mend = "Make room there, or mount the drive again."
            kept.write_arrays(self.folder / f"{stem}.npz", values, what, mend)

    # Values -----------------------------------------------------------------------------------

    def _values(self, variables):
        return {f"v{self._places[id(v)]}": v.numpy() for v in variables if id(v) in self._places}

    def _assign(self, values):
        variables = self._model.variables
        for key, value in values.items():
            if key.startswith("v"):
                variables[int(key[1:])].assign(value)

    # Who it is --------------------------------------------------------------------------------

    def _check_empty(self):
        if [*self.folder.glob("head*.npz"), *self.folder.glob("tuning*.npz")]:
            raise ValueError(
                f"{self.folder} holds a backup whose start.npz is missing or damaged, so that it "
                "cannot be told what it is of. Put that file back, or give another folder."
            )

    def _refuse(self, known, given):
        other = [name for name in given if known.get(name) != given[name]]
        if other:
            what = ", ".join(
                f"{name} ({known.get(name)}, now {given[name]})" if name == "arguments" else name
                for name in other
            )
            raise ValueError(
                f"The backup in {self.folder} does not belong to this training; it differs in: "
                f"{what}. To go on, give what was given then, the model newly built as it was "
                "before training; to begin anew, give another folder or delete this one."
            )

    def _check_workers(self, number):
        reached = [row[0] for row in distribution.everywhere(int(number))]
        if len(set(reached)) > 1:
            raise ValueError(
                f"The workers read different backups in {self.folder} (they reached {reached}). "
                "Give a folder that all of them share."
            )


class _Keep(keras.callbacks.Callback):
    """Puts back what was kept when training begins, and keeps the state after each epoch."""

    def __init__(self, backup, found, history, callbacks):
        super().__init__()
        self._backup, self._found, self._history = backup, found, history
        kinds = keras.callbacks.EarlyStopping
        self._stopping = next((each for each in callbacks if isinstance(each, kinds)), None)

    def on_train_begin(self, logs=None):
        if self._found is None:
            return
        told, values = self._found
        self._backup._assign(values)
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
        values = self._backup._values(self.model.variables)
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
        self._backup.keep_epoch(told, values)


def identify(model, base, data, arguments):
    """What tells one training from another: the model, the pretrained weights, the data.

    Of a tf.data.Dataset only the types and shapes of its elements count.
    """
    layers = [type(layer).__name__ for layer in model._flatten_layers()]
    shapes = [f"{variable.dtype}{list(variable.shape)}" for variable in model.variables]
    arrays = []
    for part in data:
        pair = None if part is None else as_pair(part)
        arrays += [str(getattr(part, "element_spec", None))] if pair is None else [*pair]
    return {
        "model": _digest([str(layers + shapes), *(weight.numpy() for weight in base.weights)]),
        "data": _digest(keras.tree.flatten(arrays)),
        "arguments": json.dumps(arguments, sort_keys=True, default=_config),
    }


def _config(value):
    return keras.saving.serialize_keras_object(value)  # of a schedule, say


def _digest(parts):
    content = hashlib.sha256()
    for part in parts:
        if isinstance(part, LazyImages):
            part = np.frombuffer(b"".join(part.digests()), np.uint8)
        if isinstance(part, np.ndarray):
            content.update(f"{part.dtype}{part.shape}".encode())
            part = part.astype("U").tobytes() if part.dtype == object else part
        content.update(part.encode() if isinstance(part, str) else np.ascontiguousarray(part))
    return content.hexdigest()
