"""Pictures of the course. Each function takes `ax=None` and returns the Axes it drew on.

Lines differ by marker and dash as well as by colour, so that they can be told apart in grey.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..images.lazy_images import Images, as_images
from ..runtime.checks import one_of

Labels = Sequence[int] | np.ndarray  # int `[n]`

# Okabe and Ito's palette, safe for colour-blind readers, dark to light.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))


def _axes(ax: Axes | None, width: float, height: float) -> Axes:
    return ax or plt.subplots(figsize=(width, height), layout="constrained")[1]


def _same_length(**arrays):
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        got = ", ".join(f"{n} {name}" for name, n in lengths.items())
        raise ValueError(f"Lengths do not match: got {got}; one of each per picture is expected.")
    if not min(lengths.values()):
        raise ValueError(f"Nothing to draw: {' and '.join(lengths)} are empty.")


def _styles() -> Iterator[dict[str, Any]]:
    looks = zip(_COLOURS, _MARKERS, _DASHES, strict=True)
    return ({"color": c, "marker": m, "linestyle": d} for c, m, d in itertools.cycle(looks))


def image_grid(
    images: Images,
    titles: Sequence[str] | None = None,
    columns: int = 10,
    ax: Axes | None = None,
    row_names: Sequence[str] | None = None,
) -> Axes:
    """Draw pictures in rows, with a title under each and a name beside each row if wanted.

    Images are `[n, height, width]` or `[n, height, width, 3]` in `[0, 1]`. There are fewer columns,
    and larger ones, where titles would run into one another.
    """
    images = np.asarray(images, np.float32)
    titles = [""] * len(images) if titles is None else [str(title) for title in titles]
    _same_length(images=images, titles=titles)
    if images.ndim not in (3, 4):
        raise ValueError(
            f"Images have shape {list(images.shape)}; [n, height, width] or "
            "[n, height, width, 3] is expected. For one picture: images[None]."
        )
    if images.ndim == 3:
        images = np.repeat(images[..., None], 3, axis=-1)
    longest = max(len(line) for title in titles for line in title.split("\n"))
    larger = max(1.0, longest / 12)  # about 12 characters fit under a picture of 0.75 inches
    columns = max(1, min(int(columns / larger), len(images)))
    rows = -(-len(images) // columns)
    if row_names is not None and len(row_names) != rows:
        raise ValueError(
            f"Got {len(row_names)} row_names; {len(images)} images, {columns} a row, "
            f"make {rows} rows. One name a row is expected."
        )
    height, width = images.shape[1:3]
    lines = max(title.count("\n") + 1 if title else 0 for title in titles)
    label = round(0.22 * height * lines / larger)
    gap = max(1, width // 16)
    sheet = np.ones((rows * (height + label + gap), columns * (width + gap), 3))
    side = 0.75 * larger
    ax = _axes(ax, side * columns, side * rows * (height + label) / width)
    for i, (image, title) in enumerate(zip(images, titles, strict=True)):
        y, x = i // columns * (height + label + gap), i % columns * (width + gap)
        sheet[y : y + height, x : x + width] = np.clip(image, 0, 1)
        ax.text(x + width / 2, y + height, title, ha="center", va="top", fontsize=8)
    for row, name in enumerate(() if row_names is None else row_names):
        y = row * (height + label + gap) + height / 2
        ax.text(-gap, y, name, ha="right", va="center", fontsize=8)
    ax.imshow(sheet, interpolation="nearest")
    ax.set_axis_off()
    return ax


def learning_curves(
    runs: dict[str, list], metric: str = "val_accuracy", ax: Axes | None = None
) -> Axes:
    """Draw a metric against epochs: the mean over seeds, and a band from the lowest to the highest.

    `runs` has for each name a list of `keras.callbacks.History` (one a seed), or of their
    `.history`. Raises `ValueError` when the metric was not recorded.
    """
    if not runs:
        raise ValueError("Nothing to draw: runs is empty.")
    ax = _axes(ax, 6, 3.5)
    for (name, histories), style in zip(runs.items(), _styles(), strict=False):
        records = [getattr(history, "history", history) for history in histories]
        if not records:
            raise ValueError(f"{name!r} has no history; give a list with one a seed.")
        for record in records:
            if metric not in record:
                raise ValueError(f"{name!r} has no metric {metric!r}. It has: {', '.join(record)}.")
        values = pd.DataFrame([record[metric] for record in records])  # NaN after an early stop
        _band(ax, values.columns + 1, values, name, style)
    ax.locator_params(axis="x", integer=True)
    ax.set(xlabel="epoch", ylabel=metric.replace("val_", "validation ").replace("_", " "))
    ax.legend()
    return ax


def labels_curve(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw accuracy against labels: the mean over runs, a band from lowest to highest.

    The table has a row a run, with columns `method`, `accuracy` (0 to 1), and `labels_per_class`
    or `labels` (all together).
    """
    column = "labels" if "labels" in table.columns else "labels_per_class"
    missing = {"method", column, "accuracy"} - set(table.columns)
    if missing:
        raise ValueError(
            f"The table has columns {list(table.columns)}; it also needs {sorted(missing)}."
        )
    ax = _axes(ax, 6.5, 4)
    for (name, rows), style in zip(table.groupby("method", sort=False), _styles(), strict=False):
        accuracy = rows.groupby(column)["accuracy"]
        _band(ax, accuracy.min().index, accuracy, name, style)
    ticks = sorted(table[column].unique())
    ax.set_xscale("log")
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()
    ax.set(xlabel=f"{column.replace('_', ' ')} (logarithmic)", ylabel="accuracy")
    ax.grid(alpha=0.3)
    ax.legend(fontsize=8)
    return ax


