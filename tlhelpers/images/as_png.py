"""A picture as a PNG file, and as HTML with words for it, for widgets and pages."""

import base64
import html
import io

import numpy as np
from PIL import Image


def as_png(image: np.ndarray, side: int | None = None) -> bytes:
    """Return a picture as PNG: floats in `[0, 1]` or uint8, `[height, width]` or `[…, 3]`.

    With `side` its longer side is enlarged or shrunk to so many pixels.

    >>> as_png(np.zeros((2, 2, 3)))[1:4]
    b'PNG'
    """
    pixels = np.round(image * 255).astype(np.uint8) if image.dtype.kind == "f" else image
    picture, stream = Image.fromarray(pixels), io.BytesIO()
    if side is not None:
        scale = side / max(picture.size)
        size = [max(1, round(scale * length)) for length in picture.size]
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    picture.save(stream, "PNG")
    return stream.getvalue()


def as_html(image: np.ndarray, words: str, side: int | None = None) -> str:
    """Return a picture as HTML that says in words what it is, for who cannot see it.

    >>> as_html(np.zeros((2, 2, 3)), "a black square")[:49]
    '<img alt="a black square" src="data:image/png;bas'
    """
    content = base64.b64encode(as_png(image, side)).decode()
    return f'<img alt="{html.escape(words)}" src="data:image/png;base64,{content}">'
