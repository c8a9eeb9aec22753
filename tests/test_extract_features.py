import errno
import importlib
import shutil
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import tlhelpers as tl
from tlhelpers.images.lazy_images import ImageFiles
from tlhelpers.storage import cache
from tlhelpers.training import extract_features as module

SCALE = {}


@pytest.fixture
def passes(monkeypatch):
    """How many forward passes over a data set were made."""
    count = []
    forward = module._forward
    monkeypatch.setattr(module, "_forward", lambda *a: count.append(1) or forward(*a))
    return count


def cache_files():
    return list((cache.cache_dir() / "features").glob("*"))


@pytest.mark.parametrize("batch_size", [1, 5, 12, 64])
def test_features_are_those_of_the_network(network, images, batch_size):
    """float32 `[n, d]`, whatever the batch size, the last batch cut short."""
    got = tl.extract_features(network, images, batch_size=batch_size, cache=False)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, network(images, training=False), atol=1e-6)


def test_runs_in_inference_mode(images):
    """Dropout is off and BatchNorm keeps its statistics."""
    network = keras.Sequential(
        [keras.layers.BatchNormalization(), keras.layers.Flatten(), keras.layers.Dropout(0.9)]
    )
    network.build((None, 8, 8, 3))
    before = [weight.numpy().copy() for weight in network.weights]
    got = tl.extract_features(network, images, cache=False)
    np.testing.assert_allclose(got, images.reshape(12, -1) / np.sqrt(1.001), atol=1e-4)
    for weight, was in zip(network.weights, before, strict=True):
        np.testing.assert_array_equal(weight, was)


def test_hub_layer_and_module_of_any_folder(tiny_module, images, passes):
    """A HubLayer is extracted and cached like a Keras model."""
    layer = tl.HubLayer(tiny_module)
    first = tl.extract_features(layer, images)
    again = tl.extract_features(tl.HubLayer(tiny_module), images)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(first, layer(images), atol=1e-6)
    assert len(passes) == 1


def test_second_call_reads_the_cache(network, images, passes):
    """Same network and pictures: one pass in all, equal to the last bit."""
    first = tl.extract_features(network, images)
    np.testing.assert_array_equal(tl.extract_features(network, images.copy()), first)
    np.testing.assert_array_equal(tl.extract_features(network, images.astype("float64")), first)
    assert len(passes) == 1


def test_cache_false_neither_reads_nor_writes(network, images, passes):
    """Two calls, two passes, no file."""
    for _ in range(2):
        tl.extract_features(network, images, cache=False)
    assert len(passes) == 2
    assert cache_files() == []


def test_changed_picture_weight_or_order_is_never_stale(network, images, passes):
    """One pixel, one weight, another order or fewer pictures: the pass is made again."""
    tl.extract_features(network, images)
    other = images.copy()
    other[-1, -1, -1, -1] = 0
    for changed in (other, images[::-1], images[:-1]):
        got = tl.extract_features(network, changed)
        np.testing.assert_allclose(got, network(changed, training=False), atol=1e-6)
    kernel = network.layers[0].kernel
    values = kernel.numpy()
    values[0, 0, 0, 0] += 1
    kernel.assign(values)
    got = tl.extract_features(network, images)
    np.testing.assert_allclose(got, network(images, training=False), atol=1e-6)
    assert len(passes) == 5


def test_same_weights_in_another_architecture_are_told_apart(images, passes):
    """An activation has no weights, yet changes the features."""

    def build(activation):
        keras.utils.set_random_seed(0)
        pool = keras.layers.GlobalAveragePooling2D()
        conv = keras.layers.Conv2D(4, 3, activation=activation)
        return keras.Sequential([keras.Input((8, 8, 3)), conv, pool])

    one, other = (tl.extract_features(build(name), images) for name in ("relu", None))
    assert np.abs(one - other).max() > 0
    assert len(passes) == 2


