"""Draw a picture in the notebook, or upload one, and have it as an array."""

import base64
import binascii
import io
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from IPython.display import HTML, clear_output, display
from PIL import Image

from ..images.read_picture import read_picture
from ..runtime.checks import whole_number
from ..runtime.load_widgets import load_widgets

widgets = load_widgets(
    "Drawing in the notebook", "Without it, tl.read_picture reads a picture from a file."
)

SIDE = 280  # pixels of the canvas
MOST_CHARACTERS = 4_000_000  # of a data URL; the canvas gives some thousands
_PREFIX = "data:image/png;base64,"
_PAGE = Path(__file__).with_name("drawing_pad.html")
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


class DrawingPad:
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

    def __init__(
        self, size: int = 224, *, on_picture: Callable[[np.ndarray], Any] | None = None
    ) -> None:
        self.size, self.on_picture = whole_number(size, "size"), on_picture
        self._image: np.ndarray | None = None
        self._name = f"tl-pad-{uuid.uuid4().hex[:12]}"
        self._field = widgets.Textarea(layout={"display": "none"})
        self._field.add_class(self._name)
        self._field.observe(lambda change: self._attempt(change["new"]), "value")
        self._upload = widgets.FileUpload(accept="image/*", multiple=False)
        self._upload.description = "or upload"
        self._upload.observe(lambda change: self._attempt(change["new"]), "value")
        self._preview = widgets.Image(format="png", layout={"display": "none", "width": "112px"})
        self._message = widgets.HTML()
        self._output = widgets.Output()
        below = [self._field, self._upload, self._preview, self._message, self._output]
        self._box = widgets.VBox(below, layout={"align_items": "flex-start"})

    @property
    def image(self) -> np.ndarray:
        """Return the picture, float32 `[size, size, 3]`; ValueError as long as there is none."""
        if self._image is None:
            raise ValueError(
                "Nothing was drawn yet. Draw on the pad, or upload a picture, and run this cell "
                "again; pad.image_or(other) takes another picture until then."
            )
        return self._image

    def image_or(self, default: np.ndarray) -> np.ndarray:
        """Return the picture, or another one as long as there is none: *Run All* goes on."""
        return default if self._image is None else self._image

    def take(self, source: Any) -> None:
        """Take a picture as if it had been drawn.

        Parameters
        ----------
        source : str, path, bytes or upload
            A data URL, as the canvas gives it, or what `read_picture` reads. An empty text clears.

        Raises
        ------
        ValueError
            There is no usable picture in it.
        """
        drawn = isinstance(source, str) and (not source or source.startswith("data:"))
        if drawn and not source:
            self._image = None
        else:
            picture = _bytes_of(source) if drawn else source
            self._image = read_picture(picture, self.size)
        self._show_preview(visible=not drawn)
        if self.on_picture is not None:
            with self._output:
                clear_output(wait=self._image is not None)
                if self._image is not None:
                    self.on_picture(self._image)

    def _attempt(self, source):
        """Take a picture for a person; what cannot be used is said where the person looks."""
        if not isinstance(source, str) and not len(source):
            return  # the button was emptied
        try:
            self.take(source)
            self._message.value = ""
        except ValueError as error:
            text = str(error).replace("&", "&amp;").replace("<", "&lt;")
            kept = " The picture before it is kept." if self._image is not None else ""
            self._message.value = f"<b>{text}{kept}</b>"

    def _show_preview(self, *, visible):
        if visible:
            pixels = np.round(self.image * 255).astype(np.uint8)
            stream = io.BytesIO()
            Image.fromarray(pixels).save(stream, "PNG")
            self._preview.value = stream.getvalue()
        self._preview.layout.display = "" if visible else "none"

    def _page(self) -> str:
        """The canvas with its script, under a name of its own each time it is shown."""
        return Template(_PAGE.read_text(encoding="utf-8")).substitute(
            ID=f"tl-canvas-{uuid.uuid4().hex[:12]}",
            FIELD=self._name,
            SIDE=SIDE,
            COLOURS=json.dumps(list(_COLOURS.items())),
        )

    def _ipython_display_(self) -> None:
        display(HTML(self._page()))
        display(self._box)


def _bytes_of(url: str) -> bytes:
    """The PNG file in a data URL."""
    if not url.startswith(_PREFIX) or len(url) > MOST_CHARACTERS:
        raise ValueError(
            f"Got a text of {len(url)} characters that begins with {url[:22]!r}; a data URL of a "
            f"PNG file is expected ({_PREFIX}…)."
        )
    try:
        return base64.b64decode(url.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("The data URL is broken: what follows the comma is not base64.") from None
