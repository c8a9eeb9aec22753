"""Find a TF Hub module by its handle: embedded, a folder, or an address."""

import hashlib
import os
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ..runtime.types import StrPath
from . import archive, cache, download
from .find import find
from .records import read_record, write_record

EMBEDDED = {"embedded:glyphnet": "glyphnet"}


def data_dir() -> Path:
    """Return the folder of what travels with the package: the embedded models and their card."""
    installed = Path(__file__).parents[1] / "data"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "data"


def is_packaged(handle: str) -> bool:
    """Return whether a module travels with this package, so that its content is known."""
    return handle in EMBEDDED


def find_module(
    handle: StrPath,
    *,
    sha256: str | None = None,
    timeout: float = 30.0,
    retries: int = 4,
    progress: bool = True,
) -> Path:
    """Return the folder of a module: `embedded:glyphnet`, a SavedModel, or what an address gives.

    An address is a handle of tfhub.dev or Kaggle Models, or a `.tar.gz` anywhere. It is looked for
    in the cache, the folder `TLHELPERS_MIRROR`, then on the internet (options: see `download`).
    ValueError for another handle, or if what came is not the module (`sha256`: of the archive);
    FileNotFoundError for a folder that is no SavedModel; ConnectionError if it could not be
    downloaded; OSError if the cache cannot be written.

    >>> find_module("embedded:glyphnet").name
    'glyphnet'
    """
    text = os.fspath(handle) if isinstance(handle, str | os.PathLike) else None
    if not text:
        raise _unknown(handle)
    if text in EMBEDDED:
        return data_dir() / EMBEDDED[text]
    if text.startswith(("https://", "http://")):
        options = {"timeout": timeout, "retries": retries, "progress": progress}
        return _find_address(plain_address(text), sha256 and sha256.strip().lower(), options)
    path = Path(text).expanduser()
    if not path.is_dir():
        raise _unknown(handle)
    if not cache.has_graph(path):
        raise FileNotFoundError(
            f"The folder {text!r} has no saved_model.pb, so it is not a SavedModel. "
            "Give the folder that holds saved_model.pb and variables/."
        )
    return path


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
    if not any(names) or ".." in names or "\\" in parts.path:  # which Windows takes for /
        raise _unknown(address)
    added = {"tfhub-redirect", "tf-hub-format"}
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = urlencode([pair for pair in pairs if pair[0] not in added])
    return urlunsplit((parts.scheme, parts.netloc, "/".join(names), query, ""))


def _download_address(address):
    """Return where the archive is: tfhub.dev, Kaggle and others of their protocol are asked."""
    parts = urlsplit(address)
    if parts.path.endswith((".tar.gz", ".tgz", ".tar")):
        return address
    query = "&".join(filter(None, [parts.query, "tf-hub-format=compressed"]))
    return urlunsplit((*parts[:3], query, ""))


def place_of(address: str) -> str:
    """Return where the module of an address lies in a mirror."""
    path = urlsplit(address).path.removesuffix(".tar.gz").removesuffix(".tgz")
    return f"modules/{path.strip('/')}"


def is_from(folder: Path, address: str) -> bool:
    """Return whether a module came from this address; one without a record counts as such."""
    return read_record(folder).get("handle", address) == address


def _find_address(address, sha256, options):
    mirrored = cache.in_mirror(place_of(address))

    def serves(folder):
        if sha256 is not None and sha256 != read_record(folder).get("sha256"):
            return False
        return is_from(folder, address) and cache.is_complete(folder, thorough=sha256 is not None)

    def store(packed, entry, what):
        why = f"{what} has another checksum: SHA-256"
        mend = "; try again, and if that stays, ask who gave you the checksum."
        found = cache.check_sum(packed, sha256, why, mend)
        with cache.whole_folder(entry, alone=True) as empty:
            archive.unpack(packed, empty, what, module=True)
            write_record(empty, address, found)

    def bring(entry):
        packed = mirrored and mirrored.with_name(f"{mirrored.name}.tar.gz")
        if packed and packed.is_file():
            return store(packed, entry, f"The archive {packed} in the mirror")
        url, name = _download_address(address), "/".join(address.split("/")[3:])
        try:
            with download.download(url, entry, name, **options) as part:
                store(part, entry, f"What came from {address}")
        except download.Failure as failure:
            copies = {"mirror": mirrored, "cache": entry}
            raise _not_downloaded(address, failure, copies, sha256) from failure

    return find(place_of(address), serves, bring, entry=entry_of(address))


def entry_of(address: str) -> Path:
    """Return where the module of an address is kept, as tensorflow_hub does."""
    return cache.modules_dir() / hashlib.sha1(address.encode()).hexdigest()


def _not_downloaded(address, failure, copies, sha256):
    parts = [f"Could not download {address}: {failure}."]
    if failure.kept:
        size = failure.kept / 1e6
        parts.append(f"The {size:.1f} MB that came are kept; the next call goes on from there.")
    for whose, copy in copies.items():
        if copy and cache.has_graph(copy):
            why = f"cannot be shown to have the SHA-256 {sha256}"
            if not cache.is_complete(copy):
                why = "lacks files, or has others than came"
            elif not is_from(copy, address):
                why = f"is another module, from {read_record(copy)['handle']}"
            parts.append(f"The {whose}'s copy in {copy} {why}.")
    parts.append(
        "Without internet, use embedded:glyphnet, or set TLHELPERS_MIRROR to a folder that holds "
        f"{place_of(address)}/saved_model.pb; tl.prepare_mirror makes one."
    )
    return ConnectionError(" ".join(parts))
