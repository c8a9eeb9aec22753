"""How good answers are: accuracy, or the mean of the classes' recalls."""

from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, recall_score

METRICS = ("accuracy", "balanced_accuracy")  # scikit-learn's names


def score(metric: str, answers: Any, labels: Any, classes: int) -> float:
    """Return a metric of answers: classes `[n]`, or one number for each class `[n, classes]`.

    Labels are ints `[n]`. For "balanced_accuracy" each class in `labels` counts alike. ValueError
    for other shapes, lengths or values.
    """
    answers, labels = np.asarray(answers), np.asarray(labels)
    if answers.ndim == 2 and answers.shape[1] == classes:
        if not np.isfinite(answers).all():
            raise ValueError("answers hold values that are not finite; a number a class is needed.")
        answers = answers.argmax(axis=1)
    for name, given in (("answers", answers), ("labels", labels)):
        if given.ndim != 1 or given.dtype.kind not in "iu":
            also = f", or scores of shape [n, {classes}]" if name == "answers" else ""
            raise ValueError(
                f"{name} are {given.dtype} of shape {list(given.shape)}; whole numbers of shape "
                f"[n]{also} are expected."
            )
        bad = given[(given < 0) | (given >= classes)]
        if len(bad):
            raise ValueError(
                f"{name} hold {bad[0]}, but there are {classes} classes, 0 to {classes - 1}."
            )
    if len(answers) != len(labels) or not len(labels):
        raise ValueError(
            f"{len(answers)} answers for {len(labels)} labels; as many of both are expected, one "
            "at least."
        )
    if metric == "accuracy":
        return float(accuracy_score(labels, answers))
    there = np.unique(labels)
    return float(recall_score(labels, answers, labels=there, average="macro", zero_division=0))
