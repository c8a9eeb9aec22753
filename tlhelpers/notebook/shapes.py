"""Parts of diagrams: boxes, locks, arrows and brackets, measured in inches."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Arc, FancyArrowPatch, FancyBboxPatch

from .styles import FROZEN, INK, PAPER, REMOVED, TRAINED, rgb, tile

HEIGHT = 0.8  # of a box
GAP = 0.34  # between two boxes, for an arrow
CHARACTER = 0.088  # width of one at 10 points
#: Fill, edge and text of a part of a network, by what becomes of it.
LOOKS = {
    "plain": (PAPER, INK, INK),
    "frozen": (FROZEN, FROZEN, PAPER),
    "trained": (TRAINED, TRAINED, PAPER),
    "removed": (PAPER, REMOVED, REMOVED),
}


def canvas(width: float, height: float, ax: Axes | None = None) -> Axes:
    """Return Axes without axes, in which one unit is an inch unless `ax` is smaller."""
    if ax is None:
        ax = plt.figure(figsize=(width, height)).add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    ax.set_axis_off()
    return ax


def box_width(text: str) -> float:
    """Return how wide a box must be for a text of 10 points."""
    return max(0.95, CHARACTER * max(map(len, text.split("\n"))) + 0.2)


def box(ax: Axes, x: float, y: float, width: float, text: str, state: str = "plain") -> None:
    """Draw a part of a network; what is frozen has a closed lock, what is trained an open one."""
    fill, edge, ink = LOOKS[state]
    dashes = (0, (4, 2.5)) if state == "removed" else "-"
    ax.add_patch(
        FancyBboxPatch(
            (x, y),
            width,
            HEIGHT,
            boxstyle="round,pad=0,rounding_size=0.07",
            facecolor=fill,
            edgecolor=edge,
            linewidth=1.5,
            linestyle=dashes,
            zorder=2,
        )
    )
    locked = state in ("frozen", "trained")
    middle = y + HEIGHT / 2 - (0.06 if locked else 0)
    ax.text(x + width / 2, middle, text, ha="center", va="center", color=ink, fontsize=10)
    if locked:
        lock(ax, x + width - 0.14, y + HEIGHT - 0.2, closed=state == "frozen")


def lock(ax: Axes, x: float, y: float, *, closed: bool, colour: str = PAPER) -> None:
    """Draw a padlock about 0.15 inches high; x is its middle, y the foot of its body."""
    body = FancyBboxPatch(
        (x - 0.055, y),
        0.11,
        0.085,
        boxstyle="round,pad=0,rounding_size=0.015",
        facecolor=colour,
        lw=0,
        zorder=3,
    )
    ax.add_patch(body)
    at, foot = (x, y + 0.085) if closed else (x + 0.07, y + 0.085)
    ax.add_patch(Arc((at, foot), 0.07, 0.1, theta1=0, theta2=180, color=colour, lw=1.3, zorder=3))


def arrow(
    ax: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str = INK,
    *,
    bend: float = 0.0,
    dashed: bool = False,
) -> None:
    """Draw an arrow from one point to another, bent if wanted."""
    ax.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>,head_length=4,head_width=2.2",
            connectionstyle=f"arc3,rad={bend}",
            color=colour,
            lw=1.3,
            linestyle=(0, (3, 2)) if dashed else "-",
            shrinkA=2,
            shrinkB=2,
            zorder=2,
        )
    )


def bracket(ax: Axes, left: float, right: float, y: float, text: str, colour: str) -> None:
    """Draw a bracket below some boxes, and a text under it."""
    ax.plot([left, left, right, right], [y + 0.07, y, y, y + 0.07], color=colour, lw=1.3, zorder=2)
    ax.text((left + right) / 2, y - 0.06, text, ha="center", va="top", fontsize=10, color=colour)


def halo(ax: Axes, left: float, right: float, low: float, high: float) -> None:
    """Draw a light field with a rim behind what has changed."""
    ax.add_patch(
        FancyBboxPatch(
            (left, low),
            right - left,
            high - low,
            boxstyle="round,pad=0,rounding_size=0.1",
            facecolor="#FFF1C9",
            edgecolor="#A97900",
            linewidth=1,
            zorder=0,
        )
    )


def end_of_row(
    ax: Axes, content: str | np.ndarray | None, x: float, y: float, *, after: bool
) -> None:
    """Draw what goes in or comes out, a text or a picture, at the middle of a row."""
    if isinstance(content, np.ndarray):
        tile(ax, rgb(content[None])[0], x, y - 0.4, 0.8, zorder=2)
    elif content is not None:
        place = (x, "left") if after else (x + end_width(content), "right")
        ax.text(place[0], y, content, ha=place[1], va="center", fontsize=10, color=INK)


def end_width(content: str | np.ndarray | None) -> float:
    """Return the room that `end_of_row` needs."""
    if content is None or isinstance(content, np.ndarray):
        return 0.0 if content is None else 0.8
    return CHARACTER * max(map(len, content.split("\n"))) + 0.02
