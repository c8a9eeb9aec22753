"""A head of one layer, solved as logistic regression."""

from __future__ import annotations

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from .data_forms import as_pair
from .losses import as_numbers, compile_with, loss_name

SOLVED = 10_000  # samples up to which a linear head is solved at once, in memory


def linear_head(model: keras.Model, data: object, loss: object) -> keras.layers.Dense | None:
    """Return the one layer of a softmax regression on vectors; None for another model."""
    pair = as_pair(data)
    *others, dense = [
        part for part in model.layers if not isinstance(part, keras.layers.InputLayer)
    ]
    fits = (
        pair is not None
        and isinstance(dense, keras.layers.Dense)
        and all(isinstance(layer, keras.layers.Dropout) for layer in others)
        and len(model.input_shape) == 2
        and dense.activation in (keras.activations.linear, keras.activations.softmax)
        and dense.kernel_regularizer is None
        and "categorical_crossentropy" in loss_name(loss)
        and len(pair[1]) <= SOLVED
    )
    return dense if fits and len(np.unique(as_numbers(pair[1]))) == dense.units > 1 else None


def solve(
    dense: keras.layers.Dense,
    model: keras.Model,
    data: tuple,
    validation: tuple | None,
    loss: object,
    class_weight: dict[int, float] | None,
) -> keras.callbacks.History:
    """Fit the head as logistic regression, with a penalty that keeps its weights small."""
    features, labels = np.asarray(data[0], np.float32), data[1]
    spread = features.std() or 1.0
    regression = LogisticRegression(
        max_iter=1000, fit_intercept=dense.use_bias, class_weight=class_weight
    )
    with threadpool_limits(limits=1):  # small fits wait for one another on several cores
        regression.fit(features / spread, as_numbers(labels))
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
