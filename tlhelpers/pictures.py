"""Pictures in files of any kind: read as one form, or refused with a reason in words."""

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

#: More pixels than this are refused before they are decoded: a small file can unfold to gigabytes.
MOST_PIXELS = 200_000_000
VERSION = 1  # to be raised when `read` gives other pixels: features are kept under it


class Unreadable(ValueError):
    """A picture that cannot be used; the message says why."""


CENTRE = (1.0, 0.5, 0.5)  # the middle square


def read(path, size, crop=CENTRE):
    """A picture file as float32 `[size, size, 3]` in `[0, 1]`.

    It is turned upright (EXIF), its first frame taken, transparency laid on white, 16 bits and
    CMYK brought to RGB; then a square of it is resized.

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
    from PIL import Image, ImageOps, UnidentifiedImageError

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
            picture = _as_rgb(ImageOps.exif_transpose(picture))
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
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, OverflowError) as error:
        raise Unreadable(f"broken: {error}") from None
    if crop is None:
        box = (0, 0, *picture.size)
    else:
        side = crop[0] * min(picture.size)
        corner = [(long - side) * place for long, place in zip(picture.size, crop[1:], strict=True)]
        box = (*corner, corner[0] + side, corner[1] + side)
    square = picture.resize((size, size), Image.Resampling.BILINEAR, box)
    return np.asarray(square, np.float32) / 255


def read_many(paths, size, crop=CENTRE):
    """Each picture in turn, read as `read` does; an `Unreadable` stands where one cannot be.

    Several are decoded at a time. Pillow's warnings (large pictures, odd metadata) are silenced.
    """

    def attempt(path):
        try:
            return read(path, size, crop)
        except Unreadable as reason:
            return reason

    paths = list(paths)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(paths), 64):
            with warnings.catch_warnings():  # not held while a caller works on what was yielded
                warnings.simplefilter("ignore")
                done = list(pool.map(attempt, paths[start : start + 64]))
            yield from done


def _as_rgb(picture):
    from PIL import Image

    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        values = np.asarray(picture, np.float32)
        top = 65535 if picture.mode != "F" else max(float(values.max()), 1.0)
        grey = np.clip(values / top * 255, 0, 255).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        over = picture.convert("RGBA")
        ground = Image.new("RGBA", over.size, "white")
        return Image.alpha_composite(ground, over).convert("RGB")
    return picture.convert("RGB")
