"""The door of a model: whether inputs have the shape and the range that it takes."""

from typing import Any

import keras
import numpy as np

from ..backbones.expected_range import expected_range
from ..images.check_images import check_finite, check_range, check_shape, check_type
from ..images.lazy_images import LazyImages
from ..runtime.keras_private import all_layers, recorded_inputs
from .blocks import find_base

SOME = 8  # pictures by which a range is judged
FAR = 10  # times the span that is expected: no preprocessing goes so far


def check_size(network: keras.Layer, inputs: Any) -> None:
    """Raise ValueError unless inputs `[n, ...]` have the shape that a network takes."""
    wanted, got = wanted_shape(network), getattr(inputs, "shape", None)
    if wanted is None or got is None or _fits(wanted, got):
        return
    expected = f"{network.name} expects [n, {', '.join(map(str, wanted[1:]))}]."
    if len(wanted) != 4:
        raise ValueError(f"Inputs have shape {list(got)}; {expected}")
    if inputs.dtype.kind in "US":
        check_type(inputs)  # which says what to do with names of files
    check_shape(inputs, (wanted[-1],))
    mend = f"Resize them: keras.ops.image.resize(images, {wanted[1:3]})."
    if isinstance(inputs, LazyImages):
        mend = f"Load them in its size: load_task(…, size={wanted[1]})."
    raise ValueError(f"Images have shape {list(got)}; {expected} {mend}")


def wanted_shape(network: Any) -> tuple | None:
    """Return the shape of a network's one input, with the batch; None if nobody knows."""
    while isinstance(network, keras.Sequential) and not network.built and network.layers:
        network = network.layers[0]
    # a model has input_shape once it is built, a HubLayer has input_spec
    shape = getattr(network, "input_shape", None)
    shape = shape or getattr(getattr(network, "input_spec", None), "shape", None)
    return shape if isinstance(shape, tuple) and all(_is_size(size) for size in shape) else None


def _is_size(size):
    return size is None or isinstance(size, int)


def _fits(wanted, got):
    """Keras adds a last axis of one, or takes it away."""
    forms = [got, (*got, 1), *([got[:-1]] if got[-1:] == (1,) else [])]
    return any(
        len(form) == len(wanted)
        and all(want in (None, size) for want, size in zip(wanted[1:], form[1:], strict=True))
        for form in forms
    )


def check_inputs(model: keras.Model, inputs: Any, base: keras.Layer | None = None) -> float | None:
    """Raise TypeError or ValueError unless a model that is built can learn from such inputs.

    Pictures from 0 to 255 are refused where a network gets them that takes other ones, and taken
    where a layer of the model prepares them; that is judged by eight of them. Returns how far
    pictures go (of LazyImages the first eight), None for other inputs.
    """
    if isinstance(inputs, dict):
        return None
    check_size(model, inputs)
    if is_pictures(inputs):
        lazy = isinstance(inputs, LazyImages)
        _, high = check_finite(np.asarray(inputs[:SOME]) if lazy else inputs)
        _check_prepared(model, inputs, base)
        return high
    if isinstance(inputs, np.ndarray) and inputs.dtype.kind == "f" and inputs.size:
        check_finite(inputs, "inputs")
    return None


def _check_prepared(model, inputs, base):
    """Refuse pictures that reach the network in a range that it was not trained with."""
    some = np.asarray(inputs[np.unique(np.linspace(0, len(inputs) - 1, SOME).astype(int))])
    whole = some.dtype.kind in "iu" and some.max() > 1
    if some.max() <= 1:
        return
    base = base or find_base(model) or model
    expected = expected_range(base) if some.shape[-1] == 3 else None
    entry = _first_with_weights(model) if expected is None else base
    if entry is None or not keras.backend.is_float_dtype(entry.compute_dtype):
        return  # some modules take bytes themselves
    with recorded_inputs(entry) as seen:
        model(some, training=False)
    reached = [np.asarray(each) for each in seen if keras.ops.is_tensor(each)]
    if not reached:
        return
    low, high = float(reached[0].min()), float(reached[0].max())
    if expected is not None:
        span = expected[1] - expected[0]
        wrong = low < expected[0] - FAR * span
        wrong |= high > expected[1] + (0.5 if whole else FAR) * span
    else:  # the pictures themselves, as numbers: nothing prepares them
        near = 0.1 * (some.max() - some.min())
        wrong = whole and abs(low - some.min()) <= near and abs(high - some.max()) <= near
    if not wrong:
        return
    if expected not in (None, (0, 1)):
        raise ValueError(
            f"Images range from {some.min():.4g} to {some.max():.4g}; from {low:.4g} to "
            f"{high:.4g} they reach {base.name}, which was trained with {expected[0]} to "
            f"{expected[1]}. Prepare them as its preprocess_input does."
        )
    check_type(some)
    check_range(some)


def is_pictures(inputs: Any) -> bool:
    """Return whether inputs are one array of pictures: four axes, and 1, 3 or 4 channels."""
    return not isinstance(inputs, dict) and len(inputs.shape) == 4 and inputs.shape[-1] in (1, 3, 4)


def _first_with_weights(model):
    """The first layer in the order of the model that learns from what comes."""
    for layer in all_layers(model):
        inner = [part for part in all_layers(layer) if part is not layer]
        if layer.weights and not inner and not isinstance(layer, keras.layers.Normalization):
            return layer
    return None
