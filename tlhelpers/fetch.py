"""Find a pretrained module: embedded, in a folder, in a mirror, or on the internet."""

import os
import warnings
from pathlib import Path
from urllib.parse import urlparse

EMBEDDED = {"embedded:glyphnet": "glyphnet"}


def cache_dir():
    """Folder for downloads and cached features: `TLHELPERS_CACHE`, or the system's place."""
    import pooch

    return Path(os.environ.get("TLHELPERS_CACHE") or pooch.os_cache("tlhelpers"))


def data_dir():
    """Folder of what travels with the package: the embedded models and their card."""
    installed = Path(__file__).parent / "data"
    return installed if installed.is_dir() else Path(__file__).parent.parent / "data"


def module_path(handle):
    """Local folder of a SavedModel.

    Parameters
    ----------
    handle : str or path
        `embedded:glyphnet`, a folder that holds a `saved_model.pb`, or the address (https or http)
        of a TF Hub or Kaggle module, which is looked for in the folder `TLHELPERS_MIRROR` before it
        is downloaded.

    Raises
    ------
    ValueError
        The handle is none of these; the message lists the valid ones.
    FileNotFoundError
        The folder exists but is not a SavedModel.
    ConnectionError
        The module could not be downloaded.
    UnsupportedEnvironment
        The installed setuptools does not go with tensorflow_hub, which downloads.
    """
    text = os.fspath(handle) if isinstance(handle, (str, os.PathLike)) else None
    if not text:
        raise _unknown(handle)
    if text in EMBEDDED:
        return data_dir() / EMBEDDED[text]
    if text.startswith("https://") or text.startswith("http://"):
        return _mirrored(text) or _downloaded(text)
    path = Path(text).expanduser()
    if not path.is_dir():
        raise _unknown(handle)
    if not (path / "saved_model.pb").is_file():
        raise FileNotFoundError(
            f"The folder {text!r} has no saved_model.pb, so it is not a SavedModel. "
            "Give the folder that holds saved_model.pb and variables/."
        )
    return path


def _unknown(handle):
    return ValueError(
        f"Unknown module handle {handle!r}. Valid handles: {', '.join(EMBEDDED)}; "
        "the folder of a SavedModel; or an address such as "
        "https://tfhub.dev/google/imagenet/mobilenet_v2_100_224/feature_vector/5."
    )


def _mirrored(address):
    mirror = os.environ.get("TLHELPERS_MIRROR")
    if not mirror:
        return None
    path = Path(mirror, "modules", *urlparse(address).path.strip("/").split("/"))
    return path if (path / "saved_model.pb").is_file() else None


def _downloaded(address):
    from .runtime import check_setuptools

    check_setuptools()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "pkg_resources is deprecated")  # says setuptools<82 too
        import tensorflow_hub

    # tensorflow_hub's own default is the temporary folder, where half-deleted modules break it.
    os.environ.setdefault("TFHUB_CACHE_DIR", str(cache_dir() / "modules"))
    try:
        return Path(tensorflow_hub.resolve(address))
    except Exception as error:
        raise ConnectionError(
            f"Could not download {address} ({type(error).__name__}: {error}). "
            "Without internet, use embedded:glyphnet, or set TLHELPERS_MIRROR to a folder that "
            f"holds modules{urlparse(address).path}/saved_model.pb."
        ) from error
