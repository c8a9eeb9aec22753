"""The recommended recipe of fine-tuning: the head first, then the last blocks with it."""

import math
from typing import Any, NamedTuple

import keras
import numpy as np

from ..images.batches import image_batches
from ..images.lazy_images import LazyImages
from ..runtime import replicas
from ..runtime.checks import one_of, plural
from ..runtime.memory import batches_fit, check_memory
from ..runtime.types import StrPath
from .adapt_batch_norm import adapt_batch_norm
from .blocks import blocks, find_base, say_recomputed
from .check_pair import build, check_data, labels_fit, pictures_of
from .data_forms import as_pair, counted, fit_arguments
from .losses import compile_with, guess_loss, solve_head
from .resume import ResumableTraining
from .split_at import split_at
from .unfreeze import freeze, unfreeze

STEPS, PASSES = 400, 10  # at least, of a stage whose length is not given
HEAD_RATE = 1e-3  # of Adam, its default
SPAN = 20  # steps at least between two looks at the validation data


class Histories(NamedTuple):
    """What the two stages of `fine_tune` recorded: a `keras.callbacks.History` each."""

    head: keras.callbacks.History
    tuning: keras.callbacks.History


def fine_tune(
    model: keras.Model,
    data: Any,
    validation: Any = None,
    *,
    base: keras.Layer | None = None,
    last: int | None = 1,
    batch_norm: str = "frozen",
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 1e-4,
    epochs: tuple[int | None, int | None] = (None, None),
    backup: StrPath | None = None,
    **fit: Any,
) -> Histories:
    """Train the head on the frozen network, then the last blocks and the head together.

    Linear probing, then fine-tuning (LP-FT: Kumar et al., 2022): a head that is trained first
    sends the network gradients that mean something. A head of one `Dense` layer that classifies
    vectors is solved as logistic regression, for arrays of up to 10,000 samples, and its history
    has one entry; any other trains with Adam from its default rate on. Then head and blocks train
    with Adam from `learning_rate` on. Notebook 03 measures when that pays.

    A stage of steps goes to its end: 400 steps, or ten times through the data if that is more. Its
    rate falls along half a cosine wave to 0 (Loshchilov and Hutter, 2017), so that the curve is
    flat there and nobody has to say when to stop.

    What is frozen is computed once in each stage (see `split_at`), where the data are no data
    set, the model can be cut and the result fits into memory; pictures in files are read as a
    stream; `callbacks` then see the rest of the model.

    Parameters
    ----------
    model : keras.Model
        A pretrained network with a new head, as it is before training.
    data, validation : Split, (inputs, labels) or tf.data.Dataset of batches
        Pictures in `[0, 1]`, unless a layer of `model` prepares others (of a data set the first
        batch is checked). Validation data are looked at after each epoch. Where a stage ends with
        a lower accuracy on them than it began with (or a higher loss, where there is no accuracy),
        the weights of its start are put back. The best epoch is not looked for: that is luck.
    base : keras.Model or HubLayer, optional
        The pretrained network; by default the first model or HubLayer in `model` that has weights.
        To be given where `model` was made of its layers, or of their outputs.
    last : int or None
        How many blocks of `base` to unfreeze, counted from its output; None for all.
    batch_norm : "frozen", "update" or "adapt"
        Frozen as in the source task; training with their blocks (see `unfreeze`); or frozen after
        their statistics were re-estimated on `data` (see `adapt_batch_norm`, which takes more
        pictures, without labels).
    learning_rate : float or LearningRateSchedule
        Of the second stage: where it begins, or what it is at each step.
    epochs : (int, int)
        Of the first stage (where the head is not solved; 0 for one that is trained) and of the
        second. None goes to the end, as said above; an epoch then has 20 steps or more, and may
        pass several times through few data.
    backup : str or path, optional
        Folder (on Colab one of the mounted Drive) in which the state is kept after each epoch:
        weights, histories, optimizer, early stopping, seeds of dropout and the order of arrays.
        The same call in a new process goes on there, with the same result as if nothing had
        happened. Not restored are the state of your `callbacks` and the order of a
        tf.data.Dataset, which should not depend on earlier epochs.
    **fit
        Goes to Keras' `fit` in both stages: `batch_size`, `callbacks`, `class_weight`, `verbose`.

    Raises
    ------
    TypeError, ValueError
        Data of another kind, shape or range; labels that do not go with outputs or loss; no base or
        not so many blocks; no head; a loss that cannot be guessed; an endless data set without
        `steps_per_epoch`; `batch_norm="adapt"` for a data set; a backup of another model, other
        data or arguments; a model made outside of the strategy's scope.
    MemoryError
        The GPU has no room for a batch; the message says what to try, and the weights are those
        before the call.

    Notes
    -----
    The loss is that of `model` where it is compiled; otherwise cross-entropy for one output a
    class, of logits unless the last layer ends in a softmax, of labels as numbers or one-hot.

    Examples
    --------
    >>> base = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()], name="base")
    >>> base.add(keras.layers.Dense(4, activation="relu", name="block1_dense"))
    >>> model = keras.Sequential([base, keras.layers.Dense(2)])
    >>> images, labels = np.random.default_rng(0).random((8, 8, 8, 3)), np.arange(8) % 2
    >>> histories = fine_tune(model, (images, labels), epochs=(1, 3), verbose=0)
    >>> histories.tuning.epoch
    [0, 1, 2]
    """
    one_of(batch_norm, "batch_norm", ("frozen", "update", "adapt"))
    base = find_base(model) if base is None else base
    if base is None:
        raise ValueError(
            f"{model.name} holds no model or HubLayer with weights, so that its pretrained part is "
            "not known. Give it: fine_tune(model, data, base=…)."
        )
    arguments = {"last": last, "learning_rate": learning_rate, "epochs": epochs}
    arguments["batch_norm"] = batch_norm
    free = "update" if batch_norm == "update" else "frozen"
    images = pictures_of(data) if batch_norm == "adapt" else None
    arguments |= {key: fit.get(key) for key in ("batch_size", "shuffle", "steps_per_epoch")}
    weights = fit.get("class_weight") or {}
    arguments["class_weight"] = {int(label): float(weight) for label, weight in weights.items()}
    with model.distribute_strategy.scope():
        build(model, data)
        replicas.check_made_here(model.name, model.weights)
        loss = model.loss if model.compiled else guess_loss(model, data)
        data, validation, count = check_data(model, base, loss, data, validation)
        unfreeze(base, last=last, batch_norm=free)  # says first whether it has them
        freeze(base)
        if not model.trainable_weights:
            raise ValueError(
                f"Nothing in {model.name} trains beside {base.name}. Put a head on it: "
                "keras.Sequential([base, keras.layers.Dense(classes)])."
            )
        kept = None
        if backup is not None:
            arguments["loss"] = loss
            kept = ResumableTraining(backup, model, base, (data, validation), arguments)

        def stage(name, rate, length):
            """What a stage trained, None where the backup holds it finished, and its history."""

            def train(fit_part):
                cut = model, data, None
                if length != 0:  # else there is nothing to compute the frozen part for
                    cut = _without_trunk(model, data, validation, **fit)
                solve = name == "head" and length != 0
                history = solve_head(*cut, loss, fit.get("class_weight")) if solve else None
                if history is None:
                    history = _train(*cut, loss, rate, length, fit_part, fit)
                return cut[0], history

            return kept.stage(name, train) if kept else train(_fit)

        start, depth = model.get_weights(), last or len(blocks(base))
        whole = as_pair(data) is not None
        size = min(fit.get("batch_size") or 32, count) if whole else count  # 32 is Keras' own
        smaller = "batch_size={}" if whole else "batches of {}"
        fewer = [f"fewer blocks, last={depth - 1}"] if depth > 1 else []
        try:
            with labels_fit(), batches_fit(size, " with all blocks frozen", smaller):
                if images is not None:
                    adapt_batch_norm(model, images)
                _, first = stage("head", HEAD_RATE, epochs[0])
            unfreeze(base, last=last, batch_norm=free)
            say_recomputed(base)
            unfrozen = f" with {plural(depth, 'block')} unfrozen"
            with labels_fit(), batches_fit(size, unfrozen, smaller, fewer):
                tuned, second = stage("tuning", learning_rate, epochs[1])
        except (MemoryError, ValueError):
            model.set_weights(start)
            raise
        # the optimizer that trained, with its loss scale under mixed precision
        adam = keras.optimizers.Adam(learning_rate) if tuned is None else tuned.optimizer
        compile_with(model, adam, loss)
    return Histories(first, second)


