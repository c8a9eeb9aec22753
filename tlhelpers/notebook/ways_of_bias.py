"""Where a transferred model may begin to fail a group: a row of boxes, with a reason under each."""

from matplotlib.axes import Axes

from . import shapes
from .alternative_text import describe
from .styles import INK, REMOVED

BOXES = (
    ("source", "plain", "a cue that\nhappens to fit"),
    ("backbone", "frozen", "carries\nit along"),
    ("head", "trained", "few labels\nof a group"),
    ("threshold", "plain", "one value\nfor everybody"),
    ("decision", "plain", "one number\nfor everybody"),
)


def ways_of_bias(ax: Axes | None = None) -> Axes:
    """Draw from where a model may come to fail a group: source, labels, threshold, measurement.

    Examples
    --------
    >>> ax = ways_of_bias()
    """
    wide, gap, y = 1.25, 0.5, 1.0
    ax = shapes.canvas(len(BOXES) * (wide + gap) - gap + 0.4, 2.05, ax)
    x = 0.2
    for place, (name, state, reason) in enumerate(BOXES):
        shapes.box(ax, x, y, wide, name, state)
        if place:
            shapes.arrow(ax, (x - gap, y + shapes.HEIGHT / 2), (x, y + shapes.HEIGHT / 2))
        shapes.arrow(ax, (x + wide / 2, 0.62), (x + wide / 2, y), REMOVED, dashed=True)
        ax.text(x + wide / 2, 0.58, reason, ha="center", va="top", fontsize=10, color=INK)
        x += wide + gap
    said = "; ".join(f"{name}: {' '.join(reason.split())}" for name, _, reason in BOXES)
    describe(ax, f"Five boxes in a row, each with what may go wrong there. {said}.")
    return ax
