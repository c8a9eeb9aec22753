"""A network as a row of boxes: what state each part is in, and where it stands."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from . import shapes
from .shapes import GAP, HEIGHT
from .styles import FROZEN, REMOVED, TRAINED

End = str | np.ndarray | None  # a text, or a picture `[height, width, 3]` in `[0, 1]`

MARGIN = 0.12
LIFT = HEIGHT + 0.25  # of what is taken off, above its place
_COLOURS = {"frozen": FROZEN, "trained": TRAINED}


def states_of(
    parts: Sequence[str], *, changed: Collection[str] = (), **kinds: Collection[str]
) -> dict[str, str]:
    """Return the state of each part, in order; every name that was given must be a part.

    >>> states_of(["trunk", "head"], frozen=["trunk"])
    {'trunk': 'frozen', 'head': 'plain'}
    """
    if isinstance(parts, str) or not len(parts) or len(set(parts)) < len(parts):
        raise ValueError(f"parts are {parts!r}; one name or more is expected, all different.")
    states = dict.fromkeys(parts, "plain")
    for kind, names in {**kinds, "changed": changed}.items():
        if isinstance(names, str):
            raise TypeError(f"{kind} is {names!r}; a list of names is expected: [{names!r}].")
        for name in names:
            if name not in states:
                known = ", ".join(map(repr, states))
                raise ValueError(f"{kind} names {name!r}, which is no part. Parts are: {known}.")
            if kind != "changed":
                if states[name] != "plain":
                    raise ValueError(f"{name!r} is {states[name]} and {kind}; give it one state.")
                states[name] = kind
    return states


@dataclass
class Row:
    """A network from left to right; names in `alike` have boxes of one width."""

    states: dict[str, str]
    ends: tuple[End, End]
    changed: tuple[str, ...]
    alike: tuple[str, ...] = ()

    def box_width(self, name: str) -> float:
        """Return the width of a part's box."""
        return max(shapes.box_width(n) for n in (self.alike if name in self.alike else (name,)))

    def before(self) -> float:
        """Return the room that what goes in takes before the first box."""
        return 0.0 if self.ends[0] is None else shapes.end_width(self.ends[0]) + GAP

    def width(self) -> float:
        """Return the width of all, with margins."""
        places = self._places(MARGIN + self.before())
        right = max(end for _, end in places.values())
        after = 0.0 if self.ends[1] is None else GAP + 0.04 + shapes.end_width(self.ends[1])
        return right + after + MARGIN

    def _places(self, x):
        places = {}
        for name, state in self.states.items():
            places[name] = (x, x + self.box_width(name))
            x += 0 if state == "removed" else self.box_width(name) + GAP
        return places

    def draw(
        self,
        ax: Axes,
        x: float,
        y: float,
        words: dict[str, str] | None = None,
        *,
        below: bool = True,
    ) -> dict:
        """Draw boxes and ends, brackets `below`; return where each part stands from left to right.

        `words` are texts of brackets, by state.
        """
        middle = y + HEIGHT / 2
        shapes.end_of_row(ax, self.ends[0], x, middle, after=False)
        places = self._places(x + self.before())
        kept = [name for name, state in self.states.items() if state != "removed"]
        for name, (left, right) in places.items():
            base = y if name in kept else y + LIFT
            shapes.box(ax, left, base, right - left, name, self.states[name])
            if name not in kept:
                off: dict[str, Any] = {
                    "ha": "right",
                    "va": "center",
                    "fontsize": 10,
                    "color": REMOVED,
                }
                ax.text(left - 0.12, base + HEIGHT / 2, "taken off", **off)
            elif name != kept[0] or self.ends[0] is not None:
                shapes.arrow(ax, (left - GAP, middle), (left, middle))
        if self.ends[1] is not None:
            right = places[kept[-1]][1] if kept else x
            shapes.arrow(ax, (right, middle), (right + GAP, middle))
            shapes.end_of_row(ax, self.ends[1], right + GAP + 0.04, middle, after=True)
        for new, run in groupby(kept, key=lambda name: name in self.changed):
            names = list(run)
            if new:
                left, right = places[names[0]][0], places[names[-1]][1]
                shapes.halo(ax, left - 0.1, right + 0.1, y - 0.1, y + HEIGHT + 0.1)
        for state, run in groupby(kept, key=self.states.__getitem__):
            names = list(run)
            if below and state in _COLOURS:
                left, right = places[names[0]][0], places[names[-1]][1]
                word = (words or {}).get(state, state)
                shapes.bracket(ax, left, right, y - 0.22, word, _COLOURS[state])
        return places

    def said(self) -> str:
        """Return the row in words."""
        shown = []
        for name, state in self.states.items():
            after = {"plain": "", "removed": " (taken off)"}.get(state, f" ({state})")
            shown.append(" ".join(name.split()) + after)
        first, last = (end if isinstance(end, str) else "a picture" for end in self.ends)
        shown = [first] * (self.ends[0] is not None) + shown + [last] * (self.ends[1] is not None)
        return " → ".join(shown)
