"""What a training depends on, so that a backup of another one is refused."""

import hashlib
import json

import keras
import numpy as np

from ..images.lazy_images import LazyImages
from ..runtime.keras_private import all_layers
from .data_forms import as_pair


def identify(model: keras.Model, base: keras.Layer, data: tuple, arguments: dict) -> dict[str, str]:
    """Return what tells one training from another: the model, the pretrained weights, the data.

    Of a tf.data.Dataset only the types and shapes of its elements count.
    """
    layers = [type(layer).__name__ for layer in all_layers(model)]
    shapes = [f"{variable.dtype}{list(variable.shape)}" for variable in model.variables]
    arrays = []
    for part in data:
        pair = None if part is None else as_pair(part)
        arrays += [str(getattr(part, "element_spec", None))] if pair is None else [*pair]
    return {
        "model": _digest([str(layers + shapes), *(weight.numpy() for weight in base.weights)]),
        "data": _digest(keras.tree.flatten(arrays)),
        "arguments": json.dumps(arguments, sort_keys=True, default=_config),
    }


def _config(value):
    return keras.saving.serialize_keras_object(value)  # of a schedule, say


def _digest(parts):
    content = hashlib.sha256()
    for part in parts:
        if isinstance(part, LazyImages):
            part = np.frombuffer(b"".join(part.digests()), np.uint8)
        if isinstance(part, np.ndarray):
            content.update(f"{part.dtype}{part.shape}".encode())
            part = part.astype("U").tobytes() if part.dtype == object else part
        content.update(part.encode() if isinstance(part, str) else np.ascontiguousarray(part))
    return content.hexdigest()
