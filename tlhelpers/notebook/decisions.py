"""What to do after each round, for several runs, as a field of colours."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from .alternative_text import describe
from .styles import COLOURS, new_axes

FILLS = ("#D9D9D9", COLOURS[8], COLOURS[1], COLOURS[2])  # light to dark, also in grey
SIGNS = ("", "+", "✓", "x")


def decisions(table: pd.DataFrame, actions: Sequence[str], ax: Axes | None = None) -> Axes:
    """Draw decisions: a row for each draw, a column for each number of labels.

    Parameters
    ----------
    table : pandas.DataFrame
        Actions; its index are the draws, its columns the numbers of labels.
    actions : sequence of str
        Those that there are, four at most, in the order of their colours.

    Raises
    ------
    ValueError
        More than four actions, or others in the table.

    Examples
    --------
    >>> table = pd.DataFrame({40: ["stay", "go"], 80: ["go", "go"]})
    >>> ax = decisions(table, ("stay", "go"))
    """
    strange = {str(each) for each in np.unique(table.astype(str))} - set(actions)
    if len(actions) > len(FILLS) or strange:
        raise ValueError(
            f"actions are {', '.join(actions)}, the table also has {', '.join(sorted(strange))}; "
            f"{len(FILLS)} at most are expected, and all that are in the table."
        )
    ax = new_axes(ax, 6, 0.3 * len(table) + 1)
    numbers = np.array([[actions.index(each) for each in row] for row in table.to_numpy()])
    colours = ListedColormap(FILLS[: len(actions)])
    ax.imshow(numbers, cmap=colours, vmin=0, vmax=max(1, len(actions) - 1), aspect="auto")
    for (row, column), number in np.ndenumerate(numbers):
        ax.text(column, row, SIGNS[number], ha="center", va="center", fontsize=9, color="black")
    ax.set_xticks(range(table.shape[1]), [str(each) for each in table.columns])
    ax.set_yticks(range(len(table)), [str(each) for each in table.index])
    ax.set(xlabel="labels", ylabel="draw")
    handles = [
        Patch(color=fill, label=f"{action} {sign}".strip())
        for fill, action, sign in zip(FILLS, actions, SIGNS, strict=False)
    ]
    ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=9)
    counts = "; ".join(
        f"{name} labels: " + ", ".join(f"{a} {n}" for a, n in column.value_counts().items())
        for name, column in table.items()
    )
    describe(ax, f"Decisions in {len(table)} draws, counted. {counts}.")
    return ax
