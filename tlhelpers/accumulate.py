"""Accumulate labels in rounds: a probe on frozen features asks, somebody answers, again."""

import numbers

import numpy as np
from threadpoolctl import threadpool_limits

from . import queries


class AccumulationRun:
    """Which examples to have labelled next, from what stands in a `LabelStore`.

    In each round a linear probe, fitted to the labels of earlier rounds, looks at the whole pool,
    and the query strategy chooses what to ask. Everything follows from the store, the pool and the
    seed: a new run on the same store asks what the old one would have asked.

    Parameters
    ----------
    store : LabelStore
    items : array `[n, ...]` or sequence of n str
        The pool: pictures or texts; they are known in the store by their content.
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
        if isinstance(class_names, str) or len(set(class_names)) < max(2, len(class_names)):
            raise ValueError(
                f"class_names are {class_names!r}; two names or more are expected, all different."
            )
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
        self.store, self.features, self.class_names = store, features, tuple(class_names)
        self.query, self.sizes, self.seed, self.classifier = query, sizes, seed, classifier
        self.keys = [store.key(item) for item in items]
        self._spread = features.std() or 1.0
        self._asked = {}
        self._answers()  # says now whether the store fits

    @property
    def round(self):
        return self._state()[0]

    def ask(self):
        """Positions in the pool that wait for an answer in this round, most wanted first.

        Answered ones drop out; after the last of them comes the query of the next round. Empty
        when nothing is left.
        """
        return self._state()[1]

    def answer(self, position, label, *, who="person", confidence=None):
        """Keep the label of one example: the name of a class, or None to skip it.

        Raises
        ------
        ValueError, IndexError
            No such class; no such example. Nothing was kept.
        """
        if label is not None and label not in self.class_names:
            raise ValueError(
                f"label is {label!r}; expected is one of {', '.join(self.class_names)}."
            )
        round, _, model = self._state()
        return self.store.add(
            self._key(position), label, who=who, confidence=confidence, round=round, model=model
        )

    def undo(self, who="person"):
        """Take back the latest answer that `who` gave; returns its position, or None."""
        here = dict(zip(reversed(self.keys), range(len(self.keys) - 1, -1, -1), strict=True))
        given = [row for row in self.store.history() if row.who == who and row.item in here]
        given = [row for row in given if not row.withdrawn]
        if not given:
            return None
        self.store.withdraw(given[-1].item, who)
        return here[given[-1].item]

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
        found = [
            (place, self.class_names.index(label))
            for place, label, round in self._answers()
            if label is not None and (before is None or round < before)
        ]
        positions, labels = zip(*found, strict=True) if found else ((), ())
        return np.array(positions, int), np.array(labels, int)

    def predict(self, features=None, before=None):
        """Probabilities of the probe, fitted to the labels at hand.

        Parameters
        ----------
        features : float `[m, d]`, optional
            By default those of the pool.
        before : int, optional
            Fit only to labels of rounds before this one.

        Returns
        -------
        float `[m, classes]`, or None while fewer than two classes have a label
        """
        features = self.features if features is None else np.asarray(features)
        positions, labels = self.labelled(before)
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

    def _state(self):
        """The present round, what waits in it, and the version of the model that asks."""
        answers = self._answers()
        number = max((round for *_, round in answers), default=0)
        waiting, model = self._waiting(number, answers)
        if not len(waiting) and answers:
            number += 1
            waiting, model = self._waiting(number, answers)
        return number, waiting, model

    def _waiting(self, number, answers):
        before = [(place, label) for place, label, round in answers if round < number]
        given = {place for place, *_ in answers}
        labels = sum(label is not None for _, label in before)
        model = f"probe on {labels} labels"
        wanted = self.sizes[min(number, len(self.sizes) - 1)]
        wanted -= sum(round == number for *_, round in answers)
        key = number, tuple(before)
        if key not in self._asked:
            self._asked = {key: self._choose(number, [place for place, _ in before])}
        waiting = [place for place in self._asked[key] if place not in given]
        return np.array(waiting[: max(0, wanted)], int), model

    def _choose(self, number, known):
        size = min(self.sizes[min(number, len(self.sizes) - 1)], len(self.keys) - len(known))
        if size <= 0:
            return []
        rng = np.random.default_rng([self.seed, number])
        known = np.array(known, int)
        probabilities = self.predict(before=number)
        chosen = np.asarray(self.query(self.features, known, probabilities, size, rng))
        chosen = chosen.tolist()
        new = set(chosen) - set(known.tolist())
        whole = all(isinstance(place, int) and 0 <= place < len(self.keys) for place in chosen)
        if not whole or len(new) < len(chosen) or not 0 < len(chosen) <= size:
            raise ValueError(
                f"The strategy {getattr(self.query, '__name__', self.query)} returned {chosen}; "
                f"1 to {size} different positions that are not labelled yet are expected."
            )
        return chosen

    def _answers(self):
        """`(position, label or None, round)` of all that people answered, oldest first."""
        places = {}
        for place, key in enumerate(self.keys):
            places.setdefault(key, []).append(place)
        rows = [row for row in self.store if row.who != "model" and row.item in places]
        strange = {row.label for row in rows} - {None, *self.class_names}
        if strange:
            raise ValueError(
                f"{self.store.path} has labels of other classes: {', '.join(sorted(strange))}. "
                f"Expected are {', '.join(self.class_names)}. Use another store for another task."
            )
        return [(place, row.label, row.round) for row in rows for place in places[row.item]]

    def _key(self, position):
        if not isinstance(position, numbers.Integral) or not 0 <= position < len(self.keys):
            raise IndexError(
                f"There is no example {position!r}; 0 to {len(self.keys) - 1} are expected."
            )
        return self.keys[position]


_NAMES = ("random", "typical", "margin", "typical then margin")


def _named(name):
    if name not in _NAMES:
        raise ValueError(f"query is {name!r}; known are {', '.join(map(repr, _NAMES))}.")
    return getattr(queries, name.replace(" ", "_"))
