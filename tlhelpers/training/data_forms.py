"""The forms in which data are accepted: a Split, a pair of arrays, a tf.data.Dataset."""

import itertools
import random
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..images.batches import labelled_batches, shared_by_data
from ..images.lazy_images import LazyImages, as_images, parts_of
from ..runtime.as_array import as_array
from ..runtime.check_labels import as_labels


def as_pair(data: Any) -> tuple[Any, np.ndarray] | None:
    """Return `(inputs, labels)` as arrays or LazyImages; None for a tf.data.Dataset.

    TypeError or ValueError for data of another kind, or without labels; for labels that are texts;
    for unequal or no lengths; for inputs and labels in the wrong order.
    """
    if isinstance(data, tf.data.Dataset):
        if not isinstance(data.element_spec, tuple) or len(data.element_spec) < 2:
            raise TypeError(
                "The data set gives no labels; its elements should be (inputs, labels), both in "
                "batches."
            )
        if getattr(data.element_spec[1], "shape", None) == ():
            raise ValueError("The data set gives single samples; give batches: data.batch(32).")
        return None
    if hasattr(data, "images") and hasattr(data, "labels"):
        inputs, labels = data.images, data.labels
    elif isinstance(data, tuple | list) and len(data) == 2:
        inputs, labels = data
    else:
        raise TypeError(
            f"Data are of type {type(data).__name__}; a Split, a pair (inputs, labels) or a "
            f"tf.data.Dataset of batches is expected.{_instead_of(data)}"
        )
    if isinstance(inputs, dict):
        inputs = {name: as_array(part, f"Inputs {name!r}") for name, part in inputs.items()}
    else:
        inputs = as_images(inputs, "Inputs")
    axes = getattr(labels, "ndim", 0)
    if isinstance(labels, LazyImages) or (axes > 2 and getattr(inputs, "ndim", axes) < 3):
        raise ValueError(
            "Inputs and labels are swapped: (inputs, labels) is expected, the pictures first."
        )
    labels = as_labels(labels)
    counts = [len(part) if part.ndim else 0 for part in (*keras.tree.flatten(inputs), labels)]
    if len(set(counts)) > 1 or not counts[-1]:
        raise ValueError(
            f"Inputs and labels do not match: {counts[0]} inputs, {counts[-1]} labels; one label "
            "an input is expected, of the same split, and one of them at least."
        )
    return inputs, labels


def _instead_of(data):
    if hasattr(data, "train") and hasattr(data, "validation"):  # a Task
        return " Give one of its splits: task.train."
    if hasattr(data, "labels"):  # a split of texts or recordings
        return " Give features and labels: (features, split.labels)."
    return " Give both in one pair: (images, labels)." if hasattr(data, "shape") else ""


def fit_arguments(
    data: Any, batch_size: int | None = None, *, shuffle: bool = False
) -> dict[str, Any]:
    """Return what `Model.fit` and `Model.evaluate` take for these data; LazyImages as a stream."""
    pair, size = as_pair(data), {"batch_size": batch_size} if batch_size else {}
    if pair is None:
        return {"x": data, **size}
    inputs, labels = pair
    if isinstance(inputs, LazyImages):
        seed = random.randrange(2**31)  # Python's, which keras.utils.set_random_seed sets
        return {"x": labelled_batches(inputs, labels, batch_size or 32, shuffle=shuffle, seed=seed)}
    return {"x": inputs, "y": labels, **size}


def first_batches(data: Any, count: int, batch_size: int = 32) -> list[tuple]:
    """Return a list of `count` batches `(inputs, labels)` of arrays, beginning again if need be.

    Arrays are shuffled first, since data are often sorted by class.
    """
    pair = as_pair(data)
    if pair is None:
        batches = [keras.tree.map_structure(np.asarray, each[:2]) for each in data.take(count)]
        if not batches:
            raise ValueError("The data set is empty.")
    else:
        order = np.random.default_rng(0).permutation(len(pair[1]))[: count * batch_size]
        batches = [_take(pair, places) for places in parts_of(order, batch_size)]
    return list(itertools.islice(itertools.cycle(batches), count))


def counted(data: Any, batch_size: int | None, least: int = 1) -> tuple[Any, int, int]:
    """Return data of at least so many batches, how many they are, and how often each sample comes.

    Batches of 32, if nothing is given. A data set that does not know its length is read once.
    ValueError for one without an end.
    """
    pair, size = as_pair(data), batch_size or 32
    if pair is not None:
        count = len(pair[1])
        times = -(-least * size // count)
        return _repeated(pair, times), -(-count * times // size), times
    count = int(data.cardinality())
    if count == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            "The data set has no end. Give steps_per_epoch, how many batches count as an epoch."
        )
    if count < 0:
        count = sum(1 for _ in data)
        data = data.apply(tf.data.experimental.assert_cardinality(count))
    times = -(-least // count)
    return data.repeat(times), count * times, times


def _repeated(pair, times):
    if times == 1:
        return pair
    places = np.tile(np.arange(len(pair[1])), times)
    return keras.tree.map_structure(lambda part: part[places], pair)


def in_order(
    pair: tuple[Any, np.ndarray], batch_size: int, seed: int | None, epochs: range
) -> tf.data.Dataset:
    """Return batches of all these epochs in turn; the order in each depends on its number.

    Without a seed the order is that of the arrays.
    """

    def batches():
        for epoch in epochs:
            order = np.arange(len(pair[1]))
            if seed is not None:
                order = np.random.default_rng([seed, epoch]).permutation(order)
            for places in parts_of(order, batch_size):
                yield _take(pair, places)

    spec = keras.tree.map_structure(lambda x: tf.TensorSpec((None, *x.shape[1:]), x.dtype), pair)
    data = tf.data.Dataset.from_generator(batches, output_signature=spec)
    return shared_by_data(data).prefetch(2)


def _take(pair, places):
    return keras.tree.map_structure(lambda array: np.asarray(array[places]), pair)
