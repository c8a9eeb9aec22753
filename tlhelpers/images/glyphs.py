"""Printed characters: the source domain of the embedded task, and its zero-shot descriptions.

Everything is drawn from fonts that travel inside matplotlib, so nothing is downloaded.
Pictures are float32 `[n, size, size]` in `[0, 1]`: bright ink on a dark ground.
"""

import functools
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

_DEJAVU = [
    f"DejaVu{family}{style}"
    for family, slant in (("Sans", "Oblique"), ("SansMono", "Oblique"), ("Serif", "Italic"))
    for style in ("", "-Bold", f"-{slant}", f"-Bold{slant}")
]
_STIX = ["STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"]

#: Fonts that every supported matplotlib ships and that draw plain letters and digits.
FONTS = (*_DEJAVU, *_STIX, "cmr10", "cmb10", "cmss10", "cmtt10")

# First and last code point of each run of letters; characters that are not letters are left out.
_SCRIPTS = {
    "latin": [(0x41, 0x5A), (0x61, 0x7A)],
    "greek": [(0x391, 0x3C9)],
    "cyrillic": [(0x400, 0x45F)],
    "armenian": [(0x531, 0x587)],
    "georgian": [(0x10A0, 0x10FF)],
    "hebrew": [(0x5D0, 0x5EA)],
    "tifinagh": [(0x2D30, 0x2D67)],
    "lisu": [(0xA4D0, 0xA4F7)],
    "syllabics": [(0x1401, 0x1676)],
}
SCRIPTS = tuple(_SCRIPTS)


def alphabet(script: str) -> list[str]:
    """Return letters of a script, as a list of one-character strings; digits are never among them.

    Raises `ValueError` when the script is not one of `SCRIPTS`.

    >>> "".join(alphabet("latin"))[:6]
    'ABCDEF'
    """
    if script not in _SCRIPTS:
        raise ValueError(f"Unknown script {script!r}. Valid scripts: {', '.join(SCRIPTS)}.")
    codes = [code for first, last in _SCRIPTS[script] for code in range(first, last + 1)]
    return [chr(code) for code in codes if unicodedata.category(chr(code)) in ("Lu", "Ll", "Lo")]


@functools.cache
def _font(name):
    """The font at 96 pixels, and the set of code points it draws."""
    if name not in FONTS:
        raise ValueError(f"Unknown font {name!r}. Valid fonts: {', '.join(FONTS)}.")
    import matplotlib
    from matplotlib.ft2font import FT2Font

    path = str(Path(matplotlib.get_data_path(), "fonts", "ttf", f"{name}.ttf"))
    return ImageFont.truetype(path, 96), frozenset(FT2Font(path).get_charmap())


def has_glyph(character: str, font: str) -> bool:
    """Return whether a font draws a character itself, rather than an empty box in its place."""
    return ord(character) in _font(font)[1]


