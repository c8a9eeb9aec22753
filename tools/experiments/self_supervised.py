"""The same letters with their labels, without, and not at all: what a network learns from them.

    python -m tools.experiments.self_supervised

Half an hour on one core. The network is GlyphNet's, for pictures of 16 pixels. It is trained on
printed letters, redrawn at random (`glyphs.warp`), half of them also moved (`move`), in one of four
ways: *supervised* names the letter; *SimCLR* tells which two redrawings are of one print (Chen et
al., 2020); *rotation* tells by how many quarters a letter was turned (Gidaris et al., 2018); and
*SimCLR, slight changes* is SimCLR with letters that are only shifted by a pixel and noisy. All see
the same prints, as many pictures a step and as many steps, at the same rate; none was tuned.
*Random weights* have BatchNorm statistics of letters. Then each network is frozen, and a logistic
regression on standardised features reads handwritten digits. Block and strength are chosen on
`validation` for each method and number of labels, on two draws. Each way has one network. Beside it
stand raw pixels (also with a support vector machine), the packaged GlyphNet, and EfficientNet-Lite0
(ImageNet) on digits of 96 pixels. Rows are written as they come; a run that stands there is not
repeated.
"""

import functools
import time

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

import tlhelpers as tl
from tlhelpers.images import glyphs
from tlhelpers.images.move import move
from tools.experiments.fine_tuning_digits import rows_of
from tools.experiments.runs import FOLDER, append, rows_with
from tools.pretrain_glyphnet import Prints, build_network, letter_classes

RUNS = FOLDER / "self_supervised.csv"
TASKS, LABELS = ("digits", "moved"), (1, 2, 5, 10, 20, 50)
DRAWS, CHOOSE_ON, SEED = 8, 2, 0
SIDE, VIEWS, BATCH, STEPS = 16, 6, 256, 800  # a batch is of so many views
RATE, TEMPERATURE = 3e-3, 0.2
LOOK_AT = (100, 200, 400, 800)  # steps at which 10 labels a class are tried
BLOCKS = ("block6", "block7")
IMAGENET = "package:efficientnet-lite0"
STRENGTHS = (0.001, 0.01, 0.1, 1.0)
PRETRAINED = ("SimCLR", "rotation", "supervised", "SimCLR, slight changes")
KEY = ["task", "part", "labels_per_class", "draw", "method", "network", "steps", "setting"]
RESULTS = ["validation", "test"]


def small(images):
    """Pictures of 32 pixels, `[n, 32, 32]`, as bytes of 16."""
    cells = images.reshape(len(images), SIDE, 2, SIDE, 2).mean((2, 4))
    return np.round(255 * cells).astype(np.uint8)


def redrawn(prints, seed):
    """Redraw prints by another hand, 60 in 100 in coarse cells, every other time moved."""
    images = glyphs.warp(prints, seed)
    is_coarse = np.random.default_rng(seed).random(len(images)) < 0.6
    images[is_coarse] = glyphs.degrade(images[is_coarse])
    return small(move(images[..., None], seed)[..., 0] if seed % 2 else images)


def shifted(prints, seed):
    """Shift prints by at most a pixel, and add noise."""
    rng = np.random.default_rng(seed)
    images = np.roll(prints, rng.integers(-2, 3, 2), axis=(1, 2))
    return small((images + rng.normal(0, 0.2, images.shape)).clip(0, 1))


@functools.cache
def letters(change):
    """Views of each print, uint8 `[prints, views, 16, 16]`, and the class of each print."""
    prints = Prints(letter_classes())
    views = [change(prints.images, seed) for seed in range(1, VIEWS + 1)]
    return np.stack(views, axis=1), prints.labels


def pictures(views):
    """Bytes `[n, 16, 16]` as pictures `[n, 16, 16, 3]` in `[0, 1]`."""
    return tf.repeat(tf.cast(views, tf.float32)[..., None] / 255, 3, axis=-1)


