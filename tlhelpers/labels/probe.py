"""The linear probe that a pool of examples is looked at with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin


class Probe:
    """A classifier on features `[pool, d]`, fitted anew to labels at some positions of the pool."""

    def __init__(
        self, features: np.ndarray, classes: int, classifier: ClassifierMixin | None = None
    ) -> None:
        self.features, self.classes, self.classifier = features, classes, classifier
        self._spread = features.std() or 1.0

    def __call__(
        self, features: np.ndarray, positions: np.ndarray, labels: np.ndarray
    ) -> np.ndarray | None:
        """Return probabilities `[n, classes]` of features `[n, d]`; None for fewer than 2 classes.

        Parameters
        ----------
        features : float `[n, d]`
        positions, labels : int `[m]`
            What is known: places in the pool, and their classes.
        """
        from sklearn.base import clone
        from sklearn.linear_model import LogisticRegression

        if len(np.unique(labels)) < 2:
            return None
        model = LogisticRegression(max_iter=1000)
        if self.classifier is not None:
            model = clone(self.classifier)
        with threadpool_limits(limits=1):  # small fits wait for one another on several cores
            model.fit(self.features[positions] / self._spread, labels)
        probabilities = np.zeros((len(features), self.classes))
        probabilities[:, model.classes_] = model.predict_proba(features / self._spread)
        return probabilities
