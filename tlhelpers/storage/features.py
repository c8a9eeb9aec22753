"""Features on disk: under the code that made them, and the oldest go when they take too much."""

import hashlib
import os
import time
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np

from .cache import cache_dir, read_arrays, write_arrays

LIMIT, GB, DAY = 5.0, 10**9, 86400


def _own_code():
    """SHA-256 of this package's files: what an older version computed is not taken for its own."""
    files = sorted(Path(__file__).parents[1].rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


_OWN = _own_code()  # now: of the files as they are imported


def features_path(key: str) -> Path:
    """Return the file in which feature vectors with this key are kept; ValueError as of `limit`."""
    limit()  # now, not when they were computed
    name = hashlib.sha256(f"{_OWN} {key}".encode()).hexdigest()
    return features_dir() / f"{name}.npz"


def features_dir() -> Path:
    """Return the folder of features."""
    return cache_dir() / "features"


def limit() -> int:
    """Return how many bytes features may take: `TLHELPERS_CACHE_LIMIT`, in GB, or 5 GB.

    ValueError if that is no number of at least 0. With 0 nothing is kept, with "inf" all.
    """
    given = os.environ.get("TLHELPERS_CACHE_LIMIT", "").strip() or str(LIMIT)
    try:
        found = float(given)
    except ValueError:
        found = -1
    if not found >= 0:
        raise ValueError(
            f"TLHELPERS_CACHE_LIMIT is {given!r}; how many GB features may take on disk is "
            "expected: a number of at least 0, such as 5, or inf for no limit."
        )
    return int(min(found * GB, 2**62))


def read_features(path: Path, n: int) -> np.ndarray | None:
    """Return the `n` features of a file; None when it is absent, damaged or of another number."""
    features = (read_arrays(path) or {}).get("features")
    if features is None or features.shape[:1] != (n,):
        return None
    with suppress(OSError):  # a folder that is only read
        os.utime(path)  # used now: the others go first
    return features


def write_features(path: Path, features: np.ndarray) -> None:
    """Keep features, and remove those longest unused above the limit; a warning if that fails."""
    what, most = "Features were computed but not kept", limit()
    if features.nbytes > most:
        warnings.warn(
            f"{what}: they take {features.nbytes / GB:.2g} GB, and TLHELPERS_CACHE_LIMIT allows "
            f"{most / GB:g} GB in all. Set it to more, or pass cache=False.",
            stacklevel=3,
        )
        return
    mend = "Set TLHELPERS_CACHE to a folder with room, or pass cache=False."
    write_arrays(path, {"features": features}, what, mend)
    _trim(path, most)


def _trim(new, most):
    """Remove the files longest unused until all take at most so many bytes; never the new one.

    Other processes may do the same, read or write: who reads a file that goes has it open already
    or computes its features, and what is being written has another ending until it is whole.
    """
    found = []
    for path in new.parent.glob("*"):
        with suppress(OSError):  # another process was faster
            facts = path.stat()
            if path.suffix == ".npz":
                found.append((path != new, facts.st_mtime, facts.st_size, path))
            elif path.suffix == ".part" and time.time() - facts.st_mtime > DAY:
                path.unlink()  # left by a process that was killed
    total = sum(size for _, _, size, _ in found)
    for old, _, size, path in sorted(found, key=lambda each: each[1]):
        if old and total > most:
            with suppress(OSError):
                path.unlink()
                total -= size
