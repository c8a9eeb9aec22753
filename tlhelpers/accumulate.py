"""Accumulate labels in rounds: a probe on frozen features asks, somebody answers, again."""

import numbers
import warnings

import numpy as np
from threadpoolctl import threadpool_limits

from . import queries
from .images import LazyImages
from .splits import check_class_names


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
    size : int or sequence of int
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
    >>> run = AccumulationRun(store, images, features, ("cat", "dog"))  # doctest: +SKIP
    >>> run.ask()  # doctest: +SKIP
    array([ 17, 203,   4])
    >>> run.answer(17, "cat")  # doctest: +SKIP
    """

    def __init__(
        self,
        store,
        items,
        features,
        class_names,
        *,
        query=queries.typical_then_margin,
        size=10,
        seed=0,
        classifier=None,
    ):
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
        class_names = check_class_names(class_names)
        if isinstance(query, str):
            query = _named(query)
        if not callable(query):
            raise TypeError(
                f"query is {query!r}; a function (features, labelled, probabilities, n, rng) is "
                f"expected, or one of {', '.join(map(repr, _NAMES))}."
            )
        sizes = [size] if isinstance(size, numbers.Integral) else list(size)
        if not sizes or not all(isinstance(s, numbers.Integral) and s > 0 for s in sizes):
            raise ValueError(f"size is {size!r}; whole numbers of at least 1 are expected.")
        self.store, self.features, self.class_names = store, features, class_names
        self.query, self.sizes, self.seed, self.classifier = query, sizes, seed, classifier
        files = items.contents() if isinstance(items, LazyImages) else None
        self.keys = [store.key(item) for item in files or items]
        self._places = {}
        for place, key in enumerate(self.keys):
            self._places.setdefault(key, []).append(place)
        self._spread = features.std() or 1.0
        self._queries, self._given = {}, []
        if not self._answers() and len(store):  # which also says now whether the labels fit
            warnings.warn(
                f"{store.path.name} holds {len(store)} labels, but none of this pool. A picture is "
                "known by its content: another size or type of number is another picture.",
                stacklevel=2,
            )

    @property
    def round(self):
        return self._state(self._answers())[0]

    def ask(self):
        """Positions in the pool that wait for an answer in this round, most wanted first.

        Answered ones drop out; after the last of them comes the query of the next round. Empty
        when nothing is left.
        """
        return np.array(self._state(self._answers())[1], int)

    def answer(self, position, label, *, who="person", confidence=None):
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
        answers = self._answers()
        number = answers[key][1] if key in answers else self._state(answers)[0]
        model = f"probe on {len(_labels(_before(answers, number)))} labels"
        new = self.store.add(key, label, who=who, confidence=confidence, round=number, model=model)
        if new:
            self._given.append((int(position), who))
        return new

    def undo(self, who="person"):
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

    def labelled(self, before=None):
        """Positions that have a label, and the labels as positions in `class_names`.

        Parameters
        ----------
        before : int, optional
            Only what was labelled in rounds before this one.

        Returns
        -------
        positions, labels : int `[m]`, in the order in which they were labelled
        """
        return self._labelled(_before(self._answers(), before))

    def _labelled(self, answers):
        found = _labels(answers)
        places = [place for key in found for place in self._places[key]]
        labels = [self.class_names.index(found[self.keys[place]]) for place in places]
        return np.array(places, int), np.array(labels, int)

    def predict(self, features=None):
        """Probabilities of the probe, fitted to the labels at hand.

        Parameters
        ----------
        features : float `[m, d]`, optional
            By default those of the pool.

        Returns
        -------
        float `[m, classes]`, or None while fewer than two classes have a label
        """
        features = self.features if features is None else np.asarray(features)
        return self._predict(features, *self.labelled())

    def _predict(self, features, positions, labels):
        if len(np.unique(labels)) < 2:
            return None
        if self.classifier is None:
            from sklearn.linear_model import LogisticRegression

            model = LogisticRegression(max_iter=1000)
        else:
            from sklearn.base import clone

            model = clone(self.classifier)
        with threadpool_limits(limits=1):
            model.fit(self.features[positions] / self._spread, labels)
        probabilities = np.zeros((len(features), len(self.class_names)))
        probabilities[:, model.classes_] = model.predict_proba(features / self._spread)
        return probabilities

    def _answers(self):
        """Key -> (label or None, round) of all that people answered in this pool, oldest first."""
        rows = [row for row in self.store if row.who != "model" and row.item in self._places]
        strange = {row.label for row in rows} - {None, *self.class_names}
        if strange:
            raise ValueError(
                f"{self.store.path} has labels of other classes: {', '.join(sorted(strange))}. "
                f"Expected are {', '.join(self.class_names)}. Use another store for another task."
            )
        return {row.item: (row.label, row.round) for row in rows}

    def _state(self, answers):
        """The present round, and the positions that wait in it."""
        number = max((number for _, number in answers.values()), default=0)
        waiting = self._waiting(number, answers)
        if not waiting and answers:
            number += 1
            waiting = self._waiting(number, answers)
        return number, waiting

    def _waiting(self, number, answers):
        before = _before(answers, number)
        asked = self._queries.get(number)
        if asked is None or asked[0] != before:
            asked = before, self._choose(number, before)
            self._queries = {number - 1: self._queries.get(number - 1), number: asked}
        size = self._size(number) - sum(place == number for _, place in answers.values())
        waiting = [place for place in asked[1] if self.keys[place] not in answers]
        return waiting[: max(0, size)]

    def _size(self, number):
        return self.sizes[min(number, len(self.sizes) - 1)]

    def _choose(self, number, before):
        """Ask the strategy, on the labels of earlier rounds."""
        closed = [place for key in before for place in self._places[key]]
        repeated = {place for places in self._places.values() for place in places[1:]}
        closed = np.array([*closed, *sorted(repeated - set(closed))], int)
        size = min(self._size(number), len(self.keys) - len(closed))
        if size <= 0:
            return []
        probabilities = self._predict(self.features, *self._labelled(before))
        rng = np.random.default_rng([self.seed, number])
        chosen = np.asarray(self.query(self.features, closed, probabilities, size, rng)).tolist()
        whole = all(isinstance(place, int) and 0 <= place < len(self.keys) for place in chosen)
        new = set(chosen) - set(closed.tolist())
        if not whole or len(new) < len(chosen) or not 0 < len(chosen) <= size:
            raise ValueError(
                f"The strategy {getattr(self.query, '__name__', self.query)} returned {chosen}; "
                f"1 to {size} different positions that are not labelled yet are expected."
            )
        return chosen


def _before(answers, number):
    """The answers of rounds before this one; all for None."""
    return {key: a for key, a in answers.items() if number is None or a[1] < number}


def _labels(answers):
    """Key -> label, without what was skipped."""
    return {key: label for key, (label, _) in answers.items() if label is not None}


_NAMES = ("random", "typical", "margin", "typical then margin")


def _named(name):
    if name not in _NAMES:
        raise ValueError(f"query is {name!r}; known are {', '.join(map(repr, _NAMES))}.")
    return getattr(queries, name.replace(" ", "_"))
