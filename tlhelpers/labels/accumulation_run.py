"""Accumulate labels in rounds: a probe on frozen features asks, somebody answers, again."""

import functools
import numbers
import warnings
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from sklearn.base import ClassifierMixin

from ..images.lazy_images import Images
from ..runtime import checks
from . import queries
from .label_store import LabelStore
from .pool import OPEN, Pool


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
        items: Images | Sequence[str],
        features: np.ndarray,
        class_names: Sequence[str],
        *,
        query: queries.Query | str = queries.typical_then_margin,
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
        if not all(isinstance(name, str) for name in class_names):
            raise TypeError(
                f"class_names are {class_names!r:.60}; names are texts, such as "
                f"{tuple(map(str, class_names[:2]))}. Of numbers give [str(n) for n in …]."
            )
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
        self._pool = Pool(store, items, features, class_names, classifier)
        self.keys = self._pool.keys
        self._given: dict[str, list[int]] = defaultdict(list)  # who -> positions, the latest last
        self._asked = functools.lru_cache(maxsize=2)(self._choose)  # in this round, and the last
        self._pool.update()  # which also says now whether the labels fit
        if not len(self._pool.answered()) and len(store):
            warnings.warn(
                f"{store.path.name} holds {len(store)} labels, but none of this pool. A picture is "
                "known by its content: another size or type of number is another picture.",
                stacklevel=2,
            )

    @property
    def round(self) -> int:
        """The present round, from 0 on."""
        return self._state()[0]

    def ask(self) -> np.ndarray:
        """Return positions in the pool that wait for an answer in this round, most wanted first.

        Answered ones drop out; after the last of them comes the query of the next round. Empty
        when nothing is left.
        """
        return np.array(self._state()[1], int)

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
        if label is not None:
            checks.one_of(label, "label", self.class_names)
        if who == "model":
            raise ValueError(
                "who is 'model', but a model's labels are no answers to a query. Keep them with "
                "store.add(store.key(item), label, who='model')."
            )
        if not isinstance(position, numbers.Integral) or not 0 <= position < len(self.keys):
            raise IndexError(
                f"There is no example {position!r}; 0 to {len(self.keys) - 1} are expected."
            )
        self._pool.update()
        number = int(self._pool.rounds[position])
        if number < 0:
            number = self._state()[0]
        known = np.count_nonzero(self._pool.once[self._pool.labelled(number)[0]])
        model = f"probe on {known} labels"
        new = self.store.add(
            self.keys[position], label, who=who, confidence=confidence, round=number, model=model
        )
        if new:
            self._given[who].append(int(position))
        return new

    def undo(self, who: str = "person") -> int | None:
        """Take back the latest answer that `who` gave through this object.

        Returns its position, or None if there is none left.
        """
        if not self._given[who]:
            return None
        self.store.withdraw(self.keys[self._given[who][-1]], who)
        return self._given[who].pop()

    def labelled(self, before: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return positions that have a label, and their classes as positions in `class_names`.

        Both are int `[m]`, in the order in which they were labelled; with `before` only what was
        labelled in rounds before that one.
        """
        self._pool.update()
        return self._pool.labelled(before)

    def predict(self, features: np.ndarray | None = None) -> np.ndarray | None:
        """Return probabilities `[m, classes]` of the probe, fitted to the labels at hand.

        Features are float `[m, d]`, by default those of the pool. None is returned while fewer than
        two classes have a label.
        """
        features = self.features if features is None else np.asarray(features)
        self._pool.update()
        return self._pool.probabilities(features)

    def _state(self):
        """The present round, and the positions that wait in it."""
        self._pool.update()
        number = max(int(self._pool.rounds.max()), 0)
        waiting = self._waiting(number)
        if not waiting and len(self._pool.answered()):
            number += 1
            waiting = self._waiting(number)
        return number, waiting

    def _waiting(self, number):
        left = self._size(number) - self._pool.count(number)
        asked = self._asked(number, self._pool.state(number)) if left > 0 else []
        waiting = [position for position in asked if self._pool.labels[position] == OPEN]
        return waiting[:left]

    def _size(self, number):
        return self.sizes[min(number, len(self.sizes) - 1)]

    def _choose(self, number, _):
        """Ask the strategy, on the answers of earlier rounds."""
        closed = self._pool.closed(number)
        size = min(self._size(number), len(self.keys) - len(closed))
        if size <= 0:
            return []
        probabilities = self._pool.probabilities(self.features, number)
        rng = np.random.default_rng([self.seed, number])
        chosen = self.query(self.features, closed, probabilities, size, rng)
        chosen = np.asarray(chosen).tolist()
        free = np.ones(len(self.keys), bool)
        free[closed] = False
        fit = all(isinstance(p, int) and 0 <= p < len(free) and free[p] for p in chosen)
        if not fit or len(set(chosen)) < len(chosen) or not 0 < len(chosen) <= size:
            raise ValueError(
                f"The strategy {getattr(self.query, '__name__', self.query)} returned {chosen}; 1 "
                f"to {size} different positions that are not labelled yet are expected."
            )
        return chosen
