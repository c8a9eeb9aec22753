"""MiniLM with a few labelled texts of each class: heads, descriptions, and its last layers tuned.

    python -m tools.experiments.few_labelled_texts [scipy ag_news]

Three hours on one core; processes may share the tasks (AG News is from a mirror or the internet).
All methods learn from the same texts, nested within a draw. Counted words, counted pieces of words
and the encoder's vectors get a logistic regression. Descriptions, written once and never tuned, are
samples with more weight. Head and descriptions then say what unlabelled texts are, and the surest
of these *pseudo-labels* are learnt, too. Two of the encoder's six layers are tuned together with
that head, from the labelled texts or also from pseudo-labels; or by pairs (SetFit: vectors of one
class are pulled together, others apart), with a regression afterwards. Settings are chosen on
`validation`: rates of training at eight texts a class on the first draw, others at each number of
texts on three. Rows are written as they come; a run that stands there is not repeated.
"""

import itertools
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
from tools.experiments.runs import FOLDER, append, rows_with

RUNS = FOLDER / "few_labelled_texts.csv"
LABELS = {"scipy": (8, 2, 4, 1), "ag_news": (8, 2, 16, 4, 1)}
TRAINED_AT, RATES_AT = {"scipy": (8, 2), "ag_news": (8,)}, 8
DRAWS, CHOOSE_BY = 10, 3
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
RATES = [{"rate": rate} for rate in (3e-5, 1e-4, 3e-4)]
SETTINGS = {
    "counted words": STRENGTHS,
    "counted pieces": STRENGTHS,
    "head": STRENGTHS,
    "head, descriptions": [{"C": C, "weight": weight} for C in (1, 10) for weight in (1, 4, 16)],
    "head, pseudo-labels": [{"share": share} for share in (0.3, 0.6, 1.0)],
    "by pairs": RATES,
    "fine-tuned": RATES,
    "fine-tuned, pseudo-labels": [rate | {"share": share} for rate in RATES for share in (0.6, 1)],
}
GOES_ON_FROM = {  # the settings of another method are kept
    "head, pseudo-labels": "head, descriptions",
    "by pairs": "head",
    "fine-tuned": "head, descriptions",
    "fine-tuned, pseudo-labels": "head, descriptions",
}
STEPS, BATCH, MOST_TOKENS = 50, 32, 64
ALONE = ("descriptions", "descriptions, centred")
KEY = ["task", "part", "labels_per_class", "draw", "method", "setting"]
RESULTS = ["validation", "test", "seconds"]


class FewTexts:
    """Runs on one task."""

    def __init__(self, name):
        self.task = tl.load_task(name)
        self.splits = self.task.train, self.task.validation, self.task.test
        self.encoder = tl.TextEncoder(max_tokens=MOST_TOKENS)
        self.trunk, self.tail = self.encoder.split_at(LAYERS)
        self.published = self.tail.get_weights()

    @cached_property
    def reached(self):
        """Activations of train, validation and test."""
        return [self.trunk(split.texts.tolist()) for split in self.splits]

    @cached_property
    def vectors(self):
        """Vectors of train, validation and test, as published."""
        self.tail.set_weights(self.published)
        return [self.tail.predict(x, verbose=0) for x in self.reached]

    @cached_property
    def centre(self):
        """The mean of the vectors of train."""
        return self.vectors[0].mean(axis=0)

    @cached_property
    def centred(self):
        """The vectors without that mean."""
        return [unit(x - self.centre) for x in self.vectors]

    @cached_property
    def described(self):
        """Vectors of the descriptions, as published and centred."""
        vectors = self.encoder(DESCRIPTIONS[self.task.name], progress=False)
        return vectors, unit(vectors - vectors.mean(axis=0))

    def counted(self, method):
        """TF-IDF of train, validation and test; what counts was learnt without labels."""
        pieces = {"analyzer": "char_wb", "ngram_range": (3, 5)}
        options = pieces if method == "counted pieces" else {"stop_words": "english"}
        count = TfidfVectorizer(sublinear_tf=True, **options).fit(self.task.train.texts)
        return [count.transform(split.texts) for split in self.splits]

    def learn(self, method, rows, seed, C=None, weight=0, share=0, rate=None):
        """Answers on validation and test; `weight` of descriptions, `share` of pseudo-labels."""
        if method in ALONE:
            vectors = self.centred if "centred" in method else self.vectors
            described = self.described["centred" in method]
            return [(x @ described.T).argmax(axis=1) for x in vectors[1:]]
        labels = self.task.train.labels[rows]
        if method.startswith("counted"):
            train, *held_out = self.counted(method)
            head = LogisticRegression(C=C, max_iter=2000).fit(train[rows], labels)
            return [head.predict(x) for x in held_out]
        if method == "by pairs":
            return self.by_pairs(rows, labels, seed, C, rate)
        train, *held_out = self.centred
        head = self.together(train[rows], labels, C, weight)
        if share:
            rows, labels = surest(head.predict_proba(train), rows, labels, share)
            head = self.together(train[rows], labels, C, weight)
        if rate:
            return self.fine_tuned(head, rows, labels, seed, rate)
        return [head.predict(x) for x in held_out]

    def together(self, x, labels, C, weight):
        """A head that learns from texts, and from descriptions with a weight."""
        described = self.described[1]
        both = np.concatenate([x, described]), np.append(labels, np.arange(len(described)))
        weights = np.append(np.ones(len(x)), np.full(len(described), weight))
        return LogisticRegression(C=C, max_iter=2000).fit(*both, sample_weight=weights)

    def fine_tuned(self, head, rows, labels, seed, rate):
        """Answers of tail and head, trained together from the published weights and this head."""
        layer = keras.layers.Dense(len(head.classes_))
        layer.build((None, self.encoder.dimension))
        layer.set_weights([head.coef_.T, head.intercept_])
        centre = keras.layers.Lambda(lambda x: keras.ops.normalize(x - self.centre))
        crossentropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model = self.tune([centre, layer], crossentropy, rows, labels, seed, rate)
        return [model.predict(x, verbose=0).argmax(axis=1) for x in self.reached[1:]]

    def by_pairs(self, rows, labels, seed, C, rate):
        """Answers of a head on vectors of a tail that was trained by pairs."""
        self.tune([keras.layers.Lambda(cosines)], pull, rows, labels, seed, rate)
        train, *held_out = [self.reached[0][rows], *self.reached[1:]]
        train, *held_out = [self.tail.predict(x, verbose=0) for x in (train, *held_out)]
        head = LogisticRegression(C=C, max_iter=2000).fit(train, labels)
        return [head.predict(x) for x in held_out]

    def tune(self, layers, loss, rows, labels, seed, rate):
        """Train the tail, from the published weights, with layers behind it."""
        keras.utils.set_random_seed(seed)
        self.tail.set_weights(self.published)
        model = keras.Sequential([self.tail, *layers])
        falling = keras.optimizers.schedules.CosineDecay(rate, STEPS)
        model.compile(keras.optimizers.Adam(falling), loss)
        rng, x = np.random.default_rng(seed), trimmed(self.reached[0][rows])
        for _ in range(STEPS):
            some = rng.permutation(len(rows))[:BATCH]
            model.train_on_batch(x[some], labels[some])
        return model

    def scores(self, k, draw, method, setting):
        """Scores on validation and test."""
        index = self.task.train.index
        rows = np.searchsorted(index, self.task.few(k, seed=draw).index) if k else np.array([], int)
        found = self.learn(method, rows, draw, **setting)
        truth = self.task.validation.labels, self.task.test.labels
        return [self.task.score(each, labels) for each, labels in zip(found, truth, strict=True)]

    def run(self, part, k, draw, method, setting):
        """One run, unless its row is there."""
        key = dict(zip(KEY, (self.task.name, part, k, draw, method, name_of(setting)), strict=True))
        if not rows_with(RUNS, **key).empty:
            return
        start, before = time.perf_counter(), inherited(self.task.name, k, method)
        validation, test = self.scores(k, draw, method, before | setting)
        key |= {"validation": validation, "test": test if part != "choice" else np.nan}
        key["seconds"] = round(time.perf_counter() - start)
        append(RUNS, pd.DataFrame([key], columns=[*KEY, *RESULTS]))
        print(key, flush=True)


