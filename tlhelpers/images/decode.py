"""Pictures in files of any kind: read as one form, or refused with a reason in words."""

import ctypes
import functools
import hashlib
import io
import os
import stat
import threading
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ..runtime.texts import printable
from ..runtime.types import StrPath

#: More pixels than this are refused before they are decoded, and no more are being decoded at a
#: time, in all threads together: a small file can unfold to gigabytes.
MOST_PIXELS = 150_000_000
MOST_BYTES = 512 * 2**20  # of a file, likewise: some readers take all of it into memory
#: No others are opened: some readers of Pillow start programs (EPS), or trust what files say.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000")
MOST_SCANS = 100  # of a progressive JPEG, which has about ten; each goes over all of its pixels
_MOVING = ("GIF", "PNG", "WEBP", "AVIF")  # where several frames are an animation
_HEAVY = ("WEBP", "AVIF", "JPEG2000")  # their readers need twice the memory for a pixel
# A large picture in one block is given back to the system at once; smaller blocks, such as Pillow's
# of 16 MB, each thread keeps (glibc)
Image.core.set_block_size(2**30)
with suppress(OSError, AttributeError):  # where libtiff is no library of its own (Windows)
    # What it prints of a damaged file, past Python, the `Unreadable` says
    ctypes.CDLL(Image.core.__file__).TIFFSetErrorHandler(None)
VERSION = 2  # to be raised when `read` gives other pixels: features are kept under it

Crop = tuple[float, float, float]  # side as a share of the shorter side; place across, down (0-1)
CENTRE: Crop = (1.0, 0.5, 0.5)  # the middle square

_REASONS: dict[type, str] = {
    FileNotFoundError: "there is no such file",
    PermissionError: "no right to read it",
    UnidentifiedImageError: "not a picture that Pillow knows",
    Image.DecompressionBombError: "too many pixels: a decompression bomb",
    MemoryError: "too large for the memory that is free",
}


class Unreadable(ValueError):
    """A picture that cannot be used; the message says why."""


class Head(NamedTuple):
    """What the first bytes of a picture say: its format, its sides in pixels, whether it moves."""

    kind: str
    width: int
    height: int
    moves: bool


class _Shared:
    """An amount that all threads together may use; who needs more than is left waits."""

    def __init__(self, most):
        self.left, self.changed = most, threading.Condition()

    @contextmanager
    def use(self, amount):
        with self.changed:
            self.changed.wait_for(lambda: self.left >= amount)
            self.left -= amount
        try:
            yield
        finally:
            with self.changed:
                self.left += amount
                self.changed.notify_all()


# Each thread takes of the first before it takes of the second, so that none waits for ever
_bytes, _pixels = _Shared(MOST_BYTES), _Shared(MOST_PIXELS)


def read(path: StrPath | bytes, size: int, crop: Crop | None = CENTRE) -> np.ndarray:
    """Return a picture file as float32 `[size, size, 3]` in `[0, 1]`; or raise `Unreadable`.

    `path` may also be the content of a file. The picture is turned upright (EXIF), its first frame
    taken, a square of it resized (all of it squeezed if `crop` is None), transparency laid on
    white, CMYK and greys of 16 bits or floating point (0 to 1, 255 or 65535) brought to RGB. Only
    `FORMATS` are read. Large pictures wait for each other, so that memory is bounded.
    """
    with _opened(path) as file:
        pixels = file.width * file.height
        if pixels > MOST_PIXELS:
            raise Unreadable(f"{file.width} x {file.height} pixels, more than {MOST_PIXELS:,}")
        if file.info.get("progressive") and (scans := _scans(file.fp)) > MOST_SCANS:
            raise Unreadable(f"a progressive JPEG of {scans} scans, more than {MOST_SCANS}")
        weight = min(pixels * (1 + (file.format in _HEAVY)), MOST_PIXELS)
        with _pixels.use(weight), closing(file):  # its pixels too, not only the file
            needed = int(2 * size / (crop or CENTRE)[0])
            file.draft("RGB", (needed, needed))  # JPEG: decode no more than is needed
            file.seek(0)
            file.load()
            with suppress(Exception):  # its EXIF data may be damaged when the picture is not
                ImageOps.exif_transpose(file, in_place=True)  # otherwise it makes a copy
            box: tuple[float, ...] = (0, 0, *file.size)
            if crop is not None:
                share, across, down = crop
                side = share * min(file.size)
                left, top = (file.width - side) * across, (file.height - side) * down
                box = (left, top, left + side, top + side)
            return np.asarray(_as_rgb(file, box, size), np.float32) / 255


