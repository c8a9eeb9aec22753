"""Two models' answers to the same labelled examples, compared in pairs."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binomtest


class PairedAnswers(NamedTuple):
    """How often only one of two models was right.

    Attributes
    ----------
    labels : int
        Examples that both answered.
    won, lost : int
        Those where only the new model was right, and only the old one.

    Examples
    --------
    >>> [PairedAnswers(40, won, 0).p_value for won in (1, 2, 3, 4)]
    [0.5, 0.25, 0.125, 0.0625]
    """

    labels: int
    won: int
    lost: int

    @property
    def p_value(self) -> float:
        """How likely at least so many wins are, if both models are equally good.

        Exact, one-sided: the sign test on answers that differ (McNemar, 1947; Dietterich, 1998).
        """
        differing = self.won + self.lost
        if not differing:
            return 1.0
        return float(binomtest(self.won, differing, alternative="greater").pvalue)


def compare_answers(old: ArrayLike, new: ArrayLike, labels: ArrayLike) -> PairedAnswers:
    """Count the examples that only the new model answers right, and only the old one.

    To compare at the labels at hand, take answers from cross-validation: each example is answered
    by a model that did not learn from it, both models by the same folds.

    Parameters
    ----------
    old, new : int `[n]`, or scores `[n, classes]`, of which the highest counts
    labels : int `[n]`

    Raises
    ------
    ValueError
        Other shapes, other lengths, nothing to compare.

    References
    ----------
    McNemar, "Note on the sampling error of the difference between correlated proportions or
    percentages" (1947); Dietterich, "Approximate statistical tests for comparing supervised
    classification learning algorithms" (1998).

    Examples
    --------
    >>> compared = compare_answers([0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1])
    >>> compared
    PairedAnswers(labels=4, won=2, lost=0)
    >>> compared.p_value
    0.25
    """
    labels = np.asarray(labels)
    answers = {}
    for name, given in (("old", np.asarray(old)), ("new", np.asarray(new))):
        whole = given.argmax(axis=1) if given.ndim == 2 else given
        if labels.ndim != 1 or whole.shape != labels.shape or not len(labels):
            raise ValueError(
                f"{name} has shape {list(given.shape)}, labels have {list(labels.shape)}; one "
                "answer, or a row of scores, for each of [n] labels is expected."
            )
        answers[name] = whole == labels
    won, lost = answers["new"] & ~answers["old"], answers["old"] & ~answers["new"]
    return PairedAnswers(len(labels), int(won.sum()), int(lost.sum()))
