"""Promises of the task "solar": photos in files of a package, split by their names."""

import importlib.util
import shutil

import numpy as np
import pytest

import tlhelpers as tl
from tlhelpers.storage.find import find_files
from tlhelpers.tasks import solar

MISSING = importlib.util.find_spec("elpv_dataset") is None
pytestmark = pytest.mark.skipif(MISSING, reason="not installed: elpv-dataset")
SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def task():
    return tl.load_task("solar")


def test_the_task(task):
    """Grey photos as RGB in [0, 1], in the size of its backbone."""
    assert (task.backbone, task.image_shape) == ("package:efficientnet-lite0", (224, 224, 3))
    assert task.class_names == ("intact", "defective")
    assert task.metric == "balanced_accuracy"
    photos = np.asarray(task.few(2).images)
    assert photos.dtype == np.float32
    assert 0 <= photos.min() < 0.2 < photos.max() <= 1
    np.testing.assert_array_equal(photos[..., 0], photos[..., 2])
    assert "Buerhop-Lutz" in task.target
    assert task.licence.endswith("ELPV CC BY-NC-SA 4.0, not for commercial use")


def test_defective_is_a_probability_over_a_half(task):
    """`details` has it, and the type of the cell, in the order of the splits' index."""
    details = task.details
    assert len(details) == 2624
    assert set(details.probability.round(2)) == {0, 0.33, 0.67, 1}
    assert details.cell.value_counts().to_dict() == {
        "polycrystalline": 1550,
        "monocrystalline": 1074,
    }
    for name in SPLITS:
        split = getattr(task, name)
        np.testing.assert_array_equal(split.labels, details.probability[split.index] > 0.5)
        paths = [split.images.paths[at].name for at in split.images.at]
        assert paths == details.name[split.index].tolist()


def test_splits_are_fixed(task):
    """A hash of the name: the same samples everywhere, with both classes alike in each."""
    assert [len(getattr(task, name)) for name in SPLITS] == [1669, 324, 631]
    sums = [2160474, 442514, 838388]
    assert [int(getattr(task, name).index.sum()) for name in SPLITS] == sums
    shares = [getattr(task, name).labels.mean() for name in SPLITS]
    assert np.ptp(shares) < 0.07


def test_another_backbone():
    """Photos get its size."""
    task = tl.load_task("solar", backbone="embedded:glyphnet")
    assert task.image_shape == (32, 32, 3)
    assert tl.extract_features(task.layer(), task.few(1).images).shape == (2, 128)
    assert tl.load_task("solar", size=96).image_shape == (96, 96, 3)
    with pytest.raises(ValueError, match=r"too small .* size=96"):
        tl.load_task("solar", size=40)


def test_the_package_is_missing(monkeypatch):
    """Says how to install it, or where a mirror has its files."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: None)
    with pytest.raises(ConnectionError) as error:
        tl.load_task("solar")
    assert "python -m pip install --no-deps elpv-dataset==1.0.0.post1" in str(error.value)
    assert "datasets/elpv of the folder TLHELPERS_MIRROR" in str(error.value)


def test_changed_files_are_refused(monkeypatch, tmp_path, task):
    """A photo, or the table, of a mirror: which one, and what was expected."""
    mirrored = tmp_path / "datasets" / "elpv"
    shutil.copytree(find_files(solar._PUBLISHED), mirrored)
    monkeypatch.setenv("TLHELPERS_MIRROR", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: None)
    again = tl.load_task("solar")
    np.testing.assert_array_equal(again.test.labels, task.test.labels)
    photo = mirrored / "images" / "cell0042.png"
    photo.write_bytes(photo.read_bytes() + b"!")
    with pytest.raises(ValueError, match=r"cell0042.png has the SHA-256 \w{64}, expected \w{64}"):
        tl.load_task("solar")
    (mirrored / "labels.csv").write_text("images/cell0001.png 1.0 mono\n")
    with pytest.raises(ValueError, match=r"the published labels.csv: SHA-256 .*, expected 0abe"):
        tl.load_task("solar")
    photo.unlink()
    with pytest.raises(ConnectionError, match=r"mirror's folder lacks images/cell0042.png\."):
        tl.load_task("solar")
