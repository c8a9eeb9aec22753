"""Promises of LiteRT files: the same answers, a quarter of the size, clear refusals."""

import keras
import numpy as np
import pytest

import tlhelpers as tl

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A small network as a module."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Conv2D(32, 3, activation="relu") for _ in range(2)]
    pool = keras.layers.GlobalAveragePooling2D()
    model = keras.Sequential([keras.Input((16, 16, 3)), *layers, pool, keras.layers.Dense(5)])
    folder = tmp_path_factory.mktemp("lite")
    return model, tl.export_module(model, folder / "module"), folder


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).random((7, 16, 16, 3)).astype("float32")


def test_the_file_answers_as_the_model(made, pictures):
    """To the last digits, one picture or several; other types of numbers are converted."""
    model, module, folder = made
    answer = tl.load_lite(tl.export_lite(module, folder / "whole.tflite"))
    wanted = model.predict(pictures, verbose=0)
    np.testing.assert_allclose(answer(pictures), wanted, atol=1e-4)
    np.testing.assert_allclose(answer(pictures[:1].astype("float64")), wanted[:1], atol=1e-4)


def test_a_small_file_is_smaller_and_nearly_the_same(made, pictures):
    """One byte a weight in place of four."""
    model, module, folder = made
    whole = tl.export_lite(module, folder / "large.tflite")
    small = tl.export_lite(module, folder / "small.tflite", small=True)
    assert small.stat().st_size < 0.6 * whole.stat().st_size
    wanted = model.predict(pictures, verbose=0)
    np.testing.assert_allclose(tl.load_lite(small)(pictures), wanted, atol=0.05)


def test_nothing_is_written_past_python(made, pictures, capfd):
    """A notebook shows no lines of a library."""
    _, module, folder = made
    capfd.readouterr()
    tl.load_lite(tl.export_lite(module, folder / "quiet.tflite"))(pictures)
    assert capfd.readouterr().err == ""


def test_what_cannot_be_written(made):
    """No module, another ending, a file that is there: it says so before it works."""
    _, module, folder = made
    with pytest.raises(ValueError, match=r"holds no saved_model.pb; the folder of a module"):
        tl.export_lite(folder, folder / "a.tflite")
    with pytest.raises(ValueError, match=r"path is 'a.lite'; a name that ends with .tflite"):
        tl.export_lite(module, folder / "a.lite")
    (folder / "there.tflite").touch()
    with pytest.raises(FileExistsError, match=r"there.tflite is there already"):
        tl.export_lite(module, folder / "there.tflite")


def test_what_cannot_be_read(tmp_path):
    """No file, and a file of another kind."""
    with pytest.raises(ValueError, match=r"There is no file 'none.tflite'"):
        tl.load_lite(tmp_path / "none.tflite")
    (tmp_path / "text.tflite").write_text("This is a text.")
    with pytest.raises(ValueError, match=r"text.tflite is no LiteRT file that can be used"):
        tl.load_lite(tmp_path / "text.tflite")
