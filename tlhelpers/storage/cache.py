"""Where downloads and features are kept, and how they get there whole or not at all."""

import errno
import hashlib
import json
import os
import shutil
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pooch
from filelock import FileLock, Timeout

RECORD = ".tlhelpers.json"  # in each module that was downloaded: where it is from, which files


def cache_dir() -> Path:
    """Return the folder of downloads and features: `TLHELPERS_CACHE`, or the system's place."""
    return Path(os.environ.get("TLHELPERS_CACHE") or pooch.os_cache("tlhelpers")).expanduser()


def in_mirror(place: str) -> Path | None:
    """Return where something lies in the folder `TLHELPERS_MIRROR`; None where that is not set."""
    given = os.environ.get("TLHELPERS_MIRROR")
    return Path(given).expanduser() / place if given else None


def modules_dir() -> Path:
    """Return the folder of downloaded modules: tensorflow_hub's, or our own of the same layout."""
    given = os.environ.get("TFHUB_CACHE_DIR", "")
    return Path(given).expanduser() if given and "://" not in given else cache_dir() / "modules"


def has_graph(folder: Path) -> bool:
    """Return whether a folder has the file that makes it a SavedModel."""
    try:
        return any((folder / f"saved_model.{kind}").is_file() for kind in ("pb", "pbtxt"))
    except OSError:  # a name that is too long, say
        return False


def is_complete(folder: Path) -> bool:
    """Return whether a module has all files of its record, or those that TensorFlow needs."""
    if not has_graph(folder):
        return False
    if record := read_record(folder):
        return record["files"].items() <= _sizes(folder).items()
    variables = folder / "variables"
    shards = list(variables.glob("variables.data-*-of-*"))
    expected = {int(shard.name.rsplit("-", 1)[1]) for shard in shards}
    return (variables / "variables.index").is_file() and expected == {len(shards)}


def read_record(folder: Path) -> dict:
    """Return a module's `handle`, `sha256` and `files`; empty if it has no record."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return record if record.keys() >= {"handle", "sha256", "files"} else {}
    except (AttributeError, OSError, ValueError):
        return {}


def write_record(folder: Path, address: str, sha256: str) -> None:
    """Note in a module's folder where it is from and which files it has."""
    record = {"handle": address, "sha256": sha256, "files": _sizes(folder)}
    (folder / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")


def _sizes(folder):
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}


def check_sum(path: Path, expected: str | None, what: str, mend: str, kind: str = "sha256") -> str:
    """Return a file's checksum; ValueError, which begins with `what`, if another is expected."""
    found = pooch.file_hash(str(path), alg=kind)
    if expected not in (None, found):
        raise ValueError(f"{what} {found}, expected {expected}. It is not used{mend}")
    return found


def files_digest(files: Iterable[Path]) -> str:
    """Return the SHA-256 of what stands in files, one after the other."""
    sums = [pooch.file_hash(str(path), alg="sha256") for path in files]
    return hashlib.sha256(" ".join(sums).encode()).hexdigest()


@contextmanager
def whole_folder(target: Path, *, alone: bool = False) -> Iterator[Path]:
    """Give an empty folder to fill, which becomes `target` if all goes well, and else vanishes.

    `alone` says that no other process can be at it, so that what a killed one left is removed.
    """
    if inner := [p.parent for p in target.glob("**/saved_model.pb") if p.parent != target]:
        raise ValueError(f"{target} holds other modules ({inner[0]}); nothing was changed.")
    target.parent.mkdir(parents=True, exist_ok=True)
    for left in target.parent.glob(f"{target.name}.*.tmp") if alone else ():
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
def locked(entry: Path) -> Iterator[None]:
    """Let one process at a time work on an entry of the cache; others wait for it."""
    with readable_errors(entry):
        entry.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(entry.with_name(entry.name + ".lock"))
        try:
            lock.acquire(timeout=0.1)
        except Timeout:
            print("Another process is fetching the same files; waiting for it.")
            lock.acquire()
        except NotImplementedError:
            pass  # a file system without locks: two may then download, each of them whole
        try:
            yield
        finally:
            lock.release()


@contextmanager
def readable_errors(target: Path) -> Iterator[None]:
    """Raise errors of the file system anew, with the folder and what to do."""
    try:
        yield
    except ConnectionError:
        raise
    except OSError as error:
        copying = isinstance(error, shutil.Error)  # a list of (from, to, reason)
        reason = error.args[0][0][2] if copying else error.strerror or error
        raise OSError(
            error.errno or errno.EIO,
            f"Cannot write {target.name} to {target.parent}: {reason}. Make room or get the right "
            "to write there, or choose another folder (downloads: set TLHELPERS_CACHE, or "
            "TFHUB_CACHE_DIR if that is set). Nothing half-written was left",
        ) from error


def features_path(key: str) -> Path:
    """Return the file in which feature vectors with this key are kept."""
    return cache_dir() / "features" / f"{key}.npz"


def read_features(path: Path, n: int) -> np.ndarray | None:
    """Return the `n` features of a file; None when it is absent, damaged or of another number."""
    features = (read_arrays(path) or {}).get("features")
    return features if features is not None and features.shape[0] == n else None


def write_features(path: Path, features: np.ndarray) -> None:
    """Keep features; a warning if that fails."""
    mend = "Set TLHELPERS_CACHE to a folder with room, or pass cache=False."
    write_arrays(path, {"features": features}, "Features were computed but not kept", mend)


def read_arrays(path: Path) -> dict[str, np.ndarray] | None:
    """Return all arrays of a file by name; None when it is absent, cut off or damaged."""
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}  # numpy checks each array's CRC
    except (OSError, EOFError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return None


def write_arrays(path: Path, arrays: dict[str, Any], what: str, mend: str) -> None:
    """Write beside, then rename: another process sees the whole file or none.

    If that fails, a warning tells `what` happened, why, and how to mend it.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            temporary = file.name
            np.savez(file, **arrays)
        os.replace(temporary, path)
    except OSError as error:
        warnings.warn(
            f"{what}: cannot write to {path.parent} ({error.strerror or error}). {mend}",
            stacklevel=4,
        )
    finally:
        if temporary and os.path.exists(temporary):
            os.remove(temporary)
