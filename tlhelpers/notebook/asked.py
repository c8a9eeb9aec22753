"""Which examples were asked for, round by round, on a plane of their features."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from ..images.lazy_images import Images
from .alternative_text import describe
from .styles import COLOURS, new_axes, rgb, tile

GREY, DARK = "#C9C9C9", "#333333"
SHARE = 0.11  # of the width, for a picture


def asked(
    points: np.ndarray,
    new: Sequence[int],
    before: Sequence[int] = (),
    *,
    images: Images | None = None,
    classes: Sequence[int] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a round on a plane: the whole pool, what was labelled before, what is asked for now.

    Parameters
    ----------
    points : float `[n, 2]`
        Places of all examples, such as PCA or t-SNE of their features.
    new, before : positions
        What is asked for in this round, drawn large; what has a label already, drawn small.
    images : `[n, height, width, 3]`, optional
        Shown in place of points for what is asked for.
    classes : int `[n]`, optional
        Colours of what has a label or gets one.

    Raises
    ------
    ValueError
        Points that are not `[n, 2]`.

    Examples
    --------
    >>> ax = asked(np.random.default_rng(0).random((30, 2)), new=[3, 8], before=[1])
    """
    points, new, before = np.asarray(points), list(map(int, new)), list(map(int, before))
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"points have shape {list(points.shape)}; [n, 2] is expected.")
    ax = new_axes(ax, 3.6, 3.6)
    ax.scatter(points[:, 0], points[:, 1], s=7, color=GREY, lw=0, zorder=1)
    colours = [to_rgb(COLOURS[c % len(COLOURS)]) for c in classes] if classes is not None else None
    own = [colours[at] for at in before] if colours else DARK
    ax.scatter(
        points[before, 0], points[before, 1], s=22, c=own, edgecolors="white", lw=0.4, zorder=2
    )
    half = SHARE * np.ptp(points, axis=0).max() / 2
    for at in new:
        x, y = points[at]
        edge = colours[at] if colours else COLOURS[1]
        if images is None:
            ax.scatter(x, y, s=90, marker="*", color=[edge], edgecolors="black", lw=0.6, zorder=3)
            continue
        corner, side = (x - half, y - half), 2 * half
        tile(ax, rgb(np.asarray(images[at])[None])[0], *corner, side, zorder=3)
        ax.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=edge, lw=1.6, zorder=4))
    low, high = points.min(axis=0) - half, points.max(axis=0) + half
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xticks=[], yticks=[], aspect="auto")
    known = f" of {len({int(classes[at]) for at in new})} classes" if classes is not None else ""
    spread = np.linalg.norm(points[new].std(axis=0)) / np.linalg.norm(points.std(axis=0))
    describe(
        ax,
        f"A plane with {len(points)} examples. {len(before)} have a label, {len(new)}{known} are "
        f"asked for; these spread {spread:.1f} times as widely as all.",
    )
    return ax
