"""Arrays kept on disk: read whole or not at all, written whole or not at all."""

import os
import tempfile
import warnings
import zipfile
import zlib

import numpy as np

from .cache import cache_dir


def place(key):
    """File of the feature vectors with this key."""
    return cache_dir() / "features" / f"{key}.npz"


def read(path, n):
    """Features of a cache file; None when it is absent, cut off, damaged or unreadable."""
    features = (read_arrays(path) or {}).get("features")
    return features if features is not None and features.shape[0] == n else None


def write(path, features):
    """Keep features; a warning if that fails."""
    mend = "Set TLHELPERS_CACHE to a folder with room, or pass cache=False."
    write_arrays(path, {"features": features}, "Features were computed but not kept", mend)


def read_arrays(path):
    """All arrays of a file by name; None when it is absent, cut off, damaged or unreadable."""
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}  # numpy checks each array's CRC
    except (OSError, EOFError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return None


def write_arrays(path, arrays, what, mend):
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
