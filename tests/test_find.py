"""Promises of files that are published: mirror, cache, then a download that is compared."""

import hashlib
import os
import threading
import time
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from filelock import FileLock
from loopback import Server, archive_of, archive_with, file, status

import tlhelpers as tl
from tlhelpers.storage import cache
from tlhelpers.storage.find import Published, find_file, find_files, find_folder


def sha256(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture
def mirror_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TLHELPERS_MIRROR", str(tmp_path / "mirror"))
    return tmp_path / "mirror"


def test_the_mirror_comes_first(mirror_folder):
    """A file and a folder there are taken as they are, and nobody is asked."""
    (mirror_folder / "datasets" / "leaves").mkdir(parents=True)
    (mirror_folder / "datasets" / "list.csv").write_text("oak")
    url = "http://127.0.0.1:9/nobody"
    found = find_file(url, "datasets/list.csv", "md5:0")
    assert found == mirror_folder / "datasets" / "list.csv"
    assert find_folder(url, "datasets/leaves", None) == mirror_folder / "datasets" / "leaves"


def test_an_archive_in_the_mirror_stays_there(mirror_folder, tmp_path):
    """It is unpacked into the cache, without the folder that holds all."""
    (tmp_path / "leaves" / "oak").mkdir(parents=True)
    (tmp_path / "leaves" / "oak" / "1.txt").write_text("round")
    archive = mirror_folder / "datasets" / "leaves.tgz"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(archive_of(tmp_path / "leaves", prefix="leaves"))
    folder = find_folder("http://127.0.0.1:9/leaves.tgz", "datasets/leaves", None)
    assert (folder / "oak" / "1.txt").read_text() == "round"
    assert archive.is_file()


def test_a_downloaded_archive_is_unpacked_once_and_removed():
    """What is left is the folder."""
    content = archive_with(("a/1.txt", b"one"), ("b/2.txt", b"two"))
    with Server(file(content)) as server:
        url = f"{server.address}/x.tar.gz"
        folder = find_folder(url, "datasets/x", sha256(content), progress=False)
        assert find_folder(url, "datasets/x", sha256(content)) == folder
        assert len(server.requests) == 1
    assert (folder / "b" / "2.txt").read_bytes() == b"two"
    assert [path.name for path in folder.parent.iterdir() if "x.tar" in path.name] in (
        [],
        ["x.tar.gz.lock"],
    )


def test_waiting_for_another_process(capsys):
    """One line says so, whatever is fetched; the file that came meanwhile is not fetched again."""
    path = cache.cache_dir() / "datasets" / "list.csv"
    path.parent.mkdir(parents=True)
    held = threading.Event()

    def other():
        with FileLock(f"{path}.lock"):
            held.set()
            time.sleep(0.5)
            path.write_text("oak")

    threading.Thread(target=other).start()
    held.wait()
    assert find_file("http://127.0.0.1:9/nobody", "datasets/list.csv", None) == path
    said = "Another process is fetching the same files; waiting for it.\n"
    assert capsys.readouterr().out == said


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!doctype html><html>sign in</html>", "a web page came instead of an archive"),
        (b"nothing of the kind", "it is no archive"),
        (archive_with(("../outside.txt", b"!")), "it would write outside its folder"),
    ],
)
def test_what_is_no_archive_is_refused(content, message):
    """Nothing is left of it that a later call would take for the folder."""
    with Server(file(content)) as server:
        url = f"{server.address}/x.tgz"
        for _ in range(2):
            with pytest.raises(ValueError, match=message):
                find_folder(url, "datasets/x", sha256(content), progress=False)


def test_a_file_that_changed_is_fetched_again(monkeypatch):
    """Of the cache's own a checksum is compared each time, or size and time where there is none."""
    with Server(file(b"oak,ash")) as server:
        url = f"{server.address}/list.csv"
        for checksum in (sha256(b"oak,ash"), None):
            place = f"datasets/{checksum is None}.csv"
            path = find_file(url, place, checksum, progress=False)
            assert find_file(url, place, checksum) == path
            path.write_bytes(b"elm,yew")
            os.utime(path, ns=(0, 0))
            assert find_file(url, place, checksum, progress=False).read_bytes() == b"oak,ash"
        assert len(server.requests) == 4
        path.write_bytes(b"half")
        server.answers = [status(404)]
        with pytest.raises(ConnectionError, match=f"404.* The copy in {path} is damaged"):
            find_file(url, place, None, progress=False)


def test_a_folder_that_changed_is_fetched_again():
    """A file that is gone from an unpacked folder, or has another size, is noticed."""
    content = archive_with(("a/1.txt", b"one"), ("b/2.txt", b"two"))
    with Server(file(content)) as server:
        url = f"{server.address}/x.tar.gz"
        folder = find_folder(url, "datasets/x", None, progress=False)
        (folder / "a" / "1.txt").unlink()
        assert find_folder(url, "datasets/x", None, progress=False) == folder
        assert (folder / "a" / "1.txt").read_bytes() == b"one"
        (folder / "a" / "more.txt").write_bytes(b"notes of a student")
        assert find_folder(url, "datasets/x", None) == folder
        assert len(server.requests) == 2


def test_published_files_that_changed_can_be_cleared(monkeypatch):
    """The message names the call that mends it, and that call does."""
    published = Published(
        "network", {"a.bin": sha256(b"a")[7:]}, "", "modules/some/network", "x==1", "nowhere/x", 1
    )
    with Server(file(b"a")) as server:
        published = replace(published, address=server.address)
        folder = find_files(published, progress=False)
        (folder / "a.bin").write_bytes(b"b")
        with pytest.raises(ValueError, match=r'tl.clear_cache\("modules/some/network"\)'):
            find_files(published)
        removed = tl.clear_cache("modules/some/network")
        assert list(removed.path) == [str(folder)]
        assert (find_files(published, progress=False) / "a.bin").read_bytes() == b"a"


def test_an_array_that_is_no_archive_of_arrays(tmp_path):
    """Another kind of file under the name of kept arrays counts as absent."""
    np.save(tmp_path / "a.npy", np.ones(3))
    (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    assert cache.read_arrays(tmp_path / "a.npz") is None
    header = b"\x93NUMPY\x01\x00\x76\x00"
    shape = b"{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999,), }"
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as file:
        file.writestr("features.npy", header + shape.ljust(117) + b"\n")
    assert cache.read_arrays(tmp_path / "b.npz") is None
