"""A fine-tuning with a backup, which kills its own process where it is told to.

python killed_training.py FOLDER [after a number of batches, or -1] [in the writing of a file]
"""

import os
import signal
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

import tlhelpers as tl
from tlhelpers.storage import cache

EPOCHS = (3, 3)


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class Kill(keras.callbacks.Callback):
    """Ends the process without notice after a number of batches, counted over both stages."""

    def __init__(self, batches=-1):
        super().__init__()
        self.left = batches

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            die()


class Spy(keras.callbacks.Callback):
    """The optimizer's state as training ends; `epochs` that were run."""

    def __init__(self):
        super().__init__()
        self.epochs, self.optimizer = [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append(epoch)

    def on_train_end(self, logs=None):
        self.optimizer = [variable.numpy() for variable in self.model.optimizer.variables]


def model():
    """A frozen network with BatchNorm and a head with dropout."""
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((8, 8, 3))
    for number in (1, 2):
        x = keras.layers.Conv2D(4, 3, name=f"block{number}_conv")(x)
        x = keras.layers.BatchNormalization(name=f"block{number}_norm")(x)
        x = keras.layers.ReLU(name=f"block{number}_out")(x)
    base = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x), name="small")
    dense = keras.layers.Dense
    return keras.Sequential([base, dense(8, "relu"), keras.layers.Dropout(0.2), dense(3)])


def pair(seed, count=44):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    images = rng.random((count, 8, 8, 3), np.float32) * 0.8
    images[np.arange(count), :, :, labels] += 0.2
    return images, labels


def run(folder, *callbacks, whole=None, **options):
    """`(model, histories, spy)` of a fine-tuning with a backup in a folder."""
    whole, spy = whole or model(), Spy()
    options = {"epochs": EPOCHS, "learning_rate": 1e-2, "batch_size": 8, "verbose": 0} | options
    callbacks = [*callbacks, spy]
    histories = tl.fine_tune(whole, pair(0), pair(1), backup=folder, callbacks=callbacks, **options)
    return whole, histories, spy


def result(whole, histories, spy):
    values = {f"weight{i}": weight.numpy() for i, weight in enumerate(whole.weights)}
    values |= {f"optimizer{i}": value for i, value in enumerate(spy.optimizer)}
    for name in ("head", "tuning"):
        history = getattr(histories, name)
        values |= {f"{name}_{key}": value for key, value in history.history.items()}
        values[f"{name}_epoch"] = history.epoch
    return values


def die_in_writing(number):
    """End the process when half of the file of this number has been written."""
    savez = np.savez

    def half(file, **values):
        nonlocal number
        number -= 1
        if number:
            return savez(file, **values)
        savez(file, **values)
        file.truncate(file.tell() // 2)
        file.flush()
        die()

    cache.np.savez = half


if __name__ == "__main__":
    folder, *when = sys.argv[1:]
    batches, writing = (*map(int, when), -1, -1)[:2]
    die_in_writing(writing)
    run(folder, Kill(batches))
