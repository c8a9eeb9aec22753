"""Drawings of lines and areas (SVG) as pixels."""

import io

import numpy as np
from PIL import Image


def draw_svg(drawing: bytes, size: int) -> np.ndarray:
    """Return an SVG drawing on white as uint8 `[size, size, 3]`.

    ModuleNotFoundError, which says how to get it, where the library that draws is missing;
    ValueError for what is no drawing.
    """
    try:
        import resvg_py
    except ImportError:
        raise ModuleNotFoundError(
            "The SVG library is missing, so that no drawing can be made into pixels. Install it: "
            "python -m pip install resvg-py",
            name="resvg_py",
        ) from None
    try:
        png = resvg_py.svg_to_bytes(
            svg_string=drawing.decode("utf-8"),
            background="white",
            skip_system_fonts=True,
            width=size,
            height=size,
        )
    except Exception as error:  # resvg raises errors of several kinds
        raise ValueError(f"No drawing in SVG: {error}") from None
    picture = Image.open(io.BytesIO(bytes(png)), formats=["PNG"]).convert("RGB")
    if picture.size != (size, size):  # it keeps the drawing's shape
        picture = picture.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(picture)
