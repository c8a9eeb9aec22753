"""Training in stages that goes on where it was cut off.

Keras' own `BackupAndRestore` is made for one `fit`. It writes weights and epoch to two files, in
place: a process that dies between the two comes back with the weights of one epoch and the number
of another. It keeps neither what early stopping knows nor the history, and after a restart data are
shuffled as in the first epoch.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..runtime import replicas
from ..storage import cache
from .stage import Stage
from .training_identity import identify


class ResumableTraining:
    """What the stages of a training have reached, in a folder; without a folder it keeps nothing.

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

    def __init__(
        self,
        folder: str | os.PathLike | None,
        model: keras.Model,
        base: keras.Layer,
        data: tuple,
        arguments: dict,
    ) -> None:
        self.folder = None if folder is None else Path(folder).expanduser()
        if folder is None:
            return
        self._model = model
        self._places = {id(variable): i for i, variable in enumerate(model.variables)}
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in self.folder.glob("*.part") if replicas.is_chief() else ():
            left.unlink(missing_ok=True)
        identity = identify(model, base, data, arguments)
        seed = replicas.everywhere(random.randrange(2**31))[0][0]
        found = self.read("start")
        if found is None:
            self._check_empty()
            pretrained = {id(variable) for variable in base.variables}
            head = [variable for variable in model.variables if id(variable) not in pretrained]
            found = {"identity": identity, "seed": seed}, self.values(head)
            self.write("start", *found)
        told, values = found
        self._refuse(told["identity"], identity)
        self.assign(values)
        self.seed = told["seed"]

    def stage(self, name: str, train: Callable) -> tuple[keras.Model | None, Any]:
        """Return the model that a stage trained and its history; from the folder if it is finished.

        `train(stage)` gives the model that it trained, a part of the whole, and its history. Where
        the history was kept, the whole gets the weights, and no model is given.
        """
        if self.folder is None:
            return train(Stage(self, name))
        found = self.read(name)
        self.check_workers(found is not None)
        if found is None:
            stage = Stage(self, name)
            part, history = train(stage)
            told = {"history": history.history, "epoch": history.epoch}
            self.write(name, told, self.values(part.variables))
            stage.drop_epochs()
            return part, history
        told, values = found
        self.assign(values)
        history = keras.callbacks.History()
        history.history, history.epoch = told["history"], told["epoch"]
        return None, history

    # Files ------------------------------------------------------------------------------------

    def read(self, stem: str) -> tuple[dict, dict[str, np.ndarray]] | None:
        """Return `(what it tells, arrays)` of a file; None if it is absent or not whole."""
        values = cache.read_arrays(self.folder / f"{stem}.npz")
        return values and (json.loads(str(values.pop("told"))), values)

    def write(self, stem: str, told: dict, values: dict[str, np.ndarray]) -> None:
        """Write what a file tells, and its arrays: whole, by the first of several processes."""
        if replicas.is_chief():
            values = {"told": json.dumps(told, default=float), **values}
            what = "Training goes on, but its state was not kept"
            mend = "Make room there, or mount the drive again."
            cache.write_arrays(self.folder / f"{stem}.npz", values, what, mend)

    # Values -----------------------------------------------------------------------------------

    def values(self, variables: list) -> dict[str, np.ndarray]:
        """Return the values of those variables that belong to the model, by their place in it."""
        return {f"v{self._places[id(v)]}": v.numpy() for v in variables if id(v) in self._places}

    def assign(self, values: dict[str, np.ndarray]) -> None:
        """Put such values back into the model."""
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

    def check_workers(self, number: int) -> None:
        """Raise ValueError unless all workers read the same number from their folder."""
        reached = [row[0] for row in replicas.everywhere(int(number))]
        if len(set(reached)) > 1:
            raise ValueError(
                f"The workers read different backups in {self.folder} (they reached {reached}). "
                "Give a folder that all of them share."
            )
