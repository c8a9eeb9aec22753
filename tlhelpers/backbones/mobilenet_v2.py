"""The weights of TF Hub's MobileNetV2 in the network of Keras Applications, layer by layer."""

import re

import keras
import numpy as np

from .hub_layer import HubLayer

SIDE = 224  # pixels that the module takes

# The TF Hub module's names of weights, where they are those of TensorFlow's slim library.
_SLIM = (
    (r"^MobilenetV2/", ""),
    (r"^Conv/BatchNorm/", "bn_Conv1/"),
    (r"^Conv/weights", "Conv1/kernel"),
    (r"^Conv_1/BatchNorm/", "Conv_1_bn/"),
    (r"^Conv_1/weights", "Conv_1/kernel"),
    (r"^expanded_conv_(\d+)/", r"block_\1/"),
    (r"/BatchNorm/", "_BN/"),
    (r"/(depthwise_)?weights$", "/kernel"),
    (r"^((?:block_\d+)|expanded_conv)/", r"\1_"),
)


def with_weights_of(model: keras.Model, module: HubLayer) -> keras.Model:
    """Return MobileNetV2 of Keras Applications with the weights of the TF Hub module.

    ValueError if the module is another network: it has other weights, or gives other features.
    """
    known = {}
    for weight in module.weights:
        name = weight.path
        for pattern, new in _SLIM:
            name = re.sub(pattern, new, name)
        known[name] = weight.numpy()
    shapes = {weight.path: tuple(weight.shape) for weight in model.weights}
    if {name: value.shape for name, value in known.items()} != shapes:
        lacking = sorted(shapes.keys() - known.keys())
        raise ValueError(
            f"The weights of {module.handle} are not those of MobileNetV2 (of {len(shapes)} "
            f"weights {len(lacking)} are not found, {lacking[:1]} first). For its layers choose "
            "'keras:MobileNetV2'; HubLayer takes the module as it is."
        )
    model.set_weights([known[weight.path] for weight in model.weights])
    if model.input_shape[1] == SIDE:
        images = np.random.default_rng(0).random((2, SIDE, SIDE, 3), np.float32)
        wanted, got = np.asarray(module(images)), np.asarray(model(images, training=False))
        if not np.allclose(wanted, got, rtol=1e-2, atol=1e-2):
            raise ValueError(
                f"MobileNetV2 with the weights of {module.handle} gives other features than the "
                f"module (by up to {np.abs(wanted - got).max():.2g}), so it is not the same "
                "network. For its layers choose 'keras:MobileNetV2'."
            )
    return model
