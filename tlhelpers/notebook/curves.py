"""Lines of accuracy: against epochs, against labels, against layers.

Lines differ by marker and dash as well as by colour, so that they can be told apart in grey.
"""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from .alternative_text import describe
from .styles import INK, METHOD_COLOURS, line_styles, method_of, new_axes

_SHADES = {  # light to dark, each of a contrast of 3:1 or more on white
    "transfer": ("#3F95CC", "#0072B2", "#00334F"),
    "fine-tuned": ("#DF6F15", "#B54F00", "#5E2900"),
    "random weights": ("#CB6FA4", "#A8487F", "#5A1F42"),
}
DODGE = 0.08  # between the upright lines of two series, in blocks


def learning_curves(
    runs: dict[str, list], metric: str = "val_accuracy", ax: Axes | None = None
) -> Axes:
    """Draw a metric against epochs: the mean over seeds, and a band from the lowest to the highest.

    `runs` has for each name a list of `keras.callbacks.History` (one a seed), or of their
    `.history`. Raises `ValueError` when the metric was not recorded.

    Examples
    --------
    >>> ax = learning_curves({"from scratch": [{"val_accuracy": [0.2, 0.4]}]})
    """
    if not runs:
        raise ValueError("Nothing to draw: runs is empty.")
    ax = new_axes(ax, 6, 3.5)
    texts = []
    for (name, histories), style in zip(runs.items(), line_styles(runs), strict=True):
        records = [getattr(history, "history", history) for history in histories]
        if not records:
            raise ValueError(f"{name!r} has no history; give a list with one a seed.")
        for record in records:
            if metric not in record:
                raise ValueError(f"{name!r} has no metric {metric!r}. It has: {', '.join(record)}.")
        values = pd.DataFrame(  # NaN after an early stop
            {run: pd.Series(record[metric]) for run, record in enumerate(records)}
        ).T
        _band(ax, values.columns + 1, values, name, style)
        mean = values.mean()
        texts.append(
            f"{name} goes from {mean.iloc[0]:.3g} in epoch 1 to {mean.iloc[-1]:.3g} in epoch "
            f"{len(mean)} (mean of {len(records)})"
        )
    ax.locator_params(axis="x", integer=True)
    shown = metric.replace("val_", "validation ").replace("_", " ")
    ax.set(xlabel="epoch", ylabel=shown)
    ax.grid(alpha=0.3)
    ax.legend(fontsize=9)
    describe(ax, f"Lines: {shown} against epochs. {'; '.join(texts)}.")
    return ax


def labels_curve(
    table: pd.DataFrame, ax: Axes | None = None, *, chance: float | None = None
) -> Axes:
    """Draw accuracy against labels: the mean over runs, a band from lowest to highest.

    The table has a row a run, with columns `method`, `accuracy` (0 to 1), and `labels_per_class`
    or `labels` (all together). Known methods have the same colour in all notebooks. `chance`, the
    accuracy of guessing, is a dotted grey line.

    Examples
    --------
    >>> rows = [("transfer", 1, 0.7), ("transfer", 10, 0.9), ("raw pixels", 1, 0.4)]
    >>> table = pd.DataFrame(rows, columns=["method", "labels_per_class", "accuracy"])
    >>> ax = labels_curve(table, chance=0.1)
    """
    column = "labels" if "labels" in table.columns else "labels_per_class"
    needs(table, "method", column, "accuracy")
    ax = new_axes(ax, 7, 4)
    methods = dict(list(table.groupby("method", sort=False)))
    texts = []
    for (name, rows), style in zip(methods.items(), line_styles(map(str, methods)), strict=True):
        accuracy = rows.groupby(column)["accuracy"]
        _band(ax, accuracy.min().index, accuracy, name, style)
        texts.append(f"{name}: {_points(accuracy)}")
    if chance is not None:
        grey = METHOD_COLOURS["chance"]
        ax.axhline(chance, color=grey, linestyle=":", label="chance", zorder=1)
        texts.append(f"chance: {chance:.2f}")
    ax.set_xscale("log")
    label_ticks(ax, sorted(table[column].unique()))
    ax.minorticks_off()
    shown = column.replace("_", " ")
    ax.set(xlabel=f"{shown} (logarithmic)", ylabel="accuracy")
    ax.grid(alpha=0.3)
    beside: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1, 0.5), "frameon": False}
    ax.legend(fontsize=9, **(beside if len(texts) > 4 else {}))  # many would cover the lines
    describe(
        ax,
        f"Lines: accuracy against {shown}, mean over runs (lowest to highest run). "
        f"{'; '.join(texts)}.",
    )
    return ax


