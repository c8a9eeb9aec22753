"""Weights between those of several models of one form."""

import numbers
from collections.abc import Sequence

import keras
import numpy as np


def average_weights(
    models: Sequence[keras.Model | Sequence[np.ndarray]], mix: float | Sequence[float] | None = None
) -> list[np.ndarray]:
    """Return the weighted mean of the weights of models, as `model.set_weights` takes it.

    Between a model before and after fine-tuning: WiSE-FT (Wortsman et al., 2022). Of several that
    were fine-tuned from the same start: a model soup (Wortsman et al., 2022).

    Parameters
    ----------
    models : sequence of keras.Model, or of what their `get_weights` gives
        Two or more of one form.
    mix : float or sequence of float, optional
        Of two models, how much of the second: 0 is the first, 1 the second. Or the share of each
        model; they sum to 1. By default all have the same share.

    Raises
    ------
    ValueError
        Fewer than two models; weights of other shapes; shares that do not fit.

    Examples
    --------
    >>> average_weights([[np.array([0.0, 2.0])], [np.array([4.0, 2.0])]], 0.25)
    [array([1., 2.])]
    """
    weights = [
        model.get_weights() if hasattr(model, "get_weights") else list(model) for model in models
    ]
    if len(weights) < 2:
        raise ValueError(f"{len(weights)} models are given; two or more are expected.")
    shapes = [[np.shape(array) for array in each] for each in weights]
    for number, other in enumerate(shapes[1:], 2):
        if other != shapes[0]:
            raise ValueError(
                f"Model {number} is of another form than the first: {len(other)} weights and "
                f"{len(shapes[0])}, or other shapes. Only weights of one architecture have a mean."
            )
    if mix is None:
        shares = np.full(len(weights), 1 / len(weights))
    elif isinstance(mix, numbers.Real):
        if len(weights) != 2:
            raise ValueError(f"mix is one number, for two models; {len(weights)} are given.")
        shares = np.array([1 - float(mix), float(mix)])
    else:
        shares = np.asarray(mix, float)
    if shares.shape != (len(weights),) or not np.isclose(shares.sum(), 1):
        raise ValueError(
            f"mix is {mix!r}; {len(weights)} shares that sum to 1 are expected, one a model."
        )
    return [
        sum(
            share * np.asarray(array, float) for share, array in zip(shares, arrays, strict=True)
        ).astype(arrays[0].dtype)
        for arrays in zip(*weights, strict=True)
    ]
