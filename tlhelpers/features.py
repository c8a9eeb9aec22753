"""Extract features once, and keep them on disk."""

import hashlib
import json
import numbers
import sys
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

from . import distribution, kept
from .images import LazyImages
from .memory import batches_fit, check_memory
from .streams import image_batches


def extract_features(
    layer_or_model, images, batch_size=64, cache=True, progress=True, spatial=False
):
    """Feature vectors of images: one pass through a frozen network, remembered on disk.

    Parameters
    ----------
    layer_or_model : keras.Model or keras.Layer
        A network whose output is `[n, d]`; it is built if need be. It runs with
        `training=False`: no dropout, and BatchNorm uses its stored statistics.
    images : array of float32 `[n, height, width, 3]` in `[0, 1]`, or LazyImages
        float16 and float64 are converted. LazyImages are read a few batches at a time, while the
        network works on those before.
    batch_size : int
        Images a forward pass, for each replica where a strategy has several (`tl.strategy`): all
        of them share the work, each process gets all features, and the first one keeps them.
    cache : bool
        Keep the features in `tlhelpers.cache.cache_dir()` under a key made of the content of the
        images, the weights and the architecture: change one of them and the pass is made again.
        A network with layers or functions defined in the notebook itself is not kept, because
        their code may change under the same name.
    progress : bool
        Show a progress bar when the pass takes over two seconds.
    spatial : bool
        Allow outputs of any shape, such as the activations of a trunk (`split_at`). Their size in
        memory is said, unless progress is False.

    Returns
    -------
    float32 `[n, d]`, or `[n, ...]` with `spatial=True`

    Raises
    ------
    TypeError, ValueError
        Images of another type, shape or range, or with NaN; a network whose output is not
        `[n, d]`. The message says what came and how to mend it.
    MemoryError
        The result would not fit into the memory that is free; nothing was computed. Or the GPU has
        no room for a batch; the message says which size to try.

    Notes
    -----
    Features of a frozen network as input of a small classifier: Donahue et al., "DeCAF" (2014);
    Razavian et al., "CNN features off-the-shelf" (2014).

    Examples
    --------
    >>> features = extract_features(backbone, task.train.images)  # doctest: +SKIP
    """
    if not isinstance(batch_size, numbers.Integral) or batch_size < 1:
        raise ValueError(f"batch_size is {batch_size!r}; give a whole number of at least 1.")
    images = check_images(images)
    _check_network(layer_or_model, images)
    if not layer_or_model.built:  # now: its weights are part of the key
        layer_or_model(np.asarray(images[:1]), training=False)
    path = _cache_path(layer_or_model, images) if cache else None
    found = None if path is None else kept.read(path, len(images))
    if _all_have(found, images):
        return found
    _check_output(layer_or_model, images, progress, spatial)
    with batches_fit(min(batch_size, len(images))):
        features = _forward(layer_or_model, images, batch_size, progress)
    black = getattr(images, "unreadable", ())  # what was made of them is not theirs
    if path is not None and not black and distribution.is_chief():
        kept.write(path, features)
    return features


def check_images(images):
    """Return images as float32 `[n, height, width, 3]`, or say what is wrong with them."""
    if isinstance(images, LazyImages) and len(images):
        return images  # each batch is checked when it is read
    images = np.asarray(images)
    if images.dtype.kind != "f":
        mend = "Divide by 255: images.astype('float32') / 255."
        raise TypeError(
            f"Images are of type {images.dtype}; float32 in [0, 1] is expected. "
            f"{mend if images.dtype.kind in 'iu' else ''}".rstrip()
        )
    if images.ndim != 4 or images.shape[-1] != 3:
        mend = {
            2: " For one grey picture: np.repeat(image[None, :, :, None], 3, axis=-1).",
            3: " For one colour picture: images[None]. For grey pictures [n, height, width]: "
            "np.repeat(images[..., None], 3, axis=-1).",
        }.get(images.ndim, "")
        if images.ndim == 4 and images.shape[1] == 3:
            mend = " Put the channels last: np.moveaxis(images, 1, -1)."
        elif images.ndim == 4:
            mend = {
                1: " For grey pictures: np.repeat(images, 3, axis=-1).",
                4: " Drop the alpha channel: images[..., :3].",
            }.get(images.shape[-1], "")
        raise ValueError(
            f"Images have shape {list(images.shape)}; [n, height, width, 3] is expected.{mend}"
        )
    if images.size == 0:
        raise ValueError(
            f"Images are empty (shape {list(images.shape)}); at least one picture is expected."
        )
    low, high = images.min(), images.max()
    if not np.isfinite(low) or not np.isfinite(high):
        bad = np.flatnonzero(~np.isfinite(images).all((1, 2, 3)))
        raise ValueError(
            f"{len(bad)} of {len(images)} images hold NaN or infinity, the first is "
            f"images[{bad[0]}]. Drop them: images[np.isfinite(images).all((1, 2, 3))]."
        )
    if low < -1e-6 or high > 1 + 1e-6:
        mend = "Divide by 255." if low >= 0 and high <= 255 else "Rescale them to [0, 1]."
        raise ValueError(
            f"Images range from {low:.4g} to {high:.4g}; values in [0, 1] are expected. {mend}"
        )
    return np.ascontiguousarray(images, np.float32)


