"""GlyphNet fine-tuned on moved digits in twenty ways, each looked at from all sides.

    python -m tools.experiments.fine_tuning_in_depth

About an hour and a half on two cores; two processes may share the numbers of labels (`… 5` and `…
50`). A row is a run: what of the network trains and how, and what became of it: accuracy on new
digits, on digits that are noisy, blurred, faint or turned further, calibration, letters of the
source that it still tells, weights that were trained, seconds. Every way tries the same three
learning rates on `validation`, on digits as they are: all in the first draw, and those within two
points of its best in two more. Where the best is the smallest or the largest, the next one is tried
as well. The best in the mean is looked at from all sides, on three draws; what is compared with an
interval, on eight. What is said of forgetting is also measured at one rate for all. Each training
lasts 400 steps, in which the rate falls to 0, and begins at the linear probe, unless its way says
otherwise. Rows are written as they come; a run that stands in the table is not repeated.
"""

import sys
import time

import keras
import numpy as np
import pandas as pd
from scipy import ndimage

import tlhelpers as tl
from tlhelpers.images.move import move
from tools.experiments.fine_tuning_digits import (
    BATCH,
    BLOCKS,
    DRAWS,
    EVERY,
    LOOKS,
    STEPS,
    looks_at,
    noisy,
    probe_weights,
    rows_of,
)
from tools.experiments.runs import FOLDER, HalfCosine, append, rows_with

RUNS = FOLDER / "fine_tuning_in_depth.csv"
LABELS = (5, 50)
STRENGTH = {5: 0.1, 50: 0.01}  # of the probe at so many labels, as fine_tuning_digits chose it
RATES, CLOSE = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2), 0.02  # the three in the middle come first
PAIRED = 8  # draws, of the probe, the head first, at once, and mixes
NAMES = [f"block{number}" for number in range(1, BLOCKS + 1)]
WAYS = {
    **{f"last {n}": {"blocks": NAMES[-n:]} for n in range(1, BLOCKS + 1)},
    "first block": {"blocks": NAMES[:1]},
    "random head": {"head": "random"},  # all at once
    "late layers faster": {"faster": NAMES[::-1]},
    "early layers faster": {"faster": NAMES},
    "gradual": {"gradual": True},
    "pulled back": {"pull": 10.0},  # L2-SP; 1 hardly pulls, 100 lets nothing be learnt
    "letters mixed in": {"replay": True},
    "BatchNorm only": {"weights": ("gamma", "beta")},
    "biases only": {"weights": ("beta", "bias")},
    "adapters": {"adapters": 8},
}
MIXES = (0.25, 0.5, 0.75)  # of "last 7" with the probe
KEY = ["part", "labels_per_class", "draw", "way", "rate"]
SAME_RATE = 1e-3
FORGETFUL = (f"last {BLOCKS}", "random head", "pulled back", "letters mixed in")
SHIFTS = ("clean", "noisy", "blurred", "faint", "turned")
RESULTS = [
    *[f"validation_{name}" for name in SHIFTS],
    *[f"test_{name}" for name in SHIFTS],
    *["calibration_error", "letters", "trained", "validation_at_320", "seconds"],
    "letters_by_its_head",
]


def shifted(images, originals, seed):
    """The pictures as they are, and as other cameras and hands would give them."""
    return {
        "clean": images,
        "noisy": noisy(images, seed, strength=0.02),
        "blurred": ndimage.gaussian_filter(images, (0, 1.2, 1.2, 0)),
        "faint": 0.3 * images,
        "turned": move(originals, seed + 10, turn=60),
    }


def calibration_error(probabilities, labels, bins=10):
    """Mean distance of confidence and accuracy over bins of confidence (Guo et al., 2017)."""
    sure, right = probabilities.max(1), probabilities.argmax(1) == labels
    place = np.minimum((sure * bins).astype(int), bins - 1)
    gaps = [abs((right - sure)[place == k].sum()) for k in range(bins)]
    return sum(gaps) / len(labels)


