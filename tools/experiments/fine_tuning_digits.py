"""GlyphNet fine-tuned on digits, near and far: when it pays, with which recipe.

    python -m tools.experiments.fine_tuning_digits [moved noisy digits]

An hour and a half on one core; processes may share the tasks. A linear probe, raw pixels (each with
six strengths; for pixels of a support vector machine) and fine-tuning from the probe (six pairs of
blocks and rate), the gentle recipe (the last block at a small rate), on `moved` also the same
network from random weights (three rates). Half of the settings, of fine-tuning a third and from
scratch all, learn from eight looks at each picture: as it is, and turned, moved and scaled a
little. Settings are chosen on `validation`, on two draws: of ten labels a class for up to ten, and
of fifty for more and from scratch. The best then run on every draw. Two smaller tables follow:
BatchNorm, and what helps against overfitting. Every training lasts 400 steps, in which the rate
falls to 0. Rows are written as they come; a run that stands there is not repeated.
"""

import sys
import time

import keras
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

import tlhelpers as tl
from tlhelpers.images.move import move
from tools.experiments.runs import FOLDER, HalfCosine, append, rows_with

RUNS, CURVES = FOLDER / "fine_tuning_digits.csv", FOLDER / "fine_tuning_digits_curves.csv"
LABELS = {"moved": (2, 5, 10, 30, 60), "noisy": (2, 10, 50), "digits": (2, 10, 50)}
BATCH, STEPS, EVERY = 16, 400, 40
DRAWS, CHOOSE_ON = 3, 2
FEW, MANY = 10, 50  # labels a class at which settings are chosen
BLOCKS = 7
LOOKS = 8
BOTH = (False, True)
SETTINGS = {
    "probe": [{"C": C, "augmented": a} for a in BOTH for C in (0.01, 0.1, 1.0)],
    "raw pixels": [{"svm": C, "augmented": a} for a in BOTH for C in (1.0, 10.0, 100.0)],
    "fine-tuned": [
        {"last": n, "rate": r, "augmented": a}
        for n, a in ((2, False), (BLOCKS, False), (BLOCKS, True))
        for r in (3e-4, 1e-3)
    ],
    "from scratch": [{"rate": r, "augmented": True} for r in (3e-4, 1e-3, 3e-3)],
}
KEY = ["task", "part", "labels_per_class", "draw", "method", "setting"]
RESULTS = [
    *["labels", "validation", "test", "seconds"],
    *["validation_at_320", "best_loss_at", "validation_at_best_loss"],
]


def noisy(images, seed, strength=0.5):
    """Noise on every pixel, as of a cheap camera in the dark."""
    noise = np.random.default_rng(seed).normal(0, strength, images.shape[:3])
    return (images + noise[..., None]).clip(0, 1).astype("float32")


def looks_at(images, order=1):
    """Eight looks at each picture `[looks, n, …]`: as it is, and turned, moved, scaled a little."""
    slight = {"turn": 15, "scale": (0.9, 1.1), "shift": 0.1, "order": order}
    return np.stack([images, *(move(images, seed, **slight) for seed in range(1, LOOKS))])


def name_of(setting):
    """`{"last": 2, "rate": 0.001}` as `last 2, rate 0.001`."""
    return ", ".join(f"{key} {value}" for key, value in setting.items())


def rows_of(task, labels_per_class, draw):
    """Places in `train` of the pictures of a draw."""
    return np.searchsorted(task.train.index, task.few(labels_per_class, draw).index)


def probe_weights(features, labels, C=1.0):
    """What a `Dense` head of ten takes as weights, to be a logistic regression on features.

    A class without a label begins with so low a score that it is no answer.
    """
    scale = features.std()
    found = LogisticRegression(C=C, max_iter=2000).fit(features / scale, labels)
    kernel, bias = np.zeros((features.shape[1], 10)), np.full(10, -10.0)
    kernel[:, found.classes_], bias[found.classes_] = found.coef_.T / scale, found.intercept_
    return [kernel, bias]


