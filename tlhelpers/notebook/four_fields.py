"""What pays in which field: few or many labels, a near or a far source."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from .alternative_text import describe
from .styles import FROZEN, INK, TRAINED

_HALF = 0.2  # of the distance between the bars of one task
_BESIDE: dict[str, Any] = {
    "xytext": (5, 0),
    "textcoords": "offset points",
    "va": "center",
    "fontsize": 9,
    "color": INK,
}


def four_fields(gains: pd.DataFrame) -> Figure:
    """Draw gains in four fields: a bar at the mean, a dot a draw.

    Returns the figure, since there are four Axes.

    Parameters
    ----------
    gains : pandas.DataFrame
        A row a draw, with columns `source` (a row of fields for each), `labels` (a column for
        each), `task`, `gain` (at most two kinds: the first frozen blue, the second trained orange)
        and `points`. Points that are all NaN are written as "not measured".

    Raises
    ------
    ValueError
        Columns that are missing, no row, or more than two kinds of gains.

    Examples
    --------
    >>> row = {"source": "near", "labels": "few", "task": "digits", "gain": "tuned", "points": 1.0}
    >>> figure = four_fields(pd.DataFrame([row]))
    """
    missing = {"source", "labels", "task", "gain", "points"} - set(gains)
    kinds = [] if missing else list(dict.fromkeys(gains.gain))
    if missing or not 1 <= len(kinds) <= 2:
        raise ValueError(
            f"gains lack columns {sorted(missing)}, have {len(gains)} rows and {len(kinds)} kinds "
            "of gains; source, labels, task, gain and points, a row and one or two kinds are "
            "expected."
        )
    sources, labels = (list(dict.fromkeys(gains[name])) for name in ("source", "labels"))
    tasks = {s: list(dict.fromkeys(gains.task[gains.source == s])) for s in sources}
    heights = [len(tasks[source]) + 0.6 for source in sources]
    figure, axes = plt.subplots(
        len(sources),
        len(labels),
        figsize=(11, 0.72 * sum(heights) + 0.8),
        sharex=True,
        squeeze=False,
        layout="constrained",
        height_ratios=heights,
    )
    for (row, column), ax in np.ndenumerate(axes):
        source, many = sources[row], labels[column]
        own, said = gains[(gains.source == source) & (gains.labels == many)], []
        for place, task in enumerate(tasks[source]):
            for kind, colour, hatch in zip(kinds, (FROZEN, TRAINED), ("//", ""), strict=False):
                points = own.points[(own.task == task) & (own.gain == kind)]
                at = place + (2 * kinds.index(kind) - len(kinds) + 1) * _HALF
                if points.isna().all():
                    if len(points):
                        ax.annotate("not measured", (0, at), **_BESIDE)
                        said.append(f"{task}, {kind}: not measured")
                    continue
                label = None if kind in ax.get_legend_handles_labels()[1] else kind
                look = {"color": colour, "hatch": hatch, "edgecolor": "white", "label": label}
                ax.barh(at, points.mean(), 1.8 * _HALF, **look)
                ax.plot(points, np.full(len(points), at), ".", color=INK)
                said.append(f"{task}, {kind}: {points.mean():+.1f}")
        ax.axvline(0, color=INK, linewidth=0.8)
        ax.set_yticks(range(len(tasks[source])), tasks[source] if column == 0 else [])
        ax.set_ylim(len(tasks[source]) - 0.5, -0.5)
        ax.set_title(f"{many} labels, {source} source", fontsize=11)
        ax.grid(axis="x", alpha=0.3)
        describe(ax, f"Points gained: {'; '.join(said)}.")
    for ax in axes[-1]:
        ax.set_xlabel("points gained")
    handles, shown = axes[-1][-1].get_legend_handles_labels()
    by_name = dict(zip(shown, handles, strict=True))
    found = [kind for kind in kinds if kind in by_name]
    axes[-1][-1].legend([by_name[kind] for kind in found], found, fontsize=9)
    return figure


def gains(
    runs: pd.DataFrame, few: int, many: int, *, task: str, source: str = "far"
) -> pd.DataFrame:
    """Return what two steps gained in the runs of a stored experiment, in points, by draw.

    The first is an earlier layer over the last one, both frozen, NaN where only the last was
    measured; the second is fine-tuning over the better of them.

    Parameters
    ----------
    runs : pandas.DataFrame
        As of `read_experiment`: columns `labels_per_class` or `labels`, `draw`, `method` and
        `test`, with methods "fine-tuned", "frozen, last block" or "probe", and, where it was
        measured, "frozen, best block".
    few, many : int
        Numbers of labels that the runs have.
    task, source : str
        Names for the picture.

    Raises
    ------
    ValueError
        No runs with so many labels.

    Examples
    --------
    >>> rows = [(20, 0, "probe", 0.5), (20, 0, "fine-tuned", 0.6), (60, 0, "probe", 0.7)]
    >>> rows.append((60, 0, "fine-tuned", 0.9))
    >>> runs = pd.DataFrame(rows, columns=["labels", "draw", "method", "test"])
    >>> gains(runs, 20, 60, task="digits").points.round(1).tolist()
    [nan, 10.0, nan, 20.0]
    """
    size = "labels_per_class" if "labels_per_class" in runs else "labels"
    runs, found = runs.replace({"method": {"probe": "frozen, last block"}}), []
    for labels, count in (("few", few), ("many", many)):
        own = runs[runs[size] == count]
        if own.empty:
            raise ValueError(
                f"There are no runs with {size} {count}; one of "
                f"{', '.join(map(str, sorted(set(runs[size]))))} is expected."
            )
        by = 100 * own.pivot_table("test", "draw", "method")
        last = by["frozen, last block"]
        earlier = by.get("frozen, best block", last * np.nan)
        best = earlier.fillna(last)
        steps = {"an earlier layer": earlier - last, "fine-tuning": by["fine-tuned"] - best}
        for gain, points in steps.items():
            row = {"source": source, "labels": labels, "task": task, "gain": gain}
            found.append(pd.DataFrame({"points": points}).assign(**row).reset_index())
    return pd.concat(found, ignore_index=True)
