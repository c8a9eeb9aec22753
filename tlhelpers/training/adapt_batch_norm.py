"""BatchNorm statistics re-estimated on other pictures, without labels."""

from typing import Any

import keras
import numpy as np

from ..images.lazy_images import as_images
from ..runtime.checks import whole_number
from ..runtime.keras_private import all_layers
from .check_inputs import check_inputs


def adapt_batch_norm(model: keras.Layer, images: Any, *, batch_size: int = 64) -> None:
    """Set the mean and variance of each BatchNorm layer to those that these images give.

    Adaptive BatchNorm (AdaBN: Li et al., 2016). The images pass through the model in batches; each
    layer keeps the mean over batches of their statistics. Weights that training changes stay as
    they are, no labels are needed, and what was frozen is frozen afterwards.

    Parameters
    ----------
    model : keras.Model
    images : array or LazyImages `[n, height, width, 3]`
        Some hundreds of the target task; fewer than about 30 give statistics that are mostly noise.
    batch_size : int
        About how many pass at once, at least 2; they are dealt evenly.

    Raises
    ------
    TypeError, ValueError
        The model has no BatchNorm layer; fewer than 2 images, or of another kind, shape or range.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization()])
    >>> adapt_batch_norm(model, np.full((8, 4), 3.0))
    >>> model.layers[0].moving_mean.numpy().tolist()
    [3.0, 3.0, 3.0, 3.0]
    """
    whole_number(batch_size, "batch_size", 2)
    layers = all_layers(model)
    norms = [each for each in layers if isinstance(each, keras.layers.BatchNormalization)]
    if not norms:
        raise ValueError(
            f"{model.name} has no BatchNorm layer whose statistics could be re-estimated."
        )
    images = as_images(images)
    if not images.ndim or len(images) < 2:
        count = len(images) if images.ndim else 0
        raise ValueError(f"{count} images are given; statistics need 2 of them at least.")
    check_inputs(model, images)
    dropouts = {each: each.rate for each in layers if isinstance(each, keras.layers.Dropout)}
    before = [(each, each.trainable, each.momentum) for each in norms]
    count = max(1, round(len(images) / batch_size))
    parts = np.array_split(np.arange(len(images)), count)
    try:
        for dropout in dropouts:
            dropout.rate = 0.0
        for norm in norms:
            norm.trainable = True  # a frozen one normalises by what it has
        for k, places in enumerate(parts):
            for norm in norms:
                norm.momentum = k / (k + 1)  # the mean of all batches so far
            model(np.asarray(images[places]), training=True)
    finally:
        for norm, trainable, momentum in before:
            norm.trainable, norm.momentum = trainable, momentum
        for dropout, rate in dropouts.items():
            dropout.rate = rate
