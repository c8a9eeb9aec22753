"""Where downloads and features are kept, and how they get there whole or not at all."""

import errno
import hashlib
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

from .records import is_unchanged, read_record


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


def is_complete(folder: Path, *, thorough: bool = False) -> bool:
    """Return whether a module has all files of its record, unchanged, or what TensorFlow needs.

    `thorough`: the checksums of all files are compared; false for one without a record.
    """
    if not has_graph(folder) or not is_unchanged(folder, thorough=thorough):
        return False
    if read_record(folder):
        return True
    variables = folder / "variables"
    shards = list(variables.glob("variables.data-*-of-*"))
    expected = {shard.name.rsplit("-", 1)[1] for shard in shards}
    return (variables / "variables.index").is_file() and expected == {f"{len(shards):05}"}


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


def read_arrays(path: Path) -> dict[str, np.ndarray] | None:
    """Return all arrays of a file by name; None when it is absent, cut off or damaged."""
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}  # numpy checks each array's CRC
    except (OSError, EOFError, MemoryError, TypeError, ValueError, KeyError, RuntimeError):
        return None
    except (zipfile.BadZipFile, zlib.error):
        return None


def write_arrays(
    path: Path, arrays: dict[str, Any], what: str, mend: str, *, lasting: bool = False
) -> bool:
    """Write beside, then rename: another process sees the whole file or none.

    Returns whether it was written. If not, a warning tells `what` happened, why, and how to mend
    it. What is `lasting` has reached the disk on return, and outlives a power cut.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            temporary = file.name
            np.savez(file, **arrays)
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
        if lasting and os.name == "posix":  # elsewhere a folder cannot be opened
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except OSError as error:
        warnings.warn(
            f"{what}: cannot write to {path.parent} ({error.strerror or error}). {mend}",
            stacklevel=4,
        )
        return False
    finally:
        if temporary and os.path.exists(temporary):
            os.remove(temporary)
    return True
