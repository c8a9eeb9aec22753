"""In which layer of a language model is the topic of a text linearly readable?

    python -m tools.experiments.probed_layers [ag_news scipy]

Twenty minutes on one core (AG News is from a mirror or the internet). The vectors behind the
embedding (layer 0) and behind some of SmolLM2's 30 layers, those of all tokens averaged or that of
the last token, are read by a logistic regression that learns the topic from 300 labelled texts.
Beside it: the same network with the numbers of each weight shuffled, counted words, and MiniLM. The
strength of the regression is chosen on `validation`. Rows are written as they come; a network that
stands there is not repeated.
"""

import sys

import keras
import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tlhelpers as tl
from tools.experiments.runs import FOLDER, append, rows_with, some_of

RUNS = FOLDER / "probed_layers.csv"
TASKS = ("ag_news", "scipy")
MOST = {"train": 300, "validation": 300, "test": 400}
LAYERS = (0, 1, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30)
STRENGTHS = (0.01, 0.1, 1.0, 10.0)  # of vectors whose entries have variance 1
COUNTED = (1.0, 10.0, 100.0)  # of vectors of length 1
KEY = ["task", "network", "tokens", "layer"]
RESULTS = ["strength", "validation", "test"]


def splits(task):
    """Some texts of each split."""
    rng = np.random.default_rng(0)
    for name, most in MOST.items():
        yield some_of(getattr(task, name), most, rng)


def read(language_model, texts, layers=LAYERS):
    """Vectors of texts behind some layers, `[layers, n, width]`: mean of tokens, and the last."""
    backbone = language_model.backbone
    outputs = [layer.output for layer in (backbone.token_embedding, *backbone.transformer_layers)]
    some = keras.Model(backbone.input, [outputs[layer] for layer in layers])
    means, last = np.zeros((2, len(layers), len(texts), backbone.hidden_dim), np.float32)
    tokens = [language_model.encode(text) for text in texts]
    order = np.argsort([len(row) for row in tokens], kind="stable")
    for at in range(0, len(texts), 16):
        rows = order[at : at + 16]
        padded = keras.utils.pad_sequences([tokens[i] for i in rows], padding="post")
        there = keras.utils.pad_sequences([[1] * len(tokens[i]) for i in rows], padding="post")
        reached = some({"token_ids": padded, "padding_mask": there}, training=False)
        count = there.sum(axis=1)
        for place, hidden in enumerate(map(np.asarray, keras.tree.flatten(reached))):
            means[place, rows] = np.einsum("ntd,nt->nd", hidden, there / count[:, None])
            last[place, rows] = hidden[np.arange(len(rows)), count - 1]
    return {"mean": means, "last": last}


def shuffle(backbone, seed=0):
    """Shuffle the numbers of each weight but the scales: their spread stays."""
    rng = np.random.default_rng(seed)
    for variable in backbone.variables:
        if len(variable.shape) > 1:
            variable.assign(rng.permutation(np.ravel(variable)).reshape(variable.shape))


def best_probe(task, parts, vectors, strengths, *steps):
    """Strength, validation and test score of the regression that is best on validation."""
    train, *held_out = vectors
    found = []
    for strength in strengths:
        head = make_pipeline(*steps, LogisticRegression(C=strength, max_iter=3000))
        head.fit(train, parts[0].labels)
        scores = [
            task.score(head.predict(x), part.labels)
            for x, part in zip(held_out, parts[1:], strict=True)
        ]
        found.append((strength, *scores))
    return max(found, key=lambda row: row[1])


def write(task, network, tokens, layer, found):
    """Add a row."""
    key = dict(zip(KEY, (task.name, network, tokens, layer), strict=True))
    row = key | dict(zip(RESULTS, found, strict=True))
    append(RUNS, pd.DataFrame([row], columns=[*KEY, *RESULTS]))
    print(row, flush=True)


def probe_layers(task, parts, network, layers=LAYERS):
    """Probes of all layers: rows of pooling, layer and what `best_probe` finds."""
    language_model = tl.load_language_model(progress=False)
    if network == "shuffled":
        shuffle(language_model.backbone)
    vectors = [read(language_model, part.texts, layers) for part in parts]
    for tokens in vectors[0]:
        for place, layer in enumerate(layers):
            of_layer = [each[tokens][place] for each in vectors]
            yield tokens, layer, best_probe(task, parts, of_layer, STRENGTHS, StandardScaler())


def main():
    tl.setup(seed=0)
    for name in sys.argv[1:] or TASKS:
        task = tl.load_task(name)
        parts = list(splits(task))
        if rows_with(RUNS, task=name, network="counted words").empty:
            count = TfidfVectorizer(sublinear_tf=True, stop_words="english").fit(task.train.texts)
            counted = [count.transform(part.texts) for part in parts]
            write(task, "counted words", "all", 0, best_probe(task, parts, counted, COUNTED))
            encoder = tl.TextEncoder()
            encoded = [encoder(part.texts, progress=False) for part in parts]
            write(task, "MiniLM", "mean", 6, best_probe(task, parts, encoded, COUNTED))
        for network in ("SmolLM2", "shuffled"):
            if rows_with(RUNS, task=name, network=network).empty:
                for tokens, layer, found in list(probe_layers(task, parts, network)):
                    write(task, network, tokens, layer, found)
            keras.backend.clear_session()


if __name__ == "__main__":
    main()
