"""MiniLM with a few labelled texts of each class: heads, descriptions, and its last layers tuned.

    python -m tools.experiments.few_labelled_texts [scipy ag_news]

An hour on one core; processes may share the tasks (AG News comes from a mirror or the internet).
All methods learn from the same texts, nested within a draw. Counted words and pieces of words and
the encoder's vectors get a logistic regression; descriptions, written once and never tuned, are
samples like others, with more weight. The last two of six layers are tuned with a head on them, or
by pairs (SetFit: vectors of one class are pulled together, others apart; then a regression), with
descriptions among the texts or without. In each training the rate falls to 0. Settings are chosen
on `validation`, at eight texts a class, on the first draw. Rows are written as they come; a run
that stands there is not repeated.
"""

import sys
import time
from functools import cached_property

import keras
import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

import tlhelpers as tl
from tlhelpers.zero_shot.vectors import unit
from tools.experiments.runs import FOLDER, HalfCosine, append, rows_with

RUNS = FOLDER / "few_labelled_texts.csv"
LABELS = {"scipy": (1, 2, 4, 8), "ag_news": (1, 2, 4, 8, 16)}
DRAWS, CHOOSE_AT = 10, 8
LAYERS = 4  # of six that stay frozen
DESCRIPTIONS = {  # written once, before any was tried
    "scipy": (
        "This function groups data points into clusters.",
        "This function computes a Fourier transform.",
        "This function computes integrals or solves differential equations.",
        "This function finds values between given data points.",
        "This function solves linear equations or decomposes a matrix.",
        "This function filters or measures pictures.",
        "This function finds the minimum or the root of a function.",
        "This function filters or analyses a signal in time.",
        "This function works with distances and shapes of points in space.",
        "This function computes a special function of mathematics, such as the gamma function.",
        "This function computes a probability distribution or a statistical test.",
    ),
    "ag_news": (
        "This news is about politics, wars and events in the world.",
        "This news is about sports, games and players.",
        "This news is about business, companies and markets.",
        "This news is about science, technology and computers.",
    ),
}
STRENGTHS = [{"C": C} for C in (0.1, 1, 10, 100)]
RATES = [{"rate": rate} for rate in (3e-5, 1e-4, 3e-4, 1e-3)]
SETTINGS = {
    "counted words": STRENGTHS,
    "counted pieces": STRENGTHS,
    "head": STRENGTHS,
    "head, descriptions": [{"weight": weight} for weight in (1, 4, 16, 64)],
    "fine-tuned": RATES,
    "by pairs": RATES,
    "by pairs, descriptions": RATES,
}
STEPS, BATCH, MOST_TOKENS = 60, 32, 64
DESCRIBED = 16  # weight of a description, where it is not chosen
KEY = ["task", "part", "labels_per_class", "draw", "method", "setting"]
RESULTS = ["validation", "test", "seconds"]