def test_model_built_again_is_recognised(images, passes):
    """Running a cell twice builds layers of other names; their features are in the cache."""
    inputs = keras.Input((8, 8, 3))
    network = keras.Model(inputs, keras.layers.Conv2D(4, 3, name="conv")(inputs))

    def cut():
        return keras.Model(network.input, keras.layers.Flatten()(network.get_layer("conv").output))

    first, again = cut(), cut()
    assert first.layers[-1].name != again.layers[-1].name
    np.testing.assert_array_equal(
        tl.extract_features(first, images), tl.extract_features(again, images)
    )
    assert len(passes) == 1


def test_model_with_an_input_of_its_own_is_recognised(images, passes):
    """A cell that builds everything anew finds its features too."""
    for _ in range(2):
        network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
        tl.extract_features(network, images)
    assert len(passes) == 1


def test_lambda_is_not_cached(images, passes):
    """What a lambda refers to is not part of the network's description."""
    for factor in (1.0, 2.0):
        SCALE["factor"] = factor
        inputs = keras.Input((8, 8, 3))
        x = keras.layers.Lambda(lambda x: x * SCALE["factor"])(inputs)
        got = tl.extract_features(keras.Model(inputs, keras.layers.Flatten()(x)), images)
        np.testing.assert_allclose(got, factor * images.reshape(12, -1), atol=1e-6)
    assert len(passes) == 2


def test_name_that_equals_an_activation_is_no_loophole(images, passes):
    """Layers called after their activation are still told apart."""
    weights = [np.full((3, 3, 3, 4), -0.1, np.float32), np.zeros(4, np.float32)]
    for activation in ("relu", "tanh"):
        conv = keras.layers.Conv2D(4, 3, activation=activation, name=activation)
        flatten = keras.layers.Flatten()
        network = keras.Sequential([keras.Input((8, 8, 3)), conv, flatten])
        conv.set_weights(weights)
        got = tl.extract_features(network, images)
        assert (got == 0).all() == (activation == "relu")
    assert len(passes) == 2


def test_network_that_was_never_called_is_built_before_the_key_is_made(images, passes):
    """Two fresh networks with other random weights do not share features."""

    def fresh():
        return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])

    for network in (fresh(), fresh()):
        got = tl.extract_features(network, images)
        np.testing.assert_allclose(got, network(images, training=False), atol=1e-5)
    assert len(passes) == 2


@pytest.mark.parametrize("kind", ["layer", "function"])
def test_code_of_the_notebook_is_not_cached(images, passes, kind):
    """A class or function of `__main__` may be edited and run again under the same name."""

    def network(factor):
        class Scale(keras.layers.Layer):
            def call(self, x):
                return x * factor

        def scale(x):
            return x * factor

        Scale.__module__ = scale.__module__ = "__main__"
        layer = Scale() if kind == "layer" else keras.layers.Activation(scale)
        return keras.Sequential([keras.Input((8, 8, 3)), layer, keras.layers.Flatten()])

    for factor in (1.0, 2.0):
        got = tl.extract_features(network(factor), images)
        np.testing.assert_allclose(got, factor * images.reshape(12, -1), atol=1e-6)
    assert len(passes) == 2


MODULE = """
import keras
import helper_of_one_s_own

class Base(keras.layers.Layer):
    def call(self, x):
        return helper_of_one_s_own.factor() * x

@keras.saving.register_keras_serializable("mine")
class Scale(Base):
    pass

@keras.saving.register_keras_serializable("mine")
class Dense(keras.layers.Flatten):
    def call(self, x):
        return helper_of_one_s_own.factor() * super().call(x)

@keras.saving.register_keras_serializable("mine")
def scale(x):
    return helper_of_one_s_own.factor() * x

class Operation(keras.Operation):
    def call(self, x):
        return helper_of_one_s_own.factor() * x

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)
"""


