"""What a part of the page gives to Python: by its script, or as an uploaded file."""

import base64
import binascii
import uuid
from collections.abc import Callable
from pathlib import Path
from string import Template
from typing import Any

from IPython.display import HTML, clear_output, display

from ..runtime.load_widgets import load_widgets


class PageInput:
    """A hidden field that a page's script fills, a button for uploads, and a place for messages.

    A subclass says which page it is, reads what comes and shows it. What came last counts. Where
    the script cannot run (a page that is not connected, a notebook that is not trusted), the button
    remains.
    """

    page: Path  # HTML with a script, whose $-names are filled in
    kind: str  # of the data URLs that the script sends, as "image/png"
    what: str  # that is expected, as "picture"
    most_characters: int  # of a data URL
    doing: str  # what needs ipywidgets, for the message
    instead: str  # what does without them

    def __init__(self, accept: str, on_value: Callable[[Any], Any] | None) -> None:
        widgets = load_widgets(self.doing, self.instead)
        self._on_value, self._preview = on_value, self.new_preview(widgets)
        self._preview.layout.display = "none"
        self._value: Any = None
        self._name = f"tl-field-{uuid.uuid4().hex[:12]}"
        self._field = widgets.Textarea(layout={"display": "none"})
        self._field.add_class(self._name)
        self._field.observe(lambda change: self._attempt(change["new"]), "value")
        self._upload = widgets.FileUpload(accept=accept, multiple=False)
        self._upload.description = "or upload"
        self._upload.observe(lambda change: self._attempt(change["new"]), "value")
        self._message = widgets.HTML()
        self._output = widgets.Output()
        below = [self._field, self._upload, self._preview, self._message, self._output]
        self._box = widgets.VBox(below, layout={"align_items": "flex-start"})

    def read(self, source: Any) -> Any:
        """Return the value of a file's bytes, a path or an upload; ValueError if there is none."""
        raise NotImplementedError

    def new_preview(self, widgets: Any) -> Any:
        """Return the widget that shows an uploaded value."""
        raise NotImplementedError

    def preview(self) -> bytes:
        """Return the file that is shown for an uploaded value."""
        raise NotImplementedError

    def page_names(self) -> dict[str, str]:
        """Return what is filled into the page."""
        raise NotImplementedError

    def take(self, source: Any) -> None:
        """Take a value as if it had come from the page.

        Parameters
        ----------
        source : str, path, bytes or upload
            A data URL, as the page sends it, or a file. An empty text clears.

        Raises
        ------
        ValueError
            There is nothing usable in it.
        """
        from_page = isinstance(source, str) and (not source or source.startswith("data:"))
        if from_page and not source:
            self._value = None
        else:
            self._value = self.read(self._bytes_of(source) if from_page else source)
        if not from_page:
            self._preview.value = self.preview()
        self._preview.layout.display = "none" if from_page else ""
        if self._on_value is not None:
            with self._output:
                clear_output(wait=self._value is not None)
                if self._value is not None:
                    self._on_value(self._value)

    def _attempt(self, source):
        """Take a value for a person; what cannot be used is said where the person looks."""
        if not isinstance(source, str) and not len(source):
            return  # the button was emptied
        try:
            self.take(source)
            self._message.value = ""
        except ValueError as error:
            text = str(error).replace("&", "&amp;").replace("<", "&lt;")
            kept = f" The {self.what} before it is kept." if self._value is not None else ""
            self._message.value = f"<b>{text}{kept}</b>"

    def _bytes_of(self, url: str) -> bytes:
        """The file in a data URL."""
        prefix = f"data:{self.kind};base64,"
        if not url.startswith(prefix) or len(url) > self.most_characters:
            raise ValueError(
                f"Got a text of {len(url)} characters that begins with {url[:22]!r}; a data URL of "
                f"the type {self.kind} is expected ({prefix}…)."
            )
        try:
            return base64.b64decode(url.removeprefix(prefix), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(
                "The data URL is broken: what follows the comma is not base64."
            ) from None

    def _page(self) -> str:
        """The page with its script, under a name of its own each time it is shown."""
        names = {"ID": f"tl-page-{uuid.uuid4().hex[:12]}", "FIELD": self._name}
        text = Template(self.page.read_text(encoding="utf-8"))
        return text.substitute(names | self.page_names())

    def _ipython_display_(self) -> None:
        display(HTML(self._page()))
        display(self._box)
