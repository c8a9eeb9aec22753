"""What each method reached, draw by draw."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from .alternative_text import describe
from .styles import INK, METHOD_COLOURS, line_styles, new_axes


def by_method(
    scores: Mapping[str, Sequence[float]],
    chance: float | None = None,
    metric: str = "balanced accuracy",
    ax: Axes | None = None,
) -> Axes:
    """Draw the scores of each method: a dot a draw, a bar at their mean with its value.

    Parameters
    ----------
    scores : mapping of str to numbers from 0 to 1
        For each method its score in every draw.
    chance : float, optional
        What guessing gets, drawn as a dotted line.
    metric : str
        The name of the axis.

    Examples
    --------
    >>> ax = by_method({"raw pixels": [0.3, 0.32], "transfer": [0.6, 0.58]}, chance=0.125)
    """
    if not scores or not all(len(values) for values in scores.values()):
        raise ValueError("Nothing to draw: give at least one score for each method.")
    ax = new_axes(ax, 6, 0.6 * len(scores) + 1.1)
    texts = []
    for row, (style, name) in enumerate(zip(line_styles(scores), scores, strict=True)):
        values, mean = np.asarray(scores[name], float), float(np.mean(scores[name]))
        look = {"color": style["color"], "marker": style["marker"]}
        ax.plot(values, np.full(len(values), row), linestyle="", alpha=0.6, markersize=6, **look)
        ax.plot([mean, mean], [row - 0.25, row + 0.25], color=style["color"], linewidth=2.5)
        label = (mean, row - 0.3), (0, 2)
        ax.annotate(
            f"{mean:.2f}", *label, textcoords="offset points", ha="center", fontsize=10, color=INK
        )
        texts.append(f"{name} {mean:.2f} ({values.min():.2f} to {values.max():.2f})")
    if chance is not None:
        ax.axvline(chance, color=METHOD_COLOURS["chance"], linestyle=":")
        ax.text(chance, len(scores) - 0.42, " chance", color=METHOD_COLOURS["chance"], fontsize=9)
        texts.append(f"chance {chance:.2f}")
    ax.set(xlim=(0, 1), ylim=(len(scores) - 0.35, -0.65), xlabel=metric)
    ax.set_yticks(range(len(scores)), list(scores), fontsize=10)
    ax.grid(axis="x", alpha=0.3)
    draws = max(len(values) for values in scores.values())
    describe(ax, f"Dots: {metric} of each method over {draws} draws. {'; '.join(texts)}.")
    return ax