@pytest.mark.parametrize("kind", ["layer", "registered", "subclass", "function", "operation"])
def test_code_of_an_imported_module_is_not_cached(images, passes, kind, tmp_path, monkeypatch):
    """A layer or function of one's own may call what changes: its features are never stale."""
    (tmp_path / "layers_of_one_s_own.py").write_text(MODULE)
    helper = tmp_path / "helper_of_one_s_own.py"
    monkeypatch.syspath_prepend(tmp_path)
    for factor in (1.0, 2.0):
        helper.write_text(f"def factor():\n    return {factor}  # {'x' * int(factor)}\n")
        for name in ("layers_of_one_s_own", "helper_of_one_s_own"):
            sys.modules.pop(name, None)
        own = importlib.import_module("layers_of_one_s_own")
        inputs = x = keras.Input((8, 8, 3))
        layers = {
            "layer": own.Base,
            "registered": own.Scale,
            "subclass": own.Dense,
            "function": lambda own=own: keras.layers.Activation(own.scale),
            "operation": own.Operation,
        }
        x = keras.layers.Flatten()(layers[kind]()(x))
        got = tl.extract_features(keras.Model(inputs, x), images)
        np.testing.assert_allclose(got, factor * images.reshape(12, -1), atol=1e-6)
    assert len(passes) == 2


def test_replaced_method_is_not_cached(images, passes):
    """A layer of Keras whose method was replaced is no layer of Keras any more."""
    for factor in (1.0, 2.0):
        network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
        network.layers[0].call = lambda x, f=factor: f * keras.ops.reshape(x, (-1, 192))
        got = tl.extract_features(network, images)
        np.testing.assert_allclose(got, factor * images.reshape(12, -1), atol=1e-6)
    assert len(passes) == 2


def save_scaling(folder, factor, hidden):
    """A module that multiplies by what its variable, which it does not list, or its graph holds."""
    module = tf.train.Checkpoint(hidden=tf.Variable(factor))

    @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 3))])
    def call(x):
        return tf.reshape(x, (-1, 192)) * (module.hidden if hidden else factor)

    module.__call__, module.regularization_losses = call, []
    module.variables = module.trainable_variables = []
    tf.saved_model.save(module, str(folder), signatures={"serving_default": call})


@pytest.mark.parametrize("kind", ["hub", "keras"])
def test_module_changed_in_its_folder(images, passes, tmp_path, kind):
    """A module is all of its files; what Keras loads of them tells none."""
    for factor in (1.0, 2.0):
        save_scaling(tmp_path / str(factor), factor, hidden=kind == "hub")
        if kind == "hub":
            folder = tmp_path / "1.0"  # with the variables of the other
            values = tmp_path / str(factor) / "variables"
            if factor > 1:
                shutil.copytree(values, folder / "variables", dirs_exist_ok=True)
            network = tl.HubLayer(folder)
        else:
            shutil.copytree(tmp_path / str(factor), tmp_path / "both", dirs_exist_ok=True)
            layer = keras.layers.TFSMLayer(str(tmp_path / "both"), call_endpoint="serving_default")
            inputs = keras.Input((8, 8, 3))
            network = keras.Model(inputs, next(iter(layer(inputs).values())))
        got = tl.extract_features(network, images)
        np.testing.assert_allclose(got, factor * images.reshape(12, -1), atol=1e-6)
    assert len(passes) == 2


def test_compiled_network_is_recognised(network, images, passes):
    """How a network was trained is not asked, what it has become is."""
    tl.extract_features(network, images)
    network.compile("adam", "mse")
    tl.extract_features(network, images)
    assert len(passes) == 1


def test_model_without_config_is_not_cached(images, passes):
    """A model written as a class cannot be told apart from another, so nothing is kept."""

    class Mean(keras.Model):
        def __init__(self, function):
            super().__init__()
            self.function = function

        def call(self, x):
            return self.function(x)

    for factor in (1.0, 2.0):
        got = tl.extract_features(Mean(lambda x, f=factor: f * x[:, 0, 0]), images)
        np.testing.assert_allclose(got, factor * images[:, 0, 0], atol=1e-6)
    assert len(passes) == 2