def _fit(part, data, epochs, *, batch_size=None, shuffle=True, **fit):
    """Fit a part of the model, and keep no backup."""
    given = fit_arguments(data, batch_size, shuffle=shuffle)
    shuffle = shuffle and "y" in given  # a data set has its order
    return part.fit(epochs=epochs, shuffle=shuffle, **given, **fit)


def _train(model, data, validation, loss, rate, epochs, fit_part, fit):
    """Train what is free until the rate has fallen to 0; go back if validation data then say so."""
    steps, times = fit.get("steps_per_epoch"), 1
    if steps is None:
        least = SPAN if epochs is None else 1
        data, steps, times = counted(data, fit.get("batch_size"), least)
    if epochs is None:
        epochs = max(math.ceil(STEPS / steps), math.ceil(PASSES / times))
    if epochs and not isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        rate = keras.optimizers.schedules.CosineDecay(rate, steps * epochs)
    compile_with(model, keras.optimizers.Adam(rate), loss)
    if validation is None:
        return fit_part(model, data, epochs, **fit)
    start, held_out = model.get_weights(), fit_arguments(validation, fit.get("batch_size"))
    before = model.evaluate(**held_out, verbose=0, return_dict=True)
    pair = (held_out["x"], held_out["y"]) if "y" in held_out else held_out["x"]
    history = fit_part(model, data, epochs, validation_data=pair, **fit)
    name, sign = ("accuracy", 1) if "accuracy" in before else ("loss", -1)
    after = history.history.get(f"val_{name}", [np.nan])[-1]
    if not sign * after >= sign * before[name]:
        model.set_weights(start)
    return history


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
