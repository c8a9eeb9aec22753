"""Draw a picture in the notebook, or upload one, and have it as an array."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..images.as_png import as_png
from ..images.read_picture import read_picture
from ..runtime.checks import whole_number
from .page_input import PageInput

SIDE = 280  # pixels of the canvas
_COLOURS = {
    "black": "#000000",
    "grey": "#8A8A8A",
    "brown": "#7A4A21",
    "red": "#E03A3A",
    "orange": "#F08A24",
    "yellow": "#F7D038",
    "green": "#4DA64D",
    "blue": "#3B78D8",
    "pink": "#F2A0B9",
    "white": "#FFFFFF",
}


class DrawingPad(PageInput):
    """A pad to draw on with mouse, pen or finger, and a button to upload a picture instead.

    Make it the last line of a cell. The picture comes to Python after each line that is drawn; what
    was drawn or uploaded last counts. Where the pad cannot be shown (a page that does not run, a
    notebook that is not trusted), the button remains, and `tl.read_picture` in a plain cell.

    Parameters
    ----------
    size : int
        Side of the picture that Python gets, in pixels.
    on_picture : function, optional
        Called with each new picture; what it prints or displays appears below the pad.

    Attributes
    ----------
    image : float32 `[size, size, 3]` in `[0, 1]`
        The picture. Raises `ValueError` as long as there is none; see `image_or`.

    Raises
    ------
    ImportError
        ipywidgets is not installed.
    ValueError
        `size` is no whole number from 1.

    Examples
    --------
    >>> pad = DrawingPad(32)
    >>> pad.image_or(np.zeros((32, 32, 3), np.float32)).max()  # nothing was drawn yet
    np.float32(0.0)
    """

    page = Path(__file__).with_name("drawing_pad.html")
    kind, what = "image/png", "picture"
    most_characters = 4_000_000  # the canvas gives some thousands
    doing = "Drawing in the notebook"
    instead = "Without it, tl.read_picture reads a picture from a file."

    def __init__(
        self, size: int = 224, *, on_picture: Callable[[np.ndarray], Any] | None = None
    ) -> None:
        self.size = whole_number(size, "size")
        super().__init__("image/*", on_picture)

    @property
    def image(self) -> np.ndarray:
        """Return the picture, float32 `[size, size, 3]`; ValueError as long as there is none."""
        if self._value is None:
            raise ValueError(
                "Nothing was drawn yet. Draw on the pad, or upload a picture, and run this cell "
                "again; pad.image_or(other) takes another picture until then."
            )
        return self._value

    def image_or(self, default: np.ndarray) -> np.ndarray:
        """Return the picture, or another one as long as there is none: *Run All* goes on."""
        return default if self._value is None else self._value

    def read(self, source: Any) -> np.ndarray:
        """Return the picture in bytes, a file or an upload, as `read_picture` reads it."""
        return read_picture(source, self.size)

    def new_preview(self, widgets: Any) -> Any:
        """Return a small picture."""
        return widgets.Image(format="png", layout={"width": "112px"})

    def preview(self) -> bytes:
        """Return the picture as a PNG file."""
        return as_png(self.image)

    def page_names(self) -> dict[str, str]:
        """Return side and colours of the canvas."""
        return {"SIDE": str(SIDE), "COLOURS": json.dumps(list(_COLOURS.items()))}
