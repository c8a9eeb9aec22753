"""The range of pictures that a pretrained network was trained with."""

import keras
import numpy as np

from .hub_layer import HubLayer
from .keras_networks import CaffePreprocessing

# What reaches a network of keras.applications after its preprocess_input: range -> names begin so
_V2 = ("resnet50v2", "resnet101v2", "resnet152v2")
_RANGES = {
    (0, 1): ("glyphnet",),
    (0, 255): ("convnext",),
    (-1, 1): ("inception", "mobilenet", "nasnet", "xception", *_V2),
    (-124, 152): ("vgg", "resnet"),  # after those of version 2
    (-2.2, 2.7): ("densenet",),
}


def expected_range(network: keras.Layer) -> tuple[float, float] | None:
    """Return the lowest and the highest value of what a network takes; None if nobody knows."""
    if isinstance(network, HubLayer):
        shape = getattr(network.input_spec, "shape", None) or ()
        return (0, 1) if len(shape) == 4 else None
    for layer in getattr(network, "layers", ()):
        if isinstance(layer, CaffePreprocessing):
            return 0, 1
        if isinstance(layer, keras.layers.Rescaling):  # of Keras Applications, or of `backbones`
            return (0, 255) if np.max(layer.scale) < 0.1 else (0, 1)
    name = network.name.lower()
    return next((span for span, names in _RANGES.items() if name.startswith(names)), None)
