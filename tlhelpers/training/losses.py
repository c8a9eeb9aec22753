"""The loss of a classifier, known by name or guessed; the head that solves it at once."""

from typing import Any

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from ..runtime.check_labels import check_labels
from .data_forms import as_pair, first_batches

SOLVED = 10_000  # samples up to which a linear head is solved at once, in memory


def loss_name(loss: Any) -> str:
    """Return the name of a loss given as a string, a function or an object, in small letters."""
    name = loss if isinstance(loss, str) else getattr(loss, "name", None)
    return str(name or getattr(loss, "__name__", type(loss).__name__)).lower()


def guess_loss(model: keras.Model, data: Any) -> keras.losses.Loss:
    """Return cross-entropy for the labels that come and the outputs that the model gives.

    ValueError for outputs or labels that are not those of a classifier.
    """
    pair, outputs = as_pair(data), model.output_shape
    labels = first_batches(data, 1)[0][1] if pair is None else pair[1]
    if not isinstance(outputs, tuple) or len(outputs) != 2 or outputs[1] < 2:
        raise ValueError(
            f"The output of {model.name} has shape {outputs}; one number a class, [n, classes] "
            "with 2 classes or more, is expected. For anything else compile the model with its "
            "loss first."
        )
    logits = getattr(model.layers[-1], "activation", None) is not keras.activations.softmax
    if is_one_hot(labels):
        return keras.losses.CategoricalCrossentropy(from_logits=logits)
    check_labels(labels, mend="For anything else compile the model with its loss first.")
    return keras.losses.SparseCategoricalCrossentropy(from_logits=logits)


def compile_with(model: keras.Model, optimizer: Any, loss: Any) -> None:
    """Compile a model, with accuracy where it classifies."""
    metrics = ["accuracy"] if "crossentropy" in loss_name(loss) else None
    model.compile(optimizer, loss, metrics=metrics)


def is_one_hot(labels: np.ndarray) -> bool:
    """Return whether labels are rows, a number for each class."""
    return labels.ndim == 2 and labels.shape[1] > 1


def _as_numbers(labels):
    return labels.argmax(axis=1) if is_one_hot(labels) else labels.ravel()


def solve_head(
    model: keras.Model, data: Any, validation: Any, loss: Any, class_weight: dict | None
) -> keras.callbacks.History | None:
    """Fit one layer on vectors as logistic regression, with a penalty that keeps weights small.

    None where the model is no softmax regression, or there are too many samples.
    """
    *others, dense = (x for x in model.layers if not isinstance(x, keras.layers.InputLayer))
    pair = as_pair(data)
    if (
        pair is None
        or len(pair[1]) > SOLVED
        or not isinstance(dense, keras.layers.Dense)
        or not all(isinstance(layer, keras.layers.Dropout) for layer in others)
        or len(model.input_shape) != 2
        or dense.activation not in (keras.activations.linear, keras.activations.softmax)
        or dense.kernel_regularizer is not None
        or "categorical_crossentropy" not in loss_name(loss)
    ):
        return None
    features, labels = np.asarray(pair[0], np.float32), _as_numbers(pair[1])
    if not len(np.unique(labels)) == dense.units > 1:
        return None
    spread = features.std() or 1.0
    regression = LogisticRegression(
        max_iter=1000, fit_intercept=dense.use_bias, class_weight=class_weight
    )
    with threadpool_limits(limits=1):  # small fits wait for one another on several cores
        regression.fit(features / spread, labels)
    kernel, bias = regression.coef_.T / spread, regression.intercept_
    if dense.units == 2:  # one column tells the two classes apart
        kernel, bias = (np.concatenate([-part / 2, part / 2], axis=-1) for part in (kernel, bias))
    dense.set_weights([kernel, bias] if dense.use_bias else [kernel])
    compile_with(model, "sgd", loss)
    history = keras.callbacks.History()
    history.epoch = [0]
    for prefix, each in (("", data), ("val_", validation)):
        if each is not None:
            reached = model.evaluate(*each, verbose=0, return_dict=True)
            history.history |= {prefix + name: [value] for name, value in reached.items()}
    return history