def new_network(seed):
    """GlyphNet for pictures of 16 pixels, with random weights."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((SIDE, SIDE, 3))
    return keras.models.clone_model(build_network(), input_tensors=inputs)


def same_picture(z):
    """SimCLR's loss: which of all views is the other one of the same picture?"""
    z, n = tf.math.l2_normalize(z, -1), len(z) // 2
    alike = tf.matmul(z, z, transpose_b=True) / TEMPERATURE - 1e9 * tf.eye(2 * n)
    partner = tf.roll(tf.range(2 * n), n, 0)
    return keras.losses.sparse_categorical_crossentropy(partner, alike, from_logits=True)


def batches(method, seed):
    """Views and what is asked about them, for each step."""
    views, labels = letters(shifted if "slight" in method else redrawn)
    rng = np.random.default_rng(seed)
    for _ in range(STEPS):
        rows = rng.choice(len(views), BATCH // 2, replace=False)
        pair = np.argsort(rng.random((len(rows), VIEWS)), axis=1)[:, :2].T  # two different views
        x, y = np.concatenate([views[rows, each] for each in pair]), np.tile(labels[rows], 2)
        if method == "rotation":
            y = rng.integers(4, size=len(x))
            x = np.stack([np.rot90(image, k) for image, k in zip(x, y, strict=True)])
        yield pictures(x), tf.constant(y)


def pretrain(method, seed):
    """Yield the number of steps and the network, at those steps that are looked at."""
    network = new_network(seed)
    outputs = {"supervised": int(letters(redrawn)[1].max()) + 1, "rotation": 4}
    parts = [keras.layers.ReLU(), keras.layers.Dense(outputs.get(method, 64))]
    if method.startswith("SimCLR"):  # the projection head is thrown away
        parts = [keras.layers.Dense(128, activation="relu"), *parts[1:]]
    model = keras.Sequential([network, *parts])
    optimizer = keras.optimizers.AdamW(
        keras.optimizers.schedules.CosineDecay(1e-4, STEPS, warmup_target=RATE, warmup_steps=60),
        weight_decay=1e-4,
    )
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            out = model(x, training=True)
            losses = (
                same_picture(out)
                if method.startswith("SimCLR")
                else keras.losses.sparse_categorical_crossentropy(y, out, from_logits=True)
            )
            loss = tf.reduce_mean(losses)
        weights = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return loss

    losses, start = [], time.perf_counter()
    for count, batch in enumerate(batches(method, seed), 1):
        losses.append(float(step(*batch)))
        if count in LOOK_AT:
            seconds = time.perf_counter() - start
            print(f"{method} {seed}: {count} steps, {seconds:.0f} s, {np.mean(losses[-50:]):.3f}")
            yield count, network


def by_block(network):
    """A model that gives what the last two blocks of a network make of pictures, as vectors."""
    vectors = [
        keras.layers.Flatten(name=f"{block}_vector")(network.get_layer(f"{block}_out").output)
        for block in BLOCKS
    ]
    return keras.Model(network.input, vectors)


class Target:
    """A task of digits, and runs of classifiers on features of its pictures."""

    def __init__(self, name):
        self.name, self.task = name, tl.load_task(name)

    def features(self, model, names, task=None):
        """Vectors of train, validation and test for each name, standardised by those of train.

        The model sees pictures of 16 pixels, or those of a task.
        """
        splits = [getattr(task or self.task, part) for part in ("train", "validation", "test")]
        images = [split.images[:] for split in splits]
        if task is None:
            images = [pictures(small(each[..., 0])) for each in images]
        made = [model.predict(each, verbose=0) for each in images]
        made = [each if isinstance(each, list) else [each] for each in made]
        return {
            name: standardised([each[place] for each in made]) for place, name in enumerate(names)
        }

    def score(self, features, k, draw, setting):
        """Accuracy on validation and test."""
        layer, kind, strength = setting.split()
        train, *held_out = features[layer]
        rows = rows_of(self.task, k, draw)
        C = float(strength)
        head = SVC(C=C) if kind == "SVM" else LogisticRegression(C=C, max_iter=2000)
        head.fit(train[rows], self.task.train.labels[rows])
        labels = self.task.validation.labels, self.task.test.labels
        return [head.score(x, y) for x, y in zip(held_out, labels, strict=True)]

    def run(self, features, *key):
        """One run, unless its row is there."""
        key = dict(zip(KEY, (self.name, *key), strict=True))
        if rows_with(RUNS, **key).empty:
            some = (key[name] for name in ("labels_per_class", "draw", "setting"))
            validation, test = self.score(features, *some)
            key |= {"validation": validation, "test": np.nan if key["part"] == "choice" else test}
            append(RUNS, pd.DataFrame([key], columns=[*KEY, *RESULTS]))

    def best(self, features, k, method, steps):
        """The setting that is best on validation, of all that there are."""
        settings = [f"{name} C {C}" for name in features for C in STRENGTHS]
        if method == "raw pixels":
            settings += [f"pixels SVM {C}" for C in (0.3, 1.0, 3.0, 10.0)]
        for setting in settings:
            for draw in range(CHOOSE_ON):
                self.run(features, "choice", k, draw, method, 0, steps, setting)
        these = {"part": "choice", "task": self.name, "labels_per_class": k, "method": method}
        tried = rows_with(RUNS, **these)
        return tried.groupby("setting", sort=False).validation.mean().idxmax()

    def methods(self, features, method, network=0, steps=0):
        """All numbers of labels and draws."""
        for k in LABELS:
            setting = self.best(features, k, method, steps)
            for draw in range(DRAWS):
                self.run(features, "methods", k, draw, method, network, steps, setting)


def standardised(parts):
    """Train, validation and test, each feature by its mean and spread in train."""
    mean, spread = parts[0].mean(axis=0), parts[0].std(axis=0) + 1e-6
    return [(x - mean) / spread for x in parts]


def is_done(method, network):
    """Whether all runs of a network are there."""
    rows = rows_with(RUNS, part="methods", method=method, network=network)
    return len(rows) == len(TASKS) * len(LABELS) * DRAWS


def with_random_weights(targets, seed):
    """Runs of a network that learnt nothing."""
    network = new_network(seed)
    tl.adapt_batch_norm(network, pictures(letters(redrawn)[0][:2000, 0]).numpy())
    for target in targets:
        features = target.features(by_block(network), BLOCKS)
        for draw in range(DRAWS):
            target.run(features, "steps", 10, draw, "random weights", 0, 0, "block7 C 0.01")
        target.methods(features, "random weights", seed)


def pretrained(targets, method, seed):
    """Runs of a network that learnt letters in one of the ways, some of them on the way there."""
    for steps, network in pretrain(method, seed):
        for target in targets:
            features = target.features(by_block(network), BLOCKS)
            for draw in range(DRAWS):
                target.run(features, "steps", 10, draw, method, seed, steps, "block7 C 0.01")
            if steps == STEPS:
                target.methods(features, method, seed, steps)


def fixed(targets):
    """Runs of pixels and of the two packaged networks."""
    if is_done("ImageNet", 0):
        return
    for target in targets:
        flat = keras.Sequential([keras.Input((SIDE, SIDE, 3)), keras.layers.Flatten()])
        target.methods(target.features(flat, ["pixels"]), "raw pixels")
        task = tl.load_task(target.name)
        target.methods(target.features(by_block(task.network()), BLOCKS, task), "GlyphNet")
        task = tl.load_task(target.name, backbone=IMAGENET, size=96)
        network = task.network()
        maps = keras.layers.AveragePooling2D(2)(network.get_layer("block5c_add").output)
        both = [keras.layers.Flatten()(maps), network.output]
        features = target.features(keras.Model(network.input, both), ["block5", "last"], task)
        target.methods(features, "ImageNet")


def main():
    tl.setup(seed=0)
    targets = [Target(name) for name in TASKS]
    fixed(targets)
    with_random_weights(targets, SEED)
    for method in PRETRAINED:
        if not is_done(method, SEED):
            pretrained(targets, method, SEED)
        keras.backend.clear_session()


if __name__ == "__main__":
    main()
