"""Backbones by their handle: the network, and the preparation of pictures that belongs to it."""

import numbers
import re
from collections import Counter

import keras
import numpy as np

from . import fetch, files
from .hub import HubLayer

MOBILENET = "https://tfhub.dev/google/imagenet/mobilenet_v2_100_224/feature_vector/5"
_PLACE = "https://storage.googleapis.com/tensorflow/keras-applications/"
_END = "_weights_tf_dim_ordering_tf_kernels_notop.h5"
# network: (weights without the head, checksum, how pixels are prepared, smallest side, side)
_APPLICATIONS = {
    "VGG16": (f"vgg16/vgg16{_END}", "md5:6d6bbae143d832006294945121d1f1fc", "caffe", 32, 224),
    "ResNet50": (
        f"resnet/resnet50{_END}",
        "md5:4d473c1dd8becc155b73f8504c6f6626",
        "caffe",
        32,
        224,
    ),
    "InceptionV3": (
        f"inception_v3/inception_v3{_END}",
        "md5:bcbd6486424b2319ff4ef7d526e38f63",
        "tf",
        75,
        299,
    ),
    "MobileNetV2": (
        "mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
        None,  # Keras publishes no checksum for it
        "tf",
        32,
        224,
    ),
    "EfficientNetV2B0": (
        "efficientnet_v2/efficientnetv2-b0_notop.h5",
        "md5:893217f2bb855e2983157299931e43ff",
        "255",  # the network itself scales them from there
        32,
        224,
    ),
}
_KERAS = "Keras Applications; ImageNet"
# handle: parameters of the backbone, side of its pictures, published top-1 accuracy, source, terms
_FACTS = {
    "embedded:glyphnet": (458_664, 32, None, "this course; printed letters", "Apache-2.0"),
    MOBILENET: (2_257_984, 224, 0.718, "TensorFlow Hub; ImageNet", "Apache-2.0"),
    "keras:VGG16": (14_714_688, 224, 0.713, _KERAS, "CC BY 4.0 (Oxford)"),
    "keras:ResNet50": (23_587_712, 224, 0.749, _KERAS, "MIT (He et al.)"),
    "keras:InceptionV3": (21_802_784, 299, 0.779, _KERAS, "Apache-2.0"),
    "keras:MobileNetV2": (2_257_984, 224, 0.713, _KERAS, "Apache-2.0"),
    "keras:EfficientNetV2B0": (5_919_312, 224, 0.787, _KERAS, "Apache-2.0"),
}


def list_backbones():
    """The backbones that the course knows, as a pandas table.

    `size_mb` is what their weights take as float32; `imagenet_top1` is the published accuracy of
    the network with its head (Keras Applications' page; for the TF Hub module, that of the
    checkpoint it was made of). Any other handle of TF Hub or Kaggle Models can be given as well.
    """
    import pandas as pd

    columns = ["parameters", "input_size", "imagenet_top1", "source", "licence"]
    table = pd.DataFrame.from_dict(_FACTS, orient="index", columns=columns)
    table.insert(0, "size_mb", (table.parameters * 4 / 1e6).round(1))
    return table.rename_axis("backbone")


def provenance(handle):
    """Where a backbone's knowledge comes from, and its terms, in words."""
    if handle == "embedded:glyphnet":
        source = "GlyphNet: printed letters of the fonts in matplotlib, warped; no digits"
        return source, _FACTS[handle][4]
    if handle in _FACTS:
        return f"{handle} ({_FACTS[handle][3]})", _FACTS[handle][4]
    return f"{handle}", "see its page"


def side(handle, wanted=None):
    """Side in pixels of the pictures for a backbone: the wanted one, or that it was made for.

    Raises
    ------
    ValueError
        A backbone that is unknown or takes no pictures; a side that it cannot take.
    """
    if wanted is not None and (not isinstance(wanted, numbers.Integral) or wanted < 1):
        raise ValueError(f"size is {wanted!r}; a whole number of pixels is expected.")
    name = _application(handle)
    if name:
        least, usual = _APPLICATIONS[name][3:]
        if wanted is not None and wanted < least:
            raise ValueError(
                f"Pictures of {wanted} pixels a side are too small for {name}; give size={least} "
                f"or more ({usual} is what it was made for)."
            )
        return int(wanted or usual)
    fixed = _FACTS[handle][1] if handle in _FACTS else _side_of_module(handle)
    if wanted not in (None, fixed) and fixed is not None:
        raise ValueError(
            f"{handle} takes pictures of {fixed} pixels a side, not of {wanted}. For other sizes "
            "choose a backbone of Keras, such as 'keras:MobileNetV2'."
        )
    return int(wanted or fixed or 224)


def _side_of_module(handle):
    """Side that a module takes; None if it takes any."""
    try:
        spec = HubLayer(handle).input_spec
    except fetch.UnknownHandle:
        raise _unknown(handle) from None
    shape = getattr(spec, "shape", None)
    if shape is not None and (len(shape) != 4 or shape[-1] not in (3, None)):
        raise ValueError(
            f"{handle} takes inputs of shape {list(shape)}, so it is no backbone for pictures; "
            "[n, height, width, 3] is expected."
        )
    height, width = shape[1:3] if shape is not None else (None, None)
    if height != width:
        raise ValueError(f"{handle} takes pictures of {height} x {width}; squares are expected.")
    return height


