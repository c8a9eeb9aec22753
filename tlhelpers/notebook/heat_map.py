"""Numbers of a table as shades, with the numbers in them."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from .alternative_text import describe
from .styles import new_axes


def heat_map(
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a table of numbers as shades of blue, the larger the darker, with two decimals.

    Parameters
    ----------
    values : float `[n, m]`
    rows : sequence of n str
        Names at the left, such as sentences.
    columns : sequence of m str, optional
        Names above; by default numbers, and each row begins with its own.

    Raises
    ------
    ValueError
        Shapes that do not fit; numbers that are not finite.

    Examples
    --------
    >>> ax = heat_map(np.eye(2), ["a cat", "a dog"])
    """
    values = np.asarray(values, float)
    names = [f"{text}  {i}" for i, text in enumerate(rows, 1)] if columns is None else list(rows)
    above = [str(i) for i in range(1, values.shape[-1] + 1)] if columns is None else list(columns)
    expected = len(names), len(above)
    if values.shape != expected or not np.isfinite(values).all():
        raise ValueError(
            f"Values have shape {list(values.shape)}; finite numbers {list(expected)} are "
            "expected, one for each row and column."
        )
    longest = max(map(len, names))
    wide = 0.5 * max(1.0, max(map(len, above)) / 6)  # inches a cell
    ax = new_axes(ax, wide * len(above) + 0.075 * longest, 0.36 * len(names) + 0.5)
    least, most = values.min(), values.max()
    ax.imshow(values, cmap="Blues", vmin=least, vmax=most, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        dark = value - least > 0.6 * (most - least)
        colour = "white" if dark else "black"
        ax.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=8, color=colour)
    ax.set_xticks(range(len(above)), above)
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0, top=False, bottom=False, labeltop=True, labelbottom=False)
    said = [
        f"{name}: {', '.join(f'{v:.2f}' for v in row)}"
        for name, row in zip(names, values, strict=True)
    ]
    describe(ax, f"A table of numbers, columns {', '.join(above)}. {'; '.join(said)}.")
    return ax
