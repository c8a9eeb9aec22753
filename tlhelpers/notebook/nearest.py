"""Which pictures are nearest to each of some texts, in rows."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from ..images.lazy_images import Images, as_images
from ..runtime.checks import whole_number
from .alternative_text import describe
from .styles import new_axes, rgb, tile

_LETTERS = 16  # that fit above a picture


def nearest(
    images: Images,
    texts: Sequence[str],
    similarities: np.ndarray,
    names: Sequence[str] | None = None,
    count: int = 8,
    ax: Axes | None = None,
) -> Axes:
    """Draw a row for each text: the pictures that are most similar to it, the first one first.

    Images are `[n, height, width, 3]` in `[0, 1]`, similarities `[n, texts]`; names `[n]`, if
    given, stand above the pictures.

    Raises
    ------
    ValueError
        Similarities of another shape; a number of names other than that of images.

    Examples
    --------
    >>> ax = nearest(np.zeros((3, 8, 8, 3)), ["a cat"], np.array([[0.1], [0.5], [0.2]]), count=2)
    """
    images, similarities = as_images(images), np.asarray(similarities, float)
    shape = len(images), len(texts)
    if similarities.shape != shape or not np.isfinite(similarities).all():
        raise ValueError(
            f"Similarities have shape {list(similarities.shape)}; finite numbers {list(shape)} are "
            "expected, a row for each picture and a column for each text."
        )
    if names is not None and len(names) != len(images):
        raise ValueError(f"Got {len(names)} names; {len(images)} are expected, one a picture.")
    count = min(whole_number(count, "count"), len(images))
    order = np.argsort(-similarities, axis=0, kind="stable")[:count].T
    margin = 0.3 + 0.09 * max(map(len, texts))  # in pictures
    high = 1.28 if names is not None else 1.06
    ax = new_axes(ax, 0.85 * (margin + count), 0.85 * high * len(texts))
    said = []
    for row, (text, places) in enumerate(zip(texts, order, strict=True)):
        y = (len(texts) - 1 - row) * high
        ax.text(margin - 0.15, y + 0.5, text, ha="right", va="center", fontsize=10)
        for column, (place, image) in enumerate(zip(places, rgb(images[places]), strict=True)):
            x = margin + column
            tile(ax, image, x + 0.05, y + 0.05, 0.9)
            if names is not None:
                name = str(names[place])
                name = name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"
                ax.text(x + 0.5, y + 1.01, name, ha="center", va="bottom", fontsize=6)
        shown = f": {', '.join(str(names[place]) for place in places)}" if names is not None else ""
        said.append(f'"{text}"{shown}')
    ax.set(xlim=(0, margin + count), ylim=(0, high * len(texts)), aspect="equal")
    ax.set_axis_off()
    describe(ax, f"The {count} pictures nearest to each text. {'; '.join(said)}.")
    return ax
