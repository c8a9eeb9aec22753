"""Unpack an archive that came from anywhere: nothing outside of its folder, no links."""

import errno
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack a module as `extract` does, and give the folder that is the SavedModel.

    Raises
    ------
    ValueError
        As for `extract`, or an archive without a SavedModel.
    """
    return _saved_model_in(folder, extract(archive, folder))


def extract(archive: Path, folder: Path) -> list[str]:
    """Unpack a tar archive into a folder; give the names of its members.

    Nothing is written outside the folder: members with absolute names, with `..`, and links of any
    kind (which neither models nor pictures need) are refused before anything is written.

    Raises
    ------
    ValueError
        Not an archive, a damaged one, or an unsafe one.
    OSError
        Not enough room on the disk.
    """
    with open(archive, "rb") as file:
        start = file.read(512)
    if b"<html" in start.lower() or b"<!doctype" in start.lower():
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
                raise OSError(
                    errno.ENOSPC, f"{need / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free"
                )
            # Python 3.11.0 to 3.11.3 have no filters; the members were checked above
            tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
            tar.extractall(folder, members)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        why = str(error).splitlines()[0].removesuffix(":")
        raise ValueError(f"it is no archive (tar, tar.gz), or a damaged one ({why})") from error
    return [member.name for member in members]


def _refuse_unsafe(members):
    for member in members:
        path = PurePosixPath(member.name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[:1]:
            raise ValueError(f"it would write outside its folder ({member.name!r}); refused")
        if not (member.isfile() or member.isdir()):
            raise ValueError(
                f"{member.name!r} is a link or a device, which is not expected here; refused"
            )


def _saved_model_in(folder, names):
    inner = [path for path in Path(folder).iterdir() if path.is_dir()]
    for candidate in (Path(folder), *(inner if len(inner) == 1 else ())):
        if (candidate / "saved_model.pb").is_file():
            return candidate
    shown = ", ".join(names[:5]) or "nothing"
    raise ValueError(f"it holds no saved_model.pb, so no SavedModel; it begins with: {shown}")


def lift(inner: Path, outer: Path) -> None:
    """Move all that a folder holds to another one, and remove the folder."""
    for path in inner.iterdir():
        path.rename(outer / path.name)
    inner.rmdir()
