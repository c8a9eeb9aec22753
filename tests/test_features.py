"""The limit on kept features: what is longest unused goes, and what is kept is of this version."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

import tlhelpers as tl
from tlhelpers.storage import features

GB = 10**9


def keep(name, kilobytes, age=0):
    """Write features of this size, last used so many seconds ago."""
    path = features.features_path(name)
    features.write_features(path, np.zeros((kilobytes, 250), np.float32))
    if path.exists() and age:
        os.utime(path, (time.time() - age,) * 2)
    return path


def left():
    return set(features.features_dir().iterdir())


def test_longest_unused_go_first(monkeypatch):
    """Above the limit the oldest are removed, where reading makes new; the one written stays."""
    monkeypatch.setenv("TLHELPERS_CACHE_LIMIT", str(350e3 / GB))
    a, b, c = (keep(name, 100, age) for name, age in (("a", 300), ("b", 200), ("c", 100)))
    assert left() == {a, b, c}
    assert features.read_features(a, 100).shape == (100, 250)
    d = keep("d", 100)
    assert left() == {a, c, d}
    big = keep("big", 340, age=1000)  # older than all, by a clock that is wrong
    assert left() == {big}


def test_default_limit_keeps_much():
    """Five GB, when nothing is set or an empty text."""
    assert features.limit() == 5 * GB


@pytest.mark.parametrize("given", ["abc", "-1", "nan", "5 GB", "5,5"])
def test_limit_that_is_no_number(given, monkeypatch, images):
    """The mistake is said before anything is computed, here what would be no features."""
    monkeypatch.setenv("TLHELPERS_CACHE_LIMIT", given)
    network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Rescaling(2.0)])
    message = rf"TLHELPERS_CACHE_LIMIT is '{given}'; how many GB .*at least 0.*such as 5, or inf"
    with pytest.raises(ValueError, match=message):
        tl.extract_features(network, images)


def test_no_limit(monkeypatch):
    """Infinity is a number, too."""
    monkeypatch.setenv("TLHELPERS_CACHE_LIMIT", "inf")
    assert keep("a", 10).exists()


@pytest.mark.parametrize("limit", ["0", "0.000001"])
def test_features_above_the_limit(limit, monkeypatch, network, images):
    """They are given, not kept, and drive nothing else out."""
    old = keep("a", 100, age=10)
    monkeypatch.setenv("TLHELPERS_CACHE_LIMIT", limit)
    message = r"not kept: they take .* GB, and TLHELPERS_CACHE_LIMIT allows .*cache=False"
    with pytest.warns(UserWarning, match=message):
        keep("b", 100)
    assert left() == {old}


def test_extracting_counts_as_use(monkeypatch, network, images):
    """What `extract_features` finds is used; the other goes when room is needed."""
    tl.extract_features(network, images)
    (used,) = left()
    other = keep("b", 100, age=50)
    os.utime(used, (time.time() - 100,) * 2)
    tl.extract_features(network, images)
    monkeypatch.setenv("TLHELPERS_CACHE_LIMIT", str(150e3 / GB))
    new = keep("c", 100)
    assert left() == {used, new}
    assert not other.exists()


def test_what_others_write_is_left_alone(monkeypatch):
    """A file that another process is writing stays; what a killed one left a day ago goes."""
    monkeypatch.setenv("TLHELPERS_CACHE_LIMIT", str(150e3 / GB))
    folder = keep("a", 100, age=10).parent
    young, old = folder / "young.part", folder / "old.part"
    for path in (young, old):
        path.write_bytes(bytes(200_000))
    os.utime(old, (time.time() - 2 * 86400,) * 2)
    new = keep("b", 100)
    assert left() == {young, new}


def test_reader_of_a_file_that_goes(monkeypatch):
    """A file that vanished between two looks is as one that was never there."""
    path = keep("a", 10)
    path.unlink()
    assert features.read_features(path, 10) is None
    assert keep("a", 10).exists()


WRITER = """
import sys, numpy as np
from tlhelpers.storage import features
for i in range(60):
    path = features.features_path(f"{sys.argv[1]} {i}")
    features.write_features(path, np.full((100, 250), i, np.float32))
    found = features.read_features(path, 100)
    assert found is None or (found == i).all()
"""


@pytest.mark.slow
def test_several_processes_at_the_limit(monkeypatch):
    """They remove each other's files without an error, and stay about the limit."""
    monkeypatch.setenv("TLHELPERS_CACHE_LIMIT", str(350e3 / GB))
    path = {"PYTHONPATH": str(Path(tl.__file__).parents[1])}
    run = [sys.executable, "-W", "error", "-c", WRITER]
    several = [subprocess.Popen([*run, name], env=os.environ | path) for name in "abc"]
    assert [each.wait() for each in several] == [0, 0, 0]
    keep("last", 100)
    assert len(left()) == 3


@pytest.mark.slow
def test_features_of_another_version(tmp_path):
    """Where a file of this package changes, what it computed before is not found."""
    root = Path(tl.__file__).parent
    shutil.copytree(root, tmp_path / "tlhelpers", ignore=lambda *_: {"data", "__pycache__"})
    code = "from tlhelpers.storage.features import features_path; print(features_path('a'))"

    def place():
        run = [sys.executable, "-c", code]
        given = os.environ | {"PYTHONPATH": str(tmp_path)}
        options = {"env": given, "cwd": tmp_path, "check": True, "text": True}
        return subprocess.run(run, capture_output=True, **options).stdout

    first = place()
    assert place() == first
    with open(tmp_path / "tlhelpers" / "backbones" / "hub_layer.py", "a") as file:
        file.write("# another version")
    assert place() != first
