"""One picture of your own: a file, its bytes, or what a button for uploads holds."""

from pathlib import Path
from typing import Any

import numpy as np

from ..runtime.checks import whole_number
from ..runtime.texts import printable
from ..runtime.types import StrPath
from ..runtime.uploads import content_of
from . import decode

LEAST_SIDE = 16  # pixels; in a smaller picture there is nothing to see


def read_picture(source: StrPath | bytes | Any, size: int = 224) -> np.ndarray:
    """Return a picture as a network wants it: float32 `[size, size, 3]` in `[0, 1]`.

    Its middle square is taken, turned upright as the camera says, and transparency is laid on
    white. JPEG, PNG, WebP, GIF (the first frame), AVIF, BMP, TIFF, in colour or grey.

    Parameters
    ----------
    source : path, bytes, or an upload
        A file, its content, or an upload: the widget `FileUpload` or its `value` (ipywidgets 7 and
        8), or what `google.colab.files.upload()` returns. Of several files, the last.
    size : int
        Side of the result, in pixels.

    Raises
    ------
    ValueError
        There is no picture in it, or none that can be used; the message says why.

    Examples
    --------
    >>> import io
    >>> from PIL import Image
    >>> stream = io.BytesIO()
    >>> Image.new("RGB", (40, 30), "red").save(stream, "PNG")
    >>> read_picture(stream.getvalue(), size=32).shape
    (32, 32, 3)
    """
    whole_number(size, "size")
    name, content = content_of(source, "picture")
    name = printable(name)
    with decode.quiet():
        try:
            picture = decode.read(content, size)
            head = decode.look(content)
        except decode.Unreadable as reason:
            raise ValueError(f"{name} cannot be used: {reason}. {_mend(content)}") from None
    if min(head.width, head.height) < LEAST_SIDE:
        raise ValueError(
            f"{name} cannot be used: it is {head.width} x {head.height} pixels; {LEAST_SIDE} or "
            "more on each side are expected. Choose a larger picture."
        )
    return picture


def _mend(content: bytes | Path) -> str:
    if isinstance(content, bytes):
        start = content[:16]
    else:
        try:
            start = b""
            if content.is_file():  # a pipe would wait
                with content.open("rb") as file:
                    start = file.read(16)
        except OSError:
            pass
        if not start:
            return f"Looked for it as {printable(str(content.absolute()))}."
    if start[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1"):
        return "It is a HEIC file, as iPhones make them: export it as JPEG."
    return "JPEG, PNG, WebP or GIF is expected."
