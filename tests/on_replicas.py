"""Extraction, probe and training under `tl.strategy`, compared with the same in one process.

python on_replicas.py cpus|workers FOLDER: the folder holds two modules; a failed check ends it.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.linear_model import LogisticRegression

import tlhelpers as tl
from tlhelpers.storage import cache

KIND, FOLDER = sys.argv[1:] if __name__ == "__main__" else ("", "")
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def pair(count):
    rng = np.random.default_rng(count)
    labels = np.arange(count) % 3
    images = rng.random((count, 8, 8, 3), np.float32) * 0.5
    images[np.arange(count), :, :, labels] += 0.5
    return images, labels


class Count(keras.layers.Layer):
    """Gives on what it takes, and notes how many pictures that are."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def call(self, inputs):
        def note(count):
            self.seen.append(int(count))
            return count

        count = tf.numpy_function(note, [tf.shape(inputs)[0]], tf.int32, stateful=True)
        with tf.control_dependencies([count]):
            return tf.identity(inputs)


def features():
    """Of a HubLayer; a number of pictures that cannot be shared evenly."""
    layer = tl.HubLayer(f"{FOLDER}/tiny")
    images, labels = pair(37)
    got = tl.extract_features(layer, images, batch_size=8, progress=False)
    np.testing.assert_allclose(got, layer(images), atol=1e-5)
    again = tl.extract_features(layer, images, batch_size=8, progress=False)
    probe = LogisticRegression().fit(again, labels)
    return [got, probe.coef_]


def plain_fit():
    """`compile` and `fit` in plain Keras: a HubLayer whose blocks learn at rates of their own."""
    keras.utils.set_random_seed(0)
    layer = tl.HubLayer(f"{FOLDER}/tiny", trainable=True, name="hub")
    model = keras.Sequential([keras.Input((8, 8, 3)), layer, keras.layers.Dense(3, name="head")])
    optimizer = tl.layerwise(keras.optimizers.AdamW(1e-2), {"head": 2.0})
    model.compile(optimizer, LOSS, metrics=["accuracy"])
    images, labels = pair(48)
    history = model.fit(
        images, labels, batch_size=16, epochs=2, validation_data=pair(20), verbose=0
    )
    assert set(history.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    predictions = model.predict(images, batch_size=16, verbose=0)
    return [*model.get_weights(), *history.history.values(), predictions]


def regularization():
    """A module's own loss counts once, not once a replica."""
    layer = tl.HubLayer(f"{FOLDER}/half_plus_one", trainable=True)
    model = keras.Sequential([keras.Input((1,)), layer])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    zeros = np.zeros((4, 1), np.float32)
    return [model.fit(zeros, zeros + 1, verbose=0).history["loss"], *model.get_weights()]


def network():
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((8, 8, 3))
    for number in (1, 2):
        x = keras.layers.Conv2D(4, 3, name=f"block{number}_conv")(x)
        x = keras.layers.BatchNormalization(name=f"block{number}_norm")(x)
    base = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x), name="small")
    return keras.Sequential([base, keras.layers.Dense(3, name="head")])


def fine_tuning(model, **options):
    """The recipe on a Keras model; called outside of the scope where the model was made."""
    histories = tl.fine_tune(
        model, pair(48), learning_rate=1e-2, epochs=(1, 2), batch_size=16, verbose=0, **options
    )
    return [*model.get_weights(), histories.tuning.history["loss"]]


def compare(one, many):
    for want, got in zip(one, many, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def cache_files():
    return list((cache.cache_dir() / "features").glob("*"))


def check_parts(strategy):
    """Each replica computes its part, and all get everything."""
    with strategy.scope():
        counter = Count()
        model = keras.Sequential([keras.Input((8, 8, 3)), counter, keras.layers.Flatten()])
        images = pair(37)[0]
        got = tl.extract_features(model, images, batch_size=8, cache=False, progress=False)
    np.testing.assert_array_equal(got, images.reshape(37, -1))
    local = len(strategy.extended.worker_devices) if KIND == "cpus" else 1
    assert sum(counter.seen) == 19 * local, counter.seen  # 8 + 8 + 3 for each of two


def check_refusals(strategy):
    """A module made outside of the scope cannot train in it, nor can statistics."""
    outside = tl.HubLayer(f"{FOLDER}/tiny", trainable=True)
    with strategy.scope():
        inside = tl.HubLayer(f"{FOLDER}/tiny", trainable=True, batch_norm="update")
    for layer, message in ((outside, "outside of the strategy"), (inside, "for itself")):
        with strategy.scope():
            model = keras.Sequential([keras.Input((8, 8, 3)), layer, keras.layers.Dense(3)])
            model.compile("sgd", LOSS)
            with pytest.raises(ValueError, match=message):
                model.fit(*pair(8), verbose=0)
    model = network()
    with strategy.scope(), pytest.raises(ValueError, match="outside of the strategy"):
        fine_tuning(model)


class Interrupt(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        if batch == 1 and self.model.optimizer.iterations.numpy() > 3:
            raise KeyboardInterrupt  # in the second epoch


def check_backup(strategy, want):
    """Workers that share a folder are cut off together, and go on together."""
    folder = f"{FOLDER}/backup"
    options = {"backup": folder, "shuffle": False}
    for interrupt in ([Interrupt()], []):
        with strategy.scope():
            model = network()
        try:
            got = fine_tuning(model, callbacks=interrupt, **options)
        except KeyboardInterrupt:
            assert interrupt
    compare(want, got)
    assert sorted(os.listdir(folder)) == ["head.npz", "start.npz", "tuning.npz"]


if __name__ == "__main__":
    tl.setup(seed=0)
    strategy = tl.strategy(virtual_cpus=2 if KIND == "cpus" else None)
    assert strategy.num_replicas_in_sync == 2
    checks = [features, plain_fit, regularization][: 3 if KIND == "cpus" else 2]
    with strategy.scope():
        many = [check() for check in checks]
    assert len(cache_files()) == 1
    os.environ["TLHELPERS_CACHE"] = os.path.join(FOLDER, f"cache of one process, {os.getpid()}")
    for check, result in zip(checks, many, strict=True):
        compare(check(), result)
    check_parts(strategy)
    want = fine_tuning(network(), shuffle=False)
    if KIND == "cpus":
        with strategy.scope():
            model = network()
        compare(want, fine_tuning(model, shuffle=False))
        check_refusals(strategy)
    else:
        check_backup(strategy, want)
    print("all equal")
