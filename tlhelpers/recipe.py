"""The recommended recipe of fine-tuning: the head first, then the last blocks with it."""

from typing import NamedTuple

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from . import distribution
from .backup import Backup
from .batches import as_pair, first_batches, fit_arguments, loss_name
from .images import LazyImages
from .memory import batches_fit, check_memory
from .split import split_at
from .streams import image_batches
from .tuning import blocks, find_base, freeze, unfreeze

PATIENCE = 5  # epochs without a better validation loss
SOLVED = 10_000  # samples up to which a linear head is solved at once, in memory


class Histories(NamedTuple):
    """What the two stages of `fine_tune` recorded: a `keras.callbacks.History` each."""

    head: keras.callbacks.History
    tuning: keras.callbacks.History


def fine_tune(
    model,
    data,
    validation=None,
    *,
    base=None,
    last=1,
    learning_rate=1e-4,
    epochs=(20, 10),
    backup=None,
    **fit,
):
    """Train the head on the frozen network, then the last blocks and the head together.

    Linear probing, then fine-tuning (LP-FT: Kumar et al., 2022): a head that is trained first
    sends the network gradients that mean something. A head of one `Dense` layer that classifies
    vectors is solved as logistic regression, for arrays of up to 10,000 samples, and its history
    has one entry; any other trains with Adam at its default rate. Then head and blocks train with
    Adam at `learning_rate`. BatchNorm layers stay frozen. Notebook 03 measures why.

    What is frozen is computed once in each stage (see `split_at`), where the data are no data
    set, the model can be cut and the result fits into memory; pictures in files are read as a
    stream; `callbacks` then see the rest of the model.

    Parameters
    ----------
    model : keras.Model
        A pretrained network with a new head, as it is before training.
    data, validation : Split, (inputs, labels) or tf.data.Dataset of batches
        With validation data each stage stops when their loss has not fallen for 5 epochs, and
        keeps the weights that were best by it: those of its start, when none was better.
    base : keras.Model or HubLayer, optional
        The pretrained network; by default the first model or HubLayer in `model` that has weights.
        To be given where `model` was made of its layers, or of their outputs.
    last : int or None
        How many blocks of `base` to unfreeze, counted from its output; None for all.
    learning_rate : float or schedule
        Of the second stage (Adam).
    epochs : (int, int)
        Of the first stage (where the head is not solved) and of the second; 0 in the first for a
        head that is trained already.
    backup : str or path, optional
        Folder (on Colab one of the mounted Drive) in which the state is kept after each epoch, so
        that the same call in a new process goes on there, with the same result as if nothing had
        happened. What is finished is not trained again: the call gives its weights and histories
        back. Also restored are the optimizer, early stopping, the seeds of dropout and the order
        of arrays. Not restored are the state of your `callbacks` and the order of a
        tf.data.Dataset, which should not depend on earlier epochs.
    **fit
        Goes to Keras' `fit` in both stages: `batch_size`, `callbacks`, `class_weight`, `verbose`.

    Returns
    -------
    Histories
        `head` and `tuning`, each a `keras.callbacks.History`.

    Raises
    ------
    TypeError, ValueError
        Data of another kind; a base that cannot be found or has no such number of blocks; no head;
        a loss that cannot be guessed; a backup of another model, other data or arguments; a model
        made outside of the strategy's scope.
    MemoryError
        The GPU has no room for a batch; the message says what to try, and the weights are those
        before the call.

    Notes
    -----
    The loss is that of `model` where it is compiled; otherwise cross-entropy for one output a
    class, of logits unless the last layer ends in a softmax, of labels as numbers or one-hot.

    Examples
    --------
    >>> model = keras.Sequential([base, keras.layers.Dense(10)])  # doctest: +SKIP
    >>> history = tl.fine_tune(model, task.few(10), task.validation)  # doctest: +SKIP
    >>> tl.plots.learning_curves({"tuning": [history.tuning]})  # doctest: +SKIP
    """
    base = find_base(model) if base is None else base
    if base is None:
        raise ValueError(
            f"{model.name} holds no model or HubLayer with weights, so that its pretrained part is "
            "not known. Give it: fine_tune(model, data, base=…)."
        )
    arguments = {"last": last, "learning_rate": learning_rate, "epochs": epochs}
    arguments |= {key: fit.get(key) for key in ("batch_size", "shuffle")}
    weights = fit.get("class_weight") or {}
    arguments["class_weight"] = {int(label): float(weight) for label, weight in weights.items()}
    with model.distribute_strategy.scope():
        if not model.built:
            model(first_batches(data, 1)[0][0][:1], training=False)
        distribution.check_made_here(model.name, model.weights)
        loss = model.loss if model.compiled else _guess_loss(model, data)
        unfreeze(base, last=last)  # says whether there are so many blocks, before all training
        freeze(base)
        if not model.trainable_weights:
            raise ValueError(
                f"Nothing in {model.name} trains beside {base.name}. Put a head on it: "
                "keras.Sequential([base, keras.layers.Dense(classes)])."
            )
        backup = Backup(backup, model, base, (data, validation), arguments)
        optimizers = [keras.optimizers.Adam(learning_rate)]

        def head():
            cut = _without_trunk(model, data, validation, **fit)
            dense = _linear_head(*cut[:2], loss) if epochs[0] else None
            if dense is not None:
                return cut[0], _solve(dense, *cut, loss, fit.get("class_weight"))
            return cut[0], _train(*cut, loss, keras.optimizers.Adam(), epochs[0], backup, fit)

        def tuning():
            cut = _without_trunk(model, data, validation, **fit)
            history = _train(*cut, loss, optimizers[0], epochs[1], backup, fit)
            optimizers.append(cut[0].optimizer)  # with its loss scale under mixed precision
            return cut[0], history

        start, depth = model.get_weights(), last or len(blocks(base))
        batch = _batch(data, fit.get("batch_size"))
        fewer = [f"fewer blocks, last={depth - 1}"] if depth > 1 else []
        try:
            with batches_fit(beside=" with all blocks frozen", **batch):
                first = backup.stage("head", head)
            unfreeze(base, last=last)
            free = f" with {depth} block{'s'[: depth > 1]} unfrozen"
            with batches_fit(beside=free, otherwise=fewer, **batch):
                second = backup.stage("tuning", tuning)
        except MemoryError:
            model.set_weights(start)
            raise
        _compile(model, optimizers[-1], loss)
    return Histories(first, second)


