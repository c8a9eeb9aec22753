"""What docs/porting.md says of published notebooks: both columns of code are run."""

import importlib.util
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import tlhelpers as tl

TEXT = Path(__file__).parents[1].joinpath("docs", "porting.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(.+?)` \| `(\w+)` \| `(.+?)` \|$", TEXT, re.M)


@pytest.fixture(scope="module")
def names(tiny_module):
    """What the text says that stands before each line."""
    picture = keras.Input((8, 8, 3))
    outputs = keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(picture))
    model = keras.Model(picture, outputs)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    words = keras.layers.TextVectorization(8, output_sequence_length=3)
    words.adapt(["a cat", "a dog"])
    text = keras.Input((), dtype="string")
    embedded = keras.layers.Flatten()(keras.layers.Embedding(8, 2)(words(text)))
    text_model = keras.Model(text, keras.layers.Dense(2, activation="softmax")(embedded))
    text_model.compile("adam", "sparse_categorical_crossentropy")
    x, y = np.random.default_rng(0).random((8, 8, 8, 3), np.float32), np.arange(8) % 2
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(4)
    known = {"keras": keras, "np": np, "tf": tf, "tl": tl, "image": picture, "batches": batches}
    known |= {"model": model, "text_model": text_model, "x": x, "y": y}
    return known | {"texts": ["a cat", "a dog"], "handle": str(tiny_module)}


def test_the_table_is_read():
    """Each of its rows is one that the test below runs; the page is short."""
    lines = [line for line in TEXT.splitlines() if line.startswith("|")]
    assert len(ROWS) == len(lines) - 2 >= 20
    assert len(TEXT.splitlines()) <= 60


@pytest.mark.parametrize(("published", "error", "instead"), ROWS, ids=[row[0] for row in ROWS])
def test_rows(names, published, error, instead, tmp_path, monkeypatch):
    """The published line stops as the page says; the other one runs."""
    monkeypatch.chdir(tmp_path)
    known = dict(names)
    if "hub." in published:
        known["hub"] = pytest.importorskip("tensorflow_hub")
    with pytest.raises(Exception) as caught:  # noqa: PT011 (compared by its name below)
        eval(published, known)  # the page is ours
    assert type(caught.value).__name__ == error
    eval(instead, known)


def test_tensorboard_is_installed(names, tmp_path):
    """By the extra `lab`, so that its callback works."""
    assert importlib.util.find_spec("tensorboard")
    board = keras.callbacks.TensorBoard(tmp_path)
    names["model"].fit(names["x"], names["y"], verbose=0, callbacks=[board])
    assert any(tmp_path.rglob("*tfevents*"))


def test_rotation_is_a_share_of_a_turn():
    """A quarter turns by ninety degrees at most, as the page explains 40 / 360."""
    layer = keras.layers.RandomRotation((0.25, 0.25))
    image = np.zeros((1, 8, 8, 1), np.float32)
    image[:, :4] = 1
    turned = np.asarray(layer(image, training=True))[0, ..., 0]
    assert set(turned.mean(axis=0).round(1)) == {0.0, 1.0}  # halves stand side by side now
