"""Pictures that stay in their files until they are needed, in the form of an array."""

import hashlib
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from . import pictures
from .memory import check_memory


class ImageFiles:
    """Picture files as an array of images: float32 `[n, size, size, 3]` in `[0, 1]`.

    A position gives one picture, read now; a slice, or an array of positions, gives those files,
    still unread. `np.asarray` reads them all, if they fit into memory. A file that has become
    unreadable since it was first seen is black, and named in a warning, so that it does not stop a
    training.

    Parameters
    ----------
    paths : sequence of str or Path
    size : int
        Of the side, in pixels.
    """

    dtype, ndim = np.dtype(np.float32), 4

    def __init__(self, paths, size):
        self.paths, self.size = tuple(map(Path, paths)), int(size)

    @property
    def shape(self):
        return (len(self.paths), self.size, self.size, 3)

    def __len__(self):
        return len(self.paths)

    def __repr__(self):
        return f"ImageFiles({len(self)} files, as {list(self.shape[1:])})"

    def __getitem__(self, where):
        if isinstance(where, tuple):
            return np.asarray(self)[where]
        chosen = np.arange(len(self))[where]
        if np.ndim(chosen) == 0:
            return np.asarray(ImageFiles([self.paths[chosen]], self.size))[0]
        return ImageFiles([self.paths[i] for i in chosen], self.size)

    def __array__(self, dtype=None, copy=None):
        check_memory(len(self), self.shape[1:])
        out, bad = np.zeros(self.shape, np.float32), {}
        for i, picture in enumerate(pictures.read_many(self.paths, self.size)):
            if isinstance(picture, pictures.Unreadable):
                bad[self.paths[i].name] = picture
            else:
                out[i] = picture
        if bad:
            name, reason = next(iter(bad.items()))
            warnings.warn(
                f"{len(bad)} of {len(self)} files are black, for they cannot be read any more, "
                f"such as {name}: {reason}.",
                stacklevel=2,
            )
        return out if dtype is None else out.astype(dtype)

    def digests(self):
        """SHA-256 of each file and the size it is read at: what its features depend on."""
        with ThreadPoolExecutor() as pool:
            return list(pool.map(self._digest, self.paths))

    def _digest(self, path):
        return hashlib.sha256(path.read_bytes() + f" {self.size}".encode()).digest()
