"""The door through which labels come in: their kind, form and range."""

from typing import Any

import numpy as np

from .as_array import as_array


def as_labels(labels: Any, name: str = "Labels") -> np.ndarray:
    """Return labels of whatever form as an array of numbers; TypeError for texts.

    >>> as_labels([0.5, 1.5]).tolist()
    [0.5, 1.5]
    """
    found = as_array(labels, name)
    if found.dtype.kind not in "biuf":
        such = f", such as {found.ravel().tolist()[0]!r:.40}" if found.size else ""
        raise TypeError(
            f"{name} are of type {found.dtype}{such}; whole numbers 0, 1, 2 … are expected. Number "
            "the classes: labels = [class_names.index(name) for name in names]."
        )
    return found


def check_labels(
    labels: Any,
    name: str = "Labels",
    *,
    count: int | None = None,
    classes: int | None = None,
    names: bool = False,
    mend: str = "",
) -> np.ndarray:
    """Return labels as whole numbers `[n]`, or say what is wrong with them.

    Numbers such as 2.0, truth values and a form `[n, 1]` are converted. With `count` there must be
    so many; with `classes` they must be from 0 to below it; with `names`
    they may also be texts. Where numbers are wrong, the message ends with `mend`.

    >>> check_labels([[1.0], [0.0]])
    array([1, 0])
    >>> check_labels([1, 2], classes=2)
    Traceback (most recent call last):
    ValueError: Labels go from 1 to 2, but there are 2 classes, 0 to 1. Count from 0: labels - 1.
    """
    if getattr(labels, "ndim", 0) > 2:  # of LazyImages, too, which are not read for that
        raise ValueError(
            f"{name} have shape {list(labels.shape)}, as pictures have; [n] is expected. Are the "
            "arguments swapped? Inputs come first, then labels."
        )
    found = as_array(labels, name) if names else as_labels(labels, name)
    if found.dtype == object and all(isinstance(label, str) for label in found.flat):
        found = found.astype(str)
    elif found.dtype.kind not in "biufU":
        found = as_labels(found, name)  # which refuses them
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim != 1 or not len(found):
        mend = " Of one-hot rows or probabilities: argmax(axis=1)." if found.ndim == 2 else ""
        raise ValueError(
            f"{name} have shape {list(found.shape)}; [n], one class a sample and one at least, is "
            f"expected.{mend}"
        )
    if count is not None and len(found) != count:
        raise ValueError(
            f"{name} do not match: {len(found)} of them for {count} samples; one each is expected."
        )
    if found.dtype.kind == "f":
        found = _whole(found, name, mend)
    elif found.dtype.kind == "b":
        found = found.astype(np.int64)
    if classes is not None:
        low, high = found.min(), found.max()
        if low < 0 or high >= classes:
            if low < 0 or (low == 1 and high == classes):
                mend = "Count from 0: labels - 1." if low > 0 else ""
            raise ValueError(
                f"{name} go from {low} to {high}, but there are {classes} classes, 0 to "
                f"{classes - 1}. {mend}".rstrip()
            )
    return found


def _whole(labels, name, mend):
    bad = np.flatnonzero(~np.isfinite(labels))
    if len(bad):
        raise ValueError(
            f"{name} hold NaN or infinity at {len(bad)} of {len(labels)} places, the first is "
            f"{bad[0]}. Leave these samples out, of the inputs as well."
        )
    odd = labels[labels != np.round(labels)]
    if len(odd):
        raise ValueError(
            f"{name} are of type {labels.dtype}, such as {odd[0]:.4g}; whole numbers 0, 1, 2 … are "
            f"expected. {mend}".rstrip()
        )
    return labels.astype(np.int64)
