"""The forms in which data are accepted: a Split, a pair of arrays, a tf.data.Dataset."""

import itertools
import random

import keras
import numpy as np
import tensorflow as tf

from .images import LazyImages
from .streams import batches_in, labelled_batches, shared_by_data


def as_pair(data):
    """`(inputs, labels)` as arrays, or None for a tf.data.Dataset; LazyImages stay as they are.

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
    elif not isinstance(inputs, LazyImages):
        inputs = np.asarray(inputs)
    labels = np.asarray(labels)
    counts = [len(part) for part in (*keras.tree.flatten(inputs), labels)]
    if len(set(counts)) > 1 or not counts[-1]:
        raise ValueError(
            f"Inputs and labels do not match: {counts[0]} inputs, {counts[-1]} labels; one label "
            "an input is expected, and one of them at least."
        )
    return inputs, labels


def fit_arguments(data, batch_size=None, shuffle=False):
    """What `Model.fit` and `Model.evaluate` take for these data; LazyImages as a stream."""
    pair, size = as_pair(data), {"batch_size": batch_size} if batch_size else {}
    if pair is None:
        return {"x": data, **size}
    if isinstance(pair[0], LazyImages):
        seed = random.randrange(2**31)  # Python's, which keras.utils.set_random_seed sets
        return {"x": labelled_batches(*pair, batch_size or 32, shuffle, seed)}
    return {"x": pair[0], "y": pair[1], **size}


def first_batches(data, count, size=32):
    """A list of `count` batches `(inputs, labels)` of arrays, beginning again if need be.

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
        parts = [order[i : i + size] for i in range(0, min(len(order), count * size), size)]
        batches = [
            (keras.tree.map_structure(lambda array, p=p: np.asarray(array[p]), pair[0]), pair[1][p])
            for p in parts
        ]
    return list(itertools.islice(itertools.cycle(batches), count))


def in_order(arrays, size, seed, epochs):
    """Batches of all these epochs, one after the other; the order in each depends on its number.

    Without a seed the order is that of the arrays.
    """
    count = len(arrays[1])
    if isinstance(arrays[0], LazyImages):

        def orders():
            for epoch in epochs:
                rng = np.random.default_rng([seed or 0, epoch])
                yield np.arange(count) if seed is None else rng.permutation(count)

        return batches_in(orders, *arrays, size)
    arrays = keras.tree.map_structure(tf.convert_to_tensor, arrays)

    def order(epoch):
        positions = tf.range(count, dtype=tf.int64)
        if seed is not None:
            positions = tf.random.experimental.stateless_shuffle(positions, [seed, epoch])
        return tf.data.Dataset.from_tensor_slices(positions).batch(size)

    def take(positions):
        return keras.tree.map_structure(lambda array: tf.gather(array, positions), arrays)

    data = tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(order).map(take)
    return shared_by_data(data).prefetch(tf.data.AUTOTUNE)


def loss_name(loss):
    """Name of a loss given as a string, a function or an object, in small letters."""
    name = loss if isinstance(loss, str) else getattr(loss, "name", None)
    return (name or getattr(loss, "__name__", type(loss).__name__)).lower()