def _check_network(network, images):
    if not isinstance(network, keras.Layer):
        raise TypeError(
            f"{type(network).__name__} is not a Keras layer or model. "
            "Give a keras.Model, or tl.HubLayer(task.backbone)."
        )
    # a model has input_shape once it is built, a HubLayer has input_spec
    wanted = getattr(network, "input_shape", None)
    wanted = wanted or getattr(getattr(network, "input_spec", None), "shape", None)
    if isinstance(wanted, tuple) and len(wanted) == 4:
        fits = zip(wanted[1:], images.shape[1:], strict=True)
        if any(want not in (None, got) for want, got in fits):
            mend = f"Resize them: keras.ops.image.resize(images, {wanted[1:3]})."
            if isinstance(images, LazyImages):
                mend = f"Load them in its size: load_task(…, size={wanted[1]})."
            raise ValueError(
                f"Images have shape {list(images.shape)}; {network.name} expects "
                f"{_shape(wanted)}. {mend}"
            )


def _shape(dimensions):
    return f"[n, {', '.join(map(str, dimensions[1:]))}]"


def _check_output(network, images, progress, spatial):
    """Shape and size of the features, before they are computed."""
    output = network.compute_output_spec(keras.KerasTensor((None, *images.shape[1:])))
    shape = output.shape[1:]
    if len(shape) != 1 and not spatial:
        raise ValueError(
            f"{network.name} gives an output of shape {_shape(output.shape)}; feature vectors "
            "[n, d] are expected. End the network with GlobalAveragePooling2D or Flatten, or give "
            "spatial=True."
        )
    if None not in shape:
        size = check_memory(len(images), shape)
        if spatial and progress:
            print(f"{len(images)} activations of shape {list(shape)}: {size / 2**20:.0f} MiB")


def _all_have(found, images):
    """Whether all processes found the features; else all must compute their parts."""
    lengths, founds = zip(*distribution.everywhere(len(images), found is not None), strict=True)
    if len(set(lengths)) > 1:
        raise ValueError(
            f"The workers were given different numbers of images: {list(lengths)}. Give all of "
            "them all images; each takes its part by itself."
        )
    return all(founds)


def _forward(network, images, batch_size, progress):
    def forward(batch):
        return network(batch, training=False)

    forward = distribution.shared(forward, tf.TensorSpec((None, *images.shape[1:]), tf.float32))
    batch_size *= tf.distribute.get_strategy().num_replicas_in_sync
    if isinstance(images, LazyImages):
        batches = (check_images(batch.numpy()) for batch in image_batches(images, batch_size))
    else:
        batches = (images[i : i + batch_size] for i in range(0, len(images), batch_size))
    bar = tqdm(
        batches,
        desc="features",
        total=-(-len(images) // batch_size),
        leave=False,
        delay=2,
        file=sys.stdout,
        disable=not progress,
    )
    features, start = None, 0
    for batch in bar:
        part = np.asarray(forward(batch), np.float32)
        if features is None:  # made once, since parts and the whole together take twice the room
            features = np.empty((len(images), *part.shape[1:]), np.float32)
        features[start : start + len(part)] = part
        start += len(part)
    return features


def _cache_path(network, images):
    """File for these features, or None when the network cannot be told apart from others."""
    try:
        layers = list(network._flatten_layers())
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
    return kept.place(key.hexdigest())


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
