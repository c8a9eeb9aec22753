"""Pictures in files of any kind: read as one form, or refused with a reason in words."""

import os
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

#: More pixels than this are refused before they are decoded: a small file can unfold to gigabytes.
MOST_PIXELS = 150_000_000
VERSION = 1  # to be raised when `read` gives other pixels: features are kept under it


class Unreadable(ValueError):
    """A picture that cannot be used; the message says why."""


Crop = tuple[float, float, float]
CENTRE: Crop = (1.0, 0.5, 0.5)  # the middle square


def read(path: str | Path, size: int, crop: Crop | None = CENTRE) -> np.ndarray:
    """Return a picture file as float32 `[size, size, 3]` in `[0, 1]`.

    It is turned upright (EXIF), its first frame taken, a square of it resized, transparency laid
    on white, CMYK and greys of 16 bits or floating point (0 to 1, 255 or 65535) brought to RGB.

    Parameters
    ----------
    path : str or Path
    size : int
        Of the side, in pixels.
    crop : (float, float, float) or None
        Side of the square as a share of the picture's shorter side; where it lies across and down,
        from 0 to 1. None squeezes the whole picture into the square.

    Raises
    ------
    Unreadable
        Empty, truncated, no picture, too many pixels, no right to read it; with the reason.
    """
    with _quiet():
        return _read(path, size, crop)


@contextmanager
def _quiet():
    """Without Pillow's warnings of odd metadata and large pictures, which are said in our words."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def _read(path, size, crop):
    from PIL import Image, UnidentifiedImageError

    path = Path(path)
    try:
        if not path.stat().st_size:
            raise Unreadable("the file is empty")
        with Image.open(path) as picture:
            width, height = picture.size
            if width * height > MOST_PIXELS:
                raise Unreadable(f"{width} x {height} pixels, more than {MOST_PIXELS:,}")
            needed = int(2 * size / (crop or CENTRE)[0])
            picture.draft("RGB", (needed, needed))  # JPEG: decode no more than is needed
            picture.seek(0)
            picture.load()
            picture = _upright(picture)
            if crop is None:
                box = (0, 0, *picture.size)
            else:
                side = crop[0] * min(picture.size)
                free = [long - side for long in picture.size]
                left, top = (space * at for space, at in zip(free, crop[1:], strict=True))
                box = (left, top, left + side, top + side)
            square = _as_rgb(picture, box, size)
    except Unreadable:
        raise
    except FileNotFoundError:
        link = "a link to nothing" if path.is_symlink() else "there is no such file"
        raise Unreadable(link) from None
    except IsADirectoryError:
        raise Unreadable("a folder, not a file") from None
    except PermissionError:
        raise Unreadable("no right to read it") from None
    except UnidentifiedImageError:
        raise Unreadable("not a picture that Pillow knows") from None
    except Image.DecompressionBombError:
        raise Unreadable("too many pixels: a decompression bomb") from None
    except MemoryError:
        raise Unreadable("too large for the memory that is free") from None
    except Exception as error:  # Pillow's readers raise errors of many kinds on damaged files
        raise Unreadable(f"broken: {error}") from None
    return np.asarray(square, np.float32) / 255


def read_many(
    paths: Iterable[str | Path], size: int, crop: Crop | None = CENTRE
) -> Iterator[np.ndarray | Unreadable]:
    """Yield each picture in turn, read as `read` does; an `Unreadable` stands where one cannot be.

    Several are decoded at a time.
    """

    def attempt(path):
        try:
            return _read(path, size, crop)
        except Unreadable as reason:
            return reason

    paths = list(paths)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(paths), 64):
            with _quiet():  # not in the threads, which share one list of filters
                some = list(pool.map(attempt, paths[start : start + 64]))
            yield from some


def _upright(picture):
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # its EXIF data are damaged, the picture itself is not
        return picture


def _as_rgb(picture, box, size):
    """A part of a picture, resized, as RGB of 8 bits."""
    from PIL import Image

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
