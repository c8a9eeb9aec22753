"""Two towers: a picture and a text go through networks of their own, and meet in one space."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from ..runtime.checks import one_of
from . import shapes
from .alternative_text import describe
from .shapes import GAP, HEIGHT, LOOKS

MAPPED = ("image\nnetwork", "frozen"), ("map", "trained")
ENCODED = (("sentence\nencoder", "frozen"),)


def two_towers(
    picture: np.ndarray,
    text: str,
    *,
    of_picture: Sequence[tuple[str, str]] = MAPPED,
    of_text: Sequence[tuple[str, str]] = ENCODED,
    ax: Axes | None = None,
) -> Axes:
    """Draw how a picture and a text are compared: two rows of boxes that end in one space.

    Parameters
    ----------
    picture : `[height, width, 3]` in `[0, 1]`
    text : str
    of_picture, of_text : sequence of pairs
        The boxes of each tower: a text, and "frozen", "trained" or "plain".

    Examples
    --------
    >>> ax = two_towers(np.zeros((8, 8, 3)), "a cat")
    """
    ends: tuple[np.ndarray | str, ...] = (np.asarray(picture), text)
    towers = tuple(zip(ends, (of_picture, of_text), strict=True))
    for state in {state for _, boxes in towers for _, state in boxes}:
        one_of(state, "The state of a box", [name for name in LOOKS if name != "removed"])
    entry = max(shapes.end_width(end) for end, _ in towers) + 0.2
    widths = [[shapes.box_width(name) for name, _ in boxes] for _, boxes in towers]
    inner = max(sum(row) + GAP * len(row) for row in widths)
    meet, asked = "one space:\ncosine", "how alike?"
    width = (
        entry + GAP + inner + 0.35 + shapes.box_width(meet) + GAP + shapes.end_width(asked) + 0.2
    )
    ax = shapes.canvas(width, 2.5, ax)
    x_meet, y_meet = entry + GAP + inner + 0.35, 0.85
    for (end, boxes), row, y in zip(towers, widths, (1.55, 0.15), strict=True):
        middle = y + HEIGHT / 2
        shapes.end_of_row(ax, end, entry - shapes.end_width(end), middle, after=False)
        x = entry
        for (name, state), wide in zip(boxes, row, strict=True):
            shapes.arrow(ax, (x, middle), (x + GAP, middle))
            shapes.box(ax, x + GAP, y, wide, name, state)
            x += GAP + wide
        shapes.arrow(ax, (x, middle), (x_meet, y_meet + HEIGHT / 2))
    shapes.box(ax, x_meet, y_meet, shapes.box_width(meet), meet)
    right = x_meet + shapes.box_width(meet)
    shapes.arrow(ax, (right, y_meet + HEIGHT / 2), (right + GAP, y_meet + HEIGHT / 2))
    shapes.end_of_row(ax, asked, right + GAP, y_meet + HEIGHT / 2, after=True)
    said = [
        f"{name} → " + " → ".join(f"{' '.join(box.split())} ({state})" for box, state in boxes)
        for name, (_, boxes) in zip(("a picture", f'the text "{text}"'), towers, strict=True)
    ]
    describe(ax, f"Two towers. {said[0]}; {said[1]}. Both end in one space, compared by cosine.")
    return ax
