"""What trains in a model, block by block."""

import math
from typing import Any

import keras
import numpy as np
import pandas as pd

from .blocks import block_parts


def trainable_summary(model: keras.Layer) -> pd.DataFrame:
    """Return a table of the blocks of a model or HubLayer: what trains, and at which learning rate.

    Returns
    -------
    pandas.DataFrame
        A row a block: `layers`, `parameters`, `trainable` (how many of them train) and
        `learning_rate` (0 for a frozen block, empty for a model that is not compiled).

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="head")])
    >>> trainable_summary(model).loc["head", "trainable"]
    np.int64(10)
    """
    optimizer = getattr(model, "optimizer", None)
    rate = np.nan if optimizer is None else float(optimizer.learning_rate)
    inner: Any = getattr(optimizer, "inner_optimizer", optimizer)  # under mixed precision
    layerwise = hasattr(inner, "factor") and inner.built
    rows = {}
    for name, parts in block_parts(model).items():
        weights = [weight for part in parts for weight in part.weights]
        train = [weight for weight in weights if weight.trainable]
        counts = [sum(math.prod(weight.shape) for weight in some) for some in (weights, train)]
        factors = [inner.factor(weight) if layerwise else 1.0 for weight in train]
        rows[name] = [len(parts), *counts, rate * max(factors, default=0.0)]
    columns = ["layers", "parameters", "trainable", "learning_rate"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("block")