def look(path: StrPath | bytes) -> Head:
    """Return what the head of a picture file says, or of its content; or raise `Unreadable`."""
    with _opened(path) as file:
        moves = False
        with suppress(Exception):  # a second frame may be damaged when the first is not
            moves = file.format in _MOVING and file.is_animated
        return Head(file.format, file.width, file.height, moves)


def digest(path: StrPath) -> str:
    """Return the SHA-256 of a file in hexadecimal digits; or raise `Unreadable`."""
    with _in_words(path):
        _length(path)
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def read_many(
    paths: Iterable[StrPath], size: int, crop: Crop | None = CENTRE
) -> Iterator[np.ndarray | Unreadable]:
    """Yield each picture in turn, as `read` gives it, or the `Unreadable` that it raises."""

    def attempt(path):
        try:
            return read(path, size, crop)
        except Unreadable as reason:
            return Unreadable(*reason.args)  # without the pixels in its traceback

    paths = list(paths)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(paths), 64):
            with quiet():  # not in the threads, which share one list of filters
                some = list(pool.map(attempt, paths[start : start + 64]))
            yield from some


@contextmanager
def quiet() -> Iterator[None]:
    """Without Pillow's warnings, of odd metadata and large pictures: `Unreadable` says it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


@contextmanager
def _opened(source):
    """A picture whose head was read. `Unreadable` where that, or what is done to it, fails."""
    with _in_words(source), _bytes.use(_length(source)):
        stream = io.BytesIO(source) if isinstance(source, bytes) else source
        with Image.open(stream, formats=_formats()) as file:
            yield file


def _scans(file):
    """How many parts of a JPEG go over its pixels, by their marks."""
    place = file.tell()
    file.seek(0)
    count = file.read().count(b"\xff\xda")
    file.seek(place)
    return count


@functools.cache
def _formats():
    Image.init()  # otherwise some are not known yet, and some never are in a Pillow without them
    return [name for name in FORMATS if name in Image.OPEN]


def _length(source):
    """Bytes of a file, or of its content; `Unreadable` if it is none, empty or too large."""
    if isinstance(source, bytes):
        length = len(source)
    else:
        found = os.stat(source)
        if stat.S_ISDIR(found.st_mode):
            raise Unreadable("a folder, not a file")
        if not stat.S_ISREG(found.st_mode):  # opening it may wait, reading it never end
            raise Unreadable("a pipe, a socket or a device, not a file")
        length = found.st_size
    if not length:
        raise Unreadable("the file is empty")
    if length > MOST_BYTES:
        raise Unreadable(f"a file of {length / 1e6:,.0f} MB, more than {MOST_BYTES / 1e6:,.0f}")
    return length


@contextmanager
def _in_words(source):
    """Whatever fails is an `Unreadable` with the reason."""
    try:
        yield
    except Unreadable:
        raise
    except Exception as error:  # Pillow's readers raise errors of many kinds on damaged files
        reason = _REASONS.get(type(error))
        if isinstance(error, FileNotFoundError) and os.path.islink(source):
            reason = "a link to nothing"
        elif isinstance(error, OSError) and error.strerror:
            reason = reason or f"it cannot be read: {error.strerror}"
        said = str(error) or type(error).__name__
        raise Unreadable(reason or f"broken: {printable(said):.200}") from None


def _as_rgb(picture, box, size):
    """Return a part of a picture, resized, as RGB of 8 bits."""
    small = (size, size), Image.Resampling.BILINEAR, box
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        grey = _in_mode("F", picture)
        values, (low, high) = np.asarray(grey.resize(*small)), grey.getextrema()
        top = next((top for top in (1, 255, 65535) if high <= top), None)
        if not low >= 0 or top is None or np.isnan(values).any():
            raise Unreadable(
                f"its values go from {low:g} to {high:g}; from 0 to 1, 255 or 65535 is expected"
            )
        return Image.fromarray(values * (255 / top)).convert("L").convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        over = _in_mode("RGBA", picture).resize(*small)
        ground = Image.new("RGBA", over.size, "white")
        return Image.alpha_composite(ground, over).convert("RGB")
    return _in_mode("RGB", picture).resize(*small)


def _in_mode(mode, picture):
    return picture if picture.mode == mode else picture.convert(mode)  # which would copy it
