"""What a threshold costs: defects that are missed against false alarms, group by group."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from .alternative_text import describe
from .styles import line_styles, new_axes, same_length


def thresholds(
    probabilities: np.ndarray,
    labels: Sequence[int] | np.ndarray,
    groups: Sequence[str] | np.ndarray,
    marked: Mapping[str, float] | None = None,
    class_names: Sequence[str] = ("class 0", "class 1"),
    ax: Axes | None = None,
) -> Axes:
    """Draw both kinds of error of every threshold, a line a group.

    Parameters
    ----------
    probabilities : float `[n]`
        Of class 1, such as "defective"; at or above a threshold it is the answer.
    labels : int `[n]`, 0 or 1
    groups : sequence `[n]`
    marked : mapping from group to threshold, optional
        Drawn as stars; a dot stands at a half in any case.
    class_names : sequence of two str

    Raises
    ------
    ValueError
        Other lengths; labels besides 0 and 1; a group without both of them; a mark of no group.

    Examples
    --------
    >>> ax = thresholds(np.array([0.1, 0.6, 0.4, 0.9]), [0, 0, 1, 1], ["a"] * 4, {"a": 0.3})
    """
    p, truth, of = np.asarray(probabilities, float), np.asarray(labels), np.asarray(groups, object)
    same_length(probabilities=p, labels=truth, groups=of)
    names, marked = sorted(set(of), key=str), dict(marked or {})
    if p.ndim != 1 or not set(truth.tolist()) <= {0, 1}:
        raise ValueError(
            f"probabilities have shape {list(p.shape)} and labels {sorted(set(truth.tolist()))}; "
            "one probability of class 1 for each sample and labels 0 and 1 are expected."
        )
    if unknown := marked.keys() - set(names):
        raise ValueError(f"marked has {sorted(unknown)}; the groups are {names}.")
    ax, texts = new_axes(ax, 5, 3.8), []
    for style, name in zip(line_styles(map(str, names)), names, strict=True):
        ones, zeros = (np.sort(p[(of == name) & (truth == kind)]) for kind in (1, 0))
        if not len(ones) or not len(zeros):
            raise ValueError(f"The group {name!r} has no samples of one class; both are needed.")
        grid = np.unique(np.concatenate([p, [0.5, 1.01]]))
        line = {"color": style["color"], "linestyle": style["linestyle"], "label": name}
        ax.plot(*_errors(ones, zeros, grid), **line)
        points = {"a half": ("o", 0.5)}
        if name in marked:
            points["its own threshold"] = ("*", marked[name])
        for where, (marker, threshold) in points.items():
            false, missed = (float(each[0]) for each in _errors(ones, zeros, np.array([threshold])))
            ax.plot(false, missed, marker, color=style["color"], markersize=9)
            texts.append(f"{name} at {where}: {missed:.2f} missed, {false:.2f} false alarms")
    zero, one = class_names
    ax.set(xlabel=f"false alarms: share of {zero}", ylabel=f"missed: share of {one}")
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    describe(ax, f"Missed against false alarms of every threshold, by group. {'; '.join(texts)}.")
    return ax


def _errors(ones, zeros, at):
    """False alarms and missed ones at some thresholds."""
    return 1 - np.searchsorted(zeros, at) / len(zeros), np.searchsorted(ones, at) / len(ones)
