"""How often a model is right, group by group."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from .alternative_text import describe
from .styles import COLOURS, INK, line_styles, new_axes


def by_group(
    scores: pd.DataFrame | Mapping[str, pd.DataFrame],
    chance: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the score of each group with its interval, and that of all samples.

    Parameters
    ----------
    scores : pandas.DataFrame, or mapping of str to such tables
        As of `scores_by_group`: a row a group, columns `n`, `low`, `high` and the score. Several
        tables, as of several methods, have the same groups; each gets a colour.
    chance : float, optional
        What guessing gets, drawn as a dotted line.

    Raises
    ------
    ValueError
        No table, columns that are missing, or tables of different groups.

    Examples
    --------
    >>> columns = ["n", "accuracy", "low", "high"]
    >>> table = pd.DataFrame([[90, 0.9, 0.82, 0.95], [10, 0.5, 0.24, 0.76]], ["A", "B"], columns)
    >>> ax = by_group(table)
    """
    tables = {"": scores} if isinstance(scores, pd.DataFrame) else dict(scores)
    first = _check(tables)
    groups, score = list(first.index), _score(first)
    ax = new_axes(ax, 6.5, (0.3 + 0.2 * len(tables)) * len(groups) + 1 + 0.15 * len(tables))
    styles = line_styles(tables) if len(tables) > 1 else [{"color": COLOURS[0], "marker": "o"}]
    steps = (np.arange(len(tables)) - (len(tables) - 1) / 2) * 0.6 / len(tables)
    texts = []
    for step, style, (name, table) in zip(steps, styles, tables.items(), strict=True):
        across = table[score].to_numpy(float)
        ends = np.abs(table[["low", "high"]].to_numpy(float).T - across)
        look = {"color": style["color"], "fmt": style["marker"] or "o", "label": name or None}
        ax.errorbar(across, np.arange(len(groups)) + step, xerr=ends, capsize=3, **look)
        place: dict[str, Any] = {"xytext": (5, 0), "textcoords": "offset points", "va": "center"}
        for row, (value, high) in enumerate(zip(across, table["high"], strict=True)):
            ax.annotate(f"{value:.2f}", (high, row + step), fontsize=9, color=INK, **place)
        said = [
            f"{group} {row[score]:.2f} ({row.low:.2f} to {row.high:.2f}, n {int(row.n)})"
            for group, row in table.iterrows()
        ]
        texts.append(f"{name}: {'; '.join(said)}" if name else "; ".join(said))
    if chance is not None:
        ax.axvline(chance, color="#767676", linestyle=":")
        texts.append(f"guessing {chance:.2f}")
    rows = [f"{group} (n = {int(first.n[group]):,})" for group in groups]
    ax.set_yticks(range(len(groups)), rows, fontsize=10)
    ax.set(xlim=(-0.03, 1.12), ylim=(len(groups) - 0.4, -0.6), xlabel=score.replace("_", " "))
    ax.set_xticks(np.linspace(0, 1, 6))
    ax.grid(axis="x", alpha=0.3)
    if len(tables) > 1:
        below: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.4, -0.12), "ncols": 2}
        ax.legend(frameon=False, **below)
    describe(ax, f"{ax.get_xlabel()} by group with 95 % intervals. {'. '.join(texts)}.")
    return ax


def _score(table):
    return next((column for column in table if column not in ("n", "low", "high")), "")


def _check(tables):
    if not tables:
        raise ValueError("Nothing to draw: give a table of tl.scores_by_group, or several by name.")
    first = next(iter(tables.values()))
    for name, table in tables.items():
        if not {"n", "low", "high"} <= set(table) or not _score(table) or table.empty:
            raise ValueError(
                f"The table {name!r} has columns {list(table)} and {len(table)} rows; n, low, high "
                "and a score are expected, as of tl.scores_by_group."
            )
        if list(table.index) != list(first.index):
            raise ValueError(
                f"The table {name!r} has groups {list(table.index)}, another {list(first.index)}; "
                "the same groups are expected."
            )
    return first
