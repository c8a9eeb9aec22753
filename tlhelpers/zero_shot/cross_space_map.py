"""A map between two spaces of vectors, such as those of pictures and of names."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.preprocessing import StandardScaler

from ..runtime.checks import whole_number
from .retrieval_scores import ranks
from .vectors import vectors_of

STRENGTHS = (100.0, 300.0, 1000.0, 3000.0)


class CrossSpaceMap:
    """Two spaces, mapped onto each other by ridge regression on pairs of vectors.

    Fitted on pictures and names of some things, it compares pictures of *other* things with their
    names (Frome et al., "DeViSE", 2013). Both spaces are standardised. There are two regressions,
    because each direction errs in its own way: where many pictures are mapped among the names, a
    few names are near to all of them (Shigeto et al., "Ridge regression, hubness, and zero-shot
    learning", 2015). How strongly each is held back is found by cross-validation: the strength with
    which partners that were left out are found soonest, by the mean of 1 / rank.

    Parameters
    ----------
    first, second : float `[n, d1]`, `[n, d2]`
        Row i of both is about the same thing.
    groups : sequence `[n]`, optional
        Pairs of one group are left out together, as a cat and a cat's face should be. Without
        them each pair is a group of its own.
    folds : int
        Of the cross-validation.

    Attributes
    ----------
    strengths : tuple of two float
        The penalties that were found, from first to second and back.

    Raises
    ------
    TypeError, ValueError
        Shapes that do not fit; numbers that are not finite; fewer groups than folds.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> first = rng.normal(size=(90, 3))
    >>> second = first @ rng.normal(size=(3, 5))
    >>> both = CrossSpaceMap(first[:80], second[:80])
    >>> both.similarities(first[:4], second[:4]).argmax(axis=1)
    array([0, 1, 2, 3])
    """

    def __init__(
        self,
        first: np.ndarray,
        second: np.ndarray,
        *,
        groups: Sequence[Any] | None = None,
        folds: int = 5,
    ) -> None:
        first, second = vectors_of(first, "first"), vectors_of(second, "second")
        group = np.arange(len(first)) if groups is None else np.asarray(groups)
        if not len(first) == len(second) == len(group):
            raise ValueError(
                f"first has {len(first)} rows, second {len(second)}, groups {len(group)}; row i "
                "of all must be about the same thing."
            )
        count = len(np.unique(group))
        whole_number(folds, "folds", 2, count, f"There are {count} groups of pairs.")
        self._scalers = [StandardScaler().fit(x) for x in (first, second)]
        a, b = self._scaled(first, second)
        search = GridSearchCV(Ridge(), {"alpha": STRENGTHS}, scoring=_soon, cv=GroupKFold(folds))
        self._there = search.fit(a, b, groups=group).best_estimator_
        self._back = search.fit(b, a, groups=group).best_estimator_
        self.strengths = self._there.alpha, self._back.alpha

    def similarities(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return how well all of `[n, d1]` go with all of `[m, d2]`: float `[n, m]`, -1 to 1.

        The mean of two cosines: one is taken in the second space, the other in the first.
        """
        a, b = self._scaled(first, second)
        there = cosine_similarity(self._there.predict(a), b)
        return (there + cosine_similarity(a, self._back.predict(b))) / 2

    def _scaled(self, *both):
        for x, scaler, name in zip(both, self._scalers, ("first", "second"), strict=True):
            yield scaler.transform(vectors_of(x, name, scaler.n_features_in_))


def _soon(model, x, y):
    """Mean of 1 / rank of the partner."""
    return np.mean(1 / ranks(cosine_similarity(model.predict(x), y)))
