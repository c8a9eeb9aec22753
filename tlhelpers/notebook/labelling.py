"""The labelling widget as a picture, for paper and where widgets cannot be shown."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from .alternative_text import describe
from .shapes import CHARACTER, canvas
from .styles import INK, PAPER, rgb, tile

SIDE, HEIGHT, WIDTH = 1.8, 0.34, 8.0  # inches


def labelling(labeller: Any, ax: Axes | None = None) -> Axes:
    """Draw what a `Labeller` shows at this moment: progress, picture, a button for each class.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from tlhelpers import AccumulationRun, Labeller, LabelStore
    >>> images = np.random.default_rng(0).random((12, 8, 8, 3))
    >>> with tempfile.TemporaryDirectory() as folder, LabelStore(f"{folder}/labels") as store:
    ...     run = AccumulationRun(store, images, images.reshape(12, -1), ("cat", "dog"))
    ...     ax = labelling(Labeller(run, images))
    """
    rows: list[list[tuple[float, float, str]]] = [[]]
    x = 0.1
    for text in labeller.button_texts:
        width = CHARACTER * len(text) + 0.3
        if x + width > WIDTH:
            rows.append([])
            x = 0.1
        rows[-1].append((x, width, text))
        x += width + 0.1
    foot = 0.1 + len(rows) * (HEIGHT + 0.1)
    shown = labeller.position is not None
    top = foot + (SIDE + 0.15 if shown else 0.1)
    ax = canvas(WIDTH, top + 0.35, ax)
    ax.text(0.1, top + 0.15, labeller.progress, fontsize=11, color=INK, va="center")
    if shown:
        picture = rgb(labeller.images[labeller.position][None])[0]
        tile(ax, picture, 0.1, foot + 0.05, SIDE, interpolation="nearest")
        ax.set(xlim=(0, WIDTH), ylim=(0, top + 0.35))
    for number, row in enumerate(rows, 1):
        for x, width, text in row:
            y = foot - number * (HEIGHT + 0.1)
            shape = FancyBboxPatch(
                (x, y), width, HEIGHT, boxstyle="round,pad=0,rounding_size=0.04", fc="#EEEEEE"
            )
            shape.set(edgecolor="#767676", linewidth=0.8)
            ax.add_patch(shape)
            ax.text(x + width / 2, y + HEIGHT / 2, text, ha="center", va="center", fontsize=10)
    describe(
        ax,
        f"The labelling widget. {labeller.progress} "
        f"{'A picture, and below it' if shown else 'There are'} the buttons "
        f"{', '.join(labeller.button_texts)}.",
    )
    ax.figure.set_facecolor(PAPER)
    return ax
