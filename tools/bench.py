"""Speed of tlhelpers, each as a ratio against what one would write instead, in one run.

The two sides of a ratio alternate, and the median of the repeats is taken.
"""

import os
import tempfile
import time
from statistics import median

import tlhelpers as tl

runtime = tl.setup(seed=0)

import keras
import numpy as np
import tensorflow as tf
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

REPEATS = 7
BATCH = 64


def seconds(function, *arguments):
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def ratio(slow, fast, repeats=REPEATS):
    """Median of seconds of `slow` over seconds of `fast`, measured in turns."""
    slow(), fast()
    return median(seconds(slow) / seconds(fast) for _ in range(repeats))


def report(what, value, bound, good):
    print(f"{what:<58} {value:7.2f}   wanted: {bound}   {'ok' if good else 'MISSED'}")
    return good


def bare_passes(network, images):
    """What one would write without `extract_features`."""
    signature = [tf.TensorSpec((None, *images.shape[1:]), tf.float32)]
    forward = tf.function(lambda batch: network(batch, training=False), signature)
    parts = [forward(images[i : i + BATCH]).numpy() for i in range(0, len(images), BATCH)]
    return np.concatenate(parts)


def compiled(model):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss=loss, metrics=["accuracy"])
    return model


def main():
    threadpool_limits(limits=1, user_api="blas")  # small fits are faster so; TensorFlow keeps all
    task = tl.load_task("digits")
    splits = (task.train, task.validation, task.test)
    images = np.concatenate([split.images for split in splits])
    network = tl.HubLayer(task.backbone)

    def extract(cache):
        return tl.extract_features(network, images, BATCH, cache=cache, progress=False)

    results = []
    value = ratio(lambda: extract(False), lambda: bare_passes(network, images))
    bound = "at most 1.15"
    results.append(report("extraction / bare forward passes", value, bound, value <= 1.15))

    first, again = [], []
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["TLHELPERS_CACHE"] = folder
            first.append(seconds(extract, True))
            again.append(seconds(extract, True))
    value = median(a / b for a, b in zip(first, again, strict=True))
    results.append(report("first call / second call (cached)", value, "at least 20", value >= 20))

    x, y = task.train.images, task.train.labels
    check = (task.validation.images, task.validation.labels)
    accuracy = {}

    def fit_together():
        keras.utils.set_random_seed(0)
        model = compiled(keras.Sequential([network, keras.layers.Dense(10)]))
        model.fit(x, y, epochs=10, verbose=0)
        accuracy["together"] = model.evaluate(*check, verbose=0)[1]

    def extract_then_fit():
        both = np.concatenate([x, check[0]])
        features = tl.extract_features(network, both, cache=False, progress=False)
        head = LogisticRegression(max_iter=1000).fit(features[: len(x)], y)
        accuracy["extract"] = head.score(features[len(x) :], check[1])

    value = ratio(fit_together, extract_then_fit, repeats=3)
    what = "fit of frozen base and head / extract once and head"
    results.append(report(what, value, "at least 8", value >= 8))
    apart = abs(accuracy["together"] - accuracy["extract"])
    what = "their accuracies, points apart"
    results.append(report(what, 100 * apart, "at most 1", apart <= 0.01))
    raise SystemExit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