def _batch(data, size):
    """Samples a step, and how fewer are asked for."""
    count = len(_labels(data))
    if as_pair(data) is None:
        return {"size": count, "smaller": "batches of {}"}
    return {"size": min(size or 32, count)}  # 32 is Keras' own


def _labels(data):
    """All labels; those of the first batch, where the data are a data set."""
    pair = as_pair(data)
    return first_batches(data, 1)[0][1] if pair is None else pair[1]


def _linear_head(model, data, loss):
    """The one layer of a softmax regression on vectors; None if the model is anything else."""
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
    return dense if fits and len(np.unique(_numbers(pair[1]))) == dense.units > 1 else None


def _solve(dense, model, data, validation, loss, class_weight):
    """Fit the head as logistic regression, with a penalty that keeps its weights small."""
    features, labels = np.asarray(data[0], np.float32), data[1]
    spread = features.std() or 1.0
    regression = LogisticRegression(
        max_iter=1000, fit_intercept=dense.use_bias, class_weight=class_weight
    )
    with threadpool_limits(limits=1):  # small fits wait for one another on several cores
        regression.fit(features / spread, _numbers(labels))
    kernel, bias = regression.coef_.T / spread, regression.intercept_
    if dense.units == 2:  # one column tells the two classes apart
        kernel, bias = (np.concatenate([-part / 2, part / 2], axis=-1) for part in (kernel, bias))
    dense.set_weights([kernel, bias] if dense.use_bias else [kernel])
    _compile(model, "sgd", loss)
    history = keras.callbacks.History()
    history.epoch = [0]
    for prefix, each in (("", data), ("val_", validation)):
        if each is not None:
            reached = model.evaluate(*each, verbose=0, return_dict=True)
            history.history |= {prefix + name: [value] for name, value in reached.items()}
    return history