def surest(probabilities, rows, labels, share):
    """Positions and pseudo-labels: of each class the share that is surest, and what has labels."""
    told, kept = probabilities.argmax(axis=1), []
    for label in range(probabilities.shape[1]):
        of_it = np.flatnonzero(told == label)
        order = np.argsort(-probabilities[of_it, label])
        kept.extend(of_it[order[: int(np.ceil(share * len(of_it)))]])
    told[rows] = labels
    rows = np.union1d(kept, rows)
    return rows, told[rows]


def cosines(vectors):
    """How alike the vectors of a batch are: `[n, d]` of length 1 to `[n, n]`."""
    return keras.ops.matmul(vectors, keras.ops.transpose(vectors))


def pull(labels, cosines):
    """Mean square of how far cosines are from 1 within a class, from 0 between classes."""
    labels = keras.ops.reshape(labels, (-1, 1))
    same = keras.ops.equal(labels, keras.ops.transpose(labels))
    return keras.ops.mean((cosines - keras.ops.cast(same, cosines.dtype)) ** 2)


def trimmed(x):
    """Activations without the places where all texts have ended."""
    return x[:, : np.flatnonzero(x.any(axis=(0, 2)))[-1] + 1]


def name_of(setting):
    """A setting in words."""
    return ", ".join(f"{name} {value}" for name, value in setting.items()) or "none"


def best(task, k, method):
    """The setting that is best on validation, with that of the method it goes on from."""
    before = inherited(task, k, method)
    names = {name_of(setting): setting for setting in SETTINGS[method]}
    k = RATES_AT if is_trained(method) else k
    tried = rows_with(RUNS, task=task, part="choice", method=method, labels_per_class=k)
    return before | names[tried.groupby("setting").validation.mean().idxmax()]


def inherited(task, k, method):
    """The setting of the method that this one goes on from, if there is one."""
    return best(task, k, GOES_ON_FROM[method]) if method in GOES_ON_FROM else {}


def is_trained(method):
    """Whether layers of the encoder learn."""
    return "rate" in SETTINGS[method][0]


def main():
    tl.setup(seed=0)
    for name in sys.argv[1:] or DESCRIPTIONS:
        texts = FewTexts(name)
        for method in ALONE:
            texts.run("methods", 0, 0, method, {})
        for k, (method, settings) in itertools.product(LABELS[name], SETTINGS.items()):
            for setting in settings:
                for draw in range(1 if is_trained(method) else CHOOSE_BY):
                    if k == RATES_AT or not is_trained(method):
                        texts.run("choice", k, draw, method, setting)
        setting = best(name, 1, "head, pseudo-labels")  # for none there is nothing to choose by
        texts.run("methods", 0, 0, "descriptions, pseudo-labels", setting)
        for k, draw, method in itertools.product(LABELS[name], range(DRAWS), SETTINGS):
            if k in TRAINED_AT[name] or not is_trained(method):
                texts.run("methods", k, draw, method, best(name, k, method))


if __name__ == "__main__":
    main()
