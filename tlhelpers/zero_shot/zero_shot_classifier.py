"""Classifiers made of descriptions: a sample gets the class whose description is most like it."""

import numbers
from collections.abc import Sequence
from typing import Self

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from ..runtime import checks
from ..runtime.check_labels import check_labels
from .vectors import unit, vectors_of


class ZeroShotClassifier:
    """Classes known by their descriptions only, compared with samples by cosine similarity.

    Descriptions and samples must be vectors of one space: printed and handwritten characters
    through one backbone, captions and photos through CLIP, labels and texts through one encoder.
    Several descriptions of a class (an ensemble of prompts) become one vector: the mean of their
    directions (Radford et al., "CLIP", 2021, section 3.1.4).

    Parameters
    ----------
    descriptions : float `[classes, d]` or `[classes, prompts, d]`, or sequence of `[prompts, d]`
        One or more vectors a class; in a sequence their number may differ.
    class_names : sequence of str
    unlabelled : float `[m, d]`, optional
        Samples of the target, without labels. With them both sides are centred: their mean is
        taken from samples, the mean of the class vectors from class vectors. What all samples
        share (Liang et al., "Mind the Gap", 2022) then no longer counts. The classes should be
        about equally frequent among them, or the mean leans to the frequent ones; and lengths of
        samples count, as their mean is taken.
    temperature : float
        Similarities are divided by it before the softmax: the smaller, the surer. It changes
        probabilities, never the predicted class.

    Attributes
    ----------
    vectors : float32 `[classes, d]`, each of length 1
        Transposed and divided by the temperature, they are the kernel of a `Dense` head on
        prepared samples.

    Raises
    ------
    TypeError, ValueError
        Shapes that do not fit; numbers that are not finite; a class without a direction.

    Examples
    --------
    >>> east_north = ZeroShotClassifier([[1, 0], [0, 1]], ("east", "north"))
    >>> east_north.predict([[3, 1], [1, 9]])
    array([0, 1])
    >>> east_north.similarities([[3, 4]])
    array([[0.6, 0.8]], dtype=float32)
    """

    def __init__(
        self,
        descriptions: np.ndarray | Sequence[np.ndarray],
        class_names: Sequence[str],
        *,
        unlabelled: np.ndarray | None = None,
        temperature: float = 1.0,
    ) -> None:
        self.class_names = checks.class_names(class_names)
        self.temperature = _positive(temperature)
        of_class = zip(self.class_names, _one_each(descriptions, self.class_names), strict=True)
        means = [
            unit(vectors_of(prompts, f"The description of {name!r}", one=True)).mean(0)
            for name, prompts in of_class
        ]
        if len({len(mean) for mean in means}) > 1:
            raise ValueError(
                f"Descriptions have {sorted({len(mean) for mean in means})} numbers; all vectors "
                "must come from one encoder."
            )
        vectors, self._centre = np.stack(means), np.float32(0)
        if unlabelled is not None:
            self._centre = vectors_of(unlabelled, "unlabelled", vectors.shape[1]).mean(0)
            vectors = vectors - vectors.mean(0)
        lengths = np.linalg.norm(vectors, axis=1)
        if (lengths < 1e-6).any():
            name = self.class_names[int(lengths.argmin())]
            raise ValueError(
                f"The description of {name!r} has no direction: its vector is zero, or the mean of "
                "all classes. Describe it by words (or pictures) that the encoder knows."
            )
        self.vectors = unit(vectors)

    def prepare(self, x: np.ndarray) -> np.ndarray:
        """Return samples as this classifier compares them: centred, each of length 1.

        float `[n, d]` to float32 `[n, d]`. A sample of zeros stays zero.
        """
        x = vectors_of(x, "x", self.vectors.shape[1])
        return unit(np.where(x.any(1, keepdims=True), x - self._centre, 0))

    def similarities(self, x: np.ndarray) -> np.ndarray:
        """Return cosines of samples `[n, d]` and classes, -1 to 1: float32 `[n, classes]`."""
        return self.prepare(x) @ self.vectors.T

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """Return the softmax of similarities over the temperature: float32 `[n, classes]`."""
        return softmax(self.similarities(x) / self.temperature, axis=1)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the most similar class of each sample, as its position: int `[n]`."""
        return self.similarities(x).argmax(1)

    def calibrate(self, x: np.ndarray, labels: np.ndarray) -> Self:
        """Set the temperature that suits labelled samples, and return the classifier.

        It makes the mean of -log p(true class) as small as can be (Guo et al., "On calibration of
        modern neural networks", 2017). Predictions stay the same. The temperature may also be
        found on other classes of the same space, and given to `ZeroShotClassifier`.

        Parameters
        ----------
        x : float `[n, d]`
        labels : int `[n]`
            Positions in `class_names`.
        """
        similarities = self.similarities(x).astype(np.float64)
        n, classes = similarities.shape
        labels = check_labels(labels, count=n, classes=classes)

        def loss(log_temperature):
            log_p = log_softmax(similarities / np.exp(log_temperature), axis=1)
            return -log_p[np.arange(n), labels].mean()

        self.temperature = float(np.exp(minimize_scalar(loss, bounds=(-7, 4)).x))
        return self


def _positive(temperature):
    if not isinstance(temperature, numbers.Real) or not 0 < temperature < np.inf:
        raise ValueError(f"temperature is {temperature!r}; a number above 0 is expected.")
    return float(temperature)


def _one_each(descriptions, names):
    if isinstance(descriptions, dict | str) or not hasattr(descriptions, "__len__"):
        raise ValueError(
            f"Descriptions are of type {type(descriptions).__name__}; vectors are expected, one "
            "(or several in one array) for each name in class_names."
        )
    if hasattr(descriptions, "columns"):  # a DataFrame, which would be a list of column names
        descriptions = np.asarray(descriptions)
    if len(descriptions) != len(names):
        raise ValueError(
            f"Descriptions do not match classes: {len(descriptions)} descriptions, {len(names)} "
            "class names; one (or several in one array) a class is expected."
        )
    return list(descriptions)
