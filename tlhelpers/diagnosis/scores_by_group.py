"""How often a model is right, group by group, with intervals."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from ..runtime.check_labels import check_labels


def scores_by_group(labels: Any, predictions: Any, groups: Any = None) -> pd.DataFrame:
    """Return the accuracy of all samples and of each group, with a 95 % interval.

    The interval is Wilson's (1927), which also holds for small groups and rates near 0 or 1. It
    is about the samples: another training, or other labels to learn from, may move more.

    Parameters
    ----------
    labels : int or str `[n]`
        What is true.
    predictions : int or str `[n]`
        What the model answers, of the same kind; of probabilities give `argmax(axis=1)`.
    groups : sequence `[n]`, optional
        To which group each sample belongs.

    Returns
    -------
    pandas.DataFrame
        A row "all", and one a group in the order of their names; columns `n`, `accuracy`, `low`,
        `high`.

    Raises
    ------
    TypeError, ValueError
        Other kinds, shapes or lengths; samples without a group, a group that is called "all".

    Examples
    --------
    >>> scores_by_group([0, 1, 1, 0], [0, 1, 0, 0], ["old", "old", "new", "new"]).accuracy
    group
    all    0.75
    new    0.50
    old    1.00
    Name: accuracy, dtype: float64
    """
    labels = check_labels(labels, names=True)
    predictions = check_labels(predictions, "Predictions", names=True)
    if (labels.dtype.kind in "US") != (predictions.dtype.kind in "US"):
        raise ValueError(
            f"labels are {labels.dtype} and predictions are {predictions.dtype}; both as numbers "
            "or both as names are expected."
        )
    of = pd.Series(np.asarray(groups, object) if groups is not None else [""] * len(labels))
    lengths = {"labels": len(labels), "predictions": len(predictions), "groups": len(of)}
    if len(set(lengths.values())) > 1:
        got = ", ".join(f"{n} {name}" for name, n in lengths.items())
        raise ValueError(f"Got {got}; one of each for a sample is expected.")
    if of.isna().any():
        raise ValueError(
            f"{of.isna().sum()} samples have no group. Name theirs, such as 'not known', or leave "
            "these samples out of all three."
        )
    if (of == "all").any():
        raise ValueError("A group is called 'all', which is the row of all samples. Rename it.")
    right = pd.Series(labels == predictions)
    rows = {"all": right}
    if groups is not None:
        rows |= {group: right[of == group] for group in sorted(of.unique(), key=str)}
    table = pd.DataFrame.from_dict({group: _row(own) for group, own in rows.items()}, "index")
    return table.rename_axis("group").astype({"n": int})


def _row(right):
    test = binomtest(int(right.sum()), len(right))
    low, high = test.proportion_ci(method="wilson")
    return {"n": len(right), "accuracy": right.mean(), "low": low, "high": high}
