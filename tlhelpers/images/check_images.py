"""The door through which images come in: their type, shape and range."""

from typing import Any

import numpy as np

from .lazy_images import Images, LazyImages


def check_images(images: Any) -> Images:
    """Return images as float32 `[n, height, width, 3]`, or say what is wrong with them."""
    if isinstance(images, LazyImages) and len(images):
        return images  # each batch is checked when it is read
    images = np.asarray(images)
    if images.dtype.kind != "f":
        mend = "Divide by 255: images.astype('float32') / 255."
        said = f"Images are of type {images.dtype}; float32 in [0, 1] is expected."
        raise TypeError(f"{said} {mend}" if images.dtype.kind in "iu" else said)
    if images.ndim != 4 or images.shape[-1] != 3:
        channels = images.shape[-1] if images.ndim == 4 else None
        mend = {
            (2, None): " For one grey picture: np.repeat(image[None, :, :, None], 3, axis=-1).",
            (3, None): " For one colour picture: images[None]. For grey pictures [n, height, "
            "width]: np.repeat(images[..., None], 3, axis=-1).",
            (4, 1): " For grey pictures: np.repeat(images, 3, axis=-1).",
            (4, 4): " Drop the alpha channel: images[..., :3].",
        }.get((images.ndim, channels), "")
        if images.ndim == 4 and images.shape[1] == 3:
            mend = " Put the channels last: np.moveaxis(images, 1, -1)."
        raise ValueError(
            f"Images have shape {list(images.shape)}; [n, height, width, 3] is expected.{mend}"
        )
    if images.size == 0:
        shape = list(images.shape)
        raise ValueError(f"Images are empty (shape {shape}); at least one picture is expected.")
    low, high = images.min(), images.max()
    if not np.isfinite(low) or not np.isfinite(high):
        bad = np.flatnonzero(~np.isfinite(images).all((1, 2, 3)))
        raise ValueError(
            f"{len(bad)} of {len(images)} images hold NaN or infinity, the first is "
            f"images[{bad[0]}]. Drop them: images[np.isfinite(images).all((1, 2, 3))]."
        )
    if low < -1e-6 or high > 1 + 1e-6:
        mend = "Divide by 255." if low >= 0 and high <= 255 else "Rescale them to [0, 1]."
        raise ValueError(
            f"Images range from {low:.4g} to {high:.4g}; values in [0, 1] are expected. {mend}"
        )
    return np.ascontiguousarray(images, np.float32)
