"""What a model says to one picture that somebody hands in, in words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from ..images.read_picture import read_picture
from ..runtime.checks import class_names as checked_names

Classifier: TypeAlias = Callable[[np.ndarray], Any]
CHOOSE = "Nothing was chosen yet. Choose a picture first."


@dataclass(frozen=True)
class Answer:
    """An answer to one picture, or the reason why there is none.

    Attributes
    ----------
    message : str
        A sentence for the person who asked.
    probabilities : dict of class name -> float
        Best first; empty where there was no picture.
    sure : bool
        Whether the best probability reaches the level.
    picture : float32 `[size, size, 3]` or None
        What the model saw.
    """

    message: str
    probabilities: dict[str, float] = field(default_factory=dict)
    sure: bool = False
    picture: np.ndarray | None = field(default=None, repr=False, compare=False)


def answer_picture(
    model: Classifier,
    class_names: Sequence[str],
    source: Any,
    *,
    sure: float = 0.5,
    size: int | None = None,
) -> Answer:
    """Return what a model says to a picture; a sentence, no error, where there is no picture.

    The picture is prepared as all pictures of the course are: `read_picture`.

    Parameters
    ----------
    model : keras.Model, or a function
        Images `[n, size, size, 3]` in `[0, 1]` in, probabilities or logits `[n, classes]` out.
    class_names : sequence of str
        In the order of the outputs.
    source : path, bytes, upload or None
        What `read_picture` reads.
    sure : float
        From 0 to 1. An answer whose probability is lower says that the model is unsure. Choose it
        on validation data.
    size : int, optional
        Side of the pictures; by default that of a Keras model's input.

    Raises
    ------
    ValueError
        The model or the settings are wrong: class names that do not match the outputs, no known
        size, a level outside 0 to 1, outputs that are not finite.

    Examples
    --------
    >>> import io
    >>> from PIL import Image
    >>> stream = io.BytesIO()
    >>> Image.new("RGB", (40, 40), "red").save(stream, "PNG")
    >>> red = lambda images: images.mean(axis=(1, 2))[:, :2]
    >>> answer_picture(red, ("red", "green"), stream.getvalue(), size=32).message
    'red: 1.00'
    >>> answer_picture(red, ("red", "green"), b"hello", size=32).message
    'The picture cannot be used: not a picture that Pillow knows. JPEG, PNG, WebP or GIF is ...'
    """
    names = checked_names(class_names)
    if isinstance(sure, bool) or not isinstance(sure, int | float) or not 0 <= sure <= 1:
        raise ValueError(f"sure is {sure!r}; a probability from 0 to 1 is expected.")
    side = size or side_of(model)
    if source is None:
        return Answer(CHOOSE)
    try:
        picture = read_picture(source, side)
    except ValueError as error:
        return Answer(str(error))
    values = np.asarray(_call(model, picture[None]), np.float64)
    if values.shape != (1, len(names)) or not np.isfinite(values).all():
        raise ValueError(
            f"The model gives {values.ravel()[:5]} of shape {list(values.shape)}; finite numbers "
            f"[1, {len(names)}] are expected, one for each of {', '.join(names)}."
        )
    chances = _probabilities(values[0])
    order = np.argsort(-chances, kind="stable")
    found = {names[place]: float(chances[place]) for place in order}
    (first, best), (second, next_best), *_ = found.items()
    if best >= sure:
        return Answer(f"{first}: {best:.2f}", found, True, picture)
    said = f"Not sure. Perhaps {first} ({best:.2f}), or {second} ({next_best:.2f}). Ask a person."
    return Answer(said, found, False, picture)


def side_of(model: Any) -> int:
    """Return the side of the pictures that a Keras model takes; ValueError where it is not known.

    >>> side_of(len)
    Traceback (most recent call last):
    ValueError: The model does not say how large its pictures are. Give it: size=96.
    """
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4 or not shape[1] or shape[1] != shape[2]:
        raise ValueError("The model does not say how large its pictures are. Give it: size=96.")
    return int(shape[1])


def _call(model, images):
    if hasattr(model, "input_shape"):  # a Keras model: plain calls must say that nothing trains
        return model(images, training=False)
    return model(images)


def _probabilities(values):
    """Scores as probabilities: as they are, or through a softmax."""
    if values.min() >= 0 and abs(values.sum() - 1) < 1e-3:
        return values
    powers = np.exp(values - values.max())
    return powers / powers.sum()
