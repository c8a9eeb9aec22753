"""What can be said of a printed character in words, measured."""

from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage


def attributes(images: np.ndarray) -> dict[str, np.ndarray]:
    """Return what one could say of characters in words, as float64 `[n]` each.

    Loops count what ink encloses; a symmetry is the overlap of a picture and its mirror image
    (or half turn), 1 for a perfect one; a bar is the share of a side along which a band there has
    ink; strokes are how often a line across or down meets ink; ink is the share of a quarter that
    is covered; width over height is that of the box around the ink. All but the last are measured
    within that box, so that size does not count. Images are float `[n, size, size]` in `[0, 1]`,
    each with some ink (above 0.5); raises `ValueError` for others.

    >>> from tlhelpers import glyphs
    >>> attributes(glyphs.render("8L"))["loops"]
    array([2., 0.])
    """
    images = np.asarray(images)
    if images.ndim != 3 or not len(images):
        raise ValueError(
            f"Images have shape {list(images.shape)}; [n, size, size] is expected, grey. For one "
            "picture: images[None]."
        )
    if images.dtype.kind != "f" or not (0 <= images.min() <= images.max() <= 1):
        raise ValueError(
            f"Images are {images.dtype}, {images.min()} to {images.max()}; floats from 0 to 1 are "
            "expected. Divide bytes by 255."
        )
    measured = [_attributes_of(image, i) for i, image in enumerate(images.astype(np.float32))]
    return {name: np.array([row[name] for row in measured], float) for name in measured[0]}


def _attributes_of(image: np.ndarray, i: int) -> dict[str, Any]:
    ink = np.greater(image, 0.5)
    frame = Image.fromarray(ink).getbbox()
    if frame is None:
        raise ValueError(f"Picture {i} has no ink above 0.5; a drawn character is expected.")
    cut = Image.fromarray(image).crop(frame)
    box = np.asarray(cut.resize((24, 24), Image.Resampling.BILINEAR))
    dark = box > 0.5
    found: dict[str, Any] = {"loops": ndimage.label(~np.pad(ink, 1))[1] - 1}
    turned = {"left-right": box[:, ::-1], "top-bottom": box[::-1], "half-turn": box[::-1, ::-1]}
    for name, other in turned.items():
        apart, both = np.abs(box - other).sum(), (box + other).sum()
        found[f"{name} symmetry"] = 1 - apart / max(both, 1e-12)
    bands = ((slice(5), 4), (slice(10, 14), 12), (slice(-5, None), 19))
    for name, across, places in (
        ("across", dark, ("top", "middle", "bottom")),
        ("down", dark.T, ("left", "middle", "right")),
    ):
        for place, (band, line) in zip(places, bands, strict=True):
            found[f"bar {name}, {place}"] = across[band].any(0).mean()
            edges = np.diff(np.pad(across[line], 1).astype(int))
            found[f"strokes {name}, {place}"] = edges.clip(0).sum()
    quarters = dark.reshape(2, 12, 2, 12).mean((1, 3))
    for (row, column), share in np.ndenumerate(quarters):
        found[f"ink {('top', 'bottom')[row]} {('left', 'right')[column]}"] = share
    found["width over height"] = cut.width / cut.height
    return found
