"""How soon each query finds its partner."""

import numpy as np

from .vectors import vectors_of


def retrieval_scores(similarities: np.ndarray, of: np.ndarray | None = None) -> dict[str, float]:
    """Return recall at 1 and at 5 and the median rank, of queries that have one partner each.

    Parameters
    ----------
    similarities : float `[n, n]`
        Of n queries with n candidates; the partner of query i is candidate i. What is as similar as
        the partner comes before it.
    of : bool `[n]`, optional
        The queries that count. All candidates remain.

    Raises
    ------
    ValueError
        Not square, or not finite; no query that counts, or a mask of another shape.

    Examples
    --------
    >>> retrieval_scores([[0.9, 0.1], [0.8, 0.3]])
    {'recall at 1': 0.5, 'recall at 5': 1.0, 'median rank': 1.5}
    """
    found = vectors_of(similarities, "similarities")
    if found.shape[0] != found.shape[1]:
        raise ValueError(
            f"similarities have shape {list(found.shape)}; [n, n] is expected, the partner of each "
            "query in its own place."
        )
    places, mask = ranks(found), np.ones(len(found), bool) if of is None else np.asarray(of)
    if mask.shape != places.shape or mask.dtype != bool or not mask.any():
        raise ValueError(
            f"of has type {mask.dtype}, shape {list(mask.shape)} and {np.count_nonzero(mask)} that "
            f"count; one truth value for each of the {len(places)} queries is expected, one true "
            "at least."
        )
    places = places[mask]
    return {
        "recall at 1": float(np.mean(places == 1)),
        "recall at 5": float(np.mean(places <= 5)),
        "median rank": float(np.median(places)),
    }


def ranks(similarities: np.ndarray) -> np.ndarray:
    """Return the rank of each query's partner, 1 for the first: int `[n]`.

    >>> ranks(np.array([[0.9, 0.1], [0.8, 0.3]]))
    array([1, 2])
    """
    return (similarities >= np.diag(similarities)[:, None]).sum(axis=1)
