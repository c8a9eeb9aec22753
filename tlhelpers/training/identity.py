"""What features and trainings depend on: what was kept of others is not taken for theirs."""

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..images.lazy_images import Images, LazyImages, parts_of
from ..runtime.keras_private import all_layers
from .data_forms import as_pair


def feature_key(network: keras.Layer, images: Images) -> str | None:
    """Return what tells these features from others; None if nothing surely does."""
    try:
        layers = all_layers(network)
        what = [_without_names(keras.saving.serialize_keras_object(network), {})]
        what += [getattr(layer, "fingerprint", "") for layer in layers]
        description = json.dumps(what, sort_keys=True, default=repr)
    except (NotImplementedError, TypeError, ValueError):
        return None  # a model written as a class without get_config
    if any(type(layer).__module__ == "__main__" for layer in layers):
        return None  # its class stands in the notebook: the code may change under the same name
    if '"registered_name": "function"' in description or '"__lambda__"' in description:
        return None  # likewise a function, say an activation, and what a lambda refers to
    weights = [weight.numpy() for weight in network.weights]
    return _digest([f"{keras.__version__} {tf.__version__} {description}", *weights, images])


def training_key(model: keras.Model, base: keras.Layer, data: tuple, arguments: dict) -> dict:
    """Return what tells one training from another: the model, the pretrained weights, the data.

    Of a tf.data.Dataset only the types and shapes of its elements count.
    """
    layers = [type(layer).__name__ for layer in all_layers(model)]
    shapes = [f"{variable.dtype}{list(variable.shape)}" for variable in model.variables]
    arrays: list[Any] = []
    for part in data:
        pair = None if part is None else as_pair(part)
        arrays += [str(getattr(part, "element_spec", None))] if pair is None else [*pair]
    return {
        "model": _digest([str(layers + shapes), *(weight.numpy() for weight in base.weights)]),
        "data": _digest(keras.tree.flatten(arrays)),
        "arguments": json.dumps(
            arguments, sort_keys=True, default=keras.saving.serialize_keras_object
        ),
    }


def _digest(parts: Iterable[str | Images]) -> str:
    """Return the SHA-256 of texts, arrays and LazyImages; of arrays type and shape count, too."""
    pieces: list[np.ndarray] = []
    for part in parts:
        if isinstance(part, LazyImages):
            part = np.frombuffer(b"".join(part.digests()), np.uint8)
        pieces += parts_of(np.atleast_1d(part), 200)

    def digest(piece):
        content = hashlib.sha256(f"{piece.shape}{piece.dtype}".encode())
        content.update(piece.astype("U") if piece.dtype == object else np.ascontiguousarray(piece))
        return content.digest()

    with ThreadPoolExecutor() as pool:  # hashing leaves Python's lock: one core a piece
        return hashlib.sha256(b"".join(pool.map(digest, pieces))).hexdigest()


def _without_names(node, seen):
    """Serialised network with layers numbered, since Keras gives a rebuilt layer another name."""

    def number(name):
        if isinstance(name, list):
            return [number(part) for part in name]
        return seen.setdefault(name, len(seen)) if isinstance(name, str) else name

    if isinstance(node, list | tuple):
        return [_without_names(part, seen) for part in node]
    if not isinstance(node, dict):
        return node
    is_layer = {"trainable", "inbound_nodes", "batch_shape"} & set(node)  # not, say, a dtype's name
    is_layer = is_layer or node.get("class_name") == "InputLayer"
    return {
        key: number(value)
        if key in ("keras_history", "input_layers", "output_layers") or (key == "name" and is_layer)
        else _without_names(value, seen)
        for key, value in node.items()
    }
