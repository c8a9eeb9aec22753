"""Extract features once, and keep them on disk."""

import sys

import keras
import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

from ..images.batches import image_batches
from ..images.check_images import check_images
from ..images.lazy_images import Images, LazyImages, parts_of
from ..runtime import replicas
from ..runtime.checks import whole_number
from ..runtime.memory import batches_fit, check_memory
from ..storage.features import features_path, read_features, write_features
from .check_inputs import check_size
from .identity import feature_key


def extract_features(
    model: keras.Layer,
    images: Images,
    *,
    batch_size: int = 64,
    cache: bool = True,
    progress: bool = True,
    spatial: bool = False,
) -> np.ndarray:
    """Return float32 features `[n, d]` of images: one pass through a frozen network, kept on disk.

    Parameters
    ----------
    model : keras.Model or keras.Layer
        A network whose output is `[n, d]`; it is built if need be. It runs with
        `training=False`: no dropout, and BatchNorm uses its stored statistics.
    images : array of float32 `[n, height, width, 3]` in `[0, 1]`, or LazyImages
        float16 and float64 are converted. LazyImages are read a few batches at a time, while the
        network works on those before.
    batch_size : int
        Images a forward pass, for each replica where a strategy has several (`tl.strategy`): all
        of them share the work, each process gets all features, and the first one keeps them.
    cache : bool
        Keep the features on disk (see `TLHELPERS_CACHE`), until the content of the images, the
        weights, the architecture or a version change. Not those of a network with layers or
        functions that come from neither Keras, KerasHub nor this package: the code of one's own
        may change under the same name. `TLHELPERS_CACHE_LIMIT` is how many GB features may take in
        all, 5 by default; those longest unused go first.
    progress : bool
        Show a progress bar when the pass takes over two seconds.
    spatial : bool
        Allow outputs of any shape `[n, ...]`, such as the activations of a trunk (`split_at`).
        Their size in memory is said, unless progress is False.

    Raises
    ------
    TypeError, ValueError
        Images of another type, shape or range, or with NaN; an output that is not `[n, d]`; a
        `TLHELPERS_CACHE_LIMIT` that is no number.
    MemoryError
        The result would not fit into free memory, and nothing was computed; or the GPU has no room
        for a batch, and the message says which size to try.

    Notes
    -----
    Features of a frozen network as input of a small classifier: Donahue et al., "DeCAF" (2014);
    Razavian et al., "CNN features off-the-shelf" (2014).

    Examples
    --------
    >>> network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    >>> extract_features(network, np.zeros((2, 8, 8, 3), "float32"), cache=False).shape
    (2, 192)
    """
    whole_number(batch_size, "batch_size")
    images = check_images(images)
    _check_network(model, images)
    if not model.built:  # now: its weights are part of the key
        model(np.asarray(images[:1]), training=False)
    key = feature_key(model, images) if cache else None
    path = features_path(key) if key else None
    found = read_features(path, len(images)) if path else None
    lengths, founds = zip(*replicas.everywhere(len(images), found is not None), strict=True)
    if len(set(lengths)) > 1:
        raise ValueError(
            f"The workers were given different numbers of images: {list(lengths)}. Give all of "
            "them all images; each takes its part by itself."
        )
    if found is not None and all(founds):  # else all processes must compute their parts
        return found
    _check_output(model, images, progress, spatial)
    with batches_fit(min(batch_size, len(images))):
        features = _forward(model, images, batch_size, progress)
    black = getattr(images, "unreadable", ())  # what was made of them is not theirs
    if path and not black and replicas.is_chief():
        write_features(path, features)
    return features


def _check_network(network, images):
    if not isinstance(network, keras.Layer):
        raise TypeError(
            f"{type(network).__name__} is not a Keras layer or model. "
            "Give a keras.Model, or tl.HubLayer(task.backbone)."
        )
    check_size(network, images)


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


def _forward(network, images, batch_size, progress):
    def forward(batch):
        return network(batch, training=False)

    forward = replicas.shared(forward, tf.TensorSpec((None, *images.shape[1:]), tf.float32))
    batch_size *= tf.distribute.get_strategy().num_replicas_in_sync
    lazy = isinstance(images, LazyImages)
    batches = image_batches(images, batch_size) if lazy else parts_of(images, batch_size)
    features, starts = None, range(0, len(images), batch_size)
    options = {"leave": False, "delay": 2, "file": sys.stdout, "disable": not progress}
    bar = tqdm(batches, desc="features", total=len(starts), **options)
    for start, batch in zip(starts, bar, strict=True):
        batch = check_images(batch) if lazy else batch
        part = np.asarray(forward(batch), np.float32)
        if features is None:  # made once, since parts and the whole together take twice the room
            features = np.empty((len(images), *part.shape[1:]), np.float32)
        features[start : start + batch_size] = part
    return features