def layer(handle, size=None):
    """A frozen layer from images in `[0, 1]` to feature vectors.

    A module becomes a `HubLayer`; for `keras:…` it is the `network`.
    """
    if not _application(handle):
        return HubLayer(handle)
    found = network(handle, size)
    found.trainable = False
    return found


def network(handle, size=None):
    """A Keras model from images in `[0, 1]` to feature vectors, whose inner layers can be reached.

    Parameters
    ----------
    handle : str
        `embedded:glyphnet`; `keras:<name>` of Keras Applications, with ImageNet's weights; or the
        address of the MobileNetV2 module on TF Hub, whose weights are put into the same network
        of Keras Applications.
    size : int, optional
        Side of the pictures; the one the backbone was made for by default.

    Raises
    ------
    ValueError
        A handle that is unknown, or another module: a SavedModel is one function. A size that the
        network cannot take.
    ConnectionError
        Weights that are not here and could not be downloaded.
    """
    if handle == "embedded:glyphnet":
        side(handle, size)
        return keras.models.load_model(fetch.data_dir() / "glyphnet.keras")
    name = _application(handle)
    if name:
        place, checksum = _APPLICATIONS[name][:2]
        path = files.find_file(_PLACE + place, f"keras/{place.split('/')[-1]}", checksum)
        return _build(name, size, path)
    if "mobilenet_v2_100" not in str(handle):
        raise ValueError(
            f"The inner layers of {handle!r} cannot be reached: a SavedModel is one function. "
            f"HubLayer takes it as it is; for its layers choose one of {_reachable()}."
        )
    return _from_module(HubLayer(handle), size)


def _reachable():
    return ", ".join(map(repr, _FACTS))


def _unknown(handle):
    return ValueError(
        f"Unknown backbone {handle!r}. Valid ones: {_reachable()}; the address of another module "
        "for pictures on tfhub.dev or Kaggle Models; or the folder of a SavedModel."
    )


def _application(handle):
    """Name in Keras Applications, of a `keras:` handle; None for another handle."""
    if not str(handle).startswith("keras:"):
        return None
    name = handle.removeprefix("keras:")
    if name not in _APPLICATIONS:
        raise _unknown(handle)
    return name


def _build(name, size, weights):
    mode, size = _APPLICATIONS[name][2], side(f"keras:{name}", size)
    images = keras.Input((size, size, 3), name="images")
    if mode == "tf":
        prepared = keras.layers.Rescaling(2.0, -1.0, name="from_minus_one_to_one")(images)
    elif mode == "255":
        prepared = keras.layers.Rescaling(255.0, name="to_255")(images)
    else:
        prepared = CaffePreprocessing(name="caffe_preprocessing")(images)
    build = getattr(keras.applications, name)
    inner = build(include_top=False, weights=weights, input_tensor=prepared, pooling="avg")
    model = keras.Model(images, inner.output, name=name.lower())
    return _with_blocks(model) if name == "InceptionV3" else model


def _with_blocks(inception):
    """The same network with its layers named by block, where Keras gives them running numbers."""
    names, number, pools, seen = {}, 0, 0, Counter()
    for layer in inception.layers:
        whole = re.fullmatch(r"mixed\d+", layer.name)
        block = "stem0" if pools < 2 else f"mixed{number}"
        kind = re.sub(r"_\d+$", "", layer.name)
        seen[block, kind] += 1
        names[layer.name] = layer.name if whole else f"{block}_{kind}_{seen[block, kind]}"
        pools += isinstance(layer, keras.layers.MaxPooling2D)  # the stem ends with the second
        number += bool(whole)

    def renamed(layer):
        return type(layer).from_config(layer.get_config() | {"name": names[layer.name]})

    model = keras.models.clone_model(inception, clone_function=renamed)
    model.set_weights(inception.get_weights())
    return model


@keras.saving.register_keras_serializable(package="tlhelpers")
class CaffePreprocessing(keras.layers.Layer):
    """From `[0, 1]` to what VGG16 and ResNet50 take: 0 to 255, BGR, less ImageNet's mean."""

    def call(self, images):
        return keras.applications.imagenet_utils.preprocess_input(images * 255.0, mode="caffe")

    def compute_output_shape(self, shape):
        return shape


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


def _from_module(module, size):
    """MobileNetV2 of Keras Applications with the weights of the TF Hub module."""
    model = _build("MobileNetV2", size, None)
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
    usual = _APPLICATIONS["MobileNetV2"][-1]
    if model.input_shape[1] == usual:
        images = np.random.default_rng(0).random((2, usual, usual, 3), np.float32)
        wanted, got = np.asarray(module(images)), np.asarray(model(images, training=False))
        if not np.allclose(wanted, got, rtol=1e-2, atol=1e-2):
            raise ValueError(
                f"MobileNetV2 with the weights of {module.handle} gives other features than the "
                f"module (by up to {np.abs(wanted - got).max():.2g}), so it is not the same "
                "network. For its layers choose 'keras:MobileNetV2'."
            )
    return model
