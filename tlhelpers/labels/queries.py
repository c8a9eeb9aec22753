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
from threadpoolctl import threadpool_limits

CLUSTERS = 200  # at most: enough for the first choices, and quick
NAMES = ("random", "typical", "margin", "typical_then_margin")
START = 5  # labels a class after which the model's doubts say more than clusters


def random(
    features: np.ndarray,
    labelled: np.ndarray,
    probabilities: np.ndarray | None,
    n: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return any: what every other strategy has to beat."""
    return rng.permutation(_left(features, labelled))[:n]


def margin(
    features: np.ndarray,
    labelled: np.ndarray,
    probabilities: np.ndarray | None,
    n: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return those where the model hesitates most between its two best classes.

    Margin sampling (Scheffer, Decomain and Wrobel, 2001). Without a model they are random.
    """
    if probabilities is None:
        return random(features, labelled, probabilities, n, rng)
    left = _left(features, labelled)
    best = np.sort(np.asarray(probabilities)[left], axis=1)[:, -2:]
    return left[np.argsort(best[:, 1] - best[:, 0], kind="stable")[:n]]


def typical(
    features: np.ndarray,
    labelled: np.ndarray,
    probabilities: np.ndarray | None,
    n: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the most typical of each cluster, clusters without a label first; needs no labels.

    As many clusters (k-means on features of length 1) as there will be labels, at most 200.
    Typical is who has near neighbours: TypiClust (Hacohen, Dekel and Weinshall, 2022).
    """
    from sklearn.cluster import KMeans
    from sklearn.neighbors import NearestNeighbors

    features = np.asarray(features, np.float64)
    features = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    left = _left(features, labelled)
    clusters = min(len(labelled) + n, CLUSTERS, len(np.unique(features, axis=0)))
    seed = int(rng.integers(2**31))
    with threadpool_limits(limits=1):  # small problems: more threads only wait for each other
        cluster = KMeans(clusters, n_init=1, random_state=seed).fit_predict(features)
        neighbours = NearestNeighbors(n_neighbors=min(20, len(features))).fit(features)
        distances, _ = neighbours.kneighbors(features)  # each one is its own first neighbour
    order = np.argsort(distances.mean(axis=1), kind="stable")  # most typical first
    waiting = [[] for _ in range(clusters)]
    for position in order[np.isin(order, left)]:
        waiting[cluster[position]].append(position)
    labels = np.bincount(cluster[np.asarray(labelled, int)], minlength=clusters)
    sizes = np.bincount(cluster, minlength=clusters)
    chosen = []
    while len(chosen) < min(n, len(left)):
        next_one = min(
            (c for c in range(clusters) if waiting[c]), key=lambda c: (labels[c], -sizes[c])
        )
        chosen.append(waiting[next_one].pop(0))
        labels[next_one] += 1
    return np.array(chosen, int)


def typical_then_margin(
    features: np.ndarray,
    labelled: np.ndarray,
    probabilities: np.ndarray | None,
    n: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return typical ones up to five labels for each class that the model knows, then by margin.

    Few labels call for typical examples, many for uncertain ones (Hacohen et al., 2022).
    """
    known = 0 if probabilities is None else np.shape(probabilities)[1]
    strategy = margin if known and len(labelled) >= START * known else typical
    return strategy(features, labelled, probabilities, n, rng)


def _left(features, labelled):
    return np.setdiff1d(np.arange(len(features)), labelled)


def choose(
    query: Callable,
    features: np.ndarray,
    labelled: np.ndarray,
    probabilities: np.ndarray | None,
    n: int,
    rng: np.random.Generator,
) -> list[int]:
    """Return what a strategy chooses; ValueError unless these are 1 to n open positions."""
    chosen = np.asarray(query(features, labelled, probabilities, n, rng)).tolist()
    whole = all(isinstance(p, int) and 0 <= p < len(features) for p in chosen)
    new = set(chosen) - set(np.asarray(labelled).tolist())
    if not whole or len(new) < len(chosen) or not 0 < len(chosen) <= n:
        raise ValueError(
            f"The strategy {getattr(query, '__name__', query)} returned {chosen}; 1 to {n} "
            "different positions that are not labelled yet are expected."
        )
    return chosen
