"""A model behind a button for uploads, in the notebook itself."""

import html
from collections.abc import Callable, Sequence
from typing import Any

from ..images.as_png import as_html
from ..runtime.load_widgets import load_widgets
from .answer_picture import Answer, Classifier, answer_picture

widgets = load_widgets("The panel that answers")
_Column: Any = widgets.VBox


class ServePanel(_Column):
    """A button that takes a picture, and what the model says to it; see `serve`.

    Attributes
    ----------
    answer : Answer or None
        The latest.

    Examples
    --------
    >>> panel = ServePanel(lambda images: [[0.9, 0.1]], ("cat", "dog"), size=32)
    >>> panel.take(b"no picture").probabilities
    {}
    """

    def __init__(
        self,
        model: Classifier,
        class_names: Sequence[str],
        *,
        sure: float = 0.5,
        title: str = "What is it?",
        size: int | None = None,
    ) -> None:
        answer_picture(model, class_names, None, sure=sure, size=size)  # says now what is wrong
        self._ask: Callable[[Any], Answer] = lambda source: answer_picture(
            model, class_names, source, sure=sure, size=size
        )
        self.answer: Answer | None = None
        self._upload = widgets.FileUpload(accept="image/*", multiple=False)
        self._upload.description = "a picture"
        self._upload.observe(lambda change: change["new"] and self.take(change["new"]), "value")
        self._picture = widgets.HTML(layout={"display": "none"})
        self._words = widgets.HTML()
        heading = widgets.HTML(f"<b>{html.escape(title)}</b>")
        rows = [heading, self._upload, self._picture, self._words]
        super().__init__(rows, layout={"align_items": "flex-start"})

    @property
    def shown(self) -> str:
        """What stands below the picture, as HTML."""
        return str(self._words.value)

    def take(self, source: Any) -> Answer:
        """Answer to a picture, as if somebody had chosen it with the button."""
        self.answer = answer = self._ask(source)
        bars = "".join(
            f"<tr><td>{html.escape(name)}</td><td><meter value='{share:.3f}'></meter></td>"
            f"<td>{share:.2f}</td></tr>"
            for name, share in list(answer.probabilities.items())[:5]
        )
        said = html.escape(answer.message)
        self._words.value = f"<p><b>{said}</b></p><table>{bars}</table>"
        seen = answer.picture
        if seen is not None:
            self._picture.value = as_html(seen, "The picture that you chose", 160)
        self._picture.layout.display = "none" if seen is None else ""
        return answer
