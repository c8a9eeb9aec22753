"""What trains in a model, block by block."""

import math

import keras
import numpy as np
import pandas as pd

from .blocks import block_parts


def trainable_summary(model: keras.Layer) -> pd.DataFrame:
    """Return a table of a model's blocks: what trains, and at which learning rate.

    Parameters
    ----------
    model : keras.Model or HubLayer

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
    rows = []
    for name, parts in block_parts(model).items():
        weights = [weight for part in parts for weight in part.weights]
        train = [weight for weight in weights if weight.trainable]
        factors = [_factor(optimizer, weight) for weight in train] or [0.0]
        rows.append(
            {
                "block": name,
                "layers": len(parts),
                "parameters": sum(math.prod(weight.shape) for weight in weights),
                "trainable": sum(math.prod(weight.shape) for weight in train),
                "learning_rate": rate * max(factors),
            }
        )
    return pd.DataFrame(rows).set_index("block")


def _factor(optimizer, weight):
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # under mixed precision
    return optimizer.factor(weight) if hasattr(optimizer, "factor") and optimizer.built else 1.0