class Laboratory:
    """A target task, the backbone with what it learnt, and the runs on them."""

    def __init__(self, name):
        self.name, self.task = name, tl.load_task("moved" if name == "moved" else "digits")
        splits = [getattr(self.task, part) for part in ("train", "validation", "test")]
        self.labels = [split.labels for split in splits]
        self.images = [split.images for split in splits]
        if name == "noisy":
            self.images = [noisy(images, seed) for seed, images in enumerate(self.images)]
        self.network = self.task.network()
        self.learnt, self.models = self.network.get_weights(), {}
        # interpolation would smooth the noise
        self.looks = looks_at(self.images[0], order=0 if name == "noisy" else 1)
        features = [self.network.predict(look, verbose=0) for look in self.looks]
        both = [self.network.predict(images, verbose=0) for images in self.images[1:]]
        self.features = [np.stack(features), *both]
        pixels = np.stack([tl.raw_pixels(look) for look in self.looks])
        self.pixels = [pixels, *(tl.raw_pixels(images) for images in self.images[1:])]

    def solve(self, inputs, rows, augmented, C=1.0, svm=None):
        """Accuracy on validation and test of a classifier on vectors."""
        x = inputs[0][: LOOKS if augmented else 1, rows]
        y, scale = np.tile(self.labels[0][rows], len(x)), inputs[0][0].std()
        found = LogisticRegression(C=C, max_iter=2000) if svm is None else SVC(C=svm)
        found.fit(x.reshape(len(y), -1) / scale, y)
        return [found.score(inputs[k] / scale, self.labels[k]) for k in (1, 2)]

    def model(self, last, update, weight_decay):
        """Network, whole model, tail, what reaches it, and the optimizer before any step."""
        key = (last, update, weight_decay)
        if key in self.models:
            return self.models[key]
        network = keras.models.clone_model(self.network)
        layers = [keras.Input(self.task.image_shape), network, keras.layers.Dense(10)]
        model = keras.Sequential(layers)
        tl.unfreeze(network, last=last, batch_norm="update" if update else "frozen")
        for layer in network.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = 0.95  # 400 steps cannot wait for slower averages
        tail, inputs = model, [self.looks, *self.images[1:]]
        if last < BLOCKS:
            network.set_weights(self.learnt)
            trunk, tail = tl.split_at(model)
            looks = np.stack([trunk.predict(look, verbose=0) for look in self.looks])
            inputs = [looks, *(trunk.predict(images, verbose=0) for images in self.images[1:])]
        optimizer = keras.optimizers.AdamW(1e-3, weight_decay=weight_decay)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        tail.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)
        optimizer.build(tail.trainable_variables)
        fresh = [variable.numpy() for variable in optimizer.variables]
        self.models[key] = (network, model, tail, inputs, fresh)
        return self.models[key]

    def start(self, network, head, seed, *, scratch):
        """Put the weights of a run's start into the network, and from scratch into the head."""
        keras.utils.set_random_seed(seed)
        if scratch:
            network.set_weights(keras.models.clone_model(self.network).get_weights())
            head.set_weights([np.zeros(weight.shape) for weight in head.weights])
        else:
            network.set_weights(self.learnt)

    def train(
        self,
        rows,
        seed,
        *,
        rate,
        last=BLOCKS,
        scratch=False,
        augmented=False,
        batch_norm="frozen",
        weight_decay=0.0,
        C=None,
        steps=STEPS,
        every=EVERY,
    ):
        """Train to the end; return the accuracy on validation and test, and the curve."""
        update = scratch or batch_norm == "update"
        network, model, tail, inputs, fresh = self.model(last, update, weight_decay)
        self.start(network, model.layers[-1], seed, scratch=scratch)
        if not scratch:
            looks = LOOKS if augmented and C else 1  # a chosen probe, or a plain one
            features = self.features[0][:looks]
            if batch_norm == "adapt":
                tl.adapt_batch_norm(network, self.images[0])  # all of train, no labels
                features = network.predict(self.images[0], verbose=0)[None]
            x, y = features[:, rows].reshape(looks * len(rows), -1), self.labels[0][rows]
            model.layers[-1].set_weights(probe_weights(x, np.tile(y, looks), C or 1.0))
        for variable, value in zip(tail.optimizer.variables, fresh, strict=True):
            variable.assign(value)
        order, batch = np.random.default_rng(seed), min(BATCH, len(rows))
        picks = np.concatenate([order.permutation(rows) for _ in range(steps)])
        picks = picks[: steps * batch].reshape(-1, every * batch)
        held_out = {"x": inputs[1], "y": self.labels[1], "batch_size": 300, "verbose": 0}
        curve, falling = [(0, np.nan, *tail.evaluate(**held_out))], HalfCosine(rate, steps)
        options = {"batch_size": batch, "shuffle": False, "verbose": 0, "callbacks": [falling]}
        for k, part in enumerate(picks, 1):
            look = order.integers(LOOKS if augmented else 1, size=len(part))
            fitted = tail.fit(inputs[0][look, part], self.labels[0][part], **options).history
            curve.append((k * every, fitted["loss"][-1], *tail.evaluate(**held_out)))
        answers = tail.predict(inputs[2], batch_size=300, verbose=0).argmax(axis=1)
        found = [curve[-1][-1], np.mean(answers == self.labels[2])]
        names = ["step", "loss", "validation_loss", "validation"]
        return found, pd.DataFrame(curve, columns=names)

    def run(self, part, labels_per_class, draw, method, setting):
        """One run, unless its row is there: to choose settings, or with its figure on test."""
        values = (self.name, part, labels_per_class, draw, method, name_of(setting))
        key = dict(zip(KEY, values, strict=True))
        if not rows_with(RUNS, **key).empty:
            return
        start, curve = time.perf_counter(), None
        rows = rows_of(self.task, labels_per_class, draw)
        if method in ("probe", "raw pixels"):
            inputs = self.features if method == "probe" else self.pixels
            validation, test = self.solve(inputs, rows, **setting)
        else:
            scratch = method == "from scratch"
            (validation, test), curve = self.train(rows, draw, scratch=scratch, **setting)
        row = key | {"labels": len(rows), "validation": validation}
        row["test"] = np.nan if part == "choice" else test
        if curve is not None:
            row["validation_at_320"] = curve.validation[curve.step.eq(320)].item()
            best = curve.loc[curve.validation_loss.idxmin()]
            row |= {"best_loss_at": int(best.step), "validation_at_best_loss": best.validation}
        row["seconds"] = round(time.perf_counter() - start, 1)
        append(RUNS, pd.DataFrame([row], columns=[*KEY, *RESULTS]))
        if curve is not None and part != "choice" and draw < 2:
            append(CURVES, curve.assign(**key)[[*KEY, *curve.columns]])
        print(row, flush=True)

    def best(self, method, labels_per_class):
        """The setting that is best on validation in the mean of these draws."""
        at = FEW if labels_per_class <= FEW and method != "from scratch" else MANY
        for draw in range(CHOOSE_ON):
            for setting in SETTINGS[method]:
                self.run("choice", at, draw, method, setting)
        these = {"task": self.name, "part": "choice", "labels_per_class": at, "method": method}
        tried = rows_with(RUNS, **these)
        name = tried.groupby("setting", sort=False).validation.mean().idxmax()
        return next(each for each in SETTINGS[method] if name_of(each) == name)


