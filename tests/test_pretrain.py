import re
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

from tlhelpers.images import glyphs
from tlhelpers.storage.find_module import data_dir
from tools import pretrain_glyphnet as pretrain

SCRIPT = Path(pretrain.__file__)


def test_letters_that_look_alike_share_a_class():
    """Latin A, Greek Alpha and Cyrillic A are one shape; B is another; no digit is a class."""
    classes = pretrain.letter_classes()
    assert classes["A"] == classes["Α"] == classes["А"]
    assert classes["A"] != classes["B"]
    assert sorted(set(classes.values())) == list(range(max(classes.values()) + 1))
    assert not set("0123456789") & set(classes)


def test_keras_file_can_be_read_by_older_keras():
    """The shipped file holds no field that Keras 3.13 does not know; `make test-colab` loads it."""
    with zipfile.ZipFile(data_dir() / "glyphnet.keras") as archive:
        config = archive.read("config.json").decode()
    assert not re.search("renorm|_axes", config)


def test_coarse_pictures_are_those_of_the_target(digits):
    """Letters and digits: 8x8 cells of 17 greys, enlarged the same way."""
    letters = pretrain.to_bytes(glyphs.render("ABCD"))
    cells = np.round((letters / 255).reshape(4, 8, 4, 8, 4).mean((2, 4)) * 16) / 16
    want = glyphs.enlarge(cells, 32)
    np.testing.assert_allclose(pretrain.coarse(letters) / 255, want, atol=1 / 255)
    cells = load_digits().images[digits.train.index] / 16
    np.testing.assert_allclose(digits.train.images[..., 0], glyphs.enlarge(cells, 32), atol=1e-6)


@pytest.mark.slow
def test_script_writes_everything(tmp_path):
    """A short run trains, saves both forms of one network, and writes the card."""
    command = [sys.executable, SCRIPT, "--images", "512", "--epochs", "1", "--output", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "training" in done.stderr  # the progress bar
    network = keras.models.load_model(tmp_path / "glyphnet.keras")
    module = tf.saved_model.load(str(tmp_path / "glyphnet"))
    images = np.random.default_rng(0).random((4, 32, 32, 3), np.float32)
    np.testing.assert_allclose(module(images), network(images, training=False), atol=1e-4)
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert all(f"| {script.title()} |" in card for script in glyphs.SCRIPTS)
    assert "{" not in card
