"""Networks drawn as rows of boxes: what is frozen (blue), trained (orange), taken off (grey).

Each function takes `ax=None`, returns the Axes and says in words what is seen.
"""

from collections.abc import Collection, Sequence

import numpy as np
from matplotlib.axes import Axes

from . import shapes
from .alternative_text import describe
from .kinds import kinds_of_transfer
from .loop import accumulation
from .network_row import LIFT, MARGIN, End, Row, states_of
from .shapes import HEIGHT
from .steps import PARTS, five_steps, four_steps
from .styles import FROZEN, INK
from .towers import two_towers
from .ways_of_bias import ways_of_bias

__all__ = [
    "USES",
    "accumulation",
    "five_steps",
    "four_steps",
    "kinds_of_transfer",
    "pipeline",
    "transfer",
    "two_towers",
    "uses",
    "ways_of_bias",
]

#: What transfer is used for: its name, what goes in, what transfers, what is new, what comes out.
USES = (
    ("recognise", None, "an image\nnetwork", "new head:\nkinds", "a cat"),
    ("detect", None, "an image\nnetwork", "new head:\nboxes", "a cat,\nin the middle"),
    ("know a face", "two portraits", "a face\nnetwork", "new head:\nsame or not", "one person"),
    ("translate", "the cat sleeps", "a language\nmodel", "adapter:\npairs", "el gato duerme"),
    ("write", "Once upon", "a language\nmodel", "adapter:\nstories", "a time"),
    (
        "assist",
        "How do I\nboil an egg?",
        "a language\nmodel",
        "adapter:\ndialogues",
        "Heat water …",
    ),
    ("transcribe", "a recording", "a speech\nnetwork", "new head:\nletters", "good morning"),
)


def pipeline(
    parts: Sequence[str],
    *,
    frozen: Collection[str] = (),
    trained: Collection[str] = (),
    removed: Collection[str] = (),
    changed: Collection[str] = (),
    ends: tuple[End, End] = (None, None),
    ax: Axes | None = None,
) -> Axes:
    """Draw a network as a row of boxes, from what goes in to what comes out.

    Parameters
    ----------
    parts : sequence of str
        Their names, all different; a name may have several lines.
    frozen, trained, removed : collections of str
        Those of the parts that are frozen (blue, a lock), trained (orange, an open lock) or taken
        off (dashed, lifted above the part that comes next). The others are drawn plain.
    changed : collection of str
        Parts that are set off by a light field, as new in this picture.
    ends : pair of text, picture or None
        What goes in at the left and comes out at the right.

    Raises
    ------
    ValueError
        Parts are missing or occur twice, or a name is not among them, or is of two kinds.

    Examples
    --------
    >>> ax = pipeline(["trunk", "tail", "head"], frozen=["trunk"], trained=["tail", "head"])
    """
    states = states_of(parts, frozen=frozen, trained=trained, removed=removed, changed=changed)
    row = Row(states, ends, tuple(changed))
    below = 0.48 if frozen or trained else MARGIN
    ax = shapes.canvas(row.width(), below + HEIGHT + (LIFT if removed else 0) + 0.15, ax)
    row.draw(ax, MARGIN, below)
    describe(ax, f"A row of boxes: {row.said()}.")
    return ax


def transfer(
    photo: np.ndarray,
    drawing: np.ndarray,
    *,
    names: tuple[int, int] = (1000, 8),
    answers: tuple[str, str] = ("Egyptian cat", "animal"),
    parts: Sequence[str] = PARTS,
    rows: tuple[str, str] = ("before: photographs", "now: drawings"),
    ax: Axes | None = None,
) -> Axes:
    """Draw the idea of a transfer: the network before, and the same with a new head.

    Parameters
    ----------
    photo, drawing : `[height, width, 3]` in `[0, 1]`
        A picture of the source task, and one of the target task.
    names : pair of int
        How many classes the old head has, and the new one.
    answers : pair of str
        What the network says about each picture.
    parts : sequence of str
        Parts of the backbone.
    rows : pair of str
        Titles of the two rows.

    Examples
    --------
    >>> ax = transfer(np.zeros((8, 8, 3)), np.ones((8, 8, 3)), names=(20, 10))
    """
    old, new = f"head:\n{names[0]:,} names", f"new head:\n{names[1]:,} names"
    photo, drawing = np.asarray(photo), np.asarray(drawing)
    before = Row(states_of([*parts, old]), (photo, answers[0]), (), (old, new))
    states = states_of([*parts, new], frozen=parts, trained=[new])
    now = Row(states, (drawing, answers[1]), (), (old, new))
    ax = shapes.canvas(max(before.width(), now.width()), 3.5, ax)
    upper, lower = 2.3, 0.52
    for base, title in ((upper, rows[0]), (lower, rows[1])):
        ax.text(MARGIN, base + HEIGHT + 0.15, title, fontsize=11, weight="bold", color=INK)
    before.draw(ax, MARGIN, upper)
    spans = now.draw(ax, MARGIN, lower, {"trained": "the only part that learns"})
    x = (spans[parts[0]][0] + spans[parts[-1]][1]) / 2
    shapes.arrow(ax, (x, upper - 0.05), (x, lower + HEIGHT + 0.05), FROZEN, dashed=True)
    middle = (upper + lower + HEIGHT) / 2
    ax.text(x + 0.12, middle, "the same weights", fontsize=10, color=FROZEN, va="center")
    describe(ax, f"Two rows. {rows[0]}: {before.said()}. {rows[1]}: {now.said()}.")
    return ax


def uses(photo: np.ndarray, *, ax: Axes | None = None) -> Axes:
    """Draw what transfer is used for, one row a use: what it starts from, what is added to it.

    `photo`, `[height, width, 3]` in `[0, 1]`, stands where a picture goes in.

    >>> ax = uses(np.zeros((8, 8, 3)))
    """
    parts = [text for row in USES for text in row[2:4]]
    rows = {}
    for name, text, known, new, comes_out in USES:
        goes_in = np.asarray(photo) if text is None else text
        states = states_of([known, new], frozen=[known], trained=[new])
        rows[name] = Row(states, (goes_in, comes_out), (), tuple(parts))
    titles, first = 1.1, max(row.before() for row in rows.values())
    wide = max(row.width() - row.before() for row in rows.values())
    top = len(rows) * (HEIGHT + 0.2) + 0.1
    ax = shapes.canvas(titles + first + wide, top, ax)
    for i, (name, row) in enumerate(rows.items(), 1):
        base = top - i * (HEIGHT + 0.2)
        ax.text(MARGIN, base + HEIGHT / 2, name, fontsize=11, weight="bold", color=INK, va="center")
        row.draw(ax, MARGIN + titles + first - row.before(), base, below=False)
    describe(ax, " ".join(f"To {name}: {row.said()}." for name, row in rows.items()))
    return ax