def with_adapters(network, width):
    """A copy of the network with a bottleneck behind each block, which adds nothing at first.

    Houlsby et al., "Parameter-efficient transfer learning for NLP" (2019).
    """

    def call(layer, *args, **kwargs):
        x = layer(*args, **kwargs)
        if not layer.name.endswith("_out"):
            return x
        inner = keras.layers.Dense(width, activation="relu", name=f"adapter_{layer.name}_in")(x)
        last = keras.layers.Dense(
            x.shape[-1], kernel_initializer="zeros", name=f"adapter_{layer.name}"
        )
        return keras.layers.Add(name=f"sum_{layer.name}")([x, last(inner)])

    copy = keras.models.clone_model(network, call_function=call)
    for layer in network.layers:
        copy.get_layer(layer.name).set_weights(layer.get_weights())
    return copy


class PullBack(keras.callbacks.Callback):
    """Draws weights back to where they began, as far as the rate goes (L2-SP: Li et al., 2018)."""

    def __init__(self, strength, variables, start):
        super().__init__()
        self.strength, self.pairs = strength, list(zip(variables, start, strict=True))

    def on_train_batch_end(self, batch, logs=None):
        share = self.strength * float(self.model.optimizer.learning_rate)
        for variable, start in self.pairs:
            variable.assign(variable - share * (variable - start))