class FewTexts:
    """Runs on one task."""

    def __init__(self, name):
        self.task = tl.load_task(name)
        self.splits = self.task.train, self.task.validation, self.task.test
        self.encoder = tl.TextEncoder(max_tokens=MOST_TOKENS)
        self.trunk, self.tail = self.encoder.split_at(LAYERS)
        self.start = self.tail.get_weights()
        self.described = list(DESCRIPTIONS[name])

    @cached_property
    def reached(self):
        """Activations of train, validation, test and descriptions."""
        texts = [split.texts.tolist() for split in self.splits]
        return [self.trunk(each) for each in (*texts, self.described)]

    @cached_property
    def vectors(self):
        """The frozen encoder's vectors of the same, centred."""
        self.tail.set_weights(self.start)
        return centred([self.tail.predict(each, verbose=0) for each in self.reached])

    def counted(self, method):
        """TF-IDF of train, validation and test; what counts was learnt without labels."""
        pieces = {"analyzer": "char_wb", "ngram_range": (3, 5)}
        options = pieces if method == "counted pieces" else {"stop_words": "english"}
        count = TfidfVectorizer(sublinear_tf=True, **options).fit(self.task.train.texts)
        return [count.transform(split.texts) for split in self.splits]

    def learn(self, method, rows, seed, setting):
        """Answers on validation and test."""
        labels, classes = self.task.train.labels[rows], len(self.task.class_names)
        if method.startswith("counted"):
            train, *held_out = self.counted(method)
            return answers(train[rows], labels, held_out, setting["C"])
        if method == "head":
            train, *held_out, _ = self.vectors
            return answers(train[rows], labels, held_out, setting["C"])
        both = np.append(labels, np.arange(classes))
        if method == "head, descriptions":
            train, *held_out, described = self.vectors
            weights = np.append(np.ones(len(labels)), np.full(classes, setting["weight"]))
            return answers(np.concatenate([train[rows], described]), both, held_out, 1, weights)
        train, *held_out, described = self.reached
        x, y = trimmed(train[rows]), labels
        if method == "fine-tuned":
            model = self.tune(x, y, seed, keras.layers.Dense(classes), **setting)
            return [model.predict(each, verbose=0).argmax(axis=1) for each in held_out]
        if method == "by pairs":
            self.tune(x, y, seed, Cosines(), **setting)
            x, *held_out = (self.tail.predict(each, verbose=0) for each in (x, *held_out))
            return answers(x, y, held_out, 1)
        self.tune(joined(x, described), both, seed, Cosines(), **setting)
        again = [self.tail.predict(each, verbose=0) for each in (x, *held_out, described)]
        x, *held_out, described = again
        weights = np.append(np.ones(len(labels)), np.full(classes, DESCRIBED))
        return answers(np.concatenate([x, described]), both, held_out, 1, weights)

    def tune(self, x, y, seed, last, rate):
        """Train the tail, from the published weights, and a layer behind it."""
        keras.utils.set_random_seed(seed)
        self.tail.set_weights(self.start)
        model = keras.Sequential([self.tail, last])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(rate), pull if isinstance(last, Cosines) else loss)
        rng = np.random.default_rng(seed)
        falling = HalfCosine(rate, STEPS)
        falling.set_model(model)
        for step in range(STEPS):
            some = rng.permutation(len(y))[:BATCH]
            falling.on_train_batch_begin(step)
            model.train_on_batch(x[some], y[some])
        return model

    def run(self, part, k, draw, method, setting):
        """One run, unless its row is there."""
        key = dict(zip(KEY, (self.task.name, part, k, draw, method, name_of(setting)), strict=True))
        if not rows_with(RUNS, **key).empty:
            return
        start, few = time.perf_counter(), self.task.few(k, seed=draw)
        rows = np.searchsorted(self.task.train.index, few.index)
        found = self.learn(method, rows, draw, setting)
        truth = self.task.validation.labels, self.task.test.labels
        scores = [self.task.score(each, labels) for each, labels in zip(found, truth, strict=True)]
        key |= {"validation": scores[0], "test": scores[1] if part != "choice" else np.nan}
        key["seconds"] = round(time.perf_counter() - start)
        append(RUNS, pd.DataFrame([key], columns=[*KEY, *RESULTS]))
        print(key, flush=True)


class Cosines(keras.layers.Layer):
    """How alike the vectors of a batch are: `[n, d]` to `[n, n]`."""

    def call(self, vectors):
        """Products of vectors of length 1."""
        return keras.ops.matmul(vectors, keras.ops.transpose(vectors))


def pull(labels, cosines):
    """Mean square of how far cosines are from 1 within a class, from 0 between classes."""
    labels = keras.ops.reshape(labels, (-1, 1))
    same = keras.ops.equal(labels, keras.ops.transpose(labels))
    return keras.ops.mean((cosines - keras.ops.cast(same, cosines.dtype)) ** 2)


def centred(vectors):
    """Vectors of texts without their mean on train, of descriptions without their own."""
    *texts, described = vectors
    moved = [*(x - texts[0].mean(axis=0) for x in texts), described - described.mean(axis=0)]
    return [unit(x) for x in moved]


def answers(x, y, held_out, strength, weights=None):
    """What a logistic regression says of each split."""
    head = LogisticRegression(C=strength, max_iter=2000).fit(x, y, sample_weight=weights)
    return [head.predict(each) for each in held_out]


def joined(a, b):
    """Activations one below the other, with as many tokens as the longer ones have."""
    most = max(a.shape[1], b.shape[1])
    return np.concatenate([np.pad(x, ((0, 0), (0, most - x.shape[1]), (0, 0))) for x in (a, b)])


def trimmed(x):
    """Activations without the places where all texts have ended."""
    return x[:, : np.flatnonzero(x.any(axis=(0, 2)))[-1] + 1]


def name_of(setting):
    """A setting in words."""
    return ", ".join(f"{name} {value}" for name, value in setting.items())


def best(task, method):
    """The setting that is best on validation."""
    tried = rows_with(RUNS, task=task, part="choice", method=method)
    names = {name_of(setting): setting for setting in SETTINGS[method]}
    return names[tried.loc[tried.validation.idxmax(), "setting"]]


def main():
    tl.setup(seed=0)
    for name in sys.argv[1:] or DESCRIPTIONS:
        texts = FewTexts(name)
        for method, settings in SETTINGS.items():
            for setting in settings:
                texts.run("choice", CHOOSE_AT, 0, method, setting)
        for draw in range(DRAWS):
            for k in LABELS[name]:
                for method in SETTINGS:
                    texts.run("methods", k, draw, method, best(name, method))


if __name__ == "__main__":
    main()
