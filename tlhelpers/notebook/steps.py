"""A transfer and a fine-tuning, drawn step by step: what is frozen (blue), trained (orange)."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from ..runtime.checks import whole_number
from . import shapes
from .alternative_text import describe
from .network_row import LIFT, MARGIN, End, Row, states_of
from .styles import INK

PARTS = ("edges,\ncolours", "corners,\ntextures", "eyes,\nwheels", "features")
FOUR = {
    "choose": "a network that has learnt a related task",
    "find": "its weights; the backbone is frozen",
    "replace the head": "the old head comes off, a new one goes on",
    "train": "only the new head learns, from your labelled pictures",
}
FIVE = {
    "add": "our own network, the head, at the end of the pretrained one",
    "freeze": "the layers of the pretrained network",
    "train": "our network; the pretrained one stays as it is",
    "unfreeze": "some layers of the pretrained network, the last ones",
    "train both": "our network and these layers, together and gently",
}


def four_steps(
    step: int | None = None,
    *,
    parts: Sequence[str] = PARTS,
    heads: tuple[str, str] = ("head:\n1,000 names", "new head:\n10 names"),
    ends: tuple[End, End] = ("picture", "answer"),
    ax: Axes | None = None,
) -> Axes:
    """Draw one step of a transfer, or all four: choose, find, replace the head, train.

    Every step is the same picture; what has changed since the step before stands on a light field.

    Parameters
    ----------
    step : int, optional
        1 to 4; by default all four, one below the other.
    parts : sequence of str
        Parts of the backbone.
    heads : pair of str
        The old head, and the new one.
    ends : pair of text or picture
        What goes in, and what comes out at the end.

    Examples
    --------
    >>> ax = four_steps(3, heads=("head:\\n20 letters", "new head:\\n10 digits"))
    """
    old, new = heads
    network, after, none = [*parts, old], [*parts, new], (None, None)
    rows = {
        1: Row(states_of(network), none, tuple(network), heads),
        2: Row(states_of(network, frozen=parts), none, tuple(parts), heads),
        3: Row(states_of([*network, new], frozen=parts, removed=[old]), none, (new,), heads),
        4: Row(states_of(after, frozen=parts, trained=[new]), ends, (new,), heads),
    }
    return _draw(FOUR, rows, {1: 1.6, 2: 1.9, 3: 1.8 + LIFT, 4: 1.9}, step, ax)


def five_steps(
    step: int | None = None,
    *,
    parts: Sequence[str] = PARTS,
    last: int = 1,
    head: str = "our head",
    ends: tuple[End, End] = ("picture", "answer"),
    ax: Axes | None = None,
) -> Axes:
    """Draw one step of a fine-tuning, or all five: add, freeze, train, unfreeze, train both.

    What has changed since the step before stands on a light field.

    Parameters
    ----------
    step : int, optional
        1 to 5; by default all five, one below the other.
    parts : sequence of str
        Parts of the pretrained network.
    last : int
        How many of them are unfrozen, counted from the output.
    head : str
        Our own network.
    ends : pair of text or picture
        What goes in, and what comes out at the end.

    Examples
    --------
    >>> ax = five_steps(4, last=2)
    """
    cut = len(parts) - whole_number(last, "last", 1, len(parts))
    network, none = [*parts, head], (None, None)
    free = [*parts[cut:], head]
    rows = {
        1: Row(states_of(network), none, (head,)),
        2: Row(states_of(network, frozen=parts), none, tuple(parts)),
        3: Row(states_of(network, frozen=parts, trained=[head]), none, (head,)),
        4: Row(states_of(network, frozen=parts[:cut], trained=free), none, tuple(parts[cut:])),
        5: Row(states_of(network, frozen=parts[:cut], trained=free), ends, tuple(free)),
    }
    return _draw(FIVE, rows, dict.fromkeys(range(2, 6), 1.9) | {1: 1.6}, step, ax)


def _draw(
    names: Mapping[str, str],
    rows: Mapping[int, Row],
    heights: Mapping[int, float],
    step: int | None,
    ax: Axes | None,
) -> Axes:
    """Draw a step, or all below one another; all begin where the last does, behind its end."""
    chosen = list(rows) if step is None else [whole_number(step, "step", 1, len(rows))]
    top, texts, last = sum(heights[k] for k in chosen), [], rows[len(rows)]
    ax = shapes.canvas(last.width(), top, ax)
    for k in chosen:
        name, note = list(names.items())[k - 1]
        title = ax.text(MARGIN, top - 0.3, f"{k}  {name}", fontsize=12, weight="bold", color=INK)
        beside: dict[str, Any] = {"xycoords": title, "textcoords": "offset points", "va": "bottom"}
        ax.annotate(note, (1, 0), (10, 0.5), fontsize=10, color=INK, **beside)
        left = MARGIN if k == len(rows) else MARGIN + last.before()
        rows[k].draw(ax, left, top - heights[k] + (0.2 if k == 1 else 0.5))
        texts.append(f"Step {k}, {name} ({note}): {rows[k].said()}.")
        top -= heights[k]
    describe(ax, " ".join(texts))
    return ax
