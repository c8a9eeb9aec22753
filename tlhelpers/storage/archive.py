"""Unpack an archive that came from anywhere: nothing outside of its folder, no links, no bombs."""

import errno
import gzip
import os
import re
import shutil
import tarfile
import tempfile
import unicodedata
import zlib
from pathlib import Path, PureWindowsPath

LARGEST = 20e9  # bytes that may come out of an archive,
EXPANSION = 100  # and how many times its own size, where they are
UNSUSPICIOUS = 1e9  # or more
MOST = 100_000  # files and folders
HEADER = 65_536  # bytes that an archive may say about one file
NAME, PART, DEPTH = 1_000, 255, 32  # bytes of a name, of each of its parts, and how many parts
CHUNK = 1_000_000  # bytes at a time
_GO_ON = "If you trust it, unpack it yourself and give the folder instead"
_ODD = re.compile(  # in a part of a name: what not every system can write as it stands
    r'[<>:"|?*\x00-\x1f\x7f\ud800-\udfff]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)', re.IGNORECASE
)


def unpack(archive: Path, folder: Path, what: str, *, module: bool = False) -> None:
    """Unpack a tar or tar.gz into a folder, without the folder in it that holds all the rest.

    With `module` it must be a SavedModel. It is read to its end, so that the checksum of a tar.gz
    is compared. ValueError, which begins with `what`, for another archive, a damaged or an unsafe
    one, or one above the limits of this file; OSError if the disk has not enough room.
    """
    inside = Path(tempfile.mkdtemp(dir=folder))
    try:
        names = _extract(archive, inside)
        if not names:
            raise ValueError("nothing is in it")
        root, graph = inside, "saved_model.pb"
        inner = [path for path in inside.iterdir() if path.is_dir() or not module]
        if len(inner) == 1 and inner[0].is_dir() and not (module and (inside / graph).is_file()):
            root = inner[0]
        if module and not (root / graph).is_file():
            shown = ", ".join(names[:5])
            raise ValueError(f"it holds no {graph}, so no SavedModel; it begins with: {shown}")
        for path in root.iterdir():
            path.rename(folder / path.name)
    except ValueError as error:
        raise ValueError(f"{what} cannot be used: {error}.") from error
    finally:
        shutil.rmtree(inside, ignore_errors=True)


class _Expanded:
    """What comes out of an archive, read once from start to end, as far as the limit."""

    def __init__(self, file, most):
        self.file, self.most, self.left = file, most, most

    def take(self, size):
        """Return so many bytes; EOFError if the archive has fewer."""
        self.left -= size
        if self.left < 0:
            raise ValueError(f"more than {self.most / 1e6:.0f} MB would come out of it. {_GO_ON}")
        found = self.file.read(size)
        if len(found) < size:
            raise EOFError("it ends too early")
        return found

    def take_blocks(self, size):
        """Return so many bytes, and pass over those that fill the last block of 512."""
        return self.take(size + -size % 512)[:size]


def _extract(archive, folder):
    """Unpack an archive in which all is safe, and return the names of its files."""
    with open(archive, "rb") as file:
        start = file.read(512)
        if b"<html" in start.lower() or b"<!doctype" in start.lower():
            raise ValueError(
                "a web page came instead of an archive. Open the address in a browser: it may ask "
                "for a sign-in or consent, also one of the network that you are in"
            )
        file.seek(0)
        packed = start.startswith(b"\x1f\x8b")
        size = archive.stat().st_size
        most = min(LARGEST, max(UNSUSPICIOUS, EXPANSION * size)) if packed else LARGEST
        try:
            return _write(_Expanded(gzip.GzipFile(fileobj=file) if packed else file, most), folder)
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            why = (str(error) or type(error).__name__).splitlines()[0].removesuffix(":")
            raise ValueError(f"it is no archive (tar, tar.gz), or a damaged one ({why})") from error


