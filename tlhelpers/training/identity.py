"""What features and trainings depend on: what was kept of others is not taken for theirs."""

import hashlib
import json
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
import PIL
import tensorflow as tf

from ..images.lazy_images import Images, LazyImages, parts_of
from ..runtime.keras_private import all_layers
from .data_forms import as_pair

FORMAT = 2  # of backups: their identity tells the layers' settings and the loss
_PUBLISHED = ("keras", "keras_hub", "tensorflow", "tlhelpers")  # told by their versions


def feature_key(network: keras.Layer, images: Images) -> str | None:
    """Return what tells these features from others; None if nothing surely does.

    Code of the reader's own may change under the same name, also what it calls or reads: layers,
    functions and models that come from neither Keras, KerasHub nor this package have no key.
    """
    layers = all_layers(network)
    if not all(map(_is_published, layers)):
        return None
    try:
        what = _settings(network)
        description = json.dumps([what, *_fingerprints(layers)], sort_keys=True)
    except (NotImplementedError, TypeError, ValueError):
        return None  # nor what cannot be described
    if not _tells_all(what):
        return None
    hub = getattr(sys.modules.get("keras_hub"), "__version__", "")
    versions = f"{keras.__version__} {tf.__version__} {hub} {PIL.__version__}"
    weights = [weight.numpy() for weight in network.weights]
    return _digest([f"{versions} {description}", *weights, images])


def _is_published(layer):
    """Whether the code of a layer is that of a library, and was not replaced in this object."""
    if isinstance(layer, keras.layers.TFSMLayer | keras.layers.TorchModuleWrapper):
        return False  # they run what is not in their settings
    own = [type(layer), *(value for value in vars(layer).values() if callable(value))]
    return all((each.__module__ or "").split(".")[0] in _PUBLISHED for each in own)


def _tells_all(node):
    """Whether serialised settings name code of libraries alone."""
    if isinstance(node, list):
        return all(map(_tells_all, node))
    if not isinstance(node, dict):
        return True
    if node.get("class_name") in ("function", "__lambda__"):
        return False
    if "module" in node and "class_name" in node:
        place = str(node["module"] or node.get("registered_name"))
        if place.replace(">", ".").split(".")[0] not in _PUBLISHED:
            return False
    return all(map(_tells_all, node.values()))


def _fingerprints(layers):
    return [getattr(layer, "fingerprint", "") for layer in layers]


def training_key(model: keras.Model, base: keras.Layer, data: tuple, arguments: dict) -> dict:
    """Return what tells one training from another: the model, the pretrained weights, the data.

    Of a tf.data.Dataset only the types and shapes of its elements count, of functions their names.
    """
    arguments = dict(arguments)
    loss = arguments.pop("loss", None)
    layers = [type(layer).__name__ for layer in all_layers(model)]
    shapes = [f"{variable.dtype}{list(variable.shape)}" for variable in model.variables]
    arrays: list[Any] = []
    for part in data:
        pair = None if part is None else as_pair(part)
        arrays += [str(getattr(part, "element_spec", None))] if pair is None else [*pair]
    return {
        "format": FORMAT,
        "model": _digest([str(layers + shapes), *(weight.numpy() for weight in base.weights)]),
        "layers": _digest([_as_text([_known_settings(model), *_fingerprints(all_layers(model))])]),
        "data": _digest(keras.tree.flatten(arrays)),
        "loss": _as_text(loss),
        "arguments": _as_text(arguments),
    }


def _as_text(settings):
    return json.dumps(settings, sort_keys=True, default=_known_settings)


def _settings(thing):
    """Settings of a Keras object, without names and without what tells how it was used."""
    return _without_names(keras.saving.serialize_keras_object(thing), {})


def _known_settings(thing):
    """As `_settings`; of a model written as a class those of its layers, of others the class."""
    try:
        return _settings(thing)
    except (NotImplementedError, TypeError, ValueError):
        inner = all_layers(thing)[1:] if isinstance(thing, keras.Layer) else []
        return [type(thing).__name__, *map(_known_settings, inner)]


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
    if node.get("class_name") == "__lambda__":
        return {"class_name": "__lambda__"}  # its code tells the place of a file
    is_layer = {"trainable", "inbound_nodes", "batch_shape"} & set(node)  # not, say, a dtype's name
    is_layer = is_layer or node.get("class_name") == "InputLayer"
    return {
        key: number(value)
        if key in ("keras_history", "input_layers", "output_layers") or (key == "name" and is_layer)
        else _without_names(value, seen)
        for key, value in node.items()
        if key not in ("build_config", "build_input_shape", "compile_config")
    }