def main():
    tl.setup(seed=0)
    for name in sys.argv[1:] or LABELS:
        laboratory = Laboratory(name)
        for labels in LABELS[name]:
            gentle = {"last": 1, "rate": 1e-4} | laboratory.best("probe", labels)
            for draw in range(DRAWS):
                laboratory.run("methods", labels, draw, "gentle recipe", gentle)
        for method in SETTINGS:
            if method == "from scratch" and name != "moved":
                continue  # notebook 01 has it for digits
            for labels in LABELS[name]:
                if method == "from scratch" and labels < FEW:
                    continue  # it is far behind
                setting = laboratory.best(method, labels)
                for draw in range(DRAWS):
                    laboratory.run("methods", labels, draw, method, setting)
        if name == "digits":
            continue
        for labels in (5, 50):
            best = laboratory.best("fine-tuned", labels)
            for batch_norm in ("frozen", "update", "adapt"):
                for draw in range(DRAWS):
                    setting = best | {"batch_norm": batch_norm}
                    laboratory.run("BatchNorm", labels, draw, "fine-tuned", setting)
        for labels in (5, 50) if name == "moved" else ():
            rate = laboratory.best("fine-tuned", labels)["rate"]
            for more in ({}, {"weight_decay": 0.1}, {"augmented": True}):
                for draw in range(DRAWS):
                    laboratory.run("overfitting", labels, draw, "fine-tuned", {"rate": rate} | more)


if __name__ == "__main__":
    main()
