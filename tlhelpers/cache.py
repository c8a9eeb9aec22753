"""Where downloads are kept, and how they get there complete or not at all."""

import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

RECORD = ".tlhelpers.json"  # in each module that was downloaded: where it is from, which files


def cache_dir():
    """Folder for downloads and cached features: `TLHELPERS_CACHE`, or the system's place."""
    import pooch

    return Path(os.environ.get("TLHELPERS_CACHE") or pooch.os_cache("tlhelpers"))


def modules_dir():
    """Folder of downloaded modules: `TFHUB_CACHE_DIR` if set, else `modules` in `cache_dir()`.

    It is laid out as tensorflow_hub's (a folder named by the handle's SHA-1), so both share it.
    """
    given = os.environ.get("TFHUB_CACHE_DIR", "")
    return Path(given) if given and "://" not in given else cache_dir() / "modules"


def has_graph(folder):
    """Whether a folder has the file that makes it a SavedModel."""
    return any((folder / f"saved_model.{kind}").is_file() for kind in ("pb", "pbtxt"))


def is_complete(folder, sha256=None):
    """Whether all files of a module are there.

    Those of the record with their sizes; without a record, those that TensorFlow needs. With
    `sha256`, whether the module came out of the archive with that SHA-256, as the record says.
    """
    if not has_graph(folder):
        return False
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        variables = folder / "variables"
        shards = list(variables.glob("variables.data-*-of-*"))
        expected = {int(shard.name.rsplit("-", 1)[1]) for shard in shards}
        return (
            (variables / "variables.index").is_file()
            and expected == {len(shards)}
            and sha256 is None
        )
    sizes = {name: (folder / name).stat().st_size for name in _files(folder)}
    return record["files"].items() <= sizes.items() and sha256 in (None, record["sha256"])


def write_record(folder, address, sha256):
    """Note in a module's folder where it is from and which files it has."""
    sizes = {name: (folder / name).stat().st_size for name in _files(folder)}
    record = {"handle": address, "sha256": sha256, "files": sizes}
    (folder / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")


def _files(folder):
    return [p.relative_to(folder).as_posix() for p in sorted(folder.rglob("*")) if p.is_file()]


@contextmanager
def whole_folder(target):
    """An empty folder to fill, which becomes `target` if all goes well, and else vanishes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for left in target.parent.glob(f"{target.name}.*.tmp"):  # of a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    empty = Path(tempfile.mkdtemp(".tmp", f"{target.name}.", target.parent))
    try:
        yield empty
        if target.exists():
            shutil.rmtree(target)
        empty.chmod(0o755)
        empty.rename(target)
    finally:
        shutil.rmtree(empty, ignore_errors=True)


@contextmanager
def locked(entry):
    """Let one process at a time work on an entry of the cache; others wait for it."""
    from filelock import FileLock, Timeout

    with readable_errors(entry):
        entry.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(entry.with_name(entry.name + ".lock"))
        try:
            lock.acquire(timeout=0.1)
        except Timeout:
            print("Another process is fetching this module; waiting for it.")
            lock.acquire()
        except NotImplementedError:
            pass  # a file system without locks: two may then download, each of them whole
        try:
            yield
        finally:
            lock.release()


@contextmanager
def readable_errors(target):
    """Errors of the file system, with the folder and what to do."""
    try:
        yield
    except ConnectionError:
        raise
    except OSError as error:
        raise OSError(
            error.errno,
            f"Cannot write {target.name} to {target.parent}: {error.strerror or error}. Make room "
            "or get the right to write there, or choose another folder (downloads: set "
            "TLHELPERS_CACHE, or TFHUB_CACHE_DIR if that is set). Nothing half-written was left",
        ) from error