@pytest.mark.parametrize("damage", ["cut", "empty", "flip", "text"])
def test_damaged_cache_file_is_computed_again(network, images, passes, damage):
    """A file cut off, emptied or altered is noticed, and replaced by a good one."""
    want = tl.extract_features(network, images)
    (path,) = cache_files()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    damaged = {"cut": data[:-40], "empty": b"", "flip": data, "text": b"not a zip file at all"}
    path.write_bytes(damaged[damage])
    for _ in range(2):
        np.testing.assert_array_equal(tl.extract_features(network, images), want)
    assert len(passes) == 2
    assert cache_files() == [path]


def test_cache_directory_that_cannot_be_made(network, images, tmp_path, monkeypatch):
    """The features come all the same, with a warning that says what to do."""
    blocked = tmp_path / "file"
    blocked.write_text("a file stands where the folder should be")
    monkeypatch.setenv("TLHELPERS_CACHE", str(blocked))
    with pytest.warns(UserWarning, match=r"not kept: cannot write to .*Set TLHELPERS_CACHE"):
        got = tl.extract_features(network, images)
    np.testing.assert_allclose(got, network(images, training=False), atol=1e-6)


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_read_only_or_full_cache_directory(network, images, monkeypatch, code):
    """A write that fails leaves no half file behind, and the features come all the same."""
    import os

    def fail(*_, **__):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(module.np, "savez", fail)
    with pytest.warns(UserWarning, match=rf"not kept: .*{os.strerror(code)}.*cache=False"):
        got = tl.extract_features(network, images)
    np.testing.assert_allclose(got, network(images, training=False), atol=1e-6)
    assert cache_files() == []


def test_threads_at_once(network, images):
    """Readers and writers of one file see the whole of it or nothing."""
    want = tl.extract_features(network, images, cache=False)
    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(lambda _: tl.extract_features(network, images), range(8)):
            np.testing.assert_allclose(got, want, atol=1e-6)
    assert len(cache_files()) == 1


@pytest.mark.slow
def test_two_processes_at_once(digits, tmp_path, monkeypatch):
    """Two notebooks that fill one cache get the same features and leave one whole file."""
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path))
    code = textwrap.dedent("""
        import tlhelpers as tl
        task = tl.load_task("digits")
        features = tl.extract_features(tl.HubLayer(task.backbone), task.train.images[:100])
        print(features.shape, features.sum())
    """)
    run = [sys.executable, "-c", code]
    both = [subprocess.Popen(run, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert said[0] == said[1]
    assert len(cache_files()) == 1


def test_progress_bar_can_be_silenced(network, images, monkeypatch, capfd):
    """progress=False shows nothing; True shows a bar, not on the error stream."""
    tqdm = module.tqdm
    monkeypatch.setattr(module, "tqdm", lambda *a, **k: tqdm(*a, **{**k, "delay": 0}))
    tl.extract_features(network, images, cache=False, progress=False)
    assert capfd.readouterr() == ("", "")
    tl.extract_features(network, images, cache=False)
    out, err = capfd.readouterr()
    assert "features" in out
    assert err == ""


@pytest.mark.parametrize(
    ("spoil", "error", "text"),
    [
        (lambda x: (x * 255).astype("uint8"), TypeError, r"type uint8; float32 .*Divide by 255"),
        (lambda x: x * 255, ValueError, r"range from .* to 25\d\.?\d*; .*Divide by 255"),
        (lambda x: x * 2 - 1, ValueError, r"range from -.*Rescale them"),
        (lambda x: x[..., 0], ValueError, r"shape \[12, 8, 8\]; .*np.repeat\(images\[..., None\]"),
        (lambda x: x[0, ..., 0], ValueError, r"shape \[8, 8\]; .*For one grey picture"),
        (lambda x: x[..., :1], ValueError, r"shape \[12, 8, 8, 1\]; .*np.repeat\(images, 3"),
        (lambda x: x[..., [0, 0, 0, 0]], ValueError, r"shape \[12, 8, 8, 4\]; .*Drop the alpha"),
        (lambda x: np.moveaxis(x, -1, 1), ValueError, r"shape \[12, 3, 8, 8\]; .*channels last"),
        (lambda x: x[0], ValueError, r"shape \[8, 8, 3\]; .*images\[None\]"),
        (lambda x: x[:0], ValueError, r"empty \(shape \[0, 8, 8, 3\]\)"),
        (lambda x: [], ValueError, r"shape \[0\]; \[n, height, width, 3\]"),
        (lambda x: np.where(x == x[3, 0, 0, 0], np.nan, x), ValueError, r"1 of 12 .*images\[3\]"),
        (lambda x: np.repeat(x, 2, 1), ValueError, r"shape \[12, 16, 8, 3\]; .*Resize them"),
        (lambda x: np.array(["a"]), TypeError, "type <U1"),
    ],
)
def test_bad_images(network, images, spoil, error, text):
    """What came, what was expected, how to mend it."""
    with pytest.raises(error, match=text):
        tl.extract_features(network, spoil(images))


@pytest.mark.parametrize("size", [0, -3, 2.5, "64"])
def test_bad_batch_size(network, images, size):
    """The batch size is named."""
    error = ValueError if isinstance(size, int) else TypeError
    with pytest.raises(error, match=f"batch_size is {size!r}; a whole number of at least 1"):
        tl.extract_features(network, images, batch_size=size)


def test_network_without_pooling_is_refused(images):
    """Feature maps are not feature vectors."""
    network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)])
    with pytest.raises(ValueError, match=r"shape \[n, 6, 6, 4\]; .*GlobalAveragePooling2D"):
        tl.extract_features(network, images)


