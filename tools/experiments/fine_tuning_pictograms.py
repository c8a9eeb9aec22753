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
from sklearn.linear_model import LogisticRegression

import tlhelpers as tl
from tools.experiments.runs import FOLDER, HalfCosine, append, rows_with

RUNS, CURVES = FOLDER / "fine_tuning_pictograms.csv", FOLDER / "fine_tuning_pictograms_curves.csv"
LABELS = (5, 10, 20, 40, 0)  # a class, as far as it has so many; 0 is all
DEALS = 3  # of families into splits; column `draw` of the table
LOOKS = 8
BATCH, STEPS, EVERY = 16, 600, 50
FEW = 20  # labels a class, up to which settings are those that were best at so many
FROZEN = ("block4c", "block5c", "block6d", "block7a", "top")
STRENGTHS = (1e-3, 1e-2, 0.1, 1.0)
SETTINGS = [(first, rate) for first in ("block5a", "block6a") for rate in (1e-4, 3e-4)]
KEY = ["task", "part", "labels_per_class", "draw", "method", "setting"]
RESULTS = ["labels", "validation", "test", "seconds"]


class Deal:
    """The task with one deal of its families, its pictures in several looks, and their features."""

    def __init__(self, deal):
        self.deal, self.task = deal, tl.load_task("pictogram_groups", seed=deal)
        self.labels = self.task.train.labels
        self.held_out = [self.task.validation, self.task.test]
        keras.utils.set_random_seed(deal)
        augment = keras.Sequential(
            [
                keras.layers.RandomFlip("horizontal"),
                keras.layers.RandomTranslation(0.1, 0.1, fill_mode="nearest"),
                keras.layers.RandomZoom(0.2, fill_mode="nearest"),
            ]
        )
        images = np.asarray(self.task.train.images)
        self.looks = [images, *(np.asarray(augment(images)) for _ in range(LOOKS - 1))]
        self.network = self.task.network()
        self.learnt = self.network.get_weights()
        self.trainers = {}
        self.features = self.extract()
        pixels = [tl.raw_pixels(look[:, ::4, ::4]) for look in self.looks]
        both = [tl.raw_pixels(np.asarray(split.images)[:, ::4, ::4]) for split in self.held_out]
        self.features["raw pixels"] = (np.stack(pixels), *both)

    def extract(self):
        """Of each block the means over place: `[looks, n, channels]`, validation, test."""
        maps = []
        for block in FROZEN:
            own = [layer for layer in self.network.layers if layer.name.startswith(block)]
            maps.append(own[-1].output)
            if len(maps[-1].shape) == 4:
                maps[-1] = keras.layers.GlobalAveragePooling2D()(maps[-1])
        parts = keras.Model(self.network.input, maps)
        images = [*self.looks, *(np.asarray(split.images) for split in self.held_out)]
        found = [parts.predict(each, batch_size=64, verbose=0) for each in images]
        by_block = zip(*found, strict=True)
        return {
            block: (np.stack(of[:LOOKS]), *of[LOOKS:])
            for block, of in zip(FROZEN, by_block, strict=True)
        }

    def rows(self, labels_per_class):
        """Places in `train` of so many labels of each class, or of all that it has."""
        order = np.random.default_rng(self.deal).permutation(len(self.labels))
        if not labels_per_class:
            return order
        place = pd.Series(self.labels[order]).groupby(self.labels[order]).cumcount()
        return order[place < labels_per_class]

    def solve(self, features, rows, C):
        """A logistic regression on all looks of these rows, of standardised features."""
        x = features[0][:, rows].reshape(-1, features[0].shape[-1])
        mean, scale = x.mean(0), x.std(0) + 1e-6
        model = LogisticRegression(C=C, max_iter=300, class_weight="balanced")
        model.fit((x - mean) / scale, np.tile(self.labels[rows], LOOKS))
        weights = model.coef_.T / scale[:, None]
        return weights, model.intercept_ - mean @ weights

    def frozen(self, names, rows):
        """Validation and test of the block and the strength that are best on validation."""
        tried = []
        for name in names:
            for C in STRENGTHS:
                weights, bias = self.solve(self.features[name], rows, C)
                scores = [
                    self.task.score(x @ weights + bias, split.labels)
                    for x, split in zip(self.features[name][1:], self.held_out, strict=True)
                ]
                tried.append((*scores, f"{name}, C {C}", (weights, bias)))
        return max(tried, key=lambda row: row[0])

    def trainer(self, first):
        """The model, its tail from a block on, and what reaches that."""
        if first not in self.trainers:
            model = keras.Sequential([self.network, keras.layers.Dense(len(self.task.class_names))])
            model.build((None, *self.task.image_shape))
            names = tl.blocks(self.network)
            tl.unfreeze(self.network, last=len(names) - names.index(first))
            trunk, tail = tl.split_at(model)
            reach = [trunk.predict(look, batch_size=64, verbose=0) for look in self.looks]
            both = [
                trunk.predict(np.asarray(s.images), batch_size=64, verbose=0) for s in self.held_out
            ]
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            tail.compile(keras.optimizers.Adam(1e-4), loss, jit_compile=False)
            tail.optimizer.build(tail.trainable_variables)
            fresh = [variable.numpy() for variable in tail.optimizer.variables]
            self.trainers[first] = model, tail, np.stack(reach), both, fresh
        return self.trainers[first]

    def tune(self, rows, first, rate):
        """Validation, test and curve of a fine-tuning to the end."""
        model, tail, reach, both, fresh = self.trainer(first)
        *_, head = self.frozen(["top"], rows)
        self.network.set_weights(self.learnt)
        model.layers[-1].set_weights(list(head))
        for variable, value in zip(tail.optimizer.variables, fresh, strict=True):
            variable.assign(value)
        keras.utils.set_random_seed(self.deal)
        order, falling = np.random.default_rng(self.deal), HalfCosine(rate, STEPS)
        picks = [order.permutation(rows) for _ in range(STEPS * BATCH // len(rows) + 1)]
        picks = np.concatenate(picks)[: STEPS * BATCH].reshape(-1, EVERY * BATCH)
        weight = 1 / np.bincount(self.labels[rows], minlength=len(self.task.class_names))
        weight *= len(rows) / len(weight)  # balanced, as the metric is

        def look(k, loss):
            answers = tail.predict(both[0], batch_size=64, verbose=0)
            return k * EVERY, loss, self.task.score(answers, self.held_out[0].labels)

        curve = [look(0, np.nan)]
        for k, part in enumerate(picks, 1):
            x, y = reach[order.integers(LOOKS, size=len(part)), part], self.labels[part]
            options = {"batch_size": BATCH, "shuffle": False, "verbose": 0}
            options |= {"sample_weight": weight[y], "callbacks": [falling]}
            curve.append(look(k, tail.fit(x, y, **options).history["loss"][-1]))
        answers = tail.predict(both[1], batch_size=64, verbose=0)
        test = self.task.score(answers, self.held_out[1].labels)
        return curve[-1][-1], test, pd.DataFrame(curve, columns=["step", "loss", "validation"])


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
        if setting:
            first, rate = setting.split(", rate ")
            validation, test, curve = here.tune(rows, first, float(rate))
            if part != "choice":
                append(CURVES, curve.assign(**key)[[*KEY, "step", "loss", "validation"]])
        else:
            names = {"frozen, best block": FROZEN, "frozen, last block": ["top"]}
            found = here.frozen(names.get(method, [method]), rows)
            validation, test, key["setting"] = found[:3]
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
