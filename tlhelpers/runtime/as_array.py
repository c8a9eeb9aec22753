"""Anything like an array as an array, or a sentence that says what came in its place."""

from pathlib import PurePath
from typing import Any

import numpy as np


def as_array(value: Any, name: str) -> np.ndarray:
    """Return what is like an array as one: lists, pandas, Pillow, tensors of TensorFlow or PyTorch.

    TypeError for a data set, a Split, a network, a path, or whatever else is none; ValueError for
    parts of different sizes. The message begins with the name.

    >>> as_array([[1, 2]], "Labels").shape
    (1, 2)
    """
    if mend := _something_else(value, name):
        kind = "tf.data.Dataset" if hasattr(value, "element_spec") else type(value).__name__
        article = "an" if kind[0] in "AEIOU" else "a"
        raise TypeError(f"{name} came as {article} {kind}; an array is expected. {mend}")
    try:
        array = np.asarray(value)
        if array.dtype == object and array.ndim:  # such as a column of arrays
            inner = np.asarray(array.tolist())
            array = inner if inner.dtype.kind in "biufc" else array
    except ValueError as error:
        shapes = list(dict.fromkeys(map(_shape, value)))
        if len(shapes) < 2:
            raise _unreadable(value, name, error) from None
        raise ValueError(
            f"{name} have different shapes, such as {shapes[0]} and {shapes[1]}; one array is "
            "expected. Bring them to one size, pictures with keras.ops.image.resize or "
            "tl.read_picture(path, size)."
        ) from None
    except Exception as error:  # each library refuses in its own way
        raise _unreadable(value, name, error) from None
    return array


def _shape(part):
    try:
        return str(list(np.shape(part)))
    except ValueError:
        return "one that varies"


def _unreadable(value, name, error):
    return TypeError(
        f"{name} came as {type(value).__module__}.{type(value).__name__}, which NumPy cannot read "
        f"({str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__}). "
        "Give an array; of a PyTorch tensor: x.detach().cpu().numpy()."
    )


def _something_else(value, name):
    """What to give instead of a thing that is known and no array; "" for others."""
    what = name.split()[-1].lower()
    what = "labels" if what in ("answers", "predictions") else what
    if hasattr(value, "element_spec"):  # a tf.data.Dataset
        part = "labels" if what == "labels" else "images"
        return f"Collect its batches: np.concatenate([{part} for images, labels in data])."
    parts = [part for part in ("images", "texts", "clips") if hasattr(value, part)]
    if parts and hasattr(value, "labels"):  # a Split
        if what not in ("images", "labels", "inputs"):  # vectors
            return "Give vectors, such as tl.extract_features(layer, split.images)."
        given = "labels" if what == "labels" else parts[0]
        return f"Give its {given}: split.{given}."
    if hasattr(value, "train") and hasattr(value, "validation"):  # a Task
        given = "labels" if what == "labels" else "images"
        return f"Give those of one of its splits: task.train.{given}."
    if hasattr(value, "trainable_weights"):  # a layer or model
        return "It is a network: are the arguments swapped? The network comes first."
    if isinstance(value, str | bytes | PurePath):
        return "Read a picture with tl.read_picture(path)[None], a folder with tl.load_task(path)."
    if isinstance(value, dict | set) or hasattr(value, "__next__"):
        return "Put the parts into a list first."
    if value is None:
        return "Nothing was given."
    return ""