def _write(expanded, folder):
    """Write what stands in a tar, and read to the end of what it came in."""
    seen, names, need, free = {}, [], 0, shutil.disk_usage(folder).free
    while (found := _next(expanded)) is not None:
        name, is_folder, size = found
        parts = _parts(name)
        _make_room(folder, parts, is_folder, seen)
        if is_folder:
            continue
        if not parts:
            raise ValueError("it has a file without a name; refused")
        need += size
        if need > free:
            why = f"{need / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free"
            raise OSError(errno.ENOSPC, why)
        names.append(name)
        with open(os.path.join(folder, *parts), "xb") as target:
            for done in range(0, size, CHUNK):
                target.write(expanded.take(min(CHUNK, size - done)))
        expanded.take(-size % 512)
    while rest := expanded.file.read(min(CHUNK, int(expanded.left) + 1)):
        expanded.left -= len(rest)
        if rest.strip(b"\0") or expanded.left < 0:
            raise tarfile.ReadError("something follows its end")
    return names


def _next(expanded):
    """Return the next file's or folder's name, whether it is a folder, and its size; or None."""
    given = {}  # by headers before it, where its own has no room
    while (block := expanded.take(512)).strip(b"\0"):
        head = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        if head.type in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE):
            pax = _pax(_header(expanded, head.size))
            given |= pax if head.type != tarfile.XGLTYPE else {}
        elif head.type == tarfile.GNUTYPE_LONGNAME:
            given["path"] = _text(_header(expanded, head.size).split(b"\0")[0])
        elif head.type == tarfile.GNUTYPE_LONGLINK:
            _header(expanded, head.size)
        else:
            name, size = given.get("path", head.name), given.get("size", str(head.size))
            if not (size.isascii() and size.isdigit() and len(size) < 20):
                raise tarfile.ReadError(f"{name[:99]!r} has a size of {size[:20]}")
            sparse = any(key.startswith("GNU.sparse") for key in given)
            if head.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE) or sparse:
                raise ValueError(
                    f"{name[:99]!r} is a link or a device, or has holes, which is not expected "
                    "here; refused"
                )
            if int(size) > expanded.left:
                expanded.take(int(size))  # says so
            return name, head.isdir(), int(size)
    if given:
        raise tarfile.ReadError("it ends between a header and its file")
    return None


def _header(expanded, size):
    """Return a header of more than one block."""
    if not 0 <= size <= HEADER:
        raise ValueError(f"it has a header of {size} bytes, expected up to {HEADER}. {_GO_ON}")
    return expanded.take_blocks(size)


def _pax(content):
    """Return what stands in a header of lines `length key=value`; the length is the line's."""
    found, start = {}, 0
    while start < len(content):
        length, space, _ = content[start : start + 20].partition(b" ")
        end = start + int(length) if space and length.isdigit() else 0
        key, equals, value = content[start + len(length) + 1 : end - 1].partition(b"=")
        if not equals or content[end - 1 : end] != b"\n":
            raise tarfile.ReadError("a header without its lines")
        found[_text(key)] = _text(value) if key in (b"path", b"size") else ""
        start = end
    return found


def _text(content):
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ValueError(f"the name {content[:50]!r} is not UTF-8; refused") from None


def _parts(name):
    """Return the parts of a name; ValueError if it leads elsewhere, or not each system has it."""
    path = PureWindowsPath(name)  # knows both separators, and drives
    if path.anchor or ".." in path.parts:
        raise ValueError(f"it would write outside its folder ({name[:99]!r}); refused")
    if odd := [part for part in path.parts if _ODD.search(part)]:
        raise ValueError(f"{odd[0][:99]!r} is a name that not every system can write; refused")
    sizes = [len(part.encode()) for part in path.parts]
    if max(sizes, default=0) > PART or sum(sizes) > NAME or len(sizes) > DEPTH:
        raise ValueError(
            f"the name {name[:50]!r}… is too long: {NAME} bytes, {PART} in a part and {DEPTH} "
            f"parts are allowed. {_GO_ON}"
        )
    return path.parts


def _make_room(folder, parts, is_folder, seen):
    """Make the folders of a name; ValueError if it is there, or one that some systems mix up."""
    for n in range(1, len(parts) + 1):
        entry = ("/".join(parts[:n]), n < len(parts) or is_folder)
        known = seen.setdefault(unicodedata.normalize("NFC", entry[0].casefold()), entry)
        if known is not entry and (known != entry or not entry[1]):
            raise ValueError(
                f"{known[0][:99]!r} and {entry[0][:99]!r} are one place on some systems, or on "
                "all; refused"
            )
        if known is entry and entry[1]:
            os.mkdir(os.path.join(folder, *parts[:n]))
        if len(seen) > MOST:
            raise ValueError(f"it has more than {MOST:,} files and folders. {_GO_ON}")
