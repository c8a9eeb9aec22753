"""What a network answers: its best guesses beside each picture, and its errors."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from ..images.lazy_images import Images, as_images
from ..runtime.checks import whole_number
from .alternative_text import describe
from .grids import image_grid
from .styles import FROZEN, INK, new_axes, rgb, same_length, tile

Labels = Sequence[int] | np.ndarray  # int `[n]`


def predictions(
    images: Images,
    answers: Sequence[Sequence[tuple]],
    columns: int = 2,
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw each picture with its best guesses beside it, as bars with names.

    Parameters
    ----------
    images : `[n, height, width, 3]` in `[0, 1]`
    answers : for each picture, a list of (name, share), best first
        As `decode_imagenet_predictions` of KerasHub gives them; five at most are drawn.
    columns : int
        Pictures side by side.
    names : sequence of str, optional
        What is really seen, written above each picture.

    Raises
    ------
    ValueError
        Lengths do not match, or an answer has no share from 0 to 1.

    Examples
    --------
    >>> ax = predictions(np.zeros((1, 8, 8, 3)), [[("tabby", 0.7), ("lynx", 0.2)]])
    """
    given = {} if names is None else {"names": names}
    same_length(images=images, answers=answers, **given)
    pictures = rgb(as_images(images)[:])
    rows_of = [[_guess(guess) for guess in guesses][:5] for guesses in answers]
    columns = min(whole_number(columns, "columns"), len(pictures))
    rows = -(-len(pictures) // columns)
    side, bars = 1.6, 2.15  # inches
    title = 0.0 if names is None else 0.25
    wide, high = side + bars + 0.55, side + title + 0.2
    ax = new_axes(ax, columns * wide - 0.35, rows * high)
    texts = []
    for i, (picture, guesses) in enumerate(zip(pictures, rows_of, strict=True)):
        x, y = i % columns * wide, (rows - 1 - i // columns) * high + 0.1
        tile(ax, picture, x, y, side)
        if names is not None:
            ax.text(x, y + side + 0.06, names[i], fontsize=10, weight="bold", va="baseline")
        for place, (name, share) in enumerate(guesses):
            left, low = x + side + 0.18, y + side - 0.32 * (place + 1) + 0.03
            bold = "bold" if place == 0 else "normal"
            room = int((bars - 0.1 - 0.075 * len(_percent(share))) / (0.076 + 0.01 * (place == 0)))
            ax.text(
                left,
                low + 0.12,
                _cut(name, room),
                fontsize=9,
                weight=bold,
                va="baseline",
            )
            right: dict[str, Any] = {"ha": "right", "va": "baseline", "fontsize": 9, "weight": bold}
            ax.text(left + bars, low + 0.12, _percent(share), **right)
            ax.add_patch(Rectangle((left, low), bars, 0.07, facecolor="#E4E4E4", lw=0))
            ax.add_patch(Rectangle((left, low), bars * share, 0.07, facecolor=FROZEN, lw=0))
        first = ", ".join(f"{name} {_percent(share)}" for name, share in guesses[:2])
        texts.append(f"{i + 1 if names is None else names[i]}: {first}")
    ax.set(xlim=(-0.02, columns * wide - 0.33), ylim=(0, rows * high), aspect="equal")
    ax.set_axis_off()
    describe(ax, f"{len(pictures)} pictures with their best guesses as bars. {'; '.join(texts)}.")
    return ax


def _guess(guess):
    try:
        *_, name, share = guess  # Keras' own decoder has a code before the name
        share = float(share)
    except (TypeError, ValueError):
        raise ValueError(f"An answer is {guess!r}; a pair (name, share) is expected.") from None
    if not 0 <= share <= 1 + 1e-6:
        raise ValueError(
            f"The share of {name!r} is {share:.4g}; 0 to 1 is expected. Scores become shares by "
            "keras.ops.softmax."
        )
    return str(name).replace("_", " "), min(share, 1.0)


def _percent(share):
    return f"{share:.0%}" if share >= 0.005 else "under 1%"


def _cut(text, most):
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def confusion_matrix(
    labels: Labels, predictions: Labels, class_names: Sequence[str], ax: Axes | None = None
) -> Axes:
    """Draw how often each true class (row) was given each predicted class (column).

    Examples
    --------
    >>> ax = confusion_matrix([0, 1, 1], [0, 1, 0], ["cat", "dog"])
    """
    from sklearn.metrics import ConfusionMatrixDisplay

    same_length(labels=labels, predictions=predictions)
    longest = max(len(str(name)) for name in class_names)
    side = 0.4 * len(class_names) + 1 + 0.06 * longest
    ax = new_axes(ax, side, side)
    display = ConfusionMatrixDisplay.from_predictions(
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
    counts = display.confusion_matrix
    right, errors = counts.trace(), counts - np.diag(counts.diagonal())
    text = f"Confusion matrix, true classes in rows: {right} of {counts.sum()} are right"
    pairs = [np.unravel_index(i, errors.shape) for i in np.argsort(-errors, axis=None)[:3]]
    most = [
        f"{class_names[t]} as {class_names[p]}, {errors[t, p]}" for t, p in pairs if errors[t, p]
    ]
    describe(ax, text + (f". Most frequent errors: {'; '.join(most)}." if most else "."))
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

    Examples
    --------
    >>> ax = most_wrong(np.zeros((1, 8, 8, 3)), [0], np.array([[0.1, 0.9]]), ["cat", "dog"])
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    same_length(images=images, labels=labels, probabilities=probabilities)
    guess = probabilities.argmax(1)
    wrong = np.flatnonzero(guess != labels)
    errors = len(wrong)
    wrong = wrong[np.argsort(-probabilities[wrong, guess[wrong]], kind="stable")][:n]
    if not errors:
        ax = new_axes(ax, 4, 1)
        ax.text(0.5, 0.5, "no errors", ha="center", color=INK)
        ax.set_axis_off()
        describe(ax, f"No errors among {len(labels)} pictures.")
        return ax
    titles = [
        f"{class_names[labels[i]]} → {class_names[guess[i]]}\n{probabilities[i, guess[i]]:.0%}"
        for i in wrong
    ]
    ax = image_grid(as_images(images)[wrong], titles, ax=ax)
    shown = "; ".join(title.replace("\n", ", ") for title in titles)
    describe(ax, f"The surest {len(wrong)} of {errors} errors, true class → answer: {shown}.")
    return ax
