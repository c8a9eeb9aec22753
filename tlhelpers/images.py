"""Pictures that are read when they are needed, in the form of an array."""

import copy
import hashlib
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from . import pictures
from .memory import check_memory

PART = 64  # pictures that are made at a time


class LazyImages:
    """Images as an array of float32 `[n, height, width, 3]` in `[0, 1]`, made when needed.

    A position gives one picture, made now; a slice, or an array of positions, gives those pictures,
    still unmade. `np.asarray` makes them all, if they fit into memory; `parts` a few at a time.
    """

    dtype, ndim = np.dtype(np.float32), 4

    def __init__(self, count, image_shape):
        self.at, self.image_shape = np.arange(count), tuple(image_shape)

    @property
    def shape(self):
        return (len(self.at), *self.image_shape)

    def __len__(self):
        return len(self.at)

    def __repr__(self):
        return f"{type(self).__name__}({len(self)} images of {list(self.image_shape)})"

    def __getitem__(self, where):
        if isinstance(where, tuple):
            return np.asarray(self)[where]
        chosen = self.at[where]
        if np.ndim(chosen) == 0:
            return self.make(np.array([chosen]))[0]
        some = copy.copy(self)
        some.at = chosen
        return some

    def __array__(self, dtype=None, copy=None):
        check_memory(len(self), self.image_shape)
        made = np.empty(self.shape, np.float32)
        for start, part in zip(range(0, len(self), PART), self.parts(), strict=True):
            made[start : start + PART] = part
        return made if dtype is None else made.astype(dtype)

    def parts(self, size=PART):
        """Arrays of at most `size` pictures, one after the other."""
        for start in range(0, len(self), size):
            yield self.make(self.at[start : start + size])

    def make(self, at):
        """The pictures at these places of the source, as an array."""
        raise NotImplementedError

    def digests(self):
        """Hashes, as bytes, that change when a picture does: what its features depend on."""
        return [hashlib.sha256(image).digest() for part in self.parts() for image in part]


class ImageFiles(LazyImages):
    """Picture files as an array of images; see `pictures.read` for what is done to them.

    A file that has become unreadable since it was first seen is black, and named in a warning, so
    that it does not stop a training.

    Parameters
    ----------
    paths : sequence of str or Path
    size : int
        Of the side, in pixels.
    """

    def __init__(self, paths, size):
        self.paths, self.size = tuple(map(Path, paths)), int(size)
        super().__init__(len(self.paths), (self.size, self.size, 3))

    def make(self, at):
        made, bad = np.zeros((len(at), *self.image_shape), np.float32), {}
        for i, picture in enumerate(pictures.read_many([self.paths[p] for p in at], self.size)):
            if isinstance(picture, pictures.Unreadable):
                bad[self.paths[at[i]].name] = picture
            else:
                made[i] = picture
        if bad:
            name, reason = next(iter(bad.items()))
            others = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
            warnings.warn(
                f"{name}{others} cannot be read any more ({reason}); black in its place.",
                stacklevel=2,
            )
        return made

    def digests(self):
        def digest(at):
            content = self.paths[at].read_bytes() if self.paths[at].is_file() else b""
            return hashlib.sha256(content + f" {self.size} {pictures.VERSION}".encode()).digest()

        with ThreadPoolExecutor() as pool:
            return list(pool.map(digest, self.at))


class Transformed(LazyImages):
    """Images that a function makes of others, one by one; see `transform_images`."""

    def __init__(self, images, function, arguments):
        self.images, self.function, self.arguments = images, function, arguments
        super().__init__(len(images), ())
        self.image_shape = self.make(self.at[:1]).shape[1:]

    def make(self, at):
        sources = np.asarray(self.images[at])
        made = []
        for place, source in zip(at, sources, strict=True):
            arguments = dict(self.arguments)
            if "seed" in arguments:  # each picture has random numbers of its own, always the same
                arguments["seed"] = [arguments["seed"], int(place)]
            made.append(np.asarray(self.function(source[None], **arguments), np.float32)[0])
        return np.stack(made)


def transform_images(images, function, **arguments):
    """A function of images applied to them: now to an array, later to pictures in files.

    Parameters
    ----------
    images : array or LazyImages `[n, height, width, 3]`
    function : callable
        `function(images, **arguments)`, images in, as many images out. Pictures in files are given
        to it one by one, whenever they are read; an argument `seed` is then a list, other for each
        picture, as `np.random.default_rng` takes it.

    Returns
    -------
    What the function gives, or LazyImages.

    Examples
    --------
    >>> inverted = transform_images(task.train.images, lambda x: 1 - x)  # doctest: +SKIP
    """
    if isinstance(images, LazyImages):
        return Transformed(images, function, arguments)
    return function(images, **arguments)


def raw_pixels(images, size=32):
    """Pictures as flat vectors of their pixels, for a baseline that learns from nothing else.

    Parameters
    ----------
    images : array or LazyImages `[n, height, width, 3]`
    size : int
        Larger pictures are first reduced to this many pixels a side.

    Returns
    -------
    float32 `[n, d]`; one number a pixel where all pictures are grey, otherwise three.
    """
    parts = images.parts() if isinstance(images, LazyImages) else [np.asarray(images, np.float32)]
    small = np.concatenate([_reduced(part, size) for part in parts])
    if (small == small[..., :1]).all():
        small = small[..., :1]
    return small.reshape(len(small), -1)


def _reduced(images, size):
    if max(images.shape[1:3]) <= size:
        return images
    import keras

    return np.asarray(keras.ops.image.resize(images, (size, size), antialias=True))