def test_handle_in_place_of_a_layer(images):
    """The common slip, a handle instead of a layer, gets the line to write."""
    with pytest.raises(TypeError, match=r"str is not a Keras layer.*tl.HubLayer\(task.backbone\)"):
        tl.extract_features("embedded:glyphnet", images)


def test_wrong_size_for_the_embedded_backbone(digits, images):
    """A HubLayer tells which size it takes."""
    with pytest.raises(ValueError, match=r"shape \[12, 8, 8, 3\]; .*\[n, 32, 32, 3\].*Resize"):
        tl.extract_features(tl.HubLayer(digits.backbone), images)


@pytest.fixture
def picture_files(tmp_path):
    """Ten small pictures in files, of noise."""
    for i in range(10):
        noise = np.random.default_rng(i).integers(0, 255, (8, 8, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{i}.png")
    return ImageFiles([tmp_path / f"{i}.png" for i in range(10)], 8)


def test_pictures_in_files_give_what_arrays_give(picture_files, network):
    """In order, whatever the size of a batch; a few batches are in memory at a time."""
    want = tl.extract_features(network, np.asarray(picture_files), cache=False)
    for size in (1, 4, 64):
        got = tl.extract_features(network, picture_files, batch_size=size, cache=False)
        np.testing.assert_allclose(got, want, atol=1e-6)
    some = tl.extract_features(network, picture_files[[7, 2]], cache=False)
    np.testing.assert_allclose(some, want[[7, 2]], atol=1e-6)


def test_pictures_in_files_are_kept_under_their_content(picture_files, network):
    """Kept features are found again, under another name too, until a picture changes."""
    first = tl.extract_features(network, picture_files)
    renamed = picture_files.paths[3].with_name("other.png")
    picture_files.paths[3].rename(renamed)
    paths = [*picture_files.paths[:3], renamed, *picture_files.paths[4:]]
    with mock.patch("tlhelpers.training.extract_features._forward", side_effect=AssertionError):
        again = tl.extract_features(network, ImageFiles(paths, 8))
    np.testing.assert_array_equal(again, first)
    Image.new("RGB", (8, 8)).save(renamed)
    changed = tl.extract_features(network, ImageFiles(paths, 8))
    assert (changed != first).any(axis=1).tolist() == [i == 3 for i in range(10)]


def test_transformed_pictures_are_checked(picture_files, network):
    """A function that leaves [0, 1] is noticed when its pictures are made."""
    bright = tl.transform_images(picture_files, lambda images: 3 * images)
    with pytest.raises(ValueError, match=r"Images range from .* values in \[0, 1\]"):
        tl.extract_features(network, bright, cache=False)
