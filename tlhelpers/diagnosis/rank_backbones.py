"""Scores of candidates for a task, before any of them is fine-tuned."""

import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

import keras
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..images.check_images import check_images
from ..images.lazy_images import Images
from ..runtime.check_labels import check_labels
from ..runtime.checks import whole_number
from ..training.extract_features import extract_features
from .transferability import h_score, leep, log_me

Network: TypeAlias = keras.Model | Callable[[Images], np.ndarray]


def rank_backbones(
    images: Images,
    labels: np.ndarray,
    candidates: Mapping[str, Network],
    *,
    sources: Mapping[str, Network] | None = None,
    folds: int = 5,
    seed: int = 0,
) -> pd.DataFrame:
    """Return scores of candidates on labelled images, and the seconds that each took.

    A score is a forecast: which candidate will be best once it is trained? `LogME` and `H-score`
    look at features and labels (`transferability`), `LEEP` at the network's own classes. `k-NN`
    (five neighbours) and `probe` (a logistic regression), both on standardised features, are
    trained and scored by cross-validation, with balanced accuracy.

    Parameters
    ----------
    images : array of float32 `[n, height, width, 3]` in `[0, 1]`, or LazyImages
    labels : int `[n]`
    candidates : dict of networks
        Each gives features `[n, d]`: a Keras model, or a function of the images, which may resize
        them first.
    sources : dict of networks, optional
        The same, up to probabilities `[n, classes of the source]`. Only those have LEEP.
    folds : int
        Of the cross-validation; each class needs as many images.
    seed : int
        Of the folds.

    Returns
    -------
    table : pandas.DataFrame
        A row for each candidate, in the order given. `table["score"]` has a column for each score,
        higher is better; `table["seconds"]` has the same, and `features`, the pass through the
        network. What has no score is NaN.

    Raises
    ------
    TypeError, ValueError
        No candidate; a source that is no candidate; too few images of a class; features of another
        shape, or not finite.

    Examples
    --------
    >>> labels = np.repeat([0, 1], 10)
    >>> images = np.float32(labels)[:, None, None, None] * np.ones((1, 8, 8, 3), "float32")
    >>> table = rank_backbones(images, labels, {"pixels": lambda x: x.reshape(len(x), -1)})
    >>> table["score"]["probe"].tolist()
    [1.0]
    """
    sources, images = dict(sources or {}), check_images(images)
    labels = check_labels(labels, count=len(images), names=True)
    _check(labels, candidates, sources, folds)
    neighbours = make_pipeline(StandardScaler(), KNeighborsClassifier(5))
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)

    def validated(model, x):
        return cross_val_score(model, x, labels, cv=split, scoring="balanced_accuracy").mean()

    def row(name):
        x, seconds = _timed(lambda: _outputs(candidates[name], images))
        scores = {
            "LogME": lambda: log_me(x, labels),
            "H-score": lambda: h_score(x, labels),
            "k-NN": lambda: validated(neighbours, x),
            "probe": lambda: validated(probe, x),
        }
        if name in sources:
            scores["LEEP"] = lambda: leep(_outputs(sources[name], images), labels)
        found = {("seconds", "features"): seconds}
        for score, compute in scores.items():
            found["score", score], found["seconds", score] = _timed(compute)
        return found

    table = pd.DataFrame({name: row(name) for name in candidates}).T
    order = [("score", score) for score in ("LogME", "H-score", "LEEP", "k-NN", "probe")]
    seconds = [("seconds", name) for name in ("features", *(score for _, score in order))]
    return table.reindex(columns=pd.MultiIndex.from_tuples([*order, *seconds]))


def _check(labels, candidates, sources, folds):
    if not candidates:
        raise ValueError("candidates are empty; a network for each name is expected.")
    if unknown := sources.keys() - candidates.keys():
        raise ValueError(f"sources has {sorted(unknown)}, which are no candidates.")
    whole_number(folds, "folds", 2)
    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() < folds:
        raise ValueError(
            f"Class {classes[counts.argmin()]} has {counts.min()} images, and folds is {folds}; "
            "each fold needs one of each class. Give more images, or fewer folds."
        )


def _outputs(network, images):
    if isinstance(network, keras.Layer):
        return extract_features(network, images, cache=False, progress=False)
    return np.asarray(network(images))


def _timed(compute):
    start = time.perf_counter()
    return compute(), time.perf_counter() - start
