"""How good answers are: accuracy, or the mean of the classes' recalls."""

from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, recall_score

from ..runtime.check_labels import as_labels, check_labels

METRICS = ("accuracy", "balanced_accuracy")  # scikit-learn's names


def score(metric: str, answers: Any, labels: Any, classes: int) -> float:
    """Return a metric of answers: classes `[n]`, or one number for each class `[n, classes]`.

    Labels are ints `[n]`. For "balanced_accuracy" each class in `labels` counts alike. TypeError or
    ValueError for other kinds, shapes, lengths or values.
    """
    answers = as_labels(answers, "Answers")
    if answers.ndim == 2 and answers.shape[1] == classes:
        if not np.isfinite(answers).all():
            raise ValueError("Answers hold values that are not finite; a number a class is needed.")
        answers = answers.argmax(axis=1)
    if answers.ndim > 1 and answers.shape[1:] != (1,):
        raise ValueError(
            f"Answers have shape {list(answers.shape)}; classes [n], or scores [n, {classes}], are "
            "expected."
        )
    answers = check_labels(answers, "Answers", classes=classes)
    labels = check_labels(labels, "Labels", classes=classes)
    if len(answers) != len(labels):
        raise ValueError(
            f"{len(answers)} answers for {len(labels)} labels; as many of both are expected."
        )
    if metric == "accuracy":
        return float(accuracy_score(labels, answers))
    there = np.unique(labels)
    return float(recall_score(labels, answers, labels=there, average="macro", zero_division=0))
