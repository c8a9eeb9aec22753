"""EfficientNet-Lite0 fine-tuned on photos of solar cells: from how many labels on it pays.

    python -m tools.experiments.fine_tuning_solar [draw ...]

Four hours on one core; processes may share the draws. Labels come as from an inspection, in
any order, nested within a draw. Every method learns from the same labelled cells, each of them as
it is and in seven other looks (mirrored both ways, turned and moved a little). Frozen features of
five blocks and raw pixels get a logistic regression, fine-tuning begins at the probe of the last
block and changes all from block 4 or block 5 on, and the gentle recipe the last block alone, at a
small rate. Settings are chosen on `validation`, on the first draw, at a hundred labels for few and
at all of them for many; the strength of a regression, and the block, on validation in each draw.
In each training the rate falls to 0, in 300 steps up to 200 labels and in 1,200 beyond; twice as
many were tried. With all labels frozen features and fine-tuning also get pictures of 224 pixels.
Rows are written as they come; a run that stands there is not repeated.
"""

import sys
import time

import keras
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

import tlhelpers as tl
from tools.experiments.backbone_runs import BackboneRuns
from tools.experiments.runs import FOLDER, append, rows_with

RUNS, CURVES = FOLDER / "fine_tuning_solar.csv", FOLDER / "fine_tuning_solar_curves.csv"
LABELS = (20, 50, 100, 200, 400, 800, 1600)
DRAWS = 3
SIZE, LARGE = 160, 224  # pixels; the photos have 300
FEW, MANY = 100, 1600  # labels at which settings are chosen
FROZEN = ("block2b", "block4c", "block5c", "block6d", "top")
SETTINGS = [f"{first}, rate {rate}" for first in ("block4a", "block5a") for rate in (3e-4, 1e-4)]
LONGER = ", 2400 steps"
KEY = ["task", "part", "labels", "draw", "method", "setting"]
RESULTS = ["validation", "test", "test_accuracy", "test_auc", "seconds"]


class SolarCells(BackboneRuns):
    """Runs of one draw, on pictures of one size."""

    def __init__(self, draw, size=SIZE):
        self.note = "" if size == SIZE else f", {size} pixels"
        keras.utils.set_random_seed(draw)
        augment = keras.Sequential(
            [
                keras.layers.RandomFlip("horizontal_and_vertical"),
                keras.layers.RandomRotation(0.01, fill_mode="nearest"),
                keras.layers.RandomTranslation(0.03, 0.03, fill_mode="nearest"),
            ]
        )
        super().__init__(tl.load_task("solar", size=size), draw, augment, FROZEN)
        self.order = np.random.default_rng(draw).permutation(len(self.labels))

    def run(self, part, labels, method, setting=""):
        """One run, unless its row is there."""
        values = ("solar", part, labels, self.seed, method + self.note, setting)
        key = dict(zip(KEY, values, strict=True))
        known = KEY if setting else KEY[:-1]  # of a regression the setting is found, not given
        if not rows_with(RUNS, **{name: key[name] for name in known}).empty:
            return
        start, rows = time.perf_counter(), self.order[:labels]
        plain = setting.removesuffix(LONGER)
        steps = 300 if labels <= 200 else 1200 if plain == setting else 2400
        answers, found, curve = self.learn(method, rows, plain, steps, steps // 12)
        key["setting"] = setting or found
        if curve is not None and part != "choice":
            append(CURVES, curve.assign(**key)[[*KEY, *curve.columns]])
        row = key | self.scores(answers, part)
        row["seconds"] = round(time.perf_counter() - start)
        append(RUNS, pd.DataFrame([row], columns=[*KEY, *RESULTS]))
        print(row, flush=True)

    def scores(self, answers, part):
        """Figures of answers; none on test while settings are chosen."""
        labels = [split.labels for split in self.held_out]
        row = {"validation": self.task.score(answers[0], labels[0])}
        if part != "choice":
            row["test"] = self.task.score(answers[1], labels[1])
            row["test_accuracy"] = np.mean(answers[1].argmax(axis=1) == labels[1])
            row["test_auc"] = roc_auc_score(labels[1], answers[1][:, 1] - answers[1][:, 0])
        return row


def best(labels):
    """The setting that is best on validation in the first draw."""
    at = FEW if labels <= FEW else MANY
    tried = rows_with(RUNS, part="choice", labels=at)
    return tried.loc[tried.validation.idxmax(), "setting"]


def main():
    tl.setup(seed=0)
    for draw in map(int, sys.argv[1:] or range(DRAWS)):
        cells = SolarCells(draw)
        for labels in (MANY, FEW) if draw == 0 else ():
            for setting in [*SETTINGS, SETTINGS[1] + LONGER] if labels == MANY else SETTINGS:
                cells.run("choice", labels, "fine-tuned", setting)
        for labels in LABELS:
            for method in ("raw pixels", "frozen, last block", "frozen, best block"):
                cells.run("methods", labels, method)
            cells.run("methods", labels, "gentle recipe", "top, rate 0.0001")
            cells.run("methods", labels, "fine-tuned", best(labels))
        del cells  # gigabytes of pictures
        cells = SolarCells(draw, LARGE)
        cells.run("methods", MANY, "frozen, last block")
        cells.run("methods", MANY, "fine-tuned", best(MANY))


if __name__ == "__main__":
    main()
