"""Find a TF Hub module by its handle: embedded, a folder, or an address."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from . import archive, cache, download
from .find import find

EMBEDDED = {"embedded:glyphnet": "glyphnet"}


def data_dir() -> Path:
    """Return the folder of what travels with the package: the embedded models and their card."""
    installed = Path(__file__).parents[1] / "data"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "data"


def is_packaged(handle: str) -> bool:
    """Return whether a module travels with this package, so that its content is known."""
    return handle in EMBEDDED


def find_module(
    handle: str | os.PathLike,
    *,
    sha256: str | None = None,
    timeout: float = 30.0,
    retries: int = 4,
    progress: bool = True,
) -> Path:
    """Return the folder of a module, looked for in the cache, a mirror, then on the internet.

    A download is complete or absent: it goes to a temporary folder that is renamed at the end, is
    taken up where it broke off, and is made once when several processes ask at the same time.

    Parameters
    ----------
    handle : str or path
        `embedded:glyphnet`; the folder of a SavedModel; or an address (http or https): a handle of
        tfhub.dev or Kaggle Models, or a `.tar.gz` anywhere. An address is looked for in the folder
        `TLHELPERS_MIRROR` before it is downloaded.
    sha256 : str, optional
        SHA-256 that the downloaded archive must have.
    timeout : float
        Seconds without a byte after which a connection counts as dead.
    retries : int
        How many attempts in a row may bring nothing new; pauses between them grow from 1 s to 30 s.
    progress : bool
        Show a progress bar, and the size before a large download.

    Raises
    ------
    ValueError
        The handle is none of these; or what came is not the module (another checksum, a web page,
        a damaged or unsafe archive, no SavedModel in it).
    FileNotFoundError
        The folder exists but is not a SavedModel.
    ConnectionError
        The module could not be downloaded; says why, and how to do without.
    OSError
        The cache cannot be written: disk full, or no rights.

    Examples
    --------
    >>> find_module("embedded:glyphnet").name
    'glyphnet'
    """
    text = os.fspath(handle) if isinstance(handle, str | os.PathLike) else None
    if not text:
        raise _unknown(handle)
    if text in EMBEDDED:
        return data_dir() / EMBEDDED[text]
    if text.startswith(("https://", "http://")):
        wanted = sha256 and sha256.strip().lower()
        return _find_address(plain_address(text), wanted, timeout, retries, progress)
    path = Path(text).expanduser()
    if not path.is_dir():
        raise _unknown(handle)
    if not cache.has_graph(path):
        raise FileNotFoundError(
            f"The folder {text!r} has no saved_model.pb, so it is not a SavedModel. "
            "Give the folder that holds saved_model.pb and variables/."
        )
    return path


# Handles and places -----------------------------------------------------------------------------


class UnknownHandle(ValueError):
    """What was given is no module; the message lists what would be one."""


def _unknown(handle):
    return UnknownHandle(
        f"Unknown module handle {handle!r}. Valid handles: {', '.join(EMBEDDED)}; the folder of a "
        f"SavedModel (a relative one is looked for in {Path.cwd()}); or an address such as "
        "https://tfhub.dev/google/imagenet/mobilenet_v2_100_224/feature_vector/5."
    )


def plain_address(address: str) -> str:
    """Return an address without what browsers add; Kaggle's long form as its short one."""
    try:
        parts = urlsplit(address)
    except ValueError:
        raise _unknown(address) from None
    names = parts.path.rstrip("/").split("/")
    if parts.netloc.endswith("kaggle.com") and names[4:8:2] == ["frameworks", "variations"]:
        names = [*names[:4], names[5], names[7], *names[9:10]]
    if not any(names) or ".." in names:
        raise _unknown(address)
    added = {"tfhub-redirect", "tf-hub-format"}
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = urlencode([pair for pair in pairs if pair[0] not in added])
    return urlunsplit((parts.scheme, parts.netloc, "/".join(names), query, ""))


def _download_address(address):
    """Where the archive is: tfhub.dev, Kaggle and others that speak their protocol are asked."""
    parts = urlsplit(address)
    if parts.path.endswith((".tar.gz", ".tgz", ".tar")):
        return address
    query = "&".join(filter(None, [parts.query, "tf-hub-format=compressed"]))
    return urlunsplit((*parts[:3], query, ""))


def place_in(folder: Path, address: str) -> Path:
    """Return where the module of an address lies in a mirror."""
    path = urlsplit(address).path.removesuffix(".tar.gz").removesuffix(".tgz")
    return folder.joinpath("modules", *path.strip("/").split("/"))


# Fetching ---------------------------------------------------------------------------------------


def is_from(folder: Path, address: str) -> bool:
    """Return whether a module came from this address; one without a record counts as such."""
    return cache.read_record(folder).get("handle", address) == address


def _serves(folder, address, sha256):
    """Whether the module in a folder is whole and the one that is asked for."""
    if not cache.is_complete(folder) or not is_from(folder, address):
        return False
    return sha256 is None or cache.read_record(folder).get("sha256") == sha256


def _find_address(address, sha256, timeout, retries, progress):
    entry = cache.modules_dir() / hashlib.sha1(address.encode()).hexdigest()
    mirror = cache.mirror_dir()
    mirrored = place_in(mirror, address) if mirror else None

    def bring():
        packed = mirrored and mirrored.with_name(mirrored.name + ".tar.gz")
        if packed and packed.is_file():
            _store(packed, entry, address, sha256, f"The archive {packed} in the mirror")
            return
        part = entry.with_name(entry.name + ".part")
        try:
            name = "/".join(address.split("/")[3:])
            url = _download_address(address)
            download.download(url, part, name, timeout=timeout, retries=retries, progress=progress)
        except download.Failure as failure:
            raise _not_downloaded(address, failure, part, mirrored, sha256) from failure
        try:
            _store(part, entry, address, sha256, f"What came from {address}")
        finally:
            download.discard(part)

    return find(entry, lambda folder: _serves(folder, address, sha256), bring, mirrored=mirrored)


def _store(packed, entry, address, sha256, what):
    """Check an archive and make it the cache's entry, in one step."""
    import pooch

    found = pooch.file_hash(str(packed), alg="sha256")
    if sha256 is not None and found != sha256:
        raise ValueError(
            f"{what} has another checksum: SHA-256 {found}, expected {sha256}. It is not used; "
            "try again, and if that stays, ask who gave you the checksum."
        )
    with cache.whole_folder(entry, alone=True) as empty:
        try:
            module = archive.unpack(packed, empty)
        except ValueError as error:
            raise ValueError(f"{what} cannot be used: {error}.") from error
        if module != empty:
            archive.lift(module, empty)
        cache.write_record(empty, address, found)


def _not_downloaded(address, failure, part, mirrored, sha256):
    parts = [f"Could not download {address}: {failure}."]
    if part.exists() and part.stat().st_size:
        size = part.stat().st_size / 1e6
        parts.append(f"The {size:.1f} MB that came are kept; the next call goes on from there.")
    if mirrored and cache.has_graph(mirrored):
        if not cache.is_complete(mirrored):
            why = "lacks files"
        elif not is_from(mirrored, address):
            why = f"is another module, from {cache.read_record(mirrored)['handle']}"
        else:
            why = f"cannot be shown to have the SHA-256 {sha256}"
        parts.append(f"The mirror's copy in {mirrored} {why}.")
    place = place_in(Path(), address)
    parts.append(
        "Without internet, use embedded:glyphnet, or set TLHELPERS_MIRROR to a folder that holds "
        f"{place}/saved_model.pb; tl.prepare_mirror makes one."
    )
    return ConnectionError(" ".join(parts))
