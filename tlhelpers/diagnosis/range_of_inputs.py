"""The doctor's check of the range of values that reach the pretrained network."""

import keras
import numpy as np

from ..backbones.hub_layer import HubLayer
from ..backbones.keras_networks import CaffePreprocessing
from ..runtime.keras_private import recorded_inputs
from .case import Case, Finding, not_checked, ok, problem

# What reaches a network of keras.applications after its preprocess_input, by its name
_CAFFE, _TORCH = (-124, 152), (-2.2, 2.7)
_RANGES = {
    "glyphnet": (0, 1),
    "convnext": (0, 255),
    "densenet": _TORCH,
    "inception": (-1, 1),
    "mobilenet": (-1, 1),
    "nasnet": (-1, 1),
    "vgg": _CAFFE,
    "xception": (-1, 1),
    **{f"resnet{depth}v2": (-1, 1) for depth in (50, 101, 152)},
    "resnet": _CAFFE,  # after the others, whose names begin so
}


def range_of_inputs(case: Case) -> Finding:
    """What reaches the pretrained network, against what it was trained with."""
    expected = case.expects or _expected(case.base or case.model)
    if expected is None:
        name = (case.base or case.model).name
        return not_checked(f"what {name} expects is not known", "Give expects=(low, high).")
    reached = _what_reaches(case)
    if reached is None:
        return not_checked("the input of the pretrained network is not one tensor of numbers")
    (low, high), (least, most) = expected, (reached.min(), reached.max())
    span, found = high - low, f"inputs from {least:.3g} to {most:.3g}; expected {low} to {high}"
    if not (np.isfinite(least) and np.isfinite(most)):
        return problem(found, "Drop or mend the samples with NaN or infinity.")
    if least < low - 0.05 * span or most > high + 0.05 * span:
        return problem(found, "Preprocess the inputs as the pretrained network expects.")
    if most - least < 0.05 * span:
        return problem(f"{found}: rescaled twice?", "Rescale once, in the data or in the model.")
    if least > low + 0.4 * span:
        return problem(f"{found}: the lower part is unused", "Use the network's preprocess_input.")
    return ok(found)


def _expected(base):
    if isinstance(base, HubLayer):
        shape = getattr(base.input_spec, "shape", None) or ()
        return (0, 1) if len(shape) == 4 else None
    for layer in base.layers:
        if isinstance(layer, CaffePreprocessing):
            return 0, 1
        if isinstance(layer, keras.layers.Rescaling):  # of Keras Applications, or of `backbones`
            return (0, 255) if np.max(layer.scale) < 0.1 else (0, 1)
    name = base.name.lower()
    return next((_RANGES[known] for known in _RANGES if name.startswith(known)), None)


def _what_reaches(case):
    if case.base is None:
        seen = [x for x, _ in case.batches[:3]]
    else:
        with recorded_inputs(case.base) as seen:
            for x, _ in case.batches[:3]:
                case.model(x, training=False)
    if any(isinstance(x, dict | list | tuple) for x in seen):
        return None
    values = np.concatenate([np.asarray(x) for x in seen])
    return values if values.dtype.kind == "f" or case.expects else None
