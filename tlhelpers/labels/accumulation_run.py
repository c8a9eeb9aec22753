"""Accumulate labels in rounds: a probe on frozen features asks, somebody answers, again."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..images.lazy_images import LazyImages
from ..runtime import checks
from . import queries
from .label_store import LabelStore
from .pool import Pool, before_round, labels_of
from .probe import Probe

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin


class AccumulationRun:
    """Which examples to have labelled next, from what stands in a `LabelStore`.

    In each round a linear probe, fitted to the labels of earlier rounds, looks at the whole pool,
    and the query strategy chooses what to ask. Everything follows from the store, the pool and the
    seed: a new run on the same store asks what the old one would have asked. A picture that stands
    in the pool several times is asked once. Labels that a model gave (`who="model"`) do not count.

    Parameters
    ----------
    store : LabelStore
    items : array `[n, ...]` or sequence of n str
        The pool: pictures or texts; they are known in the store by their content, pictures in
        files by that of the file, whatever size they are read at.
    features : float `[n, d]`
        Their feature vectors, such as `extract_features` gives.
    class_names : sequence of str
        Labels of the store that are not among them are refused.
    query : function or str
        A strategy of the form described in `tlhelpers.queries`, or the name of one there.
    round_size : int or sequence of int
        Examples asked for in a round; of a sequence the last one is repeated.
    seed : int
    classifier : scikit-learn classifier with `predict_proba`, optional
        By default `LogisticRegression(max_iter=1000)`. It is cloned for each fit.

    Attributes
    ----------
    round : int, the present round, from 0 on

    Raises
    ------
    TypeError, ValueError
        Lengths that differ, features that are no numbers, fewer than two classes, a strategy that
        is none, labels of other classes in the store.

    Examples
    --------
    >>> import tempfile
    >>> features = np.random.default_rng(0).random((20, 4))
    >>> with tempfile.TemporaryDirectory() as folder, LabelStore(f"{folder}/labels") as store:
    ...     texts = [f"text {i}" for i in range(20)]
    ...     run = AccumulationRun(store, texts, features, ("news", "sport"), round_size=3)
    ...     first = run.ask()
    ...     run.answer(first[0], "news")
    ...     len(run.ask())
    True
    2
    """

    def __init__(
        self,
        store: LabelStore,
        items: np.ndarray | LazyImages | Sequence[str],
        features: np.ndarray,
        class_names: Sequence[str],
        *,
        query: Callable | str = queries.typical_then_margin,
        round_size: int | Sequence[int] = 10,
        seed: int = 0,
        classifier: ClassifierMixin | None = None,
    ) -> None:
        features = np.asarray(features)
        if features.ndim != 2 or features.dtype.kind != "f" or not np.isfinite(features).all():
            raise ValueError(
                f"Features have shape {list(features.shape)} and type {features.dtype}; finite "
                "float numbers [n, d] are expected, as extract_features gives them."
            )
        if len(items) != len(features) or not len(features):
            raise ValueError(
                f"Items do not match features: {len(items)} items, {len(features)} feature "
                "vectors; one of each an example is expected, and one example at least."
            )
        class_names = checks.class_names(class_names)
        if isinstance(query, str):
            query = getattr(queries, checks.one_of(query.replace(" ", "_"), "query", queries.NAMES))
        if not callable(query):
            raise TypeError(
                f"query is {query!r}; a function (features, labelled, probabilities, n, rng) is "
                f"expected, or one of {', '.join(map(repr, queries.NAMES))}."
            )
        sizes = list(round_size) if isinstance(round_size, Sequence) else [round_size]
        sizes = [checks.whole_number(size, "round_size") for size in sizes]
        if not sizes:
            raise ValueError("round_size is empty; a whole number, or several, is expected.")
        self.store, self.features, self.class_names = store, features, class_names
        self.query, self.sizes, self.seed = query, sizes, seed
        self._pool = Pool(store, items, class_names)
        self.keys = self._pool.keys
        self._probe = Probe(features, len(class_names), classifier)
        self._queries, self._given = {}, []
        if not self._pool.answers() and len(store):  # which also says now whether the labels fit
            warnings.warn(
                f"{store.path.name} holds {len(store)} labels, but none of this pool. A picture is "
                "known by its content: another size or type of number is another picture.",
                stacklevel=2,
            )

    @property
    def round(self) -> int:
        """The present round, from 0 on."""
        return self._state(self._pool.answers())[0]

    def ask(self) -> np.ndarray:
        """Return positions in the pool that wait for an answer in this round, most wanted first.

        Answered ones drop out; after the last of them comes the query of the next round. Empty
        when nothing is left.
        """
        return np.array(self._state(self._pool.answers())[1], int)

    def answer(
        self,
        position: int,
        label: str | None,
        *,
        who: str = "person",
        confidence: float | None = None,
    ) -> bool:
        """Keep the label of one example: the name of a class, or None to skip it.

        A correction stays in the round of the first answer. Returns False if nothing was new.

        Raises
        ------
        ValueError, IndexError
            No such class; no such example; a model's label. Nothing was kept.
        """
        if label is not None and label not in self.class_names:
            raise ValueError(
                f"label is {label!r}; expected is one of {', '.join(self.class_names)}."
            )
        if who == "model":
            raise ValueError(
                "who is 'model', but a model's labels are no answers to a query. Keep them with "
                "store.add(store.key(item), label, who='model')."
            )
        whole = isinstance(position, numbers.Integral)
        if not whole or not 0 <= position < len(self.keys):
            raise IndexError(
                f"There is no example {position!r}; 0 to {len(self.keys) - 1} are expected."
            )
        key = self.keys[position]
        answers = self._pool.answers()
        number = answers[key][1] if key in answers else self._state(answers)[0]
        model = f"probe on {len(labels_of(before_round(answers, number)))} labels"
        new = self.store.add(key, label, who=who, confidence=confidence, round=number, model=model)
        if new:
            self._given.append((int(position), who))
        return new

    def undo(self, who: str = "person") -> int | None:
        """Take back the latest answer that `who` gave through this object.

        Returns its position, or None if there is none left.
        """
        mine = [i for i, (_, name) in enumerate(self._given) if name == who]
        if not mine:
            return None
        position, _ = self._given[mine[-1]]
        self.store.withdraw(self.keys[position], who)
        del self._given[mine[-1]]
        return position

    def labelled(self, before: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return positions that have a label, and the labels as positions in `class_names`.

        Parameters
        ----------
        before : int, optional
            Only what was labelled in rounds before this one.

        Returns
        -------
        positions, labels : int `[m]`, in the order in which they were labelled
        """
        return self._pool.labelled(before_round(self._pool.answers(), before))

    def predict(self, features: np.ndarray | None = None) -> np.ndarray | None:
        """Return probabilities of the probe, fitted to the labels at hand.

        Parameters
        ----------
        features : float `[m, d]`, optional
            By default those of the pool.

        Returns
        -------
        float `[m, classes]`, or None while fewer than two classes have a label
        """
        features = self.features if features is None else np.asarray(features)
        return self._probe(features, *self.labelled())

    def _state(self, answers):
        """The present round, and the positions that wait in it."""
        number = max((number for _, number in answers.values()), default=0)
        waiting = self._waiting(number, answers)
        if not waiting and answers:
            number += 1
            waiting = self._waiting(number, answers)
        return number, waiting

    def _waiting(self, number, answers):
        before = before_round(answers, number)
        asked = self._queries.get(number)
        if asked is None or asked[0] != before:
            asked = before, self._choose(number, before)
            self._queries = {number - 1: self._queries.get(number - 1), number: asked}
        size = self._size(number) - sum(of == number for _, of in answers.values())
        waiting = [position for position in asked[1] if self.keys[position] not in answers]
        return waiting[: max(0, size)]

    def _size(self, number):
        return self.sizes[min(number, len(self.sizes) - 1)]

    def _choose(self, number, before):
        """Ask the strategy, on the labels of earlier rounds."""
        closed = self._pool.closed(before)
        size = min(self._size(number), len(self.keys) - len(closed))
        if size <= 0:
            return []
        probabilities = self._probe(self.features, *self._pool.labelled(before))
        rng = np.random.default_rng([self.seed, number])
        return queries.choose(self.query, self.features, closed, probabilities, size, rng)
