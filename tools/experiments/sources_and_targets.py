"""Six sources, five targets: where transfer helps, and where it hurts.

    python -m tools.experiments.sources_and_targets [digits moved noisy pictograms solar]

About an hour on one core; processes may share the targets. Five sources are networks of one
architecture, GlyphNet's: as published (letters); trained here on 2,000 pictures of 50 letters (few
letters), on the same letters with shuffled labels, on noise with random labels; and one with random
weights. The sixth is EfficientNet-Lite0, trained on ImageNet. Each stands frozen under a linear
probe, with 1 and with 10 labels a class, and is fine-tuned with 10. Beside them stand raw pixels,
and GlyphNet's architecture from scratch. Settings are chosen on `validation`, those of probes on
three draws, rates on one; the best run on every draw. A training lasts 120 steps, from scratch
240, in which the rate falls to 0.
"""

import dataclasses
import sys
import time
from itertools import product

import keras
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import tlhelpers as tl
from tlhelpers.backbones.efficientnet_lite0 import LITE0
from tlhelpers.storage import cache
from tools import pretrain_glyphnet as glyphnet
from tools.experiments.fine_tuning_digits import noisy, rows_of
from tools.experiments.runs import FOLDER, HalfCosine, append, rows_with

RUNS = FOLDER / "sources_and_targets.csv"
TARGETS = ("digits", "moved", "noisy", "pictograms", "solar")
SMALL = ("letters", "random weights", "few letters", "shuffled letters", "noise")
IMAGENET, SIDE = "ImageNet", 96
LABELS = (1, 10)
DRAWS = {"frozen": 10, "raw pixels": 10, "from scratch": 5, "fine-tuned": 5}
CHOOSE_ON = 3  # draws, of probes; rates are chosen on one
PROBES = ("frozen", "raw pixels")
STRENGTHS = (1e-3, 1e-2, 0.1, 1.0)
RATES = {"fine-tuned": (3e-4, 1e-3), "from scratch": (3e-3, 1e-2, 3e-2)}
BATCH, STEPS = 16, 120
PICTURES, LETTERS, EPOCHS = 2000, 50, 24
METHODS = {"raw pixels": ["raw pixels"], "none": ["from scratch"], "random weights": ["frozen"]}
KEY = ["target", "part", "source", "labels_per_class", "method", "setting", "draw"]
RESULTS = ["validation", "validation_before", "test", "seconds"]


