"""A language model learns a style: what SciPy says of a function, from the function's name.

    python -m tools.experiments.adapted_language [METHOD ...]

An hour on one core; processes may share the methods. The first 24 of SmolLM2's 30 layers stay
frozen, and what they give is computed once. Behind them learn: nothing but the last layer; the
scales of the norms; pairs of thin matrices beside all others (LoRA, Hu et al., 2022); or six whole
layers. A small Llama from scratch sees the same texts. Losses are nats a token of the
sentence. Forgetting is the rise of the loss on the first 100 articles of AG News (from a mirror or
the internet). Rates are chosen on `validation`, by a third of the epochs; the epoch is chosen there
for each run. Rows are written as they come; a run that stands there is not repeated.
"""

import sys
import time

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

import tlhelpers as tl
from tools.experiments.runs import FOLDER, append, rows_with

RUNS = FOLDER / "adapted_language.csv"
CUT, RANK, LONGEST = 24, 8, 24
MOST = 488, 160, 240  # of train, validation, test
ORDINARY = "ag_news"  # on its texts forgetting is measured; None without
EPOCHS, BATCH, SEEDS = 3, 16, 2
ADAPTED = ["query", "key", "value", "attention_output", "feedforward_gate_dense"]
ADAPTED += ["feedforward_intermediate_dense", "feedforward_output_dense"]
RATES = {
    "none": [0],
    "last layer": [3e-4, 1e-3],
    "scales": [1e-2, 3e-2],
    "LoRA": [1e-3, 3e-3],
    "six layers": [1e-4, 3e-4],
    "from scratch": [3e-3, 1e-2],
}
SCRATCH_EPOCHS = 9
KEY = ["method", "part", "rate", "seed"]
RESULTS = ["trained", "epoch", "validation", "test", "ordinary", "seconds"]


def pairs_of(split):
    """Names of functions, and what SciPy says of them."""
    pairs = zip(split.names, split.texts, strict=True)
    return [(f"scipy.{name}:", f" {text}.") for name, text in pairs]


class Texts:
    """Tokens `[n, LONGEST]`, and which of them are asked for: 1 from the sentence on."""

    def __init__(self, language_model, pairs):
        rows, asked = [], []
        for before, after in pairs:
            a, b = language_model.encode(before) if before else [0], language_model.encode(after)
            if before and len(a + b) >= LONGEST:
                continue  # sentences end; articles are cut
            row = (a + b + [2])[:LONGEST]
            rows.append(row)
            asked.append([0] * len(a) + [1] * (len(row) - len(a)))
        self.tokens = keras.utils.pad_sequences(rows, LONGEST, padding="post")
        self.asked = keras.utils.pad_sequences(asked, LONGEST, padding="post", dtype="float32")