def by_layer(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw accuracy by layer: a line for each number of labels, upright from lowest to highest run.

    The table has a row a run, with columns `block`, `labels_per_class`, `accuracy` (0 to 1) and,
    if wanted, `method` (one of them drawn solid, the next dotted). Blocks stand in the order of
    the table. Rows without a block (None) are of raw pixels: dashed lines across.

    Examples
    --------
    >>> rows = [("stem", 10, 0.5), ("block1", 10, 0.8), (None, 10, 0.6)]
    >>> ax = by_layer(pd.DataFrame(rows, columns=["block", "labels_per_class", "accuracy"]))
    """
    needs(table, "block", "labels_per_class", "accuracy")
    pixels = table[table["block"].isna()]
    layers = table[table["block"].notna()]
    if layers.empty:
        raise ValueError("Nothing to draw: no row of the table has a block.")
    blocks = list(dict.fromkeys(layers["block"]))
    layers = layers.assign(place=layers["block"].map(blocks.index))
    if "method" not in layers.columns:
        layers = layers.assign(method="")
    ax = new_axes(ax, 7.5, 4)
    ends, texts = [], []
    numbers = sorted(table["labels_per_class"].unique())
    for order, (method, rows) in enumerate(layers.groupby("method", sort=False)):
        shades = _shades(method_of(str(method)) or "transfer", len(numbers))
        for place, (k, some) in enumerate(rows.groupby("labels_per_class")):
            accuracy, shade = some.groupby("place")["accuracy"], shades[numbers.index(k)]
            name = f"{method}, {_labels(k)}" if method else f"{_labels(k)} a class"
            style = {
                "color": shade,
                "marker": "os^DvPX"[place % 7],
                "linestyle": "-" if order == 0 else ":",
            }
            _ranges(ax, accuracy, (place - (len(numbers) - 1) / 2) * DODGE, name, style)
            ends.append((accuracy.mean().iloc[-1], name, shade))
            texts.append(f"{name}: {_points(accuracy, blocks)}")
    for k, some in pixels.groupby("labels_per_class"):
        mean = some["accuracy"].mean()
        ax.axhline(mean, color=METHOD_COLOURS["raw pixels"], linestyle="--", lw=1, zorder=1)
        ends.append((mean, f"raw pixels, {_labels(k)}", METHOD_COLOURS["raw pixels"]))
        texts.append(f"raw pixels, {_labels(k)} a class: {mean:.2f}")
    ax.set_xticks(range(len(blocks)), [str(block) for block in blocks])
    if len(blocks) > 1 and max(len(str(block)) for block in blocks) > 40 // len(blocks):
        ax.tick_params(axis="x", labelrotation=30)
    ax.set(xlabel="block, from the first to the last", ylabel="accuracy")
    ax.grid(alpha=0.3)
    _name_ends(ax, ends)
    describe(ax, f"Lines: accuracy by block, mean over runs (range). {'; '.join(texts)}.")
    return ax


def label_ticks(ax: Axes, ticks: list) -> None:
    """Mark numbers of labels on a logarithmic axis; of those that would touch, the smaller ones."""
    room = (ticks[-1] / ticks[0]) ** 0.055
    named = [n for n, after in pairwise(ticks) if after / n > room] + ticks[-1:]
    ax.set_xticks(ticks, [str(tick) if tick in named else "" for tick in ticks])


def _labels(k):
    return f"{k} label{'s' * (k > 1)}"


def needs(table: pd.DataFrame, *columns: str) -> None:
    """Raise ValueError unless a table has these columns, and a row."""
    missing = set(columns) - set(table.columns)
    if missing:
        raise ValueError(
            f"The table has columns {list(table.columns)}; it also needs {sorted(missing)}."
        )
    if table.empty:
        raise ValueError("Nothing to draw: the table has no rows.")


def _band(ax, x, values, name, style):
    """Draw the mean of pandas' values, which leave out NaN, and a band from lowest to highest."""
    ax.fill_between(x, values.min(), values.max(), color=style["color"], alpha=0.15, lw=0)
    ax.plot(x, values.mean(), label=name, markersize=5, **style)


def _ranges(ax, values, dodge, name, style):
    """Draw means, and upright lines from lowest to highest, beside those of other series."""
    means = values.mean()
    x = means.index + dodge
    ax.vlines(x, values.min(), values.max(), color=style["color"], lw=1.5, alpha=0.7)
    ax.plot(x, means, label=name, markersize=5, **style)


def _points(groups, names=None) -> str:
    """Mean and range at the first, the middle and the last place."""
    table = groups.agg(["mean", "min", "max"])
    chosen: Any = sorted({0, len(table) // 2, len(table) - 1})
    some = table.iloc[chosen]
    ranges = {
        at: f" ({row['min']:.2f} to {row['max']:.2f})" if row["max"] > row["min"] else ""
        for at, row in some.iterrows()
    }
    return ", ".join(
        f"{some['mean'][at]:.2f}{shown} at {at if names is None else names[at]}"
        for at, shown in ranges.items()
    )


def _shades(method, count):
    colours = _SHADES.get(method) or (METHOD_COLOURS[method],) * 2
    ramp = LinearSegmentedColormap.from_list(method, colours)
    return [ramp(share) for share in (np.linspace(0, 1, count) if count > 1 else [0.5])]


def _name_ends(ax, ends):
    """Write the name of each line at its right end, clear of the other names."""
    low, high = ax.get_ylim()
    _, height = ax.figure.get_size_inches()
    line = (high - low) * 0.19 / (height * ax.get_position().height)  # of text of 9 points
    at, close = -np.inf, {"shrinkA": 1, "shrinkB": 0}
    right = ax.get_yaxis_transform()
    for value, name, colour in sorted(ends, key=lambda end: end[0]):
        at = max(value, at + line)
        ax.annotate(
            name,
            (1, value),
            (1.04, at),
            xycoords=right,
            textcoords=right,
            fontsize=9,
            color=colour,
            va="center",
            arrowprops={"arrowstyle": "-", "color": INK, "lw": 0.5, "relpos": (0, 0.5), **close},
        )
