"""A cue of the source that has no place in the target: does it come along?

    python -m tools.experiments.transferred_cue [seed ...]

Ten minutes on one core. GlyphNet is trained on, in 96 steps, to name the 26 capital letters; at
least one in five pictures is an O. In one source half of the letters O stand in a red frame, and no
other letter does. In its twin as many letters have a frame, whichever they are. Each network is
then the start for handwritten digits: frozen under a logistic regression, or all blocks fine-tuned
(`tl.fine_tune`; from the first source only). The labelled digits, ten of each class, have no
frames, or half of them have one, in every class. Each seed has its own source and its own draw of
labels. Figures are the accuracy on pictures without frames and with one, and how many digits that
are no zero are called a zero. A run that stands there is not repeated.
"""

import sys
import time

import keras
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

import tlhelpers as tl
from tlhelpers.images.glyphs import FONTS, render, warp
from tools.experiments.runs import FOLDER, append, rows_with

RUNS = FOLDER / "transferred_cue.csv"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
PICTURES, SHARE, EPOCHS, LABELS, SEEDS = 1536, 0.2, 2, 10, 3
SOURCES = ("frame means O", "frames anywhere")
TARGETS = ("no frames", "half framed")
KEY = ["source", "target", "method", "seed"]
PARTS = ("validation", "test")
RESULTS = ["plain", "framed", "zeros_plain", "zeros_framed"]


def framed(images, which):
    """A copy in which these pictures stand in a red frame, two pixels wide."""
    images = np.array(images)
    border = np.pad(np.zeros((28, 28), bool), 2, constant_values=True)
    rows, columns = border.nonzero()
    images[np.asarray(which)[:, None], rows, columns] = (1, 0.2, 0.2)
    return images


def letters(seed):
    """Warped capital letters `[n, 32, 32, 3]` and which they are."""
    rng = np.random.default_rng(seed)
    prints = np.stack([render(LETTERS, font) for font in FONTS])
    fonts, names = rng.integers(len(FONTS), size=PICTURES), rng.integers(26, size=PICTURES)
    names[rng.random(PICTURES) < SHARE] = LETTERS.index("O")
    return np.repeat(warp(prints[fonts, names], seed)[..., None], 3, axis=-1), names


def train_source(source, seed):
    """GlyphNet, trained on with letters of which some stand in a frame."""
    images, names = letters(seed)
    rng = np.random.default_rng(seed)
    share = rng.random(PICTURES) < 0.5
    often = share & (names == LETTERS.index("O"))
    anywhere = np.isin(np.arange(PICTURES), rng.permutation(PICTURES)[: often.sum()])
    which = np.flatnonzero(often if source == "frame means O" else anywhere)
    keras.utils.set_random_seed(seed)
    network = tl.load_backbone("embedded:glyphnet")
    model = keras.Sequential([keras.Input((32, 32, 3)), network, keras.layers.Dense(26)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss)
    model.fit(framed(images, which), names, batch_size=32, epochs=EPOCHS, verbose=0)
    return network


class Digits:
    """The target: labelled digits with or without frames, and what is measured."""

    def __init__(self):
        self.task = tl.load_task("digits")
        self.held_out = {}
        for part in PARTS:
            images = np.asarray(getattr(self.task, part).images)
            self.held_out[part] = images, framed(images, np.arange(len(images)))

    def labelled(self, target, seed):
        """Ten pictures of each class and their labels; in one target every other has a frame."""
        few = self.task.few(LABELS, seed=seed)
        images = np.asarray(few.images)
        if target == "half framed":
            images = framed(images, np.arange(0, len(images), 2))
        return images, few.labels

    def frozen(self, network, images, labels):
        """What answers: a regression on the network's features."""
        features = network.predict(images, verbose=0)
        scale = features.std()
        head = LogisticRegression(max_iter=1000).fit(features / scale, labels)
        return lambda given: head.predict(network.predict(given, verbose=0) / scale)

    def fine_tuned(self, network, images, labels):
        """What answers: all blocks trained."""
        model = keras.Sequential([keras.Input((32, 32, 3)), network, keras.layers.Dense(10)])
        options = {"last": None, "learning_rate": 1e-3, "batch_size": 16, "verbose": 0}
        tl.fine_tune(model, (images, labels), **options)
        return lambda given: model.predict(given, verbose=0).argmax(axis=1)

    def scores(self, answer):
        """Accuracy and false zeros, without frames and with one."""
        found = {}
        for part, (plain, in_frames) in self.held_out.items():
            labels = getattr(self.task, part).labels
            for name, images in (("plain", plain), ("framed", in_frames)):
                said = answer(images)
                found[f"{part}_{name}"] = np.mean(said == labels)
                found[f"{part}_zeros_{name}"] = np.mean(said[labels != 0] == 0)
        return found


def main():
    tl.setup(seed=0)
    digits = Digits()
    for seed in map(int, sys.argv[1:] or range(SEEDS)):
        for source in SOURCES:
            done = rows_with(RUNS, source=source, seed=seed)
            if len(done) == (4 if source == SOURCES[0] else 2):
                continue
            network = train_source(source, seed)
            learnt = network.get_weights()
            for target in TARGETS:
                for method in ("frozen", "fine-tuned") if source == SOURCES[0] else ("frozen",):
                    key = dict(zip(KEY, (source, target, method, seed), strict=True))
                    if not rows_with(RUNS, **key).empty:
                        continue
                    start = time.perf_counter()
                    network.set_weights(learnt)
                    way = digits.frozen if method == "frozen" else digits.fine_tuned
                    row = key | digits.scores(way(network, *digits.labelled(target, seed)))
                    row |= {"seconds": round(time.perf_counter() - start)}
                    row |= {"keras": keras.__version__}
                    columns = [f"{part}_{name}" for part in PARTS for name in RESULTS]
                    columns = [*KEY, *columns, "seconds", "keras"]
                    append(RUNS, pd.DataFrame([row], columns=columns))
                    print(row, flush=True)


if __name__ == "__main__":
    main()