def render(
    characters: Sequence[str], font: str = "DejaVuSans", size: int = 32, margin: int = 2
) -> np.ndarray:
    """Draw characters, each enlarged until its ink is `size - 2 * margin` pixels wide or high.

    Returns float32 `[len(characters), size, size]` in `[0, 1]`. Raises `ValueError` for an
    unknown font and for a character that the font does not draw.

    >>> render("AB", size=32).shape
    (2, 32, 32)
    """
    out = np.zeros((len(characters), size, size), np.float32)
    for i, character in enumerate(characters):
        if not has_glyph(character, font):
            fonts = ", ".join(name for name in FONTS if has_glyph(character, name))
            raise ValueError(
                f"Font {font!r} does not draw {character!r}. "
                f"Fonts that do: {fonts or 'none of those in matplotlib'}."
            )
        face = _font(font)[0]
        left, top, right, bottom = face.getbbox(character)
        picture = Image.new("L", (right - left, bottom - top))
        ImageDraw.Draw(picture).text((-left, -top), character, font=face, fill=255)
        if picture.getbbox() is None:  # a space has no ink: it stays black
            continue
        picture = picture.crop(picture.getbbox())
        scale = (size - 2 * margin) / max(picture.size)
        width, height = (max(1, round(side * scale)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.BOX)
        x, y = (size - width) // 2, (size - height) // 2
        out[i, y : y + height, x : x + width] = np.asarray(picture, np.float32) / 255
    return out


def warp(
    images: np.ndarray,
    seed: int | Sequence[int],
    strength: float = 1.0,
    margin: tuple[float, float] = (0.0, 0.12),
) -> np.ndarray:
    """Redraw each picture as if by another hand.

    Random rotation, slant, aspect and taper; smooth elastic displacement at three scales
    (Simard et al., 2003); then the ink is refitted to the frame, leaving a random `margin`
    (a share of the side), and the strokes are made thicker or thinner. `strength` 0 leaves
    shape as it is, 1 is about as varied as people's handwriting. Takes and returns float32
    `[n, size, size]`; the same seed gives the same pictures.
    """
    rng = np.random.default_rng(seed)
    n, size = len(images), images.shape[1]

    def normal(sigma):
        return rng.normal(0, sigma * strength, (n, 1, 1)).astype(np.float32)

    def smooth_field(cells):
        return enlarge(rng.normal(0, 1, (n, cells, cells)), size)

    axis = np.linspace(-1, 1, size, dtype=np.float32)
    y, x = axis[None, :, None], axis[None, None, :]
    angle, slant, aspect = normal(0.14), normal(0.22), np.exp(normal(0.22))
    room = 1.35  # look beyond the frame, so that a rotated letter is not cut off
    rows = (np.sin(angle) * x + np.cos(angle) * y) * room
    columns = (np.cos(angle) * x - np.sin(angle) * y + slant * y) * aspect * room
    rows, columns = rows * (1 + normal(0.18) * x), columns * (1 + normal(0.18) * y)
    for cells, sigma in ((3, 0.16), (5, 0.07), (8, 0.02)):
        rows += smooth_field(cells) * abs(normal(sigma))
        columns += smooth_field(cells) * abs(normal(sigma))
    middle = (size - 1) / 2
    out = _sample(images, (rows + 1) * middle, (columns + 1) * middle)
    return _restroke(refit(out, rng.uniform(*margin, n)), rng)


def _sample(images, rows, columns):
    index = np.arange(len(images), dtype=np.float32)[:, None, None]
    where = np.broadcast_arrays(index, rows, columns)
    return ndimage.map_coordinates(images, where, order=1, prefilter=False)


def refit(images: np.ndarray, margin: float | np.ndarray = 0.0) -> np.ndarray:
    """Crop each picture to its ink and enlarge it to the frame, leaving `margin` of the side.

    Takes and returns float32 `[n, size, size]`; `margin` is one number or `[n]` of them.
    """
    size = images.shape[1]
    ink = np.greater(images, 0.25)
    rows, columns = ink.any(2), ink.any(1)
    empty = ~rows.any(1)
    rows[empty] = columns[empty] = True
    top, bottom = rows.argmax(1), size - 1 - rows[:, ::-1].argmax(1)
    left, right = columns.argmax(1), size - 1 - columns[:, ::-1].argmax(1)
    side = np.maximum(bottom - top, right - left) + 1
    step = (side / size / (1 - 2 * np.asarray(margin)))[:, None, None]
    axis = np.arange(size) - (size - 1) / 2
    rows = (top + bottom)[:, None, None] / 2 + axis[:, None] * step
    columns = (left + right)[:, None, None] / 2 + axis * step
    return _sample(images, rows, columns)


def _restroke(images, rng):
    """Thicken or thin the strokes: blur, then cut softly at a random grey level.

    The level is relative to the ink nearby, so that thin strokes last as long as thick ones.
    """
    blurred = ndimage.gaussian_filter(images, (0, 1.3, 1.3), truncate=3)
    nearby = ndimage.maximum_filter(blurred, (1, 9, 9))
    brightest = blurred.max((1, 2), keepdims=True)
    blurred /= np.maximum(nearby, 0.4 * brightest) + 1e-6
    level = rng.uniform(0.2, 0.8, (len(images), 1, 1)).astype(np.float32)
    softness = rng.uniform(0.04, 0.15, (len(images), 1, 1)).astype(np.float32)
    floor, top = (1 / (1 + np.exp(-(edge - level) / softness)) for edge in (0, 1))
    cut = 1 / (1 + np.exp(-(blurred - level) / softness))
    return ((cut - floor) / (top - floor)).astype(np.float32)


def degrade(images: np.ndarray, pixels: int = 8, levels: int = 17) -> np.ndarray:
    """Reduce pictures to `pixels` x `pixels` cells of `levels` greys, then enlarge them again.

    The UCI digits of scikit-learn were reduced so after scanning (8x8 cells, 17 levels).
    Takes and returns float32 `[n, size, size]`; `size` must be a multiple of `pixels`.
    """
    n, size = len(images), images.shape[1]
    if size % pixels:
        raise ValueError(f"size {size} is not a multiple of pixels={pixels}. Choose a divisor.")
    cell = size // pixels
    small = images.reshape(n, pixels, cell, pixels, cell).mean((2, 4))
    return enlarge(np.round(small * (levels - 1)) / (levels - 1), size)


def enlarge(images: np.ndarray, size: int) -> np.ndarray:
    """Resample square pictures `[n, p, p]` to float32 `[n, size, size]`, bilinearly."""
    factor = size / images.shape[1]
    images = np.asarray(images, np.float32)
    return ndimage.zoom(images, (1, factor, factor), order=1, mode="nearest", grid_mode=True)
