"""The door of a training: whether inputs and labels go with the model, the loss, and each other."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..runtime.check_labels import check_labels
from .check_inputs import check_inputs, check_size
from .data_forms import as_pair, first_batches
from .losses import is_one_hot, loss_name

APART = 20  # times: pictures of training and validation were not prepared in one way


def check_data(
    model: keras.Model, base: keras.Layer, loss: Any, data: Any, validation: Any = None
) -> tuple[Any, Any, int]:
    """Return data for training and validation that go with a built model, and how many were seen.

    Labels that mean whole numbers, such as 2.0, become such. Of a tf.data.Dataset the first batch
    is looked at. TypeError or ValueError, with a sentence, for anything that cannot go well.
    """
    found: list[Any] = []
    counts, highs = [], []
    for name, each in (("Training", data), ("Validation", validation)):
        if each is None:
            found.append(None)
            continue
        pair = as_pair(each)
        inputs, labels = first_batches(each, 1)[0] if pair is None else pair
        counts.append(len(labels))
        high = check_inputs(model, inputs, base)
        fitting = fitting_labels(model, loss, labels, f"{name} labels")
        whole = pair is None or fitting is labels
        found.append(each if whole else (inputs, fitting))
        if high is not None:
            highs.append(high)
    if len(highs) == 2 and max(highs) > APART * max(min(highs), 1e-6) and min(highs) > 0.1:
        raise ValueError(
            f"Training pictures go up to {highs[0]:.4g}, validation pictures up to {highs[1]:.4g}. "
            "Prepare both in the same way, for example divide both by 255."
        )
    return found[0], found[1], counts[0]


def build(model: keras.Model, data: Any) -> None:
    """Build a model that is not built yet, by a picture of the data."""
    if not model.built:
        inputs = first_batches(data, 1)[0][0]
        check_size(model, inputs)
        model(inputs[:1], training=False)


def pictures_of(data: Any) -> Any:
    """Return the inputs for `adapt_batch_norm`; ValueError for a data set."""
    pair = as_pair(data)
    if pair is None:
        raise ValueError(
            "batch_norm='adapt' reads all pictures at once; a tf.data.Dataset is given. Call "
            "tl.adapt_batch_norm(model, images) before, and leave batch_norm='frozen'."
        )
    return pair[0]


@contextmanager
def labels_fit() -> Iterator[None]:
    """Say in a sentence that a later batch of a data set holds a label for which is no output."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        found = re.search(r"label value of (-?\d+) .* valid range of \[0, (\d+)\)", str(error))
        if not found:
            raise
        classes = int(found[2])
        raise ValueError(
            f"A batch holds label {found[1]}, but there are {classes} classes, 0 to {classes - 1}."
        ) from None


def fitting_labels(model: keras.Model, loss: Any, labels: Any, name: str) -> Any:
    """Return labels in the form that a loss of classes takes, for the outputs that there are.

    Those of other losses are returned as they are.
    """
    outputs, kind = getattr(model, "output_shape", None), loss_name(loss)
    if not isinstance(outputs, tuple) or len(outputs) != 2 or "categorical" not in kind:
        return labels
    classes, rows = outputs[1], is_one_hot(labels)
    if "sparse" in kind:
        if rows:
            raise ValueError(
                f"{name} are one-hot, of shape {list(labels.shape)}; whole numbers [n] are "
                "expected, as the training labels or the loss have it: labels.argmax(axis=1)."
            )
        if getattr(loss, "ignore_class", None) is not None:
            return labels
        mend = f"End the head of {model.name} with an output for each class."
        whole = check_labels(labels, name, classes=classes, mend=mend)
        return labels if np.issubdtype(labels.dtype, np.integer) else whole
    if not rows:
        raise ValueError(
            f"{name} are whole numbers, of shape {list(labels.shape)}; one-hot rows [n, {classes}] "
            "are expected, as the training labels or the loss have it: "
            f"keras.utils.to_categorical(labels, {classes})."
        )
    if labels.shape[1] != classes:
        raise ValueError(
            f"{name} are one-hot of {labels.shape[1]} classes, but {model.name} has {classes} "
            f"outputs. End its head with Dense({labels.shape[1]})."
        )
    return labels
