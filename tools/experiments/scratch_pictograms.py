"""EfficientNet-Lite0 from random weights on pictograms: what a few labels are worth by themselves.

    python -m tools.experiments.scratch_pictograms

About two hours on two cores. First, on one draw of ten labels a class, six recipes: three
learning rates, with and without random flips, shifts and zooms. The three that are best on
`validation` train on two more draws, and the one that is best in the mean then on every draw. Each
run goes on until its curve is flat. Rows are written as they come, and a run that stands in the
table already is not repeated. `data/experiments/scratch_pictograms.csv` has a row a run, and
`scratch_pictograms_curves.csv` the accuracy while one of them trains.
"""

import time

import keras
import numpy as np
import pandas as pd

import tlhelpers as tl
from tools.experiments.runs import FOLDER, HalfCosine, append, rows_with

RUNS, CURVES = FOLDER / "scratch_pictograms.csv", FOLDER / "scratch_pictograms_curves.csv"
STEPS = {10: 600, 1: 60, 5: 300, 20: 600}  # for labels a class
BATCH, EVERY, DRAWS = 16, 20, 5
RATES = (3e-4, 1e-3, 3e-3)
CHOOSE_AT, CHOOSE_ON = 10, 3  # labels a class, draws
KEY = ["labels_per_class", "draw", "learning_rate", "augmented"]


def build(task, augmented):
    """The network with random weights, a head that starts at zero, and augmentation before it."""
    pictures = keras.Input(task.image_shape)
    x = pictures
    if augmented:
        for layer in (
            keras.layers.RandomFlip("horizontal"),
            keras.layers.RandomTranslation(0.1, 0.1, fill_mode="nearest"),
            keras.layers.RandomZoom(0.2, fill_mode="nearest"),
        ):
            x = layer(x)
    network = keras.models.clone_model(task.network())
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.95  # with .99, of 60 steps the first would still count
    x = keras.layers.Dropout(0.2)(network(x))
    head = keras.layers.Dense(len(task.class_names), kernel_initializer="zeros")
    return keras.Model(pictures, head(x))


class Trainer:
    """Trains one compiled network again and again from other random weights."""

    def __init__(self, task, augmented):
        self.task, self.augmented = task, augmented
        keras.utils.set_random_seed(0)
        self.model = build(task, augmented)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
        self.model.optimizer.build(self.model.trainable_variables)
        self.fresh = [variable.numpy() for variable in self.model.optimizer.variables]

    def restart(self, seed):
        keras.utils.set_random_seed(seed)
        self.model.set_weights(build(self.task, self.augmented).get_weights())
        for variable, value in zip(self.model.optimizer.variables, self.fresh, strict=True):
            variable.assign(value)

    def score(self, split):
        answers = self.model.predict(split.images[:], batch_size=64, verbose=0)
        return self.task.score(answers, split.labels)

    def run(self, labels_per_class, draw, rate):
        """Return the row of a run, and its curve."""
        self.restart(draw)
        few = self.task.few(labels_per_class, draw)
        order = np.random.default_rng(draw)
        batch, steps = min(BATCH, len(few)), STEPS[labels_per_class]
        rows = np.concatenate([order.permutation(len(few)) for _ in range(steps)])
        rows = rows[: steps * batch].reshape(-1, EVERY * batch)
        images, cosine, curve, seconds = few.images[:], HalfCosine(rate, steps), [], 0.0
        for k, part in enumerate(rows, 1):
            start = time.perf_counter()
            options = {"batch_size": batch, "shuffle": False, "verbose": 0, "callbacks": [cosine]}
            fitted = self.model.fit(images[part], few.labels[part], **options).history
            seconds += time.perf_counter() - start
            curve.append(
                {
                    "step": k * EVERY,
                    "on_labelled": fitted["accuracy"][-1],
                    "validation": self.score(self.task.validation),
                }
            )
        key = dict(zip(KEY, (labels_per_class, draw, rate, self.augmented), strict=True))
        found = {"validation": curve[-1]["validation"], "test": self.score(self.task.test)}
        effort = {"steps": steps, "seconds": round(seconds), "keras": keras.__version__}
        return key | found | effort, [key | row for row in curve]


def best_recipes(draws, count):
    """The recipes that are best on validation in the mean of these draws, which all have run."""
    runs = pd.read_csv(RUNS).query(f"labels_per_class == {CHOOSE_AT} and draw < {draws}")
    recipes = runs.groupby(["learning_rate", "augmented"]).validation
    return recipes.mean()[recipes.size() == draws].nlargest(count).index.tolist()


def main():
    tl.setup(seed=0)
    task = tl.load_task("pictograms")
    trainers = {}

    def run(labels_per_class, draw, rate, augmented):
        wanted = dict(zip(KEY, (labels_per_class, draw, rate, augmented), strict=True))
        if not rows_with(RUNS, **wanted).empty:
            return
        if augmented not in trainers:
            trainers[augmented] = Trainer(task, augmented)
        row, curve = trainers[augmented].run(labels_per_class, draw, rate)
        append(RUNS, pd.DataFrame([row]))
        append(CURVES, pd.DataFrame(curve))
        print(row, flush=True)

    for augmented in (False, True):
        for rate in RATES:
            run(CHOOSE_AT, 0, rate, augmented)
    for rate, augmented in best_recipes(1, count=3):
        for draw in range(CHOOSE_ON):
            run(CHOOSE_AT, draw, rate, augmented)
    ((rate, augmented),) = best_recipes(CHOOSE_ON, count=1)
    for labels_per_class in STEPS:
        for draw in range(DRAWS):
            run(labels_per_class, draw, rate, augmented)


if __name__ == "__main__":
    main()
