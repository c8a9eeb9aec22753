"""The baseline that knows nothing but pixels."""

import numpy as np

from .check_images import check_images
from .lazy_images import Images, parts_of


def raw_pixels(images: Images, size: int = 32) -> np.ndarray:
    """Return pictures as flat vectors of their pixels: what a baseline learns from.

    They are float32 `[n, d]`: one number a pixel where all pictures are grey, otherwise three.

    Parameters
    ----------
    images : array or LazyImages `[n, height, width, 3]`
    size : int
        Larger pictures are first reduced to this many pixels a side.

    Raises
    ------
    TypeError, ValueError
        Images of another type, shape or range, with NaN, or none.

    Examples
    --------
    >>> raw_pixels(np.zeros((2, 8, 8, 3))).shape
    (2, 64)
    """
    parts = parts_of(check_images(images))
    small = np.concatenate([_reduced(np.asarray(part, np.float32), size) for part in parts])
    if (small == small[..., :1]).all():
        small = small[..., :1]
    return small.reshape(len(small), -1)


def _reduced(images, size):
    if max(images.shape[1:3]) <= size:
        return images
    import keras

    return np.asarray(keras.ops.image.resize(images, (size, size), antialias=True))
