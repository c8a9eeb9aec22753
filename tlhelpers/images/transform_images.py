"""Images that a function makes of others."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .check_images import check_images
from .lazy_images import Images, LazyImages


class Transformed(LazyImages):
    """Images that a function makes of others, one by one; see `transform_images`."""

    def __init__(self, images: Images, function: Callable, arguments: dict[str, Any]) -> None:
        self.images, self.function, self.arguments = images, function, arguments
        super().__init__(len(images), images.shape[1:])
        if isinstance(images, LazyImages):
            self.unreadable = images.unreadable  # the very set, which grows
        if len(images):
            self.image_shape = self.make(self.at[:1]).shape[1:]

    def make(self, at: np.ndarray) -> np.ndarray:
        """Return what the function makes of the pictures at these places."""
        made = []
        for place, source in zip(at, np.asarray(self.images[at]), strict=True):
            arguments = dict(self.arguments)
            if arguments.get("seed") is not None:  # numbers of its own for each, always the same
                arguments["seed"] = [arguments["seed"], int(place)]
            made.append(np.asarray(self.function(source[None], **arguments), np.float32)[0])
        return np.stack(made)


def transform_images(images: Images, function: Callable, **arguments: Any) -> Images:
    """Apply a function to images: now to an array, later to pictures in files.

    Parameters
    ----------
    images : array or LazyImages `[n, height, width, 3]`
    function : callable
        `function(images, **arguments)`, images in, as many images out. Pictures in files are given
        to it one by one, whenever they are read; an argument `seed` is then a list, as
        `np.random.default_rng` takes it, other for each place in `images`.

    Examples
    --------
    >>> transform_images(np.zeros((2, 8, 8, 3)), lambda images: 1 - images).mean()
    np.float32(1.0)
    """
    images = check_images(images)
    if isinstance(images, LazyImages):
        return Transformed(images, function, arguments)
    return function(images, **arguments)