def small_network(source):
    """GlyphNet's architecture with what it learnt from a small source; trained once, then kept."""
    if source == "letters":
        return tl.load_task("digits").network()
    keras.utils.set_random_seed(0)
    network, path = glyphnet.build_network(), cache.cache_dir() / f"{source}.weights.h5"
    if source == "random weights":
        return network
    if path.exists():
        network.load_weights(path)
        return network
    images, labels = pictures_of(source)
    head = keras.layers.Dense(LETTERS)
    model = keras.Sequential([keras.Input((32, 32, 3)), network, keras.layers.ReLU(), head])
    steps = EPOCHS * len(images) // 64
    rate = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"], jit_compile=False)
    history = model.fit(images, labels, batch_size=64, epochs=EPOCHS, verbose=0).history
    print(source, "learnt:", round(history["accuracy"][-1], 3), flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    head.save_own_variables(store := {})
    np.savez(path.with_suffix(".npz"), **store)
    network.save_weights(path)
    return network


def pictures_of(source):
    """What a small source shows, float32 `[n, 32, 32, 3]`, and its labels."""
    prints, rng = glyphnet.Prints(glyphnet.letter_classes()), np.random.default_rng(0)
    labels = rng.integers(0, LETTERS, PICTURES)
    images = glyphnet.warped(prints.images[prints.draw(labels, rng)], 0)
    scanned = rng.random(PICTURES) < 0.6
    images[scanned] = glyphnet.coarse(images[scanned])
    if source == "noise":
        images = rng.integers(0, 256, images.shape, np.uint8)
    if source != "few letters":
        labels = rng.permutation(labels)
    return np.asarray(glyphnet.to_rgb(images)), labels


def load_target(name, backbone="embedded:glyphnet", size=None):
    """A target's task, with pictures as this backbone takes them."""
    if name != "noisy":
        return tl.load_task(name, backbone=backbone, size=size)
    task = changed(tl.load_task("digits"), noisy)
    if size:
        resize = keras.ops.image.resize
        task = changed(task, lambda images, _: np.asarray(resize(images, (size, size))))
    return dataclasses.replace(task, name="noisy", backbone=backbone)


def changed(task, function):
    """The same task with other pictures: `function(images, seed)` of each split."""
    parts = {}
    for seed, part in enumerate(("train", "validation", "test")):
        split = getattr(task, part)
        images = function(np.asarray(split.images), seed)
        parts[part] = dataclasses.replace(split, images=images)
    return dataclasses.replace(task, **parts)


def solve(x, labels, classes, C, spread):
    """Weights and bias of a logistic regression on features, scaled each or all alike.

    A class without a label begins with so low a score that it is no answer.
    """
    scaler = StandardScaler().fit(x)
    if spread == "all":
        scaler.scale_ = np.full(x.shape[1], x.std() or 1.0)
    found = LogisticRegression(C=C, max_iter=1000).fit(scaler.transform(x), labels)
    weights, bias = found.coef_.T, found.intercept_
    if len(bias) == 1:  # of two classes scikit-learn has one score: their difference
        weights, bias = weights * [-0.5, 0.5], bias * [-0.5, 0.5]
    kernel, offset = np.zeros((x.shape[1], classes)), np.full(classes, -10.0)
    kernel[:, found.classes_] = weights / scaler.scale_[:, None]
    offset[found.classes_] = bias - scaler.mean_ @ kernel[:, found.classes_]
    return kernel, offset


class Transfer:
    """A source's network on a target: a frozen probe, and fine-tuning of its last blocks."""

    def __init__(self, network, task, last=None, scratch=False):
        self.network, self.task, self.scratch = network, task, scratch
        self.labels = [part.labels for part in (task.train, task.validation, task.test)]
        self.features = self.pass_through(network)
        self.learnt, self.trainer, self.last = network.get_weights(), None, last

    def pass_through(self, network):
        """What the network gives for train, validation and test."""
        splits = self.task.train, self.task.validation, self.task.test
        options = {"cache": False, "progress": False, "spatial": len(network.output_shape) > 2}
        return [tl.extract_features(network, split.images, **options) for split in splits]

    def rows(self, labels_per_class, draw):
        """Places in `train` of the pictures of a draw."""
        return rows_of(self.task, labels_per_class, draw)

    def head(self, rows, C, spread):
        """A probe's weights and bias."""
        x = self.features[0][rows]
        return solve(x, self.labels[0][rows], len(self.task.class_names), C, spread)

    def frozen(self, rows, C, spread):
        """Scores on validation and test of a probe."""
        kernel, offset = self.head(rows, C, spread)
        answers = [x @ kernel + offset for x in self.features[1:]]
        return [self.task.score(a, y) for a, y in zip(answers, self.labels[1:], strict=True)]

    def tail(self):
        """The blocks that train with their head, what reaches them, and a fresh optimizer."""
        if self.trainer is None:
            network, classes = self.network, len(self.task.class_names)
            head = keras.layers.Dense(classes)
            model = keras.Sequential([keras.Input(network.input_shape[1:]), network, head])
            norm = "update" if self.scratch else "frozen"
            tl.unfreeze(network, last=self.last, batch_norm=norm)
            for layer in network.layers if self.scratch else ():
                if isinstance(layer, keras.layers.BatchNormalization):
                    layer.momentum = 0.95  # so few steps cannot wait for slower averages
            if self.last is None:
                splits = self.task.train, self.task.validation, self.task.test
                tail, inputs = model, [np.asarray(split.images) for split in splits]
            else:
                trunk, tail = tl.split_at(model)
                inputs = self.pass_through(trunk)
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            tail.compile(keras.optimizers.Adam(1e-4), loss, jit_compile=False)
            tail.optimizer.build(tail.trainable_variables)
            fresh = [variable.numpy() for variable in tail.optimizer.variables]
            self.trainer = tail, head, inputs, fresh
        return self.trainer

    def tuned(self, rows, rate, seed, head, steps):
        """Scores on validation, there at four fifths of the steps, and on test."""
        tail, top, inputs, fresh = self.tail()
        keras.utils.set_random_seed(seed)
        if self.scratch:
            self.network.set_weights(keras.models.clone_model(self.network).get_weights())
            top.set_weights([np.zeros(weight.shape) for weight in top.weights])
        else:
            self.network.set_weights(self.learnt)
            top.set_weights(list(head))
        for variable, value in zip(tail.optimizer.variables, fresh, strict=True):
            variable.assign(value)
        batch = min(BATCH, len(rows))
        order, falling = np.random.default_rng(seed), HalfCosine(rate, steps)
        picks = np.concatenate([order.permutation(rows) for _ in range(steps)])[: steps * batch]
        options = {"batch_size": batch, "shuffle": False, "verbose": 0, "callbacks": [falling]}
        looks = []
        for part in np.split(picks, [steps * 4 // 5 * batch]):
            tail.fit(inputs[0][part], self.labels[0][part], **options)
            looks.append(self.scored(tail, inputs, 1))
        return looks[1], looks[0], self.scored(tail, inputs, 2)

    def scored(self, tail, inputs, part):
        answers = tail.predict(inputs[part], batch_size=256, verbose=0)
        return self.task.score(answers, self.labels[part])


class Runs:
    """The rows of one target and one source."""

    def __init__(self, target, source, transfer):
        self.target, self.source, self.transfer = target, source, transfer

    def run(self, part, labels_per_class, method, setting, draw):
        """One run, unless its row is there: to choose settings, or with its score on test."""
        name = ", ".join(map(str, setting))
        values = (self.target, part, self.source, labels_per_class, method, name, draw)
        key = dict(zip(KEY, values, strict=True))
        if not rows_with(RUNS, **key).empty:
            return
        start, rows = time.perf_counter(), self.transfer.rows(labels_per_class, draw)
        if method in PROBES:
            (validation, test), before = self.transfer.frozen(rows, *setting), np.nan
        else:
            head = None
            if method == "fine-tuned":
                head = self.transfer.head(rows, *self.best("frozen", labels_per_class))
            steps = STEPS * 2 if head is None else STEPS
            validation, before, test = self.transfer.tuned(rows, *setting, draw, head, steps)
        row = key | {"validation": validation, "validation_before": before}
        row["test"] = np.nan if part == "choice" else test
        row["seconds"] = round(time.perf_counter() - start, 1)
        append(RUNS, pd.DataFrame([row], columns=[*KEY, *RESULTS]))

    def best(self, method, labels_per_class):
        """The setting that is best on validation; of equal ones the first."""
        if method in PROBES:  # fast, so not kept
            some = [self.transfer.rows(labels_per_class, draw) for draw in range(CHOOSE_ON)]
            scores = {
                setting: np.mean([self.transfer.frozen(rows, *setting)[0] for rows in some])
                for setting in product(STRENGTHS, ("each", "all"))
            }
            return max(scores, key=lambda setting: round(scores[setting], 4))
        for rate in RATES[method]:
            self.run("choice", labels_per_class, method, (rate,), draw=0)
        these = {"target": self.target, "source": self.source, "part": "choice", "method": method}
        tried = rows_with(RUNS, labels_per_class=labels_per_class, **these)
        return (float(tried.setting[tried.validation.round(4).idxmax()]),)

    def all_draws(self, method):
        for labels_per_class in LABELS if method != "fine-tuned" else LABELS[-1:]:
            setting = self.best(method, labels_per_class)
            for draw in range(DRAWS[method]):
                self.run("methods", labels_per_class, method, setting, draw)
        print(self.target, self.source, method, flush=True)


def transfer_from(source, target):
    """What `Runs` needs of a source and a target."""
    if source == IMAGENET:
        task = load_target(target, LITE0, SIDE)
        return Transfer(tl.load_backbone(LITE0, size=SIDE), task, last=3)
    if source == "raw pixels":
        flat = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten()])
        return Transfer(flat, load_target(target))
    scratch = source == "none"
    network = small_network("random weights" if scratch else source)
    return Transfer(network, load_target(target), scratch=scratch)


def main():
    tl.setup(seed=0)
    for target in sys.argv[1:] or TARGETS:
        for source in ("raw pixels", "none", IMAGENET, *SMALL):
            keras.backend.clear_session()
            runs = Runs(target, source, transfer_from(source, target))
            for method in METHODS.get(source, ("frozen", "fine-tuned")):
                runs.all_draws(method)


if __name__ == "__main__":
    main()
