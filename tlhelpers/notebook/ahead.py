"""How far methods are ahead of one of them, draw by draw."""

import pandas as pd
from matplotlib.axes import Axes
from scipy.stats import t as student

from .alternative_text import describe
from .curves import needs
from .styles import INK, line_styles, new_axes

DODGE = 0.14  # between two methods, in steps from one number of labels to the next


def ahead(table: pd.DataFrame, baseline: str, ax: Axes | None = None) -> Axes:
    """Draw paired differences from a baseline: their mean, 95 % interval and wins.

    Under each mean stands in how many draws the method was ahead. The interval is Student's t, of
    the differences draw by draw.

    Parameters
    ----------
    table : pandas.DataFrame
        A row a run, with columns `method`, `labels`, `draw` and `accuracy` (0 to 1).
    baseline : str
        The method that the others are compared with.

    Raises
    ------
    ValueError
        A column is missing, no such method, fewer than two draws, or draws that the baseline lacks.

    Examples
    --------
    >>> rows = [("random", 10, 0, 0.5), ("random", 10, 1, 0.4)]
    >>> rows += [("margin", 10, 0, 0.6), ("margin", 10, 1, 0.6)]
    >>> table = pd.DataFrame(rows, columns=["method", "labels", "draw", "accuracy"])
    >>> ax = ahead(table, "random")
    """
    needs(table, "method", "labels", "draw", "accuracy")
    methods = list(table.method.unique())
    if baseline not in methods:
        raise ValueError(f"baseline is {baseline!r}; one of {', '.join(methods)} is expected.")
    paired = table.pivot(index=["labels", "draw"], columns="method", values="accuracy")[methods]
    draws = table.draw.nunique()
    if draws < 2 or paired.isna().any(axis=None):
        raise ValueError(
            f"The table has {draws} draws; two or more are expected, each with every method."
        )
    styles = dict(zip(methods, line_styles(methods), strict=True))
    gains = 100 * paired.drop(columns=baseline).sub(paired[baseline], axis=0)
    mean, spread = gains.groupby("labels").mean(), gains.groupby("labels").std()
    half = student.ppf(0.975, draws - 1) * spread / draws**0.5
    wins = (gains > 0).groupby("labels").sum()
    ax, texts = new_axes(ax, 7, 3.8), []
    for row, method in enumerate(mean):
        style = styles[method] | {"linestyle": "", "capsize": 2, "markersize": 5}
        places = [k + DODGE * (row - (len(mean.columns) - 1) / 2) for k in range(len(mean))]
        ax.errorbar(places, mean[method], half[method], label=method, **style)
        for k, count in enumerate(wins[method]):
            y = -0.02 - 0.06 * (row + 1)
            below = ax.get_xaxis_transform()
            text = ax.text(k, y, str(count), transform=below, fontsize=8, color=style["color"])
            text.set(ha="center", va="center")
        points = ", ".join(
            f"{mean[method][n]:+.1f} ± {half[method][n]:.1f} at {n} ({wins[method][n]} of {draws})"
            for n in mean.index
        )
        texts.append(f"{method}: {points}")
    ax.axhline(0, color=INK, lw=0.8)
    ax.set_xticks(range(len(mean)), [str(n) for n in mean.index])
    ax.tick_params(axis="x", length=0, pad=8 + 13 * len(mean.columns))
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.11 * len(mean.columns) * (high - low))  # room for the legend
    ax.set(xlabel=f"labels (above: wins in {draws} draws)", ylabel=f"points ahead of {baseline}")
    ax.grid(axis="y", alpha=0.3)
    falls = mean.iloc[0].max() > mean.iloc[-1].max()
    ax.legend(fontsize=9, loc="upper right" if falls else "upper left")
    describe(ax, f"Points ahead of {baseline}, 95 % interval, wins. {'; '.join(texts)}.")
    return ax
