"""Promises of what shows and clears the cache: all that is there, and nothing besides."""

import os
import random
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from loopback import Server, archive_of, file

import tlhelpers as tl
from tlhelpers.storage import cache, download, features
from tlhelpers.storage.find import find_file, find_folder
from tlhelpers.storage.find_module import find_module


@pytest.fixture
def filled(tiny_module, tmp_path, monkeypatch):
    """A cache with one of each kind, and the address of the server that gave them."""
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TFHUB_CACHE_DIR", raising=False)
    monkeypatch.setattr(download, "FIRST_PAUSE", 0.01)
    with Server(file(archive_of(tiny_module))) as server:
        find_module(f"{server.address}/g/tiny/1", progress=False)
        find_folder(f"{server.address}/x.tar.gz", "datasets/x", None, progress=False)
        server.answers = [file(b"oak")]
        find_file(f"{server.address}/list.csv", "datasets/trees/list.csv", None, progress=False)
        server.answers = [file(bytes(10**6), upto=5000)]
        with pytest.raises(ConnectionError):
            find_module(f"{server.address}/g/half/1", retries=0, progress=False)
        (cache.modules_dir() / f"{'0' * 40}.abcdefgh.tmp").mkdir()
        features.write_features(features.features_path("a"), np.ones((3, 2)))
        features.write_features(features.features_path("b"), np.ones((3, 2)))
        cache.write_arrays(cache.cache_dir() / "pictograms" / "32.npz", {"a": np.ones(2)}, "", "")
        yield server.address


def kept():
    """Every file in the cache but locks."""
    folder = cache.cache_dir()
    paths = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {path.relative_to(folder).as_posix() for path in paths}


def test_what_is_there_is_listed(filled):
    """A row for each module, file, folder and broken download; features are one row."""
    table = tl.list_cache()
    assert list(table.columns) == ["entry", "kind", "size_mb", "last_used", "path"]
    rows = set(zip(table.entry, table.kind, strict=True))
    assert rows > {
        (f"{filled}/g/tiny/1", "module"),
        ("datasets/x", "file"),
        ("datasets/trees/list.csv", "file"),
        ("features", "features"),
        ("pictograms", "drawings"),
    }
    assert list(table.kind).count("unfinished") == 2
    assert len(table) == 7
    assert all(Path(path).exists() for path in table.path)
    assert table.last_used.dt.year.min() >= 2024


def test_an_empty_cache_is_an_empty_table(tmp_path, monkeypatch):
    """Nothing is made by looking."""
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "none"))
    assert len(tl.list_cache()) == len(tl.clear_cache("downloads")) == 0
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "name", ["handle", "handle as browsers copy it", "folder", "Path", "place", "file"]
)
def test_one_entry_is_removed(name, filled, monkeypatch):
    """By handle, folder or place, that one is removed with what belongs to it, and returned."""
    handle, folder = f"{filled}/g/tiny/1", find_module(f"{filled}/g/tiny/1")
    trees = cache.cache_dir() / "datasets" / "trees" / "list.csv"
    what, path = {
        "handle": (handle, folder),
        "handle as browsers copy it": (f"{handle}/?tfhub-redirect=true", folder),
        "folder": (str(folder), folder),
        "Path": (folder, folder),
        "place": ("datasets/trees/list.csv", trees),
        "file": (os.path.relpath(trees), trees),
    }[name]
    before = kept()
    removed = tl.clear_cache(what)
    assert list(removed.path) == [str(path)]
    assert not path.exists()
    base = path.relative_to(cache.cache_dir()).as_posix()
    assert before - kept() == {p for p in before if p.startswith(base)} != set()
    with pytest.raises(ValueError, match="Nothing in the cache is called"):
        tl.clear_cache(what)


def test_groups_are_removed(filled):
    """Features alone, drawings alone, and all that was downloaded or begun."""
    assert list(tl.clear_cache("features").kind) == ["features"]
    assert list(tl.clear_cache("drawings").kind) == ["drawings"]
    assert set(tl.clear_cache("downloads").kind) == {"module", "file", "unfinished"}
    assert kept() == set()
    assert len(tl.list_cache()) == 0


def test_what_is_not_there_lists_what_is(filled):
    """The message names groups and entries."""
    with pytest.raises(ValueError, match=r"called 'no'.*'features'.*'downloads'|downloads") as no:
        tl.clear_cache("no")
    for name in ("'features'", "'downloads'", f"'{filled}/g/tiny/1'", "'datasets/x'", "list_cache"):
        assert name in str(no.value)
    for outside in ("/", ".", "..", "~", "", str(cache.cache_dir()), str(cache.modules_dir())):
        with pytest.raises(ValueError, match="Nothing in the cache is called"):
            tl.clear_cache(outside)


