"""What features depend on: the images, the weights, the architecture."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import tensorflow as tf

from ..images.lazy_images import LazyImages
from ..runtime.keras_private import all_layers


def feature_key(network: keras.Layer, images: np.ndarray | LazyImages) -> str | None:
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
    parts = [weight.numpy() for weight in network.weights]
    if isinstance(images, LazyImages):
        parts += [np.frombuffer(digest, np.uint8) for digest in images.digests()]
    else:
        parts += [images[start : start + 200] for start in range(0, len(images), 200)]

    def digest(array):
        content = hashlib.sha256(f"{array.shape}{array.dtype}".encode())
        content.update(np.ascontiguousarray(array))
        return content.digest()

    key = hashlib.sha256(f"{keras.__version__} {tf.__version__} {description}".encode())
    with ThreadPoolExecutor() as pool:  # hashing leaves Python's lock: one core a part
        for part in pool.map(digest, parts):
            key.update(part)
    return key.hexdigest()


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
