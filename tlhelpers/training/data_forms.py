"""The forms in which data are accepted: a Split, a pair of arrays, a tf.data.Dataset."""

import itertools
import random
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..images.batches import batches_in, labelled_batches, shared_by_data
from ..images.lazy_images import LazyImages, as_images


def as_pair(data: object) -> tuple | None:
    """Return `(inputs, labels)` as arrays or LazyImages; None for a tf.data.Dataset.

    Raises
    ------
    TypeError, ValueError
        Data of another kind; a data set without labels; unequal or no lengths.
    """
    if isinstance(data, tf.data.Dataset):
        if not isinstance(data.element_spec, tuple) or len(data.element_spec) < 2:
            raise TypeError(
                "The data set gives no labels; its elements should be (inputs, labels), both in "
                "batches."
            )
        return None
    if hasattr(data, "images") and hasattr(data, "labels"):
        inputs, labels = data.images, data.labels
    elif isinstance(data, tuple | list) and len(data) == 2:
        inputs, labels = data
    else:
        raise TypeError(
            f"Data are of type {type(data).__name__}; a Split, a pair (inputs, labels) or a "
            "tf.data.Dataset of batches is expected."
        )
    if isinstance(inputs, dict):
        inputs = {name: np.asarray(part) for name, part in inputs.items()}
    else:
        inputs = as_images(inputs)
    labels = np.asarray(labels)
    counts = [len(part) for part in (*keras.tree.flatten(inputs), labels)]
    if len(set(counts)) > 1 or not counts[-1]:
        raise ValueError(
            f"Inputs and labels do not match: {counts[0]} inputs, {counts[-1]} labels; one label "
            "an input is expected, and one of them at least."
        )
    return inputs, labels


def fit_arguments(
    data: object, batch_size: int | None = None, *, shuffle: bool = False
) -> dict[str, Any]:
    """Return what `Model.fit` and `Model.evaluate` take for these data; LazyImages as a stream."""
    pair, size = as_pair(data), {"batch_size": batch_size} if batch_size else {}
    if pair is None:
        return {"x": data, **size}
    if isinstance(pair[0], LazyImages):
        seed = random.randrange(2**31)  # Python's, which keras.utils.set_random_seed sets
        return {"x": labelled_batches(*pair, batch_size or 32, shuffle=shuffle, seed=seed)}
    return {"x": pair[0], "y": pair[1], **size}


def first_batches(data: object, count: int, batch_size: int = 32) -> list[tuple]:
    """Return a list of `count` batches `(inputs, labels)` of arrays, beginning again if need be.

    Arrays are shuffled first, since data are often sorted by class.
    """
    pair = as_pair(data)
    if pair is None:
        batches = [element[:2] for element in data.take(count)]
        batches = [keras.tree.map_structure(np.asarray, batch) for batch in batches]
        if not batches:
            raise ValueError("The data set is empty.")
    else:
        order = np.random.default_rng(0).permutation(len(pair[1]))
        order = order[: count * batch_size]
        parts = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
        batches = [
            (keras.tree.map_structure(lambda array, p=p: np.asarray(array[p]), pair[0]), pair[1][p])
            for p in parts
        ]
    return list(itertools.islice(itertools.cycle(batches), count))


def in_order(arrays: tuple, batch_size: int, seed: int | None, epochs: range) -> tf.data.Dataset:
    """Return batches of all these epochs in turn; the order in each depends on its number.

    Without a seed the order is that of the arrays.
    """
    count = len(arrays[1])
    if isinstance(arrays[0], LazyImages):

        def orders():
            for epoch in epochs:
                rng = np.random.default_rng([seed or 0, epoch])
                yield np.arange(count) if seed is None else rng.permutation(count)

        return batches_in(orders, *arrays, batch_size)
    arrays = keras.tree.map_structure(tf.convert_to_tensor, arrays)

    def order(epoch):
        positions = tf.range(count, dtype=tf.int64)
        if seed is not None:
            positions = tf.random.experimental.stateless_shuffle(positions, [seed, epoch])
        return tf.data.Dataset.from_tensor_slices(positions).batch(batch_size)

    def take(positions):
        return keras.tree.map_structure(lambda array: tf.gather(array, positions), arrays)

    data = tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(order).map(take)
    return shared_by_data(data).prefetch(tf.data.AUTOTUNE)
