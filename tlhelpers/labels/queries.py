"""Which examples to have labelled next.

Every strategy is a function `(features, labelled, probabilities, n, rng)` that returns positions:

- features : float `[pool, d]`, of all examples, labelled or not
- labelled : int `[m]`, positions that are labelled already (or were skipped)
- probabilities : float `[pool, classes]` of the present model, or None while there is none
- n : how many positions to return; fewer when fewer are left
- rng : `numpy.random.Generator`

An `AccumulationRun` takes any function of that form.
"""

from collections.abc import Callable

import numpy as np
from numpy import ndarray
from numpy.random import Generator
from sklearn.cluster import KMeans
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

# The form above, as a type.
Query = Callable[[ndarray, ndarray, ndarray | None, int, Generator], ndarray]

CLUSTERS = 200  # at most: enough for the first choices, and quick
SAMPLE = 1500  # of a larger pool so many without a label are looked at
NAMES = ("random", "typical", "margin", "typical_then_margin")
START = 5  # labels a class after which the model's doubts say more than clusters


def random(
    features: ndarray, labelled: ndarray, probabilities: ndarray | None, n: int, rng: Generator
) -> ndarray:
    """Return any: what every other strategy has to beat."""
    return rng.permutation(_left(features, labelled))[:n]


def margin(
    features: ndarray, labelled: ndarray, probabilities: ndarray | None, n: int, rng: Generator
) -> ndarray:
    """Return those where the model hesitates most between its two best classes.

    Margin sampling (Scheffer, Decomain and Wrobel, 2001). Without a model they are random.
    """
    if probabilities is None:
        return random(features, labelled, probabilities, n, rng)
    left, given = _left(features, labelled), np.asarray(probabilities)
    if given.ndim != 2 or len(given) != len(features) or given.shape[1] < 2:
        raise ValueError(
            f"Probabilities have shape {list(given.shape)}; [{len(features)}, classes] is "
            "expected, a row for each example of the pool."
        )
    best = np.sort(_finite(given[left], "Probabilities"), axis=1)[:, -2:]
    return left[np.argsort(best[:, 1] - best[:, 0], kind="stable")[:n]]


def typical(
    features: ndarray, labelled: ndarray, probabilities: ndarray | None, n: int, rng: Generator
) -> ndarray:
    """Return the most typical of each cluster, clusters without a label first; needs no labels.

    As many clusters (k-means on features of length 1) as there will be labels, at most 200.
    Typical is who has near neighbours: TypiClust (Hacohen, Dekel and Weinshall, 2022). Of a pool of
    more than 1,500 a random sample is looked at, which costs a point or two of what is learnt.
    """
    left, labelled = _left(features, labelled), np.asarray(labelled, int)
    seed = int(rng.integers(2**31))
    if large := len(left) > SAMPLE:
        left = np.sort(rng.choice(left, max(SAMPLE, n), replace=False))
    places = np.concatenate([labelled, left])
    x = _finite(np.asarray(features)[places], "Features")
    x = x.astype(np.float32 if large else np.float64)
    x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    clusters = min(len(labelled) + n, CLUSTERS, len(np.unique(x, axis=0)))
    with threadpool_limits(limits=1):  # small problems: more threads only wait for each other
        cluster = KMeans(clusters, n_init=1, random_state=seed).fit_predict(x)
        neighbours = NearestNeighbors(n_neighbors=min(20, len(x))).fit(x)
        distances, _ = neighbours.kneighbors(x)  # each one is its own first neighbour
    order = np.argsort(distances.mean(axis=1), kind="stable")  # most typical first
    labels = np.bincount(cluster[: len(labelled)], minlength=clusters)
    sizes = np.bincount(cluster, minlength=clusters)
    turns = []
    for at in order[order >= len(labelled)]:
        own = cluster[at]
        turns.append((labels[own], -sizes[own], own, places[at]))  # few labels first, then large
        labels[own] += 1
    return np.array([position for *_, position in sorted(turns)[:n]], int)


def typical_then_margin(
    features: ndarray, labelled: ndarray, probabilities: ndarray | None, n: int, rng: Generator
) -> ndarray:
    """Return typical ones up to five labels for each class that the model knows, then by margin.

    Few labels call for typical examples, many for uncertain ones (Hacohen et al., 2022).
    """
    known = 0 if probabilities is None else np.shape(probabilities)[1]
    strategy = margin if known and len(labelled) >= START * known else typical
    return strategy(features, labelled, probabilities, n, rng)


def _left(features, labelled):
    left = np.ones(len(features), bool)
    left[np.asarray(labelled, int)] = False
    return np.flatnonzero(left)


def _finite(values, name):
    if not np.isfinite(values).all():
        raise ValueError(
            f"{name} have values that are not finite (NaN or infinite); numbers are "
            "expected. Leave such examples out of the pool, or find out where they come from."
        )
    return values