def _is_one_hot(labels):
    return labels.ndim == 2 and labels.shape[1] > 1


def _numbers(labels):
    return labels.argmax(axis=1) if _is_one_hot(labels) else labels.ravel()


def _train(model, data, validation, loss, optimizer, epochs, backup, fit):
    """Train what is free; keep the best weights by validation, those at the start among them."""
    _compile(model, optimizer, loss)
    if validation is None:
        return backup.fit(model, data, epochs, **fit)
    start, held_out = model.get_weights(), fit_arguments(validation, fit.get("batch_size"))
    before = model.evaluate(**held_out, verbose=0, return_dict=True)
    best = keras.callbacks.EarlyStopping("val_loss", patience=PATIENCE, restore_best_weights=True)
    callbacks = [best, *(fit.get("callbacks") or ())]
    pair = (held_out["x"], held_out["y"]) if "y" in held_out else held_out["x"]
    fit = fit | {"callbacks": callbacks, "validation_data": pair}
    history = backup.fit(model, data, epochs, **fit)
    if not min(history.history.get("val_loss", [np.inf])) < before["loss"]:
        model.set_weights(start)
    return history


def _compile(model, optimizer, loss):
    model.compile(
        optimizer, loss, metrics=["accuracy"] if "crossentropy" in loss_name(loss) else None
    )


def _without_trunk(model, data, validation, batch_size=None, verbose="auto", **_):
    """The part of the model from the first thing that trains on, and what reaches it."""
    pair = as_pair(data)
    held_out = None if validation is None else as_pair(validation)
    if pair is None or (validation is not None and held_out is None):
        return model, data, validation  # a data set may be endless, or differ in each epoch
    try:
        trunk, tail = split_at(model)
        count = len(pair[1]) + len(held_out[1] if held_out else ())
        check_memory(2 * count, tail.input_shape[1:])  # `predict` holds the parts and the whole
    except (MemoryError, TypeError, ValueError):
        return model, data, validation

    def through(pair):
        if isinstance(pair[0], LazyImages):
            batches = image_batches(pair[0], batch_size or 32)
            return trunk.predict(batches, verbose=verbose), pair[1]
        return trunk.predict(pair[0], batch_size=batch_size, verbose=0), pair[1]

    if not trunk.weights:  # it only prepares the images
        return model, data, validation
    return tail, through(pair), held_out and through(held_out)


def _guess_loss(model, data):
    """Cross-entropy for the labels that come and the outputs that the model gives."""
    labels = _labels(data)
    outputs = model.output_shape
    if not isinstance(outputs, tuple) or len(outputs) != 2 or outputs[1] < 2:
        raise ValueError(
            f"The output of {model.name} has shape {outputs}; one number a class, [n, classes] "
            "with 2 classes or more, is expected. For anything else compile the model with its "
            "loss first."
        )
    one_hot = _is_one_hot(labels)
    if not one_hot and labels.dtype.kind not in "iu":
        raise ValueError(
            f"Labels are of type {labels.dtype}; whole numbers 0, 1, 2 … or one-hot rows are "
            "expected. For anything else compile the model with its loss first."
        )
    activation = getattr(model.layers[-1], "activation", None)
    losses = keras.losses
    kind = losses.CategoricalCrossentropy if one_hot else losses.SparseCategoricalCrossentropy
    return kind(from_logits=activation is not keras.activations.softmax)
