"""Colours, markers and dashes of all pictures: the same for the same thing in every notebook."""

import re
from collections.abc import Iterable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from ..images.check_images import check_finite, check_range
from ..images.lazy_images import Images, as_images

BRIGHTEST = 10  # pictures beyond are from 0 to 255, and not merely too bright
FROZEN, TRAINED, REMOVED = "#0072B2", "#D55E00", "#6E6E6E"
INK, PAPER = "#333333", "#FFFFFF"

#: Okabe and Ito's palette, safe for colour-blind readers, with what is too light for a line on
#: white made darker (contrast of at least 3:1).
COLOURS = (
    *(FROZEN, TRAINED, "#009E73", "#B8578F"),
    *("#000000", "#A97900", "#5B3FA0", "#8C510A", "#2B8CC4"),
)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "*")
_DASHES: tuple[Any, ...] = (
    *("-", "--", "-.", ":", (0, (5, 1))),
    *((0, (3, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)), (0, (6, 2, 1, 2, 1, 2))),
)

#: The colour of each method, whatever a notebook calls it in detail.
METHOD_COLOURS = {
    "transfer": COLOURS[0],
    "fine-tuned": COLOURS[1],
    "from scratch": COLOURS[2],
    "random weights": COLOURS[3],
    "raw pixels": COLOURS[4],
    "gentle recipe": COLOURS[5],
    "chance": "#767676",
}
_METHOD_PATTERNS = {  # the first that is found in a name decides
    "chance": "chance|guessing",
    "random weights": "random(ly)? (initial|weight|backbone|network|features)|untrained",
    "from scratch": "scratch",
    "raw pixels": "pixel|log-mel",  # what the network gets, without the network
    "gentle recipe": "gentle",
    "fine-tuned": "fine.?tun|unfrozen",
    "transfer": "transfer|frozen|feature|probe|learnt",
}


def method_of(name: str) -> str | None:
    """Return the known method that a name means, a key of `METHOD_COLOURS`, or None.

    >>> method_of("linear probe, 10 labels"), method_of("margin")
    ('transfer', None)
    """
    patterns = _METHOD_PATTERNS.items()
    return next((method for method, p in patterns if re.search(p, name, re.IGNORECASE)), None)


def line_styles(names: Iterable[str]) -> list[dict[str, Any]]:
    """Return colour, marker and dash for each name, so that lines differ in grey as well.

    Known methods have their own colour everywhere; others get what is left.

    >>> [style["color"] for style in line_styles(["from scratch", "margin"])]
    ['#009E73', '#0072B2']
    """
    methods = [method_of(str(name)) for name in names]
    own: dict[str | None, int] = {
        method: place for place, method in enumerate(METHOD_COLOURS) if method != "chance"
    }
    free = [place for place in range(len(COLOURS)) if place not in {own.get(m) for m in methods}]
    seen: set[str | None] = set()
    styles = []
    for method in methods:
        if method == "chance":
            styles.append({"color": METHOD_COLOURS[method], "marker": "", "linestyle": ":"})
            continue
        if method in own and method not in seen:
            place = own[method]
        else:  # a second line of a method has its colour, and a look of its own
            place = free[0] if free else len(styles) % len(COLOURS)
            free = free[1:]
        colour = METHOD_COLOURS[method] if method else COLOURS[place]
        styles.append({"color": colour, "marker": _MARKERS[place], "linestyle": _DASHES[place]})
        seen.add(method)
    return styles


def new_axes(ax: Axes | None, width: float, height: float) -> Axes:
    """Return the Axes given, or new ones of this size in inches."""
    return ax or plt.subplots(figsize=(width, height), layout="constrained")[1]


def same_length(**arrays: Any) -> None:
    """Raise ValueError unless all have one length, which is not zero."""
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        got = ", ".join(f"{n} {name}" for name, n in lengths.items())
        raise ValueError(f"Lengths do not match: got {got}; one of each per picture is expected.")
    if not min(lengths.values()):
        raise ValueError(f"Nothing to draw: {' and '.join(lengths)} are empty.")


def rgb(images: Images) -> np.ndarray:
    """Return pictures `[n, height, width]` or `[n, height, width, 1 or 3]` as RGB in `[0, 1]`.

    They are float in `[0, 1]`, what is a little beyond is cut off; or uint8.
    """
    given = np.asarray(as_images(images))
    images = np.asarray(given, np.float32) / np.float32(255 if given.dtype == np.uint8 else 1)
    if images.ndim not in (3, 4) or images.shape[3:] not in ((), (1,), (3,)):
        raise ValueError(
            f"Images have shape {list(images.shape)}; [n, height, width] or "
            "[n, height, width, 3] is expected. For one picture: images[None]."
        )
    if images.shape[3:] != (3,):
        images = np.repeat(images.reshape(*images.shape[:3], 1), 3, axis=-1)
    if images.size and check_finite(images)[1] > BRIGHTEST:
        check_range(images)
    return np.clip(images, 0, 1)


def tile(ax: Axes, image: np.ndarray, x: float, y: float, side: float, **options: Any) -> None:
    """Draw a picture with its lower left corner at x, y; its longer side is `side` long."""
    height, width = image.shape[:2]
    across, up = side * width / max(width, height), side * height / max(width, height)
    left, low = x + (side - across) / 2, y + (side - up) / 2
    ax.imshow(image, extent=(left, left + across, low, low + up), **options)