class Adapting:
    """One method on SciPy's sentences: a model that gives vectors, and an embedding for logits."""

    def __init__(self, method):
        self.method, self.language_model = method, tl.load_language_model(progress=False)
        task, rng, parts = tl.load_task("scipy"), np.random.default_rng(0), []
        for split, most in zip((task.train, task.validation, task.test), MOST, strict=True):
            some = split.take(rng.permutation(len(split))[:most])
            parts.append(Texts(self.language_model, pairs_of(some)))
        news = tl.load_task(ORDINARY).validation.texts[:100] if ORDINARY else ["News"]
        parts.append(Texts(self.language_model, [("", text) for text in news]))
        self.train, self.validation, self.test, self.ordinary = parts
        build = self.from_scratch if method == "from scratch" else self.tail
        self.model, self.embedding = build(parts)
        self.before = self.model.get_weights()

    def tail(self, parts):
        """The last layers as a model of activations, with what the method lets learn."""
        backbone = self.language_model.backbone
        if self.method == "LoRA":
            backbone.enable_lora(RANK, ADAPTED)
        trunk, _ = self.language_model.split_at(CUT)
        for texts in parts:
            texts.x = trunk(texts.tokens)
        backbone.token_embedding.trainable = False
        if self.method == "last layer":
            for layer in backbone.transformer_layers[CUT:-1]:
                layer.trainable = False
        x = activations = keras.Input((None, backbone.hidden_dim))
        for layer in backbone.transformer_layers[CUT:]:
            x = layer(x)
        model = keras.Model(activations, backbone.layer_norm(x))
        if self.method == "scales":
            for variable in model.trainable_variables:
                variable.trainable = variable.name == "scale"
        return model, backbone.token_embedding

    def from_scratch(self, parts):
        """A Llama of two layers with the same tokens."""
        import keras_hub

        for texts in parts:
            texts.x = texts.tokens
        backbone = keras_hub.models.LlamaBackbone(
            vocabulary_size=self.language_model.backbone.vocabulary_size,
            num_layers=2,
            num_query_heads=4,
            num_key_value_heads=4,
            hidden_dim=128,
            intermediate_dim=512,
            tie_word_embeddings=True,
        )
        tokens = keras.Input((None,), dtype="int32")
        hidden = backbone({"token_ids": tokens, "padding_mask": keras.ops.ones_like(tokens)})
        return keras.Model(tokens, hidden), backbone.token_embedding

    def lost(self, texts, rows):
        """Nats of each token that is asked for; logits of others are not computed."""
        asked = tf.where(texts.asked[rows, 1:] > 0)
        hidden = tf.gather_nd(self.model(texts.x[rows, :-1]), asked)
        following = tf.gather_nd(texts.tokens[rows, 1:], asked)
        logits = self.embedding(hidden, reverse=True)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(following, logits)

    def loss(self, texts):
        """Nats a token that is asked for."""
        places = np.array_split(np.arange(len(texts.tokens)), -(-len(texts.tokens) // 32))
        return float(np.concatenate([self.lost(texts, rows) for rows in places]).mean())

    def fit(self, rate, seed, share):
        """Train, and keep the epoch that is best on validation; epoch, its loss, seconds."""
        epochs = (SCRATCH_EPOCHS if self.method == "from scratch" else EPOCHS) // share
        keras.utils.set_random_seed(seed)
        self.model.set_weights(self.before)
        rng, n = np.random.default_rng(seed), len(self.train.tokens)
        falling = keras.optimizers.schedules.CosineDecay(rate, epochs * (n // BATCH))
        optimizer, weights = keras.optimizers.Adam(falling), self.model.trainable_variables
        seconds = 0.0
        best = 0, self.loss(self.validation), 0.0, self.before
        for epoch in range(1, epochs + 1):
            start, order = time.perf_counter(), rng.permutation(n)
            for at in range(0, n - BATCH + 1, BATCH):
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean(self.lost(self.train, order[at : at + BATCH]))
                optimizer.apply(tape.gradient(loss, [w.value for w in weights]), weights)
            seconds += time.perf_counter() - start
            if (loss := self.loss(self.validation)) < best[1]:
                best = epoch, loss, seconds, self.model.get_weights()
            print(self.method, rate, seed, epoch, round(loss, 3), round(seconds), flush=True)
        self.model.set_weights(best[-1])
        return best[:-1]

    def run(self, part, rate, seed):
        """One run, unless its row is there."""
        key = dict(zip(KEY, (self.method, part, rate, seed), strict=True))
        if not rows_with(RUNS, **key).empty:
            return
        trained = sum(np.prod(v.shape) for v in self.model.trainable_variables) if rate else 0
        epoch, loss, seconds = 0, self.loss(self.validation), 0
        if rate:
            epoch, loss, seconds = self.fit(rate, seed, share=3 if part == "choice" else 1)
        row = key | {"trained": trained, "epoch": epoch, "validation": loss}
        row |= {"test": np.nan, "ordinary": np.nan, "seconds": round(seconds)}
        if part != "choice":
            row |= {"test": self.loss(self.test), "ordinary": self.loss(self.ordinary)}
        append(RUNS, pd.DataFrame([row], columns=[*KEY, *RESULTS]))
        print(row, flush=True)


def best_rate(method):
    """The rate that is best on validation."""
    tried = rows_with(RUNS, method=method, part="choice")
    return tried.loc[tried.validation.idxmin(), "rate"]


def main():
    tl.setup(seed=0)
    for method in sys.argv[1:] or RATES:
        texts = Adapting(method)
        if len(RATES[method]) > 1:
            for rate in RATES[method]:
                texts.run("choice", rate, 0)
        rate = best_rate(method) if len(RATES[method]) > 1 else 0
        for seed in range(SEEDS if rate else 1):
            texts.run("methods", rate, seed)
        keras.backend.clear_session()


if __name__ == "__main__":
    main()
