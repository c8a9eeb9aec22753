"""A backbone by its handle: the network, and the preparation of pictures that belongs to it."""

import keras

from ..storage.find import find_files
from ..storage.find_module import data_dir, find_module
from .efficientnet_lite0 import LITE0, PUBLISHED, efficientnet_lite0
from .hub_layer import HubLayer
from .keras_networks import build, find_weights, keras_network
from .list_backbones import FACTS
from .mobilenet_v2 import with_weights_of
from .side import network_name, side


def load_backbone(handle: str, *, size: int | None = None, head: bool = False) -> keras.Model:
    """Return a pretrained network as a Keras model, with all its layers, free to train.

    Its input are images `[n, size, size, 3]` in `[0, 1]`: what prepares them for the network is
    part of it. Its output are feature vectors `[n, d]`, or with `head` the probabilities
    `[n, 1000]` of ImageNet's classes, in the order of `keras_hub.utils.
    decode_imagenet_predictions`.

    Parameters
    ----------
    handle : str
        "embedded:glyphnet", "package:efficientnet-lite0", "keras:<name>" of Keras Applications,
        or TF Hub's MobileNetV2, whose weights are put into the same network of Keras
        Applications; see `list_backbones()`. A module of TF Hub is a program, and loading it runs
        it; the others are weights alone.
    size : int, optional
        The side of the pictures in pixels, by default that which the network was made for.
        Smaller ones are faster, and say less.
    head : bool
        The whole classifier of ImageNet, for "package:…" and "keras:…".

    Raises
    ------
    ValueError
        An unknown handle; another module, since a SavedModel is one function (see `HubLayer`); a
        size that the network cannot take; no head; a file of weights that is not the published
        one.
    ConnectionError
        Weights that are not here and could not be downloaded; the message says how to get them.

    Examples
    --------
    >>> load_backbone("embedded:glyphnet").output_shape
    (None, 128)
    >>> network = load_backbone("package:efficientnet-lite0", size=128)  # doctest: +SKIP
    >>> network.output_shape  # doctest: +SKIP
    (None, 1280)
    """
    name = network_name(handle)
    if name is None and head:
        raise ValueError(
            f"{handle!r} has no head. Those that have one: "
            f"{', '.join(repr(known) for known in FACTS if network_name(known))}."
        )
    if handle == LITE0:
        return efficientnet_lite0(side(handle, size), head=head)
    if name:
        return keras_network(name, side(handle, size), head=head)
    if handle == "embedded:glyphnet":
        side(handle, size)
        return keras.models.load_model(data_dir() / "glyphnet.keras")
    if "mobilenet_v2_100" not in str(handle):
        raise ValueError(
            f"The inner layers of {handle!r} cannot be reached: a SavedModel is one function. "
            f"HubLayer takes it as it is; for its layers choose one of "
            f"{', '.join(map(repr, FACTS))}."
        )
    return with_weights_of(build("MobileNetV2", side("keras:MobileNetV2", size)), HubLayer(handle))


def find_backbone(handle: str, size: int | None = None) -> None:
    """Bring a backbone's files here without loading them; errors as for `load_backbone`.

    Also those of a handle or a `size` that it cannot take.
    """
    side(handle, size)  # which finds a module that is not known
    name = network_name(handle)
    if handle == LITE0:
        find_files(PUBLISHED)
    elif name:
        find_weights(name)
    else:
        find_module(handle)


def backbone_layer(handle: str, size: int | None = None) -> keras.Layer:
    """Return a frozen layer from images in `[0, 1]` to feature vectors.

    A module becomes a `HubLayer`; for `keras:…` and `package:…` it is that of `load_backbone`.
    """
    if network_name(handle) is None:
        return HubLayer(handle)
    found = load_backbone(handle, size=size)
    found.trainable = False
    return found
