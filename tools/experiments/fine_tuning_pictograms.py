"""EfficientNet-Lite0 fine-tuned on six groups of pictograms: from how many labels on it pays.

    python -m tools.experiments.fine_tuning_pictograms

About an hour on one core. Every method learns from the same labelled drawings, each of them as it
is and in seven other looks (mirrored, moved, enlarged). Frozen features of five blocks and raw
pixels get a logistic regression, fine-tuning begins at the probe of the last block and changes all
from block 5 or block 6 on, and the gentle recipe the last block alone, at a small rate. Its
settings are chosen on `validation`, on the first deal of the families, at twenty labels a class for
few and with all labels for many; the strength of a regression, and the block, on the validation
data of each deal. Each training lasts 600 steps, in which the rate falls to 0. Rows are written as
they come; a run that stands there is not repeated.
"""

import time

import keras
import numpy as np
import pandas as pd

import tlhelpers as tl
from tools.experiments.backbone_runs import BackboneRuns
from tools.experiments.runs import FOLDER, append, rows_with

RUNS, CURVES = FOLDER / "fine_tuning_pictograms.csv", FOLDER / "fine_tuning_pictograms_curves.csv"
LABELS = (5, 10, 20, 40, 0)  # a class, as far as it has so many; 0 is all
DEALS = 3  # of families into splits; column `draw` of the table
STEPS = 600
FEW = 20  # labels a class, up to which settings are those that were best at so many
FROZEN = ("block4c", "block5c", "block6d", "block7a", "top")
SETTINGS = [(first, rate) for first in ("block5a", "block6a") for rate in (1e-4, 3e-4)]
KEY = ["task", "part", "labels_per_class", "draw", "method", "setting"]
RESULTS = ["labels", "validation", "test", "seconds"]


class Deal(BackboneRuns):
    """The task with one deal of its families."""

    def __init__(self, deal):
        task = tl.load_task("pictogram_groups", seed=deal)
        keras.utils.set_random_seed(deal)
        augment = keras.Sequential(
            [
                keras.layers.RandomFlip("horizontal"),
                keras.layers.RandomTranslation(0.1, 0.1, fill_mode="nearest"),
                keras.layers.RandomZoom(0.2, fill_mode="nearest"),
            ]
        )
        super().__init__(task, deal, augment, FROZEN)

    def rows(self, labels_per_class):
        """Places in `train` of so many labels of each class, or of all that it has."""
        order = np.random.default_rng(self.seed).permutation(len(self.labels))
        if not labels_per_class:
            return order
        place = pd.Series(self.labels[order]).groupby(self.labels[order]).cumcount()
        return order[place < labels_per_class]

    def scores(self, answers):
        """Figures on validation and test."""
        return [
            self.task.score(each, split.labels)
            for each, split in zip(answers, self.held_out, strict=True)
        ]


class Runs:
    """The table, which grows; a deal is made when a run of it is missing."""

    def __init__(self):
        self.deals = {}

    def deal(self, number):
        if number not in self.deals:
            self.deals = {number: Deal(number)}  # one at a time: each holds a gigabyte
        return self.deals[number]

    def run(self, part, labels_per_class, deal, method, setting=""):
        values = ("drawings", part, labels_per_class, deal, method, setting)
        key = dict(zip(KEY, values, strict=True))
        known = KEY if setting else KEY[:-1]  # of a regression the setting is found, not given
        if not rows_with(RUNS, **{name: key[name] for name in known}).empty:
            return
        here, start = self.deal(deal), time.perf_counter()
        rows = here.rows(labels_per_class)
        answers, key["setting"], curve = here.learn(method, rows, setting, STEPS)
        if curve is not None and part != "choice":
            append(CURVES, curve.assign(**key)[[*KEY, *curve.columns]])
        validation, test = here.scores(answers)
        row = key | {"labels": len(rows), "validation": validation, "test": test}
        if part == "choice":
            row["test"] = np.nan
        row["seconds"] = round(time.perf_counter() - start)
        append(RUNS, pd.DataFrame([row], columns=[*KEY, *RESULTS]))
        print(row, flush=True)

    def best(self, labels_per_class):
        """The setting that is best on validation in the first deal."""
        at = FEW if 0 < labels_per_class <= FEW else 0
        for first, rate in SETTINGS:
            self.run("choice", at, 0, "fine-tuned", f"{first}, rate {rate}")
        tried = rows_with(RUNS, part="choice", labels_per_class=at)
        return tried.loc[tried.validation.idxmax(), "setting"]


def main():
    tl.setup(seed=0)
    runs = Runs()
    settings = {labels: runs.best(labels) for labels in LABELS}
    for deal in range(DEALS):
        for labels in LABELS:
            for method in ("raw pixels", "frozen, last block", "frozen, best block"):
                runs.run("methods", labels, deal, method)
            runs.run("methods", labels, deal, "gentle recipe", "top, rate 0.0001")
            runs.run("methods", labels, deal, "fine-tuned", settings[labels])


if __name__ == "__main__":
    main()
