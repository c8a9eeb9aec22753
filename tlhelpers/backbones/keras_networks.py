"""A backbone by its handle: the network, and the preparation of pictures that belongs to it."""

import re
from collections import Counter
from typing import Any

import keras

from ..runtime.checks import whole_number
from ..storage.find import find_file
from ..storage.find_module import UnknownHandle, data_dir
from .hub_layer import HubLayer
from .list_backbones import FACTS
from .mobilenet_v2 import with_weights_of

_PLACE = "https://storage.googleapis.com/tensorflow/keras-applications/"
_END = "_weights_tf_dim_ordering_tf_kernels_notop.h5"
_INCEPTION = f"inception_v3/inception_v3{_END}"
_EFFICIENTNET = "efficientnet_v2/efficientnetv2-b0_notop.h5"
_MOBILENET = "mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"
# network: weights without the head, checksum, how pixels are prepared, smallest side
_APPLICATIONS = {
    "VGG16": (f"vgg16/vgg16{_END}", "md5:6d6bbae143d832006294945121d1f1fc", "caffe", 32),
    "ResNet50": (f"resnet/resnet50{_END}", "md5:4d473c1dd8becc155b73f8504c6f6626", "caffe", 32),
    "InceptionV3": (_INCEPTION, "md5:bcbd6486424b2319ff4ef7d526e38f63", "tf", 75),
    "MobileNetV2": (_MOBILENET, None, "tf", 32),  # Keras publishes no checksum for it
    # the network itself scales pixels from 255
    "EfficientNetV2B0": (_EFFICIENTNET, "md5:893217f2bb855e2983157299931e43ff", "255", 32),
}


def side(handle: str, wanted: int | None = None) -> int:
    """Return the side of the pictures for a backbone: the wanted one, or that it was made for.

    ValueError for a backbone that is unknown or takes no pictures, or a side that it cannot take.
    """
    if wanted is not None:
        whole_number(wanted, "size", mend="It is the side in pixels.")
    name = _application(handle)
    if name:
        least, usual = _APPLICATIONS[name][3], FACTS[handle][1]
        if wanted is not None and wanted < least:
            raise ValueError(
                f"Pictures of {wanted} pixels a side are too small for {name}; give size={least} "
                f"or more ({usual} is what it was made for)."
            )
        return int(wanted or usual)
    fixed = FACTS[handle][1] if handle in FACTS else _side_of_module(handle)
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
    except UnknownHandle:
        raise _unknown(handle) from None
    shape = spec.shape if spec else (None,) * 4
    if len(shape) != 4 or shape[-1] not in (3, None):
        raise ValueError(
            f"{handle} takes inputs of shape {list(shape)}, so it is no backbone for pictures; "
            "[n, height, width, 3] is expected."
        )
    height, width = shape[1:3]
    if height != width:
        raise ValueError(f"{handle} takes pictures of {height} x {width}; squares are expected.")
    return height


def layer(handle: str, size: int | None = None) -> keras.Layer:
    """Return a frozen layer from images in `[0, 1]` to feature vectors.

    A module becomes a `HubLayer`; for `keras:…` it is the `network`.
    """
    if not _application(handle):
        return HubLayer(handle)
    found = network(handle, size)
    found.trainable = False
    return found


def network(handle: str, size: int | None = None) -> keras.Model:
    """Return a Keras model, with all its layers, from images in `[0, 1]` to feature vectors.

    For `embedded:glyphnet`, `keras:<name>` of Keras Applications, and TF Hub's MobileNetV2, whose
    weights are put into the same network of Keras Applications. ValueError for another module (a
    SavedModel is one function) or size, ConnectionError if the weights could not be downloaded.
    """
    if handle == "embedded:glyphnet":
        side(handle, size)
        return keras.models.load_model(data_dir() / "glyphnet.keras")
    name = _application(handle)
    if name:
        place, checksum = _APPLICATIONS[name][:2]
        path = find_file(_PLACE + place, f"keras/{place.split('/')[-1]}", checksum)
        return _build(name, size, path)
    if "mobilenet_v2_100" not in str(handle):
        raise ValueError(
            f"The inner layers of {handle!r} cannot be reached: a SavedModel is one function. "
            f"HubLayer takes it as it is; for its layers choose one of {_reachable()}."
        )
    return with_weights_of(_build("MobileNetV2", size, None), HubLayer(handle))


def _reachable():
    return ", ".join(map(repr, FACTS))


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

    def call(self, images: Any) -> Any:
        """Return images `[n, height, width, 3]` as these networks take them."""
        return keras.applications.imagenet_utils.preprocess_input(images * 255.0, mode="caffe")

    def compute_output_shape(self, shape: Any) -> Any:
        """Return the same shape."""
        return shape
