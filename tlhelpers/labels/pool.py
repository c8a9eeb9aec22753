"""The examples that labels are asked for: what a store says of them, and a probe fitted to that."""

import threading
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from ..images.lazy_images import LazyImages
from .label_store import LabelStore

OPEN, SKIPPED = -2, -1  # instead of a class


class Pool:
    """Examples with features, known by their content, so that one may stand there several times.

    Attributes
    ----------
    keys : list of str
        Of the examples, in their order.
    labels, rounds : int `[n]`
        What people answered, as positions in the class names, and in which round (-1 before).
    once : bool `[n]`
        False for an example that stands further in front already.
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
        self.labels = np.full(len(self.keys), OPEN)
        self.rounds = np.full(len(self.keys), -1)
        self._came = np.zeros(len(self.keys), np.int64)  # sorts answers by their age
        self.once = np.zeros(len(self.keys), bool)
        self.once[[same[0] for same in self._positions.values()]] = True
        self._lock = threading.Lock()
        self._seen = -1  # the latest change of the store that is known here
        self._strange: dict[str, str] = {}  # answers that are none of the classes
        self._classes = {name: number for number, name in enumerate(class_names)} | {None: SKIPPED}

    def update(self) -> None:
        """Read what was written to the store since the last time.

        ValueError where labels of the store are none of the class names.
        """
        with self._lock:  # another thread must not bring older changes later
            for row in self.store.changes(self._seen):
                self._seen = max(self._seen, row.change)
                if row.item in self._positions:
                    self._keep(row)
        if self._strange:
            names = ", ".join(sorted(set(self._strange.values())))
            raise ValueError(
                f"{self.store.path} has labels of other classes: {names}. Expected are "
                f"{', '.join(self.class_names)}. Use another store for another task."
            )

    def _keep(self, row):
        positions = self._positions[row.item]
        self._strange.pop(row.item, None)
        if row.who is None or row.who == "model":
            self.labels[positions], self.rounds[positions] = OPEN, -1
            return
        if row.label not in self._classes:
            self._strange[row.item] = row.label
        self.labels[positions] = self._classes.get(row.label, SKIPPED)
        self.rounds[positions], self._came[positions] = row.round, row.first

    def answered(self, before: int | None = None) -> np.ndarray:
        """Return positions that have an answer, oldest first; only of rounds before that one."""
        found = np.flatnonzero((self.labels != OPEN) & self._earlier(before))
        return found[np.argsort(self._came[found], kind="stable")]

    def labelled(self, before: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return positions of labelled examples and their classes, int `[m]` each."""
        found = self.answered(before)
        found = found[self.labels[found] >= 0]
        return found, self.labels[found]

    def closed(self, before: int) -> np.ndarray:
        """Return positions not to be asked: answered ones, and repeated examples."""
        answered, again = self.answered(before), ~self.once
        again[answered] = False
        return np.concatenate([answered, np.flatnonzero(again)])

    def count(self, number: int) -> int:
        """Return how many different examples were answered in a round."""
        return int(np.count_nonzero(self.once & (self.rounds == number)))

    def state(self, before: int) -> bytes:
        """Return all that a query depends on; equal states ask the same."""
        answered = self.answered(before)
        return answered.tobytes() + self.labels[answered].tobytes()

    def probabilities(self, features: np.ndarray, before: int | None = None) -> np.ndarray | None:
        """Return what the probe, fitted anew, says of features `[n, d]`: `[n, classes]`.

        None while fewer than two classes have a label.
        """
        positions, labels = self.labelled(before)
        if len(np.unique(labels)) < 2:
            return None
        with threadpool_limits(limits=1):  # small fits wait for one another on several cores
            model = clone(self.classifier).fit(self.features[positions] / self._spread, labels)
        probabilities = np.zeros((len(features), len(self.class_names)))
        probabilities[:, model.classes_] = model.predict_proba(features / self._spread)
        return probabilities

    def _earlier(self, before):
        return self.rounds < (np.iinfo(int).max if before is None else before)