def _band(ax, x, values, name, style):
    """Draw the mean of pandas' values, which leave out NaN, and a band from lowest to highest."""
    ax.fill_between(x, values.min(), values.max(), color=style["color"], alpha=0.15, lw=0)
    ax.plot(x, values.mean(), label=name, markersize=4, **style)


def confusion_matrix(
    labels: Labels, predictions: Labels, class_names: Sequence[str], ax: Axes | None = None
) -> Axes:
    """Draw how often each true class (row) was given each predicted class (column)."""
    from sklearn.metrics import ConfusionMatrixDisplay

    _same_length(labels=labels, predictions=predictions)
    longest = max(len(str(name)) for name in class_names)
    side = 0.4 * len(class_names) + 1 + 0.06 * longest
    ax = _axes(ax, side, side)
    ConfusionMatrixDisplay.from_predictions(
        labels,
        predictions,
        labels=np.arange(len(class_names)),
        display_labels=class_names,
        cmap="Greys",
        colorbar=False,
        ax=ax,
        text_kw={"fontsize": 8},
    )
    if longest > 3:  # about three characters fit under a cell of 0.4 inches
        plt.setp(ax.get_xticklabels(), rotation=45, ha="right", rotation_mode="anchor")
    ax.set(xlabel="predicted", ylabel="true")
    return ax


def most_wrong(
    images: Images,
    labels: Labels,
    probabilities: np.ndarray,
    class_names: Sequence[str],
    n: int = 10,
    ax: Axes | None = None,
) -> Axes:
    """Draw the errors that the classifier was surest of, surest first, at most `n`.

    Images are `[m, height, width, 3]` in `[0, 1]`, labels int `[m]`, probabilities
    `[m, classes]`. When there is no error, the Axes say so.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    _same_length(images=images, labels=labels, probabilities=probabilities)
    guess = probabilities.argmax(1)
    wrong = np.flatnonzero(guess != labels)
    wrong = wrong[np.argsort(-probabilities[wrong, guess[wrong]], kind="stable")][:n]
    if not len(wrong):
        ax = _axes(ax, 4, 1)
        ax.text(0.5, 0.5, "no errors", ha="center")
        ax.set_axis_off()
        return ax
    titles = [
        f"{class_names[labels[i]]} → {class_names[guess[i]]}\n{probabilities[i, guess[i]]:.0%}"
        for i in wrong
    ]
    return image_grid(as_images(images)[wrong], titles, ax=ax)


def embedding(
    features: np.ndarray,
    labels: Labels,
    class_names: Sequence[str],
    method: str = "tsne",
    seed: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """Draw feature vectors `[n, d]` on a plane, each sample as the name of its class.

    Where a name is longer than two characters, samples are dots, and a legend names the classes.
    Method "tsne" (van der Maaten and Hinton, 2008) keeps neighbours together, "pca" the directions
    of most variance.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    one_of(method, "method", ("tsne", "pca"))
    features, labels = np.asarray(features), np.asarray(labels)
    _same_length(features=features, labels=labels)
    if method == "pca":
        points = PCA(2, random_state=seed).fit_transform(features)
    else:
        perplexity = min(30, (len(features) - 1) / 3)
        points = TSNE(2, perplexity=perplexity, random_state=seed).fit_transform(features)
    ax = _axes(ax, 5, 5)
    ax.scatter(points[:, 0], points[:, 1], s=0)
    dots = max(len(str(name)) for name in class_names) > 2
    for label, name in enumerate(class_names):
        chosen, colour = points[labels == label], _COLOURS[label % len(_COLOURS)]
        if dots:  # beyond seven classes a colour comes back with another marker
            marker = _MARKERS[(label + label // len(_COLOURS)) % len(_MARKERS)]
            ax.scatter(chosen[:, 0], chosen[:, 1], 16, color=colour, marker=marker, label=name)
            continue
        for x, y in chosen:
            ax.text(x, y, name, color=colour, fontsize=7, ha="center", va="center")
    if dots:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=3, fontsize=7)
    ax.set(xticks=[], yticks=[], title=f"{'t-SNE' if method == 'tsne' else 'PCA'} of the features")
    return ax
