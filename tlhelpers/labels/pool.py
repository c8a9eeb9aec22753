"""The examples that labels are asked for: what a store says of them, and a probe fitted to that."""

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from ..images.lazy_images import LazyImages
from .label_store import LabelStore

Answers = dict[str, tuple[str | None, int]]  # key of an example -> its label, and of which round


class Pool:
    """Examples with features, known by their content, so that one may stand there several times.

    `keys` are those of the examples, in their order.
    """

    def __init__(
        self,
        store: LabelStore,
        items: Any,
        features: np.ndarray,
        class_names: tuple[str, ...],
        classifier: ClassifierMixin | None,
    ) -> None:
        self.store, self.features, self.class_names = store, features, class_names
        self.classifier = LogisticRegression(max_iter=1000) if classifier is None else classifier
        self._spread = features.std() or 1.0
        files = items.contents() if isinstance(items, LazyImages) else None
        self.keys = [store.key(item) for item in files or items]
        self._positions: dict[str, list[int]] = {}
        for position, key in enumerate(self.keys):
            self._positions.setdefault(key, []).append(position)

    def answers(self) -> Answers:
        """Return all that people answered in this pool, oldest first.

        ValueError where labels of the store are none of the class names.
        """
        rows = [row for row in self.store if row.who != "model" and row.item in self._positions]
        strange = {row.label for row in rows if row.label is not None} - set(self.class_names)
        if strange:
            raise ValueError(
                f"{self.store.path} has labels of other classes: {', '.join(sorted(strange))}. "
                f"Expected are {', '.join(self.class_names)}. Use another store for another task."
            )
        return {row.item: (row.label, row.round) for row in rows}

    def labelled(self, answers: Answers) -> tuple[np.ndarray, np.ndarray]:
        """Return positions of labelled examples and their classes, int `[m]` each."""
        found = [
            (position, self.class_names.index(label))
            for key, (label, _) in answers.items()
            if label is not None
            for position in self._positions[key]
        ]
        positions, labels = np.array(found, int).reshape(-1, 2).T
        return positions, labels

    def closed(self, answers: Answers) -> np.ndarray:
        """Return positions that are not to be asked: answered ones, and repeated examples."""
        closed = [position for key in answers for position in self._positions[key]]
        repeated = {again for same in self._positions.values() for again in same[1:]}
        return np.array([*closed, *sorted(repeated - set(closed))], int)

    def probabilities(self, features: np.ndarray, answers: Answers) -> np.ndarray | None:
        """Return what the probe, fitted anew, says of features `[n, d]`: `[n, classes]`.

        None while fewer than two classes have a label.
        """
        positions, labels = self.labelled(answers)
        if len(np.unique(labels)) < 2:
            return None
        with threadpool_limits(limits=1):  # small fits wait for one another on several cores
            model = clone(self.classifier).fit(self.features[positions] / self._spread, labels)
        probabilities = np.zeros((len(features), len(self.class_names)))
        probabilities[:, model.classes_] = model.predict_proba(features / self._spread)
        return probabilities
