"""Solar cells of two types, with few labels of one type: whom does the network fail?

    python -m tools.experiments.groups_of_cells [draw ...]

Twenty minutes on one core. There are always 400 labels; some of them, from none to a half, are of
polycrystalline cells, and the others of monocrystalline ones. Draws are nested. Two ways learn from
the same cells, each as it is and mirrored (both ways, and both together): a logistic regression on
frozen features of EfficientNet-Lite0 at 128 pixels, and the last blocks with the head, fine-tuned
from that regression on. The rate of fine-tuning falls to 0 in 300 steps. Strength and rate are
chosen in the first draw, with 40 labels of the polycrystalline, by the mean of both types on
`validation`. (A rate of 0.001 was tried, too: in one draw the network collapsed into guessing.)
Figures are balanced accuracies by type. A run that stands there is not repeated.
"""

import sys
import time

import keras
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

import tlhelpers as tl
from tools.experiments.runs import FOLDER, HalfCosine, append, rows_with

RUNS = FOLDER / "groups_of_cells.csv"
SIZE, LABELS, BATCH, STEPS = 128, 400, 16, 300
OF_POLY, DRAWS = (0, 10, 40, 200), 3
TUNED = (0, 40, 200)  # of these numbers: a fine-tuning takes a minute
CHOSEN_AT = 40
STRENGTHS = (0.001, 0.01, 0.1)
RATES = (3e-4, 1e-4)
FIRST = "block6a"  # the first block that is fine-tuned
KEY = ["part", "method", "poly_labels", "draw", "setting"]
TYPES = {"mono": "monocrystalline", "poly": "polycrystalline"}
RESULTS = [f"{part}_{kind}" for part in ("validation", "test") for kind in TYPES]


def mirrored(images):
    """Pictures as they are, mirrored across, upside down, and both: `[4, n, side, side, 3]`."""
    return np.stack([images, images[:, :, ::-1], images[:, ::-1], images[:, ::-1, ::-1]])


