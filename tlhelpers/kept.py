"""Feature vectors kept on disk: read whole or not at all, written whole or not at all."""

import os
import tempfile
import warnings
import zipfile

import numpy as np

from .cache import cache_dir


def place(key):
    """File of the feature vectors with this key."""
    return cache_dir() / "features" / f"{key}.npz"


def read(path, n):
    """Features of a cache file; None when it is absent, cut off, damaged or unreadable."""
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            features = file["features"]  # numpy checks the CRC of the whole array
    except (OSError, EOFError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile):
        return None
    return features if features.shape[0] == n else None


def write(path, features):
    """Write beside, then rename: another process sees the whole file or none."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            temporary = file.name
            np.savez(file, features=features)
        os.replace(temporary, path)
    except OSError as error:
        warnings.warn(
            f"Features were computed but not kept: cannot write to {path.parent} "
            f"({error.strerror or error}). Set TLHELPERS_CACHE to a folder with room, or pass "
            "cache=False.",
            stacklevel=3,
        )
    finally:
        if temporary and os.path.exists(temporary):
            os.remove(temporary)
