"""Unpack an archive that came from anywhere: nothing outside of its folder, no links."""

import errno
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath


def unpack(archive: Path, folder: Path, what: str, *, module: bool = False) -> None:
    """Unpack a tar archive into a folder, without the folder in it that holds all the rest.

    With `module` it must be a SavedModel. ValueError, which begins with `what`, for another
    archive, a damaged or an unsafe one; OSError if the disk has not enough room.
    """
    try:
        names = _extract(archive, folder)
        graph = folder / "saved_model.pb"
        inner = [path for path in folder.iterdir() if path.is_dir() or not module]
        if len(inner) == 1 and inner[0].is_dir() and not (module and graph.is_file()):
            outer = inner[0].rename(folder / f"{inner[0].name}.unpacked")  # it may hold its name
            for path in outer.iterdir():
                path.rename(folder / path.name)
            outer.rmdir()
        if module and not graph.is_file():
            shown = ", ".join(names[:5]) or "nothing"
            raise ValueError(f"it holds no {graph.name}, so no SavedModel; it begins with: {shown}")
    except ValueError as error:
        raise ValueError(f"{what} cannot be used: {error}.") from error


def _extract(archive, folder):
    """Unpack an archive in which all is safe, and return the names of its members."""
    with open(archive, "rb") as file:
        start = file.read(512).lower()
    if b"<html" in start or b"<!doctype" in start:
        raise ValueError(
            "a web page came instead of an archive. Open the address in a browser: it may ask for "
            "a sign-in or consent, also one of the network that you are in"
        )
    try:
        with tarfile.open(archive) as tar:
            members = tar.getmembers()
            _refuse_unsafe(members)
            need, free = sum(m.size for m in members), shutil.disk_usage(folder).free
            if need > free:
                why = f"{need / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free"
                raise OSError(errno.ENOSPC, why)
            # Python 3.11.0 to 3.11.3 have no filters; the members were checked above
            tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
            tar.extractall(folder, members)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        why = str(error).splitlines()[0].removesuffix(":")
        raise ValueError(f"it is no archive (tar, tar.gz), or a damaged one ({why})") from error
    return [member.name for member in members]


def _refuse_unsafe(members):
    """Raise ValueError for names that lead elsewhere, and for links, which nothing here needs."""
    for member in members:
        path = PurePosixPath(member.name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[:1]:
            raise ValueError(f"it would write outside its folder ({member.name!r}); refused")
        if not (member.isfile() or member.isdir()):
            raise ValueError(
                f"{member.name!r} is a link or a device, which is not expected here; refused"
            )
