"""Scores that forecast, without a training, how well features will serve a task."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.covariance import ledoit_wolf

from ..runtime.as_array import as_array
from ..runtime.check_labels import check_labels

ROUNDS = 100  # of the fixed point of `log_me`; about ten are enough


def log_me(features: ArrayLike, labels: ArrayLike) -> float:
    """Return LogME: how probable the labels are, if each is a linear function of the features.

    Each class is a target of zeros and ones. Its log evidence, with the best noise and the best
    spread of weights, is divided by n; the mean over classes is returned. From You et al., 2021,
    "LogME: Practical Assessment of Pre-trained Models for Transfer Learning"
    (https://arxiv.org/abs/2102.11005).

    Parameters
    ----------
    features : float `[n, d]`
    labels : int `[n]`

    Returns
    -------
    score : float
        Higher is better; it has no bounds, and compares candidates on the same labels only.

    Raises
    ------
    TypeError, ValueError
        Shapes that do not go together, numbers that are not finite, or a single class.

    Examples
    --------
    >>> labels = np.repeat([0, 1], 20)
    >>> noise = np.random.default_rng(0).normal(size=(40, 3))
    >>> log_me(noise + labels[:, None], labels) > log_me(noise, labels)
    True
    """
    x, targets = _checked(features, labels, "features")
    left, singular, _ = np.linalg.svd(x, full_matrices=False)
    spread = singular > 1e-7 * max(singular[0], 1e-30)
    left, squares = left[:, spread], singular[spread] ** 2
    return float(np.mean([_evidence(left, squares, target) for target in targets.T]))


def _evidence(left, squares, target):
    """Log evidence of a target by n, at the fixed point of its two precisions."""
    n = len(target)
    along = (left.T @ target) ** 2
    rest = max(target @ target - along.sum(), 0.0)
    weights = noise = 1.0  # precisions
    for _ in range(ROUNDS):
        ratio = weights / noise
        gamma = np.sum(squares / (squares + ratio))
        size = np.sum(squares * along / (squares + ratio) ** 2)
        error = np.sum(along * (ratio / (squares + ratio)) ** 2) + rest
        before, weights, noise = ratio, gamma / (size + 1e-9), (n - gamma) / (error + 1e-9)
        if not len(squares) or abs(weights / noise - before) <= 1e-4 * before:
            break
    fit = n * np.log(noise / (2 * np.pi)) - np.sum(np.log1p(squares / (weights / noise)))
    return (fit - noise * error - weights * size) / (2 * n)


def h_score(features: ArrayLike, labels: ArrayLike) -> float:
    """Return the H-score: how far classes lie apart, measured in the spread of all features.

    The trace of the inverse covariance of the features times the covariance of the means of their
    classes. From Bao et al., 2019, "An Information-Theoretic Approach to Transferability in Task
    Transfer Learning". The covariance is shrunk (Ledoit and Wolf, 2004), or it could not be
    inverted where d is near n; that is the form of Ibrahim et al., 2021
    (https://arxiv.org/abs/2110.06893).

    Parameters
    ----------
    features : float `[n, d]`
    labels : int `[n]`

    Returns
    -------
    score : float
        0 to the number of classes - 1, higher is better.

    Raises
    ------
    TypeError, ValueError
        As `log_me`.

    Examples
    --------
    >>> round(h_score([[0.0], [0.1], [1.0], [1.1]], [0, 0, 1, 1]), 2)
    0.99
    """
    x, targets = _checked(features, labels, "features")
    x = x - x.mean(axis=0)
    sums = targets.T @ x  # [classes, d]
    covariance, shrinkage = ledoit_wolf(x, assume_centered=True)
    means = sums / targets.sum(axis=0)[:, None]
    # the trace of the solution for sums.T @ means, with as many right sides as classes, not as d
    solved = np.linalg.lstsq(covariance, sums.T, rcond=None)[0]  # [d, classes]
    return float((1 - shrinkage) * np.sum(solved.T * means) / len(x))


def leep(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """Return LEEP: how well labels follow from what the network says in its *own* classes.

    For each class of the source the share of each label is counted, softly; the score is the mean
    log probability of the right label. From Nguyen et al., 2020, "LEEP: A New Measure to Evaluate
    Transferability of Learned Representations" (https://arxiv.org/abs/2002.12462).

    Parameters
    ----------
    probabilities : float `[n, classes of the source]`
        Rows that sum to 1: the network's softmax, with the head that it was trained with.
    labels : int `[n]`

    Returns
    -------
    score : float
        0 at best, below otherwise.

    Raises
    ------
    TypeError, ValueError
        As `log_me`; rows that are no probabilities.

    Examples
    --------
    >>> leep([[1, 0], [1, 0], [0, 1], [0, 1]], [1, 1, 0, 0])
    0.0
    """
    x, targets = _checked(probabilities, labels, "probabilities")
    if x.min() < 0 or not np.allclose(x.sum(axis=1), 1, atol=1e-3):
        raise ValueError(
            f"probabilities are from {x.min():.3g} to {x.max():.3g}, and rows sum to "
            f"{x.sum(axis=1).min():.3g} to {x.sum(axis=1).max():.3g}; rows from 0 to 1 that sum to "
            "1 are expected. Take the softmax of logits."
        )
    shares = targets.T @ x  # [labels, source]
    shares /= np.maximum(x.sum(axis=0), 1e-12)
    return float(np.mean(np.log(np.sum((x @ shares.T) * targets, axis=1))))


def _checked(features: Any, labels: Any, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Features `[n, d]`, and zeros and ones `[n, classes]`, a column for each class."""
    x = np.asarray(as_array(features, what.capitalize()), np.float64)
    y = check_labels(labels, names=True)
    if x.ndim != 2 or not x.size or y.shape != x.shape[:1]:
        raise ValueError(
            f"{what} have shape {list(x.shape)}, labels {list(y.shape)}; [n, d] and [n] are "
            "expected, a row for each label."
        )
    if not np.isfinite(x).all():
        raise ValueError(f"{what} hold numbers that are not finite. Check the network's input.")
    classes = np.unique(y)
    if len(classes) < 2:
        raise ValueError("labels are all of one class; two classes or more are expected.")
    return x, (y[:, None] == classes).astype(float)
