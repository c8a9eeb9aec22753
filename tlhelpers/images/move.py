"""Pictures turned, shrunk and put anywhere on a ground of the same size."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from .check_images import check_images

TURN = 20  # degrees at most, either way
SCALE = (0.5, 0.8)  # of the side


def move(
    images: np.ndarray,
    seed: int | Sequence[int] = 0,
    *,
    turn: float = TURN,
    scale: tuple[float, float] = SCALE,
    shift: float | None = None,
    order: int = 1,
) -> np.ndarray:
    """Return each picture turned, scaled and moved at random, on a black ground of its size.

    Parameters
    ----------
    images : float32 `[n, height, width, channels]`
    turn : float
        Degrees at most, either way.
    scale : (float, float)
        From and to which share of its side.
    shift : float, optional
        How far from the middle at most, as a share of the side; by default anywhere in the frame.
    order : int
        Of the splines by which pixels are interpolated: 0 takes the nearest one, 1 is bilinear.

    Examples
    --------
    >>> move(np.ones((1, 8, 8, 3), np.float32)).mean() < 0.7
    np.True_
    """
    images = np.asarray(check_images(images, channels=(1, 3)))
    rng = np.random.default_rng(seed)
    moved = np.zeros_like(images)
    for image, out in zip(images, moved, strict=True):
        angle, part = np.radians(rng.uniform(-turn, turn)), rng.uniform(*scale)
        sides = np.array(image.shape[:2])
        middle = (sides - 1) / 2
        reach = (1 - part) / 2 if shift is None else shift
        place = middle + rng.uniform(-1, 1, 2) * reach * sides
        back = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / part
        for channel in range(image.shape[2]):
            out[..., channel] = ndimage.affine_transform(
                image[..., channel], back, middle - back @ place, order=order
            )
    return moved
