"""Fixtures: a cache folder of its own for every test, a tiny module, a tiny network."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["MPLBACKEND"] = "Agg"
MIRROR = os.environ.pop("TLHELPERS_MIRROR", None)  # only for tests that ask for it

WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
if WORKERS > 1:  # each with threads for all cores would stand in the others' way
    for _name in ("OMP", "OPENBLAS", "TF_INTRAOP", "TF_INTEROP"):
        _name = f"TF_NUM_{_name[3:]}_THREADS" if _name[:2] == "TF" else f"{_name}_NUM_THREADS"
        os.environ.setdefault(_name, str(max(1, os.cpu_count() // WORKERS)))

import make_modules
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.fixture(scope="session")
def digits():
    from tlhelpers import load_task

    return load_task("digits")


@pytest.fixture
def images():
    return np.random.default_rng(0).random((12, 8, 8, 3), np.float32)


@pytest.fixture(scope="session")
def tiny_module(tmp_path_factory):
    """Folder of a SavedModel `[n, 8, 8, 3] -> [n, 4]` with BatchNorm, in TF Hub's interface."""
    import tensorflow as tf

    kernel = tf.Variable(tf.random.stateless_normal((192, 4), (1, 2)), name="dense/kernel")
    mean = tf.Variable(tf.zeros(4), name="norm/moving_mean", trainable=False)

    @tf.function
    def call(images, training=False):
        x = tf.reshape(images, (-1, 192)) @ kernel
        if training:
            batch_mean = tf.reduce_mean(x, 0)
            mean.assign(0.9 * mean + 0.1 * batch_mean)
            return x - batch_mean
        return x - mean

    module = tf.train.Checkpoint()
    module.variables, module.trainable_variables = [kernel, mean], [kernel]
    module.regularization_losses = []
    module.__call__ = call
    for training in (False, True):
        call.get_concrete_function(tf.TensorSpec((None, 8, 8, 3)), training)
    folder = tmp_path_factory.mktemp("modules") / "tiny"
    tf.saved_model.save(module, str(folder))
    return folder


@pytest.fixture
def module(tmp_path):
    """Makes a module of `make_modules` in a folder of its own and gives the folder."""

    def make(name, *arguments, saved_by="tensorflow"):
        name = name if saved_by == "tensorflow" else f"keras2_{name}"
        return getattr(make_modules, name)(tmp_path / name, *arguments)

    return make


@pytest.fixture
def mirror(monkeypatch):
    """A folder with real modules, where TLHELPERS_MIRROR names one."""
    if not MIRROR:
        pytest.skip("TLHELPERS_MIRROR names no folder with real modules")
    monkeypatch.setenv("TLHELPERS_MIRROR", MIRROR)


@pytest.fixture
def network():
    import keras

    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3), keras.layers.GlobalAveragePooling2D()]
    )
