"""The loss of a classifier: known by name, or guessed from labels and outputs."""

from __future__ import annotations

import keras
import numpy as np

from .data_forms import as_pair, first_batches


def loss_name(loss: object) -> str:
    """Return the name of a loss given as a string, a function or an object, in small letters."""
    name = loss if isinstance(loss, str) else getattr(loss, "name", None)
    return (name or getattr(loss, "__name__", type(loss).__name__)).lower()


def guess_loss(model: keras.Model, data: object) -> keras.losses.Loss:
    """Return cross-entropy for the labels that come and the outputs that the model gives.

    Raises
    ------
    ValueError
        Outputs or labels that are not those of a classifier.
    """
    labels = all_labels(data)
    outputs = model.output_shape
    if not isinstance(outputs, tuple) or len(outputs) != 2 or outputs[1] < 2:
        raise ValueError(
            f"The output of {model.name} has shape {outputs}; one number a class, [n, classes] "
            "with 2 classes or more, is expected. For anything else compile the model with its "
            "loss first."
        )
    one_hot = is_one_hot(labels)
    if not one_hot and labels.dtype.kind not in "iu":
        raise ValueError(
            f"Labels are of type {labels.dtype}; whole numbers 0, 1, 2 … or one-hot rows are "
            "expected. For anything else compile the model with its loss first."
        )
    activation = getattr(model.layers[-1], "activation", None)
    losses = keras.losses
    kind = losses.CategoricalCrossentropy if one_hot else losses.SparseCategoricalCrossentropy
    return kind(from_logits=activation is not keras.activations.softmax)


def compile_with(
    model: keras.Model, optimizer: keras.optimizers.Optimizer | str, loss: object
) -> None:
    """Compile a model, with accuracy where it classifies."""
    model.compile(
        optimizer, loss, metrics=["accuracy"] if "crossentropy" in loss_name(loss) else None
    )


def all_labels(data: object) -> np.ndarray:
    """Return all labels; those of the first batch, where the data are a data set."""
    pair = as_pair(data)
    return first_batches(data, 1)[0][1] if pair is None else pair[1]


def is_one_hot(labels: np.ndarray) -> bool:
    """Return whether labels are rows `[n, classes]`."""
    return labels.ndim == 2 and labels.shape[1] > 1


def as_numbers(labels: np.ndarray) -> np.ndarray:
    """Return labels as numbers `[n]`, whatever their form."""
    return labels.argmax(axis=1) if is_one_hot(labels) else labels.ravel()
