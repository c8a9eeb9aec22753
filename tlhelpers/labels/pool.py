"""The examples that labels are asked for, and what a store says of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..images.lazy_images import LazyImages
from .label_store import LabelStore

Answers = dict[str, tuple[str | None, int]]  # key of an example -> its label, and of which round


class Pool:
    """Examples, each known by its content, so that one may stand in the pool several times.

    Attributes
    ----------
    keys : list of str
        Of the examples, in their order.
    """

    def __init__(
        self,
        store: LabelStore,
        items: np.ndarray | LazyImages | Sequence[str],
        class_names: tuple[str, ...],
    ) -> None:
        self.store, self.class_names = store, class_names
        files = items.contents() if isinstance(items, LazyImages) else None
        self.keys = [store.key(item) for item in files or items]
        self._positions: dict[str, list[int]] = {}
        for position, key in enumerate(self.keys):
            self._positions.setdefault(key, []).append(position)

    def answers(self) -> Answers:
        """Return all that people answered in this pool, oldest first.

        Raises
        ------
        ValueError
            Labels of the store are none of the class names.
        """
        rows = [row for row in self.store if row.who != "model" and row.item in self._positions]
        strange = {row.label for row in rows} - {None, *self.class_names}
        if strange:
            raise ValueError(
                f"{self.store.path} has labels of other classes: {', '.join(sorted(strange))}. "
                f"Expected are {', '.join(self.class_names)}. Use another store for another task."
            )
        return {row.item: (row.label, row.round) for row in rows}

    def labelled(self, answers: Answers) -> tuple[np.ndarray, np.ndarray]:
        """Return positions of labelled examples and their classes, int `[m]` each."""
        found = labels_of(answers)
        positions = [position for key in found for position in self._positions[key]]
        labels = [self.class_names.index(found[self.keys[position]]) for position in positions]
        return np.array(positions, int), np.array(labels, int)

    def closed(self, answers: Answers) -> np.ndarray:
        """Return positions that are not to be asked: answered ones, and repeated examples."""
        closed = [position for key in answers for position in self._positions[key]]
        repeated = {again for same in self._positions.values() for again in same[1:]}
        return np.array([*closed, *sorted(repeated - set(closed))], int)


def before_round(answers: Answers, number: int | None) -> Answers:
    """Return the answers of rounds before this one; all for None."""
    return {key: a for key, a in answers.items() if number is None or a[1] < number}


def labels_of(answers: Answers) -> dict[str, str]:
    """Return key -> label, without what was skipped."""
    return {key: label for key, (label, _) in answers.items() if label is not None}
