"""The door through which images come in: their type, shape and range."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .lazy_images import Images, LazyImages, as_images


def check_images(images: Any, channels: Sequence[int] = (3,)) -> Images:
    """Return images as float32 `[n, height, width, 3]`, or say what is wrong with them.

    Where `channels` says so, their last axis may also have another length.
    """
    images = as_images(images)
    if isinstance(images, LazyImages) and len(images):
        return images  # each batch is checked when it is read
    images = np.asarray(images)
    check_type(images)
    check_shape(images, channels)
    check_range(images)
    return np.ascontiguousarray(images, np.float32)


def check_type(images: np.ndarray) -> None:
    """Raise TypeError unless images are of a floating type."""
    if images.dtype.kind != "f":
        mend = {
            "i": " Divide by 255: np.float32(images) / 255.",
            "u": " Divide by 255: np.float32(images) / 255.",
            "U": " Read files with tl.read_picture(path), a folder with tl.load_task(path).",
        }.get(images.dtype.kind, "")
        raise TypeError(f"Images are of type {images.dtype}; float32 in [0, 1] is expected.{mend}")


def check_shape(images: Any, channels: Sequence[int | None] = (3,)) -> None:
    """Raise ValueError unless images are `[n, height, width, 3]`, and one of them at least."""
    shape = tuple(images.shape)
    if len(shape) != 4 or (shape[-1] not in channels and None not in channels):
        mend = {
            (2, None): " For one grey picture: np.repeat(image[None, :, :, None], 3, axis=-1).",
            (3, None): " For one colour picture: images[None]. For grey pictures [n, height, "
            "width]: np.repeat(images[..., None], 3, axis=-1).",
            (4, 1): " For grey pictures: np.repeat(images, 3, axis=-1).",
            (4, 4): " Drop the alpha channel: images[..., :3].",
        }.get((len(shape), shape[-1] if len(shape) == 4 else None), "")
        if channels == (1,):
            mend = " For grey pictures [n, height, width]: images[..., None]."
        if len(shape) == 4 and shape[1] in channels:
            mend = " Put the channels last: np.moveaxis(images, 1, -1)."
        last = " or ".join(map(str, channels))
        raise ValueError(
            f"Images have shape {list(shape)}; [n, height, width, {last}] is expected.{mend}"
        )
    if 0 in shape:
        raise ValueError(
            f"Images are empty (shape {list(shape)}); at least one picture is expected."
        )


def check_finite(images: np.ndarray, name: str = "images") -> tuple[float, float]:
    """Return the lowest and the highest value of an array; ValueError if one is not finite."""
    low, high = images.min(), images.max()
    if not np.isfinite(low) or not np.isfinite(high):
        axes = tuple(range(1, images.ndim))
        bad = np.flatnonzero(~np.isfinite(images).all(axes))
        raise ValueError(
            f"{len(bad)} of {len(images)} {name} hold NaN or infinity, the first is "
            f"{name}[{bad[0]}]. Drop them: {name}[np.isfinite({name}).all({axes})]."
        )
    return float(low), float(high)


def check_range(images: np.ndarray) -> None:
    """Raise ValueError unless all values of images are from 0 to 1."""
    low, high = check_finite(images)
    if low < -1e-6 or high > 1 + 1e-6:
        mend = "Divide by 255." if low >= 0 and high <= 255 else "Rescale them to [0, 1]."
        raise ValueError(
            f"Images range from {low:.4g} to {high:.4g}; values in [0, 1] are expected. {mend}"
        )
