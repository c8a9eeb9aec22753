"""Feature vectors on a plane: which pictures are neighbours, and where the classes lie."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from ..images.lazy_images import Images, as_images
from ..runtime.checks import one_of
from .alternative_text import describe
from .styles import COLOURS, INK, new_axes, rgb, same_length

Labels = Sequence[int] | np.ndarray  # int `[n]`

# Okabe and Ito's eight colours; the light ones have a dark edge. The looks repeat after 64
# classes.
_DOTS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7"),
    *("#000000", "#E69F00", "#56B4E9", "#F0E442"),
)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
_CELLS = 6  # pictures are taken from a grid of as many cells a side
_SIDE = 0.34  # inches of a picture on the plane


def embedding(
    features: np.ndarray,
    labels: Labels,
    class_names: Sequence[str],
    method: str = "tsne",
    seed: int = 0,
    ax: Axes | None = None,
    *,
    images: Images | None = None,
) -> Axes:
    """Draw feature vectors `[n, d]` on a plane, each sample as the name of its class.

    Where a name is longer than two characters, samples are dots, and a legend names the classes.
    Method "tsne" (van der Maaten and Hinton, 2008) keeps neighbours together, "pca" the directions
    of most variance. With `images`, one a feature vector, some of them are shown in their places.

    Examples
    --------
    >>> features = np.random.default_rng(0).normal(size=(30, 5))
    >>> ax = embedding(features, np.arange(30) % 2, ["cat", "dog"], "pca")
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    one_of(method, "method", ("tsne", "pca"))
    features, labels = np.asarray(features), np.asarray(labels)
    given = {} if images is None else {"images": images}
    same_length(features=features, labels=labels, **given)
    if method == "pca":
        points = PCA(2, random_state=seed).fit_transform(features)
    else:
        perplexity = min(30, (len(features) - 1) / 3)
        points = TSNE(2, perplexity=perplexity, random_state=seed).fit_transform(features)
    dots = max(len(str(name)) for name in class_names) > 2
    ax = new_axes(ax, 6.5 if dots else 5, 5)
    ax.scatter(points[:, 0], points[:, 1], s=0)
    for label, name in enumerate(class_names):
        chosen = points[labels == label]
        if dots:  # beyond eight classes a colour comes back with another marker
            ax.scatter(
                chosen[:, 0],
                chosen[:, 1],
                s=30,
                color=_DOTS[label % len(_DOTS)],
                marker=_MARKERS[(label + label // len(_DOTS)) % len(_MARKERS)],
                edgecolors=INK,
                linewidths=0.6,
                label=name,
            )
            continue
        for x, y in chosen:
            colour = COLOURS[label % len(COLOURS)]
            ax.text(x, y, name, color=colour, fontsize=8, ha="center", va="center")
    if images is not None:
        _pictures(ax, points, labels, as_images(images))
    if dots:
        ax.legend(
            loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9, markerscale=1.3, frameon=False
        )
    title = f"{'t-SNE' if method == 'tsne' else 'PCA'} of the features"
    ax.set(xticks=[], yticks=[], title=title)
    describe(
        ax,
        f"{title} on a plane: {len(points)} samples of {len(class_names)} classes"
        f"{_agreement(points, labels)}.",
    )
    return ax


def _agreement(points, labels):
    """How many samples have a neighbour of their own class: what an eye sees as groups."""
    from sklearn.neighbors import NearestNeighbors

    if len(points) < 2:
        return ""
    nearest = NearestNeighbors(n_neighbors=1).fit(points).kneighbors(return_distance=False)
    return f"; for {(labels[nearest[:, 0]] == labels).mean():.0%} the nearest is of the same class"


def _pictures(ax, points, labels, images):
    """Draw a picture for each cell of a grid, the one nearest to the cell's centre."""
    low, high = points.min(0), points.max(0)
    places = (points - low) / np.maximum(high - low, 1e-9) * _CELLS
    cells = np.minimum(places.astype(int), _CELLS - 1)
    away = np.linalg.norm(places - cells - 0.5, axis=1)
    for cell in np.unique(cells, axis=0):
        inside = np.flatnonzero((cells == cell).all(1))
        i = inside[away[inside].argmin()]
        picture = rgb(np.asarray(images[int(i)])[None])[0]
        zoom = 72 * _SIDE / max(picture.shape[:2])
        frame = {"edgecolor": _DOTS[labels[i] % len(_DOTS)], "linewidth": 1.5}
        box = AnnotationBbox(
            OffsetImage(picture, zoom=zoom), points[i], pad=0.1, bboxprops=frame, zorder=3
        )
        ax.add_artist(box)
