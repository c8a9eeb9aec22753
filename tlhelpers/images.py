"""Pictures that are read when they are needed, in the form of an array."""

import copy
import hashlib
import os
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
    unreadable = frozenset()  # files of which black pictures were made so far

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
            first, *rest = where or (slice(None),)
            if first is ... or first is None:
                return np.asarray(self)[where]
            some = self[first]
            lazy = isinstance(some, LazyImages)
            return np.asarray(some)[(slice(None), *rest) if lazy else tuple(rest)]
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

    def parts(self, size=PART):
        """Arrays of at most `size` pictures, one after the other."""
        for start in range(0, len(self), size):
            yield self.make(self.at[start : start + size])

    def make(self, at):
        """The pictures at these places of the source, as an array."""
        raise NotImplementedError

    def contents(self):
        """What tells one picture from another, whatever size it is read at; None if not known."""
        return None

    def digests(self):
        """Hashes, as bytes, that change when a picture does: what its features depend on."""
        parts = map(np.ascontiguousarray, self.parts())
        return [hashlib.sha256(image).digest() for part in parts for image in part]


class ImageFiles(LazyImages):
    """Picture files as an array of images; see `pictures.read` for what is done to them.

    A file that has become unreadable since it was first seen is black, and named in a warning, so
    that it does not stop a training.

    Parameters
    ----------
    paths : sequence of str or Path
    size : int
        Of the side, in pixels.
    crop : (float, float, float) or None
        Which part of each picture; see `pictures.read`.
    """

    def __init__(self, paths, size, crop=pictures.CENTRE):
        self.paths = tuple(Path(os.path.abspath(path)) for path in paths)
        self.size, self.crop, self.unreadable = int(size), crop, set()
        super().__init__(len(self.paths), (self.size, self.size, 3))

    def make(self, at):
        made, bad = np.zeros((len(at), *self.image_shape), np.float32), {}
        paths = [self.paths[place] for place in at]
        for i, picture in enumerate(pictures.read_many(paths, self.size, self.crop)):
            if isinstance(picture, pictures.Unreadable):
                bad[paths[i]] = picture
            else:
                made[i] = picture
        if bad:
            path, reason = next(iter(bad.items()))
            if not path.parent.is_dir():
                raise FileNotFoundError(
                    f"The folder {path.parent} is gone, with the pictures in it. Mount the drive "
                    "again, or load the task anew."
                )
            others = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
            warnings.warn(
                f"{path.parent.name}/{path.name}{others} cannot be read any more ({reason}); black "
                "in its place.",
                stacklevel=2,
            )
            self.unreadable.update(bad)
        return made

    def contents(self):
        def content(at):
            try:
                return hashlib.sha256(self.paths[at].read_bytes()).hexdigest()
            except OSError:
                return ""

        with ThreadPoolExecutor() as pool:
            return list(pool.map(content, self.at))

    def digests(self):
        reading = f" {self.size} {self.crop} {pictures.VERSION}"
        return [hashlib.sha256((each + reading).encode()).digest() for each in self.contents()]


class Transformed(LazyImages):
    """Images that a function makes of others, one by one; see `transform_images`."""

    def __init__(self, images, function, arguments):
        self.images, self.function, self.arguments = images, function, arguments
        super().__init__(len(images), images.shape[1:])
        if len(images):
            self.image_shape = self.make(self.at[:1]).shape[1:]

    @property
    def unreadable(self):
        return getattr(self.images, "unreadable", frozenset())

    def make(self, at):
        sources = np.asarray(self.images[at])
        made = []
        for place, source in zip(at, sources, strict=True):
            arguments = dict(self.arguments)
            if arguments.get("seed") is not None:  # numbers of its own for each, always the same
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
        to it one by one, whenever they are read; an argument `seed` is then a list, as
        `np.random.default_rng` takes it, other for each place in `images`.

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


def views(images, part=0.75):
    """Seven looks at each picture: its middle square, all of it, and five smaller squares.

    The squares lie in the corners and in the middle, and are resized to the size of the images.
    Averaging what a network says of several crops: Krizhevsky, Sutskever and Hinton, "ImageNet
    classification with deep convolutional neural networks" (2012).

    Parameters
    ----------
    images : array or LazyImages `[n, height, width, 3]`
        Parts of pictures in files are cut out of the files, sides beyond the middle square too.
        For square images the first two looks are the same, and one of them is left out.
    part : float
        Side of the smaller squares, as a share of the picture's shorter side.

    Returns
    -------
    list of arrays or LazyImages, each like `images`
    """
    if not 0 < part <= 1:
        raise ValueError(f"part is {part!r}; a share of the shorter side, up to 1, is expected.")
    places = [(0, 0), (1, 0), (0, 1), (1, 1), (0.5, 0.5)]
    if isinstance(images, ImageFiles):
        looks = [copy.copy(images) for _ in range(len(places) + 1)]
        for look, crop in zip(looks, [None, *((part, *place) for place in places)], strict=True):
            look.crop = crop
        return [images, *looks]
    looks = [transform_images(images, _part, share=part, place=place) for place in places]
    return [images, *looks]


def _part(images, share, place):
    import keras

    height, width = images.shape[1:3]
    sides = [round(share * side) for side in (height, width)]
    left, top = (
        round(free * at)
        for free, at in zip((width - sides[1], height - sides[0]), place, strict=True)
    )
    cut = images[:, top : top + sides[0], left : left + sides[1]]
    return np.asarray(keras.ops.image.resize(cut, (height, width)))


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
    if not len(images):
        raise ValueError("There are no images; one at least is expected.")
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