class Cells:
    """The task, its network cut in two, and what reaches the cut; it takes minutes to make."""

    def __init__(self):
        self.task = tl.load_task("solar", size=SIZE)
        details = self.task.details
        self.poly = details.cell.reindex(self.task.train.index).to_numpy() == TYPES["poly"]
        self.parts = {"validation": self.task.validation, "test": self.task.test}
        self.types = {
            part: details.cell.reindex(split.index).to_numpy() for part, split in self.parts.items()
        }
        network = self.task.network()
        model = keras.Sequential([network, keras.layers.Dense(2)])
        model.build((None, *self.task.image_shape))
        names = tl.blocks(network)
        tl.unfreeze(network, last=len(names) - names.index(FIRST))
        trunk, self.tail = tl.split_at(model)
        looks = mirrored(np.asarray(self.task.train.images))
        self.reach = np.stack([trunk.predict(x, batch_size=64, verbose=0) for x in looks])
        self.held_out = {
            part: trunk.predict(np.asarray(split.images), batch_size=64, verbose=0)
            for part, split in self.parts.items()
        }
        self.learnt = self.tail.get_weights()
        _, top = tl.split_at(network)  # the same layers without the head
        self.features = np.stack([top.predict(x, batch_size=64, verbose=0) for x in self.reach])
        self.held_out_features = {
            part: top.predict(x, batch_size=64, verbose=0) for part, x in self.held_out.items()
        }
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.tail.compile(keras.optimizers.Adam(1e-4), loss, jit_compile=False)
        self.tail.optimizer.build(self.tail.trainable_variables)
        self.fresh = [variable.numpy() for variable in self.tail.optimizer.variables]

    def rows(self, poly_labels, draw):
        """Places in `train` of the labels of a draw."""
        rng = np.random.default_rng(draw)
        mono, poly = (rng.permutation(np.flatnonzero(own)) for own in (~self.poly, self.poly))
        return np.r_[mono[: LABELS - poly_labels], poly[:poly_labels]]

    def probe(self, rows, strength):
        """Weights and bias of a regression on all four looks."""
        x = self.features[:, rows].reshape(-1, self.features.shape[-1])
        mean, scale = x.mean(0), x.std(0) + 1e-6
        head = LogisticRegression(C=strength, max_iter=500, class_weight="balanced")
        head.fit((x - mean) / scale, np.tile(self.task.train.labels[rows], 4))
        weights = head.coef_.T * [-0.5, 0.5] / scale[:, None]
        return weights, head.intercept_ * [-0.5, 0.5] - mean @ weights

    def frozen(self, rows, strength):
        """Answers of the regression on both held-out parts."""
        weights, bias = self.probe(rows, strength)
        return {part: x @ weights + bias for part, x in self.held_out_features.items()}

    def fine_tuned(self, rows, setting):
        """Answers of the tail, trained from the regression on."""
        strength, rate = setting
        self.tail.set_weights(self.learnt)
        self.tail.layers[-1].set_weights(list(self.probe(rows, strength)))
        for variable, value in zip(self.tail.optimizer.variables, self.fresh, strict=True):
            variable.assign(value)
        keras.utils.set_random_seed(0)
        rng, labels = np.random.default_rng(0), self.task.train.labels
        picks = np.concatenate([rng.permutation(rows) for _ in range(STEPS * BATCH // LABELS + 1)])
        picks = picks[: STEPS * BATCH]
        weight = len(rows) / 2 / np.bincount(labels[rows], minlength=2)
        self.tail.fit(
            self.reach[rng.integers(4, size=len(picks)), picks],
            labels[picks],
            sample_weight=weight[labels[picks]],
            batch_size=BATCH,
            shuffle=False,
            verbose=0,
            callbacks=[HalfCosine(rate, STEPS)],
        )
        held_out = self.held_out.items()
        return {part: self.tail.predict(x, batch_size=64, verbose=0) for part, x in held_out}

    def scores(self, answers):
        """Balanced accuracy by part and type."""
        found = {}
        for part, split in self.parts.items():
            for kind, name in TYPES.items():
                own = self.types[part] == name
                found[f"{part}_{kind}"] = self.task.score(answers[part][own], split.labels[own])
        return found

    def run(self, part, method, poly_labels, draw, setting):
        """One run, unless its row is there."""
        name = f"C {setting}" if method == "frozen" else "C {}, rate {}".format(*setting)
        key = dict(zip(KEY, (part, method, poly_labels, draw, name), strict=True))
        if rows_with(RUNS, **key).empty:
            start, rows = time.perf_counter(), self.rows(poly_labels, draw)
            way = self.frozen if method == "frozen" else self.fine_tuned
            row = key | self.scores(way(rows, setting))
            if part == "choice":
                row |= dict.fromkeys([name for name in row if name.startswith("test")])
            row |= {"seconds": round(time.perf_counter() - start), "keras": keras.__version__}
            append(RUNS, pd.DataFrame([row], columns=[*KEY, *RESULTS, "seconds", "keras"]))
            print(row, flush=True)


def best(method, settings):
    """The setting that is best on validation, in the mean of both types."""
    tried = rows_with(RUNS, part="choice", method=method)
    return settings[int((tried.validation_mono + tried.validation_poly).to_numpy().argmax())]


def main():
    tl.setup(seed=0)
    cells = Cells()
    for strength in STRENGTHS:
        cells.run("choice", "frozen", CHOSEN_AT, 0, strength)
    strength = best("frozen", STRENGTHS)
    settings = [(strength, rate) for rate in RATES]
    for setting in settings:
        cells.run("choice", "fine-tuned", CHOSEN_AT, 0, setting)
    for draw in map(int, sys.argv[1:] or range(DRAWS)):
        for poly_labels in OF_POLY:
            cells.run("methods", "frozen", poly_labels, draw, strength)
            if poly_labels in TUNED:
                cells.run("methods", "fine-tuned", poly_labels, draw, best("fine-tuned", settings))


if __name__ == "__main__":
    main()
