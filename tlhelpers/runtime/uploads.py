"""What a person gives: a path, bytes, or an upload of any version of ipywidgets or of Colab."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def content_of(source: Any, what: str) -> tuple[str, bytes | Path]:
    """Return a name to speak of, and the bytes or the path; ValueError if there is neither.

    `what` is what is expected, as "picture", for messages.

    >>> content_of({"name": "cat.png", "content": b"..."}, "picture")
    ('cat.png', b'...')
    """
    if hasattr(source, "value"):  # the widget itself
        source = source.value
    if isinstance(source, bytes | bytearray | memoryview):
        return f"The {what}", bytes(source)
    if isinstance(source, str | Path):
        return Path(source).name or str(source), Path(source)
    if isinstance(source, Mapping) and "content" in source:  # one file of ipywidgets
        return str(source.get("name", f"The {what}")), bytes(source["content"])
    if not isinstance(source, Mapping | list | tuple):
        raise ValueError(
            f"Got {type(source).__name__}; a path, the bytes of a {what} or an upload is expected."
        )
    if not source:
        raise ValueError(f"Nothing was uploaded yet. Choose a {what} with the button first.")
    if not isinstance(source, Mapping):  # ipywidgets 8: one mapping a file
        return content_of(source[-1], what)
    name, file = list(source.items())[-1]  # ipywidgets 7 and Colab: files by name
    return str(name), bytes(file["content"] if isinstance(file, Mapping) else file)
