"""Pictures turned, shrunk and put anywhere on a ground of the same size."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

TURN = 20  # degrees at most, either way
SCALE = (0.5, 0.8)  # of the side


def move(images: np.ndarray, seed: int | Sequence[int] = 0, *, turn: float = TURN) -> np.ndarray:
    """Return each picture turned by up to `turn` degrees, at 0.5 to 0.8 of its side, put anywhere.

    What lies outside the picture is black. Pixels are interpolated once, bilinearly.

    Parameters
    ----------
    images : float32 `[n, height, width, channels]`

    Examples
    --------
    >>> move(np.ones((1, 8, 8, 3), np.float32)).mean() < 0.7
    np.True_
    """
    images, rng = np.asarray(images), np.random.default_rng(seed)
    moved = np.zeros_like(images)
    for image, out in zip(images, moved, strict=True):
        angle, scale = np.radians(rng.uniform(-turn, turn)), rng.uniform(*SCALE)
        sides = np.array(image.shape[:2])
        middle = (sides - 1) / 2
        place = middle + rng.uniform(-0.5, 0.5, 2) * (1 - scale) * sides
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / scale
        for channel in range(image.shape[2]):
            out[..., channel] = ndimage.affine_transform(
                image[..., channel], turn, middle - turn @ place, order=1
            )
    return moved
