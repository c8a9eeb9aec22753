"""The side of the pictures that a backbone takes."""

from ..runtime.checks import whole_number
from ..storage.find_module import UnknownHandle
from .efficientnet_lite0 import LEAST_SIDE, LITE0
from .hub_layer import HubLayer
from .keras_networks import APPLICATIONS
from .list_backbones import FACTS


def side(handle: str, wanted: int | None = None) -> int:
    """Return the side of the pictures for a backbone: the wanted one, or that it was made for.

    ValueError for a backbone that is unknown or takes no pictures, or a side that it cannot take.
    """
    if wanted is not None:
        whole_number(wanted, "size", mend="It is the side in pixels.")
    name = network_name(handle)
    if name:
        least = LEAST_SIDE if handle == LITE0 else APPLICATIONS[name].least_side
        usual = FACTS[handle][1]
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
            f"choose a backbone of Keras, such as 'keras:MobileNetV2', or {LITE0!r}."
        )
    return int(wanted or fixed or 224)


def network_name(handle: str) -> str | None:
    """Return the name in a `keras:` or `package:` handle; None for another handle.

    ValueError, which lists the known ones, for a name that is not known.
    """
    if not str(handle).startswith(("keras:", "package:")):
        return None
    if handle not in FACTS:
        raise _unknown(handle)
    return handle.split(":")[1]


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


def _unknown(handle):
    return ValueError(
        f"Unknown backbone {handle!r}. Valid ones: {', '.join(map(repr, FACTS))}; the address of "
        "another module for pictures on tfhub.dev or Kaggle Models; or the folder of a SavedModel."
    )
