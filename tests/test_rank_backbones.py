"""Scores of candidates for a task."""

import keras
import numpy as np
import pytest

import tlhelpers as tl


@pytest.fixture(scope="module")
def pictures():
    """Two kinds of pictures: light and dark ones, with noise."""
    rng, labels = np.random.default_rng(0), np.arange(40) % 2
    images = 0.5 * labels[:, None, None, None] + 0.5 * rng.random((40, 4, 4, 3))
    return images.astype("float32"), labels


def pixels(images):
    return images.reshape(len(images), -1)


def noise(images):
    return np.random.default_rng(0).random((len(images), 5))


def light(images):
    mean = pixels(images).mean(axis=1)
    return np.column_stack([mean, 1 - mean])


def test_each_score_knows_what_is_useful(pictures):
    """Pixels get a higher score than noise, by all; LEEP only where there is a source."""
    given = {"pixels": pixels, "noise": noise}
    table = tl.rank_backbones(*pictures, given, sources={"pixels": light})
    score = table["score"]
    assert list(score.columns) == ["LogME", "H-score", "LEEP", "k-NN", "probe"]
    for name in ("LogME", "H-score", "k-NN", "probe"):
        assert score.loc["pixels", name] > score.loc["noise", name]
    assert score.loc["pixels", "LEEP"] <= 0
    assert np.isnan(score.loc["noise", "LEEP"])
    assert score.loc["pixels", "probe"] == 1
    assert score.loc["noise", "probe"] < 0.8


def test_seconds_are_those_of_features_and_scores(pictures):
    """All that was computed took some time."""
    seconds = tl.rank_backbones(*pictures, {"pixels": pixels})["seconds"]
    assert list(seconds.columns) == ["features", "LogME", "H-score", "LEEP", "k-NN", "probe"]
    assert (seconds.drop(columns="LEEP") > 0).all(axis=None)
    assert seconds["LEEP"].isna().all()


def test_networks_of_keras_and_functions_are_the_same(pictures):
    """A model that flattens is a function that flattens."""
    flat = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten()])
    table = tl.rank_backbones(*pictures, {"model": flat, "function": pixels})["score"]
    assert np.allclose(table.loc["model"], table.loc["function"], equal_nan=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"candidates": {}}, "candidates are empty"),
        ({"sources": {"other": light}}, r"sources has \['other'\], which are no candidates"),
        ({"labels": np.zeros(3, int)}, "Labels do not match: 3 of them for 40 samples"),
        ({"folds": 21}, "Class 0 has 20 images, and folds is 21; each fold needs one"),
        ({"folds": 1}, "folds is 1"),
        ({"candidates": {"whole": lambda x: x}}, r"shape \[40, 4, 4, 3\]"),
    ],
)
def test_bad_input_is_named(pictures, change, message):
    """What came, and what is expected."""
    images, labels = pictures
    given = {"images": images, "labels": labels, "candidates": {"pixels": pixels}} | change
    with pytest.raises(ValueError, match=message):
        tl.rank_backbones(**given)
