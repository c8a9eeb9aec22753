"""The doctor: train a few steps, look for silent faults, and put everything back."""

from __future__ import annotations

import traceback
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from ..runtime.checks import whole_number
from ..training.blocks import find_base
from ..training.data_forms import as_pair, first_batches
from . import check_data, check_training
from .case import Case

BEFORE_TRAINING = {
    "head and labels": check_data.head_and_labels,
    "range of inputs": check_data.range_of_inputs,
    "augmentation and cache": check_data.augmentation_and_cache,
    "training and test data": check_data.training_and_test_data,
    "compiled since unfreezing": check_training.compiled_since_unfreezing,
    "saved and loaded": check_training.saved_and_loaded,
}
AFTER_TRAINING = {
    "training steps": check_training.training_steps,
    "learning rate": check_training.learning_rate,
    "BatchNorm statistics": check_training.batchnorm_statistics,
    "frozen weights": check_training.frozen_weights,
    "gradients": check_training.gradients,
}


def doctor(
    model: keras.Model,
    data: Any,
    test: Any = None,
    *,
    expects: tuple[float, float] | None = None,
    steps: int = 10,
) -> Diagnosis:
    """Train a few steps, look for silent faults of transfer learning, and leave no trace.

    The steps run on the model itself, since a copy would not have the fault of a model that was
    not compiled again. Weights, optimizer and random seeds are put back afterwards, to the bit.

    Parameters
    ----------
    model : keras.Model
        Compiled, with its loss.
    data : Split, (inputs, labels) or tf.data.Dataset of batches
        What the model is trained on, prepared as for `fit`.
    test : as `data`, optional
        What it is tested on, to look for samples that stand in both.
    expects : (float, float), optional
        Range of the input values that the pretrained network was trained with. It is known for
        HubLayers of pictures, networks that do their own rescaling, and keras.applications.
    steps : int
        Training steps; a small data set is gone through several times.

    Returns
    -------
    pandas.DataFrame
        A row a check: `result` ("ok", "problem", "not checked"), what was `found`, `what to do`.
        Where training stopped, `attrs["error"]` of the table is the whole error as a text.

    Raises
    ------
    TypeError, ValueError
        Not a Keras model, or not compiled; data of another kind, or without labels.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> model.compile("sgd", keras.losses.SparseCategoricalCrossentropy())  # of logits
    >>> inputs, labels = np.random.default_rng(0).random((64, 4)), np.arange(64) % 2
    >>> table = doctor(model, (inputs, labels))
    >>> table.loc["head and labels", "what to do"]
    'Use from_logits=True.'
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"A keras.Model is expected, not {type(model).__name__}.")
    if not model.compiled:
        raise ValueError(
            "The model is not compiled. The doctor trains a few steps with your optimizer and "
            "loss: call model.compile first."
        )
    whole_number(steps, "steps")
    if test is not None:
        as_pair(test)
    case = Case(model, data, test, expects, batches=first_batches(data, steps))
    if not model.built:
        model(case.batches[0][0], training=False)
    case.base = find_base(model)
    with _put_back(model):
        rows = {name: check(case) for name, check in BEFORE_TRAINING.items()}
        _train(case)
        rows |= {name: check(case) for name, check in AFTER_TRAINING.items()}
    columns = ["result", "found", "what to do"]
    table = Diagnosis.from_dict(rows, orient="index", columns=columns).rename_axis("check")
    if case.error:
        table.attrs["error"] = "".join(traceback.format_exception(case.error))
    return table


class Diagnosis(pd.DataFrame):
    """A table that shows its texts whole."""

    @property
    def _constructor(self):
        return Diagnosis

    def __repr__(self):
        with pd.option_context("display.max_colwidth", None, "display.width", None):
            return super().__repr__()

    def _repr_html_(self):
        with pd.option_context("display.max_colwidth", None):
            return super()._repr_html_()


def _train(case):
    """Losses and gradients before and after some steps of the model's own training."""
    try:
        case.first_loss = _loss_and_gradients(case)
        case.before = {id(weight): weight.numpy() for weight in case.model.weights}
        try:
            _steps(case)
        except ValueError:
            if check_training.compiled_since_unfreezing(case).result == "ok":
                raise
            _fresh_optimizer(case.model)  # that problem is reported; look for others
            _steps(case)
        case.last_loss = _loss_and_gradients(case)
    except Exception as error:  # whatever training meets is a finding
        case.error = error


def _steps(case):
    # by `fit`, since another way to train would not meet the function that `fit` compiled
    note = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda step, logs: case.losses.append(logs["loss"])  # mean up to here
    )
    settings = {"shuffle": False, "verbose": 0, "callbacks": [note]}
    if as_pair(case.data) is None:
        case.model.fit(case.data.repeat(), steps_per_epoch=len(case.batches), **settings)
    else:
        pair = keras.tree.map_structure(lambda *parts: np.concatenate(parts), *case.batches)
        case.model.fit(*pair, batch_size=len(case.batches[0][1]), **settings)


def _loss_and_gradients(case):
    """Mean loss of the first batches in training mode; notes which weights get a gradient."""
    model, weights, losses = case.model, case.model.trainable_weights, []
    known = {id(weight.value) for weight in model.weights}
    for inputs, labels in case.batches[:2]:
        with tf.GradientTape() as tape:
            outputs = model(inputs, training=True)
            loss = model.compute_loss(x=inputs, y=tf.convert_to_tensor(labels), y_pred=outputs)
            scaled = model.optimizer.scale_loss(loss)  # in float16 small gradients would vanish
        losses.append(float(loss))
        found = tape.gradient(scaled, [weight.value for weight in weights])
        alive = {id(w) for w, g in zip(weights, found, strict=True) if _some(g)}
        case.alive = alive.union(case.alive or ())
        case.strangers = [v for v in tape.watched_variables() if id(v) not in known]
    return np.mean(losses)


def _some(gradient):
    gradient = getattr(gradient, "values", gradient)  # of an embedding: the rows that were used
    return gradient is not None and bool(np.any(np.asarray(gradient) != 0))


@contextmanager
def _put_back(model):
    """Weights, random seeds, optimizer and compiled functions, as they were."""
    names = ("optimizer", "train_function", "test_function", "history", "stop_training")
    attributes = {name: getattr(model, name, None) for name in names}
    variables = list(model.variables)
    if model.optimizer.built:
        variables += model.optimizer.variables
    else:
        _fresh_optimizer(model)
    values = [(variable, variable.numpy()) for variable in variables]
    try:
        yield
    finally:
        for variable, value in values:
            variable.assign(value)
        for name, value in attributes.items():
            setattr(model, name, value)
        model.reset_metrics()


def _fresh_optimizer(model):
    model.optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
    model.train_function = None
