"""Pictures in files of any kind: read as one form, or refused with a reason in words."""

import io
import os
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ..runtime.types import StrPath

#: More pixels than this are refused before they are decoded: a small file can unfold to gigabytes.
MOST_PIXELS = 150_000_000
VERSION = 1  # to be raised when `read` gives other pixels: features are kept under it

Crop = tuple[float, float, float]  # side as a share of the shorter side; place across, down (0-1)
CENTRE: Crop = (1.0, 0.5, 0.5)  # the middle square

_REASONS: dict[type, str] = {
    FileNotFoundError: "there is no such file",
    IsADirectoryError: "a folder, not a file",
    PermissionError: "no right to read it",
    UnidentifiedImageError: "not a picture that Pillow knows",
    Image.DecompressionBombError: "too many pixels: a decompression bomb",
    MemoryError: "too large for the memory that is free",
}


class Unreadable(ValueError):
    """A picture that cannot be used; the message says why."""


def read(path: StrPath | bytes, size: int, crop: Crop | None = CENTRE) -> np.ndarray:
    """Return a picture file as float32 `[size, size, 3]` in `[0, 1]`; or raise `Unreadable`.

    `path` may also be the content of a file. The picture is turned upright (EXIF), its first frame
    taken, a square of it resized (all of it squeezed if `crop` is None), transparency laid on
    white, CMYK and greys of 16 bits or floating point (0 to 1, 255 or 65535) brought to RGB.
    """
    source = io.BytesIO(path) if isinstance(path, bytes) else Path(path)
    try:
        if not (source.stat().st_size if isinstance(source, Path) else path):
            raise Unreadable("the file is empty")
        with Image.open(source) as file:
            width, height = file.size
            if width * height > MOST_PIXELS:
                raise Unreadable(f"{width} x {height} pixels, more than {MOST_PIXELS:,}")
            needed = int(2 * size / (crop or CENTRE)[0])
            file.draft("RGB", (needed, needed))  # JPEG: decode no more than is needed
            file.seek(0)
            file.load()
            picture: Image.Image = file
            with suppress(Exception):  # its EXIF data may be damaged when the picture is not
                picture = ImageOps.exif_transpose(file)
            box: tuple[float, ...] = (0, 0, *picture.size)
            if crop is not None:
                share, across, down = crop
                side = share * min(picture.size)
                left, top = (picture.width - side) * across, (picture.height - side) * down
                box = (left, top, left + side, top + side)
            return np.asarray(_as_rgb(picture, box, size), np.float32) / 255
    except Unreadable:
        raise
    except Exception as error:  # Pillow's readers raise errors of many kinds on damaged files
        reason = _REASONS.get(type(error), f"broken: {error}")
        dangling = isinstance(error, FileNotFoundError) and Path(os.fsdecode(path)).is_symlink()
        raise Unreadable("a link to nothing" if dangling else reason) from None


def read_many(
    paths: Iterable[StrPath], size: int, crop: Crop | None = CENTRE
) -> Iterator[np.ndarray | Unreadable]:
    """Yield each picture in turn, as `read` gives it, or the `Unreadable` that it raises."""

    def attempt(path):
        try:
            return read(path, size, crop)
        except Unreadable as reason:
            return reason

    paths = list(paths)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(paths), 64):
            with warnings.catch_warnings():  # not in the threads, which share one list of filters
                # Pillow's, of odd metadata and large pictures, are said in our words
                warnings.filterwarnings("ignore", module=r"PIL\.")
                some = list(pool.map(attempt, paths[start : start + 64]))
            yield from some


def _as_rgb(picture, box, size):
    """Return a part of a picture, resized, as RGB of 8 bits."""
    small = (size, size), Image.Resampling.BILINEAR, box
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        values = np.asarray(picture, np.float32)
        low, high = float(values.min()), float(values.max())
        top = next((top for top in (1, 255, 65535) if high <= top), None)
        if not low >= 0 or top is None:  # or NaN
            raise Unreadable(
                f"its values go from {low:g} to {high:g}; from 0 to 1, 255 or 65535 is expected"
            )
        return Image.fromarray(values * (255 / top)).resize(*small).convert("L").convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        over = picture.convert("RGBA").resize(*small)
        ground = Image.new("RGBA", over.size, "white")
        return Image.alpha_composite(ground, over).convert("RGB")
    return picture.convert("RGB").resize(*small)
