"""A page on this machine that takes a picture and answers."""

import importlib.util
import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from .answer_picture import Classifier, answer_picture

HOST = "127.0.0.1"  # this machine alone
MOST_BYTES = "50mb"  # of an upload
INSTALL = "python -m pip install 'gradio>=6'"
#: Asks the browser for cameras, without switching one on.
CAMERA = """async () => {
  const none = "This browser has no camera for the page. Choose a file instead.";
  if (!navigator.mediaDevices || !navigator.mediaDevices.enumerateDevices) return none;
  const found = await navigator.mediaDevices.enumerateDevices();
  return found.some((one) => one.kind === "videoinput") ? "" : none;
}"""


class ServedPage:
    """A page that runs until it is closed, or the kernel ends.

    Attributes
    ----------
    url : str
        Where it is, on this machine.
    """

    def __init__(self, blocks: Any, url: str) -> None:
        self._blocks, self.url = blocks, url

    def __repr__(self) -> str:
        return f"A page at {self.url}, for this machine alone. page.close() ends it."

    def close(self) -> None:
        """End the page."""
        self._blocks.close(verbose=False)


def serve(
    model: Classifier,
    class_names: Sequence[str],
    *,
    sure: float = 0.5,
    title: str = "What is it?",
    browser: bool | None = None,
    size: int | None = None,
) -> Any:
    """Start a page that takes a file or a photo of the camera, and says what the model thinks.

    The page is Gradio's. Nobody but this machine can reach it, and it sends nothing elsewhere.
    Where Gradio is not installed, and on Colab, a panel of ipywidgets takes files and answers the
    same; both ask `answer_picture`.

    Parameters
    ----------
    model, class_names, sure, size
        As of `answer_picture`.
    title : str
        Stands above.
    browser : bool, optional
        True for the page, False for the panel; by default the page where there can be one.

    Returns
    -------
    ServedPage or ServePanel
        A page has `url` and `close()`. A panel is shown where it is the last line of a cell.

    Raises
    ------
    ImportError
        Gradio is not installed, and `browser` is True; or ipywidgets is missing as well.
    ValueError
        As of `answer_picture`.

    Examples
    --------
    >>> serve(lambda images: [[0.9, 0.1]], ("cat", "dog"), browser=False, size=32).answer
    """
    options: dict[str, Any] = {"sure": sure, "size": size}
    answer_picture(model, class_names, None, **options)  # says now what is wrong
    installed = importlib.util.find_spec("gradio") is not None
    if browser is None:
        browser = installed and "google.colab" not in sys.modules
    if not browser:
        from .serve_panel import ServePanel

        return ServePanel(model, class_names, title=title, **options)
    if not installed:
        raise ImportError(
            f"The page needs Gradio: {INSTALL}, then restart the kernel. Without it, "
            "tl.serve(…, browser=False) answers in the notebook."
        )
    return _start(lambda path: answer_picture(model, class_names, path, **options), title)


def _start(ask, title):
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when Gradio is loaded
    import gradio

    def answer(path):
        found = ask(path)
        seen = found.picture
        if seen is not None:  # as large as one can see it
            seen = np.kron(seen * 255, np.ones((max(1, 224 // len(seen)),) * 2 + (1,))).round()
            seen = seen.astype(np.uint8)
        return found.message, found.probabilities or None, seen

    keep = (600, 600)  # seconds until what was uploaded is deleted
    with gradio.Blocks(title=title, analytics_enabled=False, delete_cache=keep) as blocks:
        gradio.Markdown(f"# {title}")
        with gradio.Row():
            with gradio.Column():
                with gradio.Tab("a file"):
                    file = gradio.File(label="A picture: JPEG, PNG, WebP or GIF", elem_id="file")
                with gradio.Tab("the camera"):
                    no_camera = gradio.Markdown(elem_id="no-camera")
                    photo = gradio.Image(label="A photo", sources=["webcam"], type="filepath")
            with gradio.Column():
                said = gradio.Textbox(label="Answer", elem_id="answer", lines=2)
                shares = gradio.Label(label="Probabilities", num_top_classes=5)
                seen = gradio.Image(label="What the model sees", interactive=False, buttons=[])
        shown = [said, shares, seen]
        file.upload(answer, file, shown)
        file.clear(answer, file, shown)
        photo.change(answer, photo, shown)
        blocks.load(None, None, no_camera, js=CAMERA)
    _, url, _ = blocks.launch(
        share=False,
        server_name=HOST,
        prevent_thread_lock=True,
        inline=False,
        quiet=True,
        max_file_size=MOST_BYTES,
        theme=gradio.themes.Base(font=["sans-serif"], font_mono=["monospace"]),  # none from the net
        footer_links=[],
    )
    return ServedPage(blocks, url)
