"""What can be said of a printed character in words, measured."""

import numpy as np
from scipy import ndimage


def attributes(images: np.ndarray) -> dict[str, np.ndarray]:
    """Return what one could say of characters in words: loops, symmetries, bars, strokes, ink.

    All but the last are measured within the box around the ink, so that size does not count.

    Parameters
    ----------
    images : float `[n, size, size]` in `[0, 1]`, each with some ink (above 0.5)

    Returns
    -------
    dict of name -> float64 `[n]`
        Loops count what ink encloses; a symmetry is the overlap of a picture and its mirror image
        (or half turn), 1 for a perfect one; a bar is the share of a side along which a band
        there has ink; strokes are how often a line across or down meets ink; ink is the share of
        a quarter that is covered; width over height is that of the box.

    Raises
    ------
    ValueError
        A picture without ink; other shapes, types or ranges of numbers.

    Examples
    --------
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


def _attributes_of(image, i):
    from PIL import Image

    ink = image > 0.5
    if not ink.any():
        raise ValueError(f"Picture {i} has no ink above 0.5; a drawn character is expected.")
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    box = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = box.shape
    box = np.asarray(Image.fromarray(box).resize((24, 24), Image.Resampling.BILINEAR))
    dark, half, edge = box > 0.5, slice(None, 12), slice(12, None)
    found = {"loops": ndimage.label(~np.pad(ink, 1))[1] - 1.0}
    for name, turned in (
        ("left-right symmetry", box[:, ::-1]),
        ("top-bottom symmetry", box[::-1]),
        ("half-turn symmetry", box[::-1, ::-1]),
    ):
        found[name] = _overlap(box, turned)
    for name, across in (("across", dark), ("down", dark.T)):
        first, last = ("top", "bottom") if name == "across" else ("left", "right")
        for place, band, line in (
            (first, slice(5), 4),
            ("middle", slice(10, 14), 12),
            (last, slice(-5, None), 19),
        ):
            found[f"bar {name}, {place}"] = across[band].any(0).mean()
            found[f"strokes {name}, {place}"] = (
                np.diff(np.pad(across[line], 1).astype(int)).clip(0).sum()
            )
    for name, quarter in (
        ("ink top left", dark[half, half]),
        ("ink top right", dark[half, edge]),
        ("ink bottom left", dark[edge, half]),
        ("ink bottom right", dark[edge, edge]),
    ):
        found[name] = quarter.mean()
    found["width over height"] = width / height
    return found


def _overlap(a, b):
    return float(1 - np.abs(a - b).sum() / max((a + b).sum(), 1e-12))
