"""Pictures that are read when they are needed, in the form of an array."""

import copy
import hashlib
import os
import warnings
from collections.abc import Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from ..runtime.as_array import as_array
from ..runtime.memory import check_memory
from ..runtime.texts import printable
from ..runtime.types import StrPath
from . import decode

PART = 64  # pictures that are made at a time


class LazyImages:
    """Images as an array of float32 `[n, height, width, 3]` in `[0, 1]`, made when needed.

    A position gives one picture, made now; a slice, or an array of positions, gives those pictures,
    still unmade. `np.asarray` makes them all, if they fit into memory; `parts` a few at a time.
    """

    dtype, ndim = np.dtype(np.float32), 4
    unreadable: Set[Path] = frozenset()  # files of which black pictures were made so far

    def __init__(self, count: int, image_shape: Sequence[int]) -> None:
        self.at, self.image_shape = np.arange(count), tuple(image_shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """Return `(n, height, width, 3)`."""
        return (len(self.at), *self.image_shape)

    def __len__(self):
        return len(self.at)

    def __repr__(self):
        return f"{type(self).__name__}({len(self)} images of {list(self.image_shape)})"

    def __getitem__(self, where):
        if isinstance(where, tuple):
            first, *rest = where or (slice(None),)
            if first is ... or first is None:
                return np.asarray(self)[where]
            some = np.asarray(self[first])
            return some[(slice(None), *rest) if some.ndim == self.ndim else tuple(rest)]
        chosen = self.at[where]
        if np.ndim(chosen) == 0:
            return self.make(np.array([chosen]))[0]
        if np.ndim(chosen) > 1:
            raise IndexError(
                f"{where!r} is no index of pictures; a position, a slice or a list of positions is "
                "expected."
            )
        some = copy.copy(self)
        some.at = chosen
        return some

    def __array__(self, dtype=None, copy=None):
        mend = "Take some of them, images[:100], or read them in parts: split.batches()."
        check_memory(len(self), self.image_shape, "images", mend)
        made = np.empty(self.shape, np.float32)
        for start, part in zip(range(0, len(self), PART), self.parts(), strict=True):
            made[start : start + PART] = part
        return made if dtype is None else made.astype(dtype)

    def parts(self, batch_size: int = PART) -> Iterator[np.ndarray]:
        """Yield arrays of at most `batch_size` pictures, one after the other."""
        for start in range(0, len(self), batch_size):
            yield self.make(self.at[start : start + batch_size])

    def make(self, at: np.ndarray) -> np.ndarray:
        """Return the pictures at these places of the source, as an array."""
        raise NotImplementedError

    def contents(self) -> list[str] | None:
        """Return what tells one picture from another at any size; None if that is not known."""
        return None

    def digests(self) -> list[bytes]:
        """Return hashes, as bytes, that change when a picture does: what its features depend on."""
        parts = map(np.ascontiguousarray, self.parts())
        return [hashlib.sha256(image).digest() for part in parts for image in part]


class ImageFiles(LazyImages):
    """Picture files as an array of images `size` pixels wide; `crop` and the rest: `decode.read`.

    A file that has become unreadable since it was first seen is black, and named in a warning, so
    that it does not stop a training.
    """

    def __init__(
        self, paths: Sequence[StrPath], size: int, crop: decode.Crop | None = decode.CENTRE
    ) -> None:
        self.paths = tuple(Path(os.path.abspath(path)) for path in paths)
        self.size, self.crop = int(size), crop
        self.unreadable: set[Path] = set()
        super().__init__(len(self.paths), (self.size, self.size, 3))

    def make(self, at: np.ndarray) -> np.ndarray:
        """Return the pictures at these places; black ones, and a warning, for unreadable files."""
        made, bad = np.zeros((len(at), *self.image_shape), np.float32), {}
        paths = [self.paths[place] for place in at]
        for i, picture in enumerate(decode.read_many(paths, self.size, self.crop)):
            if isinstance(picture, decode.Unreadable):
                bad[paths[i]] = picture
            else:
                made[i] = picture
        if bad:
            path, reason = next(iter(bad.items()))
            folder = printable(str(path.parent))
            if not path.parent.is_dir():
                raise FileNotFoundError(
                    f"The folder {folder} is gone, with the pictures in it. Mount the drive again, "
                    "or load the task anew."
                )
            name = printable(f"{path.parent.name}/{path.name}")
            others = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
            warnings.warn(
                f"{name}{others} cannot be read any more ({reason}); black in its place.",
                stacklevel=2,
            )
            self.unreadable.update(bad)
        return made

    def contents(self) -> list[str]:
        """Return the SHA-256 of each file; "" where it cannot be read."""

        def content(at):
            try:
                return decode.digest(self.paths[at])
            except decode.Unreadable:
                return ""

        with ThreadPoolExecutor() as pool:
            return list(pool.map(content, self.at))

    def digests(self) -> list[bytes]:
        """Return hashes of the files and of how they are read."""
        reading = f" {self.size} {self.crop} {decode.VERSION}"
        return [hashlib.sha256((each + reading).encode()).digest() for each in self.contents()]


Images = np.ndarray | LazyImages  # as functions take them


def as_images(images: Any, name: str = "Images") -> Images:
    """Return LazyImages as they are, anything else as an array; errors as of `as_array`."""
    return images if isinstance(images, LazyImages) else as_array(images, name)


def parts_of(images: Images, batch_size: int = PART) -> Iterator[np.ndarray]:
    """Yield images as arrays of at most `batch_size`, one after the other."""
    if isinstance(images, LazyImages):
        yield from images.parts(batch_size)
    else:
        yield from (images[i : i + batch_size] for i in range(0, len(images), batch_size))
