"""Networks of Keras Applications, each with the preparation of pictures that belongs to it."""

import re
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import keras

from ..runtime.types import StrPath
from ..storage.find import find_file

_PLACE = "https://storage.googleapis.com/tensorflow/keras-applications/"
_KERNELS = "_weights_tf_dim_ordering_tf_kernels"


class Application(NamedTuple):
    """Where the weights of a network lie, and what it takes."""

    weights: tuple[str, str | None]  # without the head: place and checksum
    whole: tuple[str, str | None]  # with the head
    prepare: str  # how pixels are prepared
    least_side: int
    head_side: int | None = None  # the only side of pictures that its head can take


APPLICATIONS = {
    "VGG16": Application(
        (f"vgg16/vgg16{_KERNELS}_notop.h5", "md5:6d6bbae143d832006294945121d1f1fc"),
        (f"vgg16/vgg16{_KERNELS}.h5", "md5:64373286793e3c8b2b4e3219cbf3544b"),
        "caffe",
        32,
        224,
    ),
    "ResNet50": Application(
        (f"resnet/resnet50{_KERNELS}_notop.h5", "md5:4d473c1dd8becc155b73f8504c6f6626"),
        (f"resnet/resnet50{_KERNELS}.h5", "md5:2cb95161c43110f7111970584f804107"),
        "caffe",
        32,
    ),
    "InceptionV3": Application(
        (f"inception_v3/inception_v3{_KERNELS}_notop.h5", "md5:bcbd6486424b2319ff4ef7d526e38f63"),
        (f"inception_v3/inception_v3{_KERNELS}.h5", "md5:9a0d58056eeedaa3f26cb7ebd46da564"),
        "tf",
        75,
    ),
    "MobileNetV2": Application(  # Keras publishes no checksums for it
        (f"mobilenet_v2/mobilenet_v2{_KERNELS}_1.0_224_no_top.h5", None),
        (f"mobilenet_v2/mobilenet_v2{_KERNELS}_1.0_224.h5", None),
        "tf",
        32,
    ),
    "EfficientNetV2B0": Application(  # the network itself scales pixels from 255
        ("efficientnet_v2/efficientnetv2-b0_notop.h5", "md5:893217f2bb855e2983157299931e43ff"),
        ("efficientnet_v2/efficientnetv2-b0.h5", "md5:21ecbf6da12460d5c40bb2f29ceb2188"),
        "255",
        32,
    ),
}


def keras_network(name: str, side: int, *, head: bool = False) -> keras.Model:
    """Return a network of `APPLICATIONS` with its ImageNet weights; see `build`.

    ConnectionError if they could not be downloaded, ValueError if other ones came, or if the head
    cannot take pictures of this side.
    """
    known = APPLICATIONS[name]
    if head and known.head_side not in (None, side):
        raise ValueError(
            f"The head of {name} takes pictures of {known.head_side} pixels a side, not of {side}. "
            f"Give size={known.head_side}, or head=False."
        )
    return build(name, side, find_weights(name, head=head), head=head)


def find_weights(name: str, *, head: bool = False) -> Path:
    """Return the file of a network's ImageNet weights; errors as for `keras_network`."""
    place, checksum = APPLICATIONS[name].whole if head else APPLICATIONS[name].weights
    return find_file(_PLACE + place, f"keras/{place.split('/')[-1]}", checksum)


def build(
    name: str, side: int, weights: StrPath | None = None, *, head: bool = False
) -> keras.Model:
    """Return a network from images in `[0, 1]` to feature vectors, or probabilities of classes.

    Its weights are those of a file, or random ones.
    """
    images = keras.Input((side, side, 3), name="images")
    mode = APPLICATIONS[name].prepare
    if mode == "tf":
        prepared = keras.layers.Rescaling(2.0, -1.0, name="from_minus_one_to_one")(images)
    elif mode == "255":
        prepared = keras.layers.Rescaling(255.0, name="to_255")(images)
    else:
        prepared = CaffePreprocessing(name="caffe_preprocessing")(images)
    options = {} if head else {"pooling": "avg"}
    inner = getattr(keras.applications, name)(
        include_top=head, weights=weights, input_tensor=prepared, **options
    )
    model = keras.Model(images, inner.output, name=name.lower())
    return _with_blocks(model) if name == "InceptionV3" else model


def _with_blocks(inception):
    """The same network with its layers named by block, where Keras gives them running numbers."""
    names, number, pools, seen = {}, 0, 0, Counter()
    for layer in inception.layers:
        whole = re.fullmatch(r"mixed\d+|avg_pool|predictions", layer.name)
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