class Depths:
    """The target, its shifts, the letters of the source, and the runs."""

    def __init__(self):
        self.task, digits = tl.load_task("moved"), tl.load_task("digits")
        self.train = self.task.train
        self.seen = {
            part: (
                shifted(getattr(self.task, part).images, getattr(digits, part).images, seed),
                getattr(self.task, part).labels,
            )
            for seed, part in enumerate(("validation", "test"))
        }
        self.source, self.trained = self.task.network(), {}
        self.learnt = self.source.get_weights()
        self.looks = looks_at(self.train.images)
        self.features = np.stack([self.source.predict(x, verbose=0) for x in self.looks])
        prints = tl.glyphs.render(tl.glyphs.alphabet("latin")[:26])
        colour = lambda x: np.repeat(x[..., None], 3, axis=-1).astype("float32")  # noqa: E731
        self.prints = colour(prints)
        self.asked = colour(np.concatenate([tl.glyphs.warp(prints, seed=s) for s in range(8)]))
        self.old = colour(np.concatenate([tl.glyphs.warp(prints, seed=s) for s in range(20, 40)]))
        self.asked_letters, self.old_letters = (
            np.arange(len(images)) % len(prints) for images in (self.asked, self.old)
        )

    def build(self, way, rows, strength):
        """The network and the model as they are at the start of a run."""
        network = keras.models.clone_model(self.source)
        network.set_weights(self.learnt)
        x = self.features[:, rows].reshape(-1, self.features.shape[-1])
        y = np.tile(self.train.labels[rows], LOOKS)
        if way.get("replay"):
            x = np.concatenate([x, self.source.predict(self.old, verbose=0)])
            y = np.concatenate([y, 10 + self.old_letters])
        if way.get("adapters"):
            network = with_adapters(network, way["adapters"])
        head = keras.layers.Dense(36 if way.get("replay") else 10)
        model = keras.Sequential([keras.Input(self.task.image_shape), network, head])
        if way.get("head") != "random":
            head.set_weights(probe_weights(x, y, strength))
        return network, model

    def free(self, network, way):
        """Let train what the way says."""
        tl.unfreeze(network, blocks=way.get("blocks", NAMES))
        if way.get("weights"):
            network.trainable = True
            for layer in network.layers:
                for weight in layer.weights:
                    weight.trainable = weight.name in way["weights"]
        if way.get("adapters"):
            network.trainable = True
            for layer in network.layers:
                layer.trainable = layer.name.startswith("adapter")

    def train_in(self, way, labels_per_class, draw, rate, seed=None):
        """The trained model, its validation accuracy before the last fifth, what trained."""
        rows = rows_of(self.task, labels_per_class, draw)
        keras.utils.set_random_seed(draw if seed is None else seed)
        network, model = self.build(way, rows, STRENGTH[labels_per_class])
        images = self.looks.reshape(-1, *self.looks.shape[2:])
        labels, count = np.tile(self.train.labels, LOOKS), len(self.train.labels)
        order = np.random.default_rng(draw if seed is None else seed)
        batch = min(BATCH, len(rows))
        picks = np.concatenate([order.permutation(rows) for _ in range(STEPS)])[: STEPS * batch]
        picks += count * order.integers(LOOKS, size=len(picks))
        if way.get("replay"):  # every other picture is a letter
            images = np.concatenate([images, self.old])
            labels = np.concatenate([labels, 10 + self.old_letters])
            old = len(images) - len(self.old) + order.integers(len(self.old), size=len(picks))
            picks, batch = np.stack([picks, old], 1).ravel(), 2 * batch
        picks = picks.reshape(-1, EVERY * batch)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        falling, late = HalfCosine(rate, STEPS), np.nan
        depths = [1, 2, 4, BLOCKS] if way.get("gradual") else [None]
        for stage, part in enumerate(np.array_split(np.arange(len(picks)), len(depths))):
            blocks = {"blocks": NAMES[-depths[stage] :]} if way.get("gradual") else {}
            self.free(network, way | blocks)
            optimizer = keras.optimizers.Adam(rate)
            if way.get("faster"):  # the first of these has the whole rate, the next 0.6 of it, …
                rates = {block: 0.6**place for place, block in enumerate(way["faster"])}
                optimizer = tl.layerwise(optimizer, rates)
            model.compile(optimizer, loss, jit_compile=False)
            callbacks = [falling]
            if way.get("pull"):
                start = [weight.numpy() for weight in network.trainable_weights]
                callbacks.append(PullBack(way["pull"], network.trainable_weights, start))
            for k in part:
                if k == len(picks) * 4 // 5:
                    late = self.accuracy(model, "validation", "clean")
                x, y = images[picks[k]], labels[picks[k]]
                options = {"shuffle": False, "verbose": 0, "callbacks": callbacks}
                model.fit(x, y, batch_size=batch, **options)
        trained = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
        return model, late, trained

    def answers(self, model, part, shift):
        return model.predict(self.seen[part][0][shift], batch_size=300, verbose=0)[:, :10]

    def accuracy(self, model, part, shift):
        return np.mean(self.answers(model, part, shift).argmax(1) == self.seen[part][1])

    def letters(self, network):
        """How many bent letters have the print of the same letter nearest to them."""
        known, asked = (network.predict(x, verbose=0) for x in (self.prints, self.asked))
        known /= np.linalg.norm(known, axis=1, keepdims=True)
        return np.mean((asked @ known.T).argmax(1) == self.asked_letters)

    def look(self, model):
        """All that is measured of a trained model."""
        found = {}
        for part, (_, labels) in self.seen.items():
            for shift in SHIFTS:
                answers = self.answers(model, part, shift)
                found[f"{part}_{shift}"] = np.mean(answers.argmax(1) == labels)
                if (part, shift) == ("validation", "clean"):
                    probabilities = keras.ops.softmax(answers).numpy()
                    found["calibration_error"] = calibration_error(probabilities, labels)
        if model.output_shape[-1] > 10:
            answers = model.predict(self.asked, verbose=0)[:, 10:].argmax(1)
            found["letters_by_its_head"] = np.mean(answers == self.asked_letters)
        return found | {"letters": self.letters(model.layers[0])}

    def once(self, name, labels_per_class, draw, rate):
        """What `train_in` gives, and the seconds it took; each run is trained once."""
        key = (name, labels_per_class, draw, rate)
        if key not in self.trained:
            start = time.perf_counter()
            found = self.train_in(WAYS[name], labels_per_class, draw, rate)
            self.trained[key] = (*found, round(time.perf_counter() - start, 1))
        return self.trained[key]

    def choose(self, name, labels_per_class):
        """The rate that is best on validation, in the mean of the draws."""
        key = {"part": "choice", "labels_per_class": labels_per_class, "way": name}
        rates = list(RATES[1:-1])
        while True:
            for rate in rates:
                self.attempt(name, labels_per_class, 0, rate)
            first = rows_with(RUNS, **key, draw=0)
            close = first[first.validation_clean >= first.validation_clean.max() - CLOSE].rate
            for rate in close:
                for draw in range(1, DRAWS):
                    self.attempt(name, labels_per_class, draw, rate)
            tried = rows_with(RUNS, **key)
            tried = tried[tried.rate.isin(close)].groupby("rate").validation_clean
            best = tried.mean().idxmax()
            beyond = {rates[0]: RATES[0], rates[-1]: RATES[-1]}.get(best, best)
            if beyond in rates:
                return best
            rates = sorted([*rates, beyond])

    def attempt(self, name, labels_per_class, draw, rate):
        """One row of the choice: validation and no more."""
        key = dict(zip(KEY, ("choice", labels_per_class, draw, name, rate), strict=True))
        if rows_with(RUNS, **key).empty:
            model, late, trained, _ = self.once(name, labels_per_class, draw, rate)
            found = {"validation_clean": self.accuracy(model, "validation", "clean")}
            self.write(key, found | {"validation_at_320": late, "trained": trained})

    def write(self, key, found):
        append(RUNS, pd.DataFrame([key | found], columns=[*KEY, *RESULTS]))
        print(key, found, flush=True)

    def run(self, name, labels_per_class, draw, rate, part="ways"):
        """A run of a way, with all that is measured of it."""
        key = dict(zip(KEY, (part, labels_per_class, draw, name, rate), strict=True))
        if not rows_with(RUNS, **key).empty:
            return
        model, late, trained, seconds = self.once(name, labels_per_class, draw, rate)
        found = {"trained": trained, "validation_at_320": late, "seconds": seconds}
        self.write(key, self.look(model) | found)

    def mixtures(self, labels_per_class, draw, rate, soup):
        """The probe, the network tuned from it, weights between them, and a soup of several."""
        key = dict(zip(KEY, ("mixes", labels_per_class, draw, "", rate), strict=True))
        if not rows_with(RUNS, **key | {"way": "tuned"}).empty:
            return
        name = f"last {BLOCKS}"
        rows, strength = rows_of(self.task, labels_per_class, draw), STRENGTH[labels_per_class]
        _, model = self.build(WAYS[name], rows, strength)
        before = model.get_weights()
        models = [self.once(name, labels_per_class, draw, rate)[0]]
        for seed in range(draw + 100, draw + 100 * soup, 100):
            models.append(self.train_in(WAYS[name], labels_per_class, draw, rate, seed)[0])
        tuned = [each.get_weights() for each in models]
        mixed = {"probe": before}
        mixed |= {f"mix {mix}": tl.average_weights([before, tuned[0]], mix) for mix in MIXES}
        if soup > 1:
            mixed["soup of three"] = tl.average_weights(tuned)
        mixed["tuned"] = tuned[0]  # the last row that is written
        for way, weights in mixed.items():
            model.set_weights(weights)
            self.write(key | {"way": way}, self.look(model))


def main():
    tl.setup(seed=0)
    depths = Depths()
    for labels in map(int, sys.argv[1:] or LABELS):
        for name in WAYS:
            rate = depths.choose(name, labels)
            for draw in range(PAIRED if name == "random head" else DRAWS):
                depths.run(name, labels, draw, rate)
            if name == f"last {BLOCKS}":
                for draw in range(PAIRED):
                    depths.mixtures(labels, draw, rate, soup=3 if draw < DRAWS else 1)
            for draw in range(DRAWS if name in FORGETFUL else 0):
                depths.run(name, labels, draw, SAME_RATE, part="same rate")
            depths.trained.clear()


if __name__ == "__main__":
    main()