def test_files_of_others_are_left(filled, tmp_path):
    """What nobody fetched is neither listed nor removed, though it lies in the cache's folders."""
    mine = [
        cache.cache_dir() / "thesis.txt",
        cache.cache_dir() / "datasets" / "x.csv",
        cache.cache_dir() / "datasets" / "own" / "oak.jpg",
        cache.modules_dir() / "notes" / "saved_model.pb",
        cache.modules_dir() / "a.part",
        features.features_dir() / "notes.txt",
    ]
    for path in mine:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    assert not set(tl.list_cache().path) & {str(path) for path in mine}
    for what in ("downloads", "features", "drawings"):
        tl.clear_cache(what)
    assert [path.read_text() for path in mine] == ["mine"] * len(mine)


def test_links_are_not_followed(filled, tiny_module, tmp_path):
    """What a link leads to stays, wherever the link stands."""
    outside = tmp_path / "outside"
    shutil.copytree(tiny_module, outside)
    (outside / "1.npz").write_bytes(b"x")
    folder = find_module(f"{filled}/g/tiny/1")
    links = [
        folder / "assets",  # in a module
        cache.modules_dir() / ("1" * 40),  # as a module
        cache.cache_dir() / "datasets" / "linked",
        cache.cache_dir() / "pictogram_linked",
    ]
    for link in links:
        shutil.rmtree(link, ignore_errors=True)
        link.symlink_to(outside)
    before = sorted(outside.rglob("*"))
    for what in ("downloads", "features", "drawings"):
        tl.clear_cache(what)
    assert not folder.exists()
    assert sorted(outside.rglob("*")) == before
    assert all(link.is_symlink() for link in links[1:])


def test_a_cache_behind_a_link(filled, tmp_path, monkeypatch):
    """The cache's folder itself may be a link, as to a larger disk."""
    (tmp_path / "link").symlink_to(cache.cache_dir())
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "link"))
    folder = tmp_path / "cache" / "modules" / find_module(f"{filled}/g/tiny/1").name
    assert len(tl.clear_cache(folder)) == 1
    assert not folder.exists()


def test_what_another_process_fetches_is_left(filled):
    """It is named in a warning; the rest is removed."""
    folder = find_module(f"{filled}/g/tiny/1")
    with FileLock(f"{folder}.lock"):
        with pytest.warns(UserWarning, match=f"Another process is at work on {folder}"):
            removed = tl.clear_cache("downloads")
        assert folder.is_dir()
        assert str(folder) not in set(removed.path)
        assert len(removed) == 4
    with warnings.catch_warnings(action="error"):
        assert len(tl.clear_cache("downloads")) == 1


def test_modules_of_tensorflow_hub(tiny_module, tmp_path, monkeypatch):
    """In its folder, too, modules are listed and removed: by the address that they came from."""
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "hub"))
    import tensorflow_hub

    with Server(file(archive_of(tiny_module))) as server:
        folder = tensorflow_hub.resolve(f"{server.address}/g/theirs/1")
        (tmp_path / "hub" / "own.abcdefgh.tmp").mkdir()  # of whoever has that folder
        (tmp_path / "hub" / "deep" / f"{'0' * 40}.abcdefgh.tmp").mkdir(parents=True)
        assert list(tl.list_cache().path) == [folder]
        assert list(tl.clear_cache(f"{server.address}/g/theirs/1").path) == [folder]
    assert not Path(folder).exists()
    tl.clear_cache("downloads")
    assert len(list((tmp_path / "hub").rglob("*.tmp"))) == 2


@pytest.mark.parametrize("victim", ["saved_model.pb", "variables.index", "variables.data"])
@pytest.mark.parametrize("harm", ["zeros", "cut", "flips"])
def test_a_damaged_module_says_how_to_mend_it(victim, harm, filled):
    """One that cannot be loaded names its folder and the call; after it all is well."""
    handle = f"{filled}/g/tiny/1"
    folder = find_module(handle)
    (path,) = folder.rglob(f"{victim}*")
    times, content = path.stat(), bytearray(path.read_bytes())
    size, rng = len(content), random.Random(0)
    if harm == "flips":
        for _ in range(200):
            content[rng.randrange(size)] ^= 1 << rng.randrange(8)
    else:
        content[size // 3 :] = bytes(size - size // 3) if harm == "zeros" else b""
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    if harm == "cut":  # by a program that changed the record, too
        (folder / ".tlhelpers.json").unlink()
    with pytest.raises(OSError, match=r"(?s)cannot be read: \S") as error:
        tl.HubLayer(handle)
    assert str(folder) in str(error.value)
    assert f'tl.clear_cache("{handle}")' in str(error.value)
    assert len(tl.clear_cache(handle)) == 1
    with pytest.raises(ConnectionError):  # the server gives another file by now
        tl.HubLayer(handle)
