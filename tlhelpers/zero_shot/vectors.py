"""Vectors, checked and of length 1."""

from typing import Any

import numpy as np

from ..runtime.as_array import as_array


def vectors_of(x: Any, what: str, d: int | None = None, *, one: bool = False) -> np.ndarray:
    """Return float32 `[n, d]` that is finite; `one` also takes a single vector `[d]`.

    TypeError or ValueError, which name them as `what`, for anything else.

    >>> vectors_of([1, 2], "x", one=True)
    array([[1., 2.]], dtype=float32)
    """
    if not isinstance(x, str):
        x = as_array(x, what)
    try:
        x = np.asarray(x, np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} is not an array of numbers ({error}). Encode it first.") from None
    x = x[None] if one and x.ndim == 1 else x
    if x.ndim != 2 or not x.size:
        expected = "[d] or [prompts, d]" if one else "[n, d]"
        raise ValueError(f"{what} has shape {list(x.shape)}; {expected} is expected.")
    if not np.isfinite(x).all():
        raise ValueError(f"{what} holds numbers that are not finite. Check the encoder's output.")
    if d not in (None, x.shape[1]):
        raise ValueError(
            f"{what} has {x.shape[1]} numbers a sample, what it is compared with has {d}; both "
            "must come from one encoder."
        )
    return x


def unit(x: np.ndarray) -> np.ndarray:
    """Return vectors `[..., d]` of length 1; zeros stay zeros.

    >>> unit(np.array([[3.0, 4.0]]))
    array([[0.6, 0.8]])
    """
    x = x / np.maximum(np.abs(x).max(-1, keepdims=True), 1e-30)  # squares must not overflow
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)
