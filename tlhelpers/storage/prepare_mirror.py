"""Fill a folder with modules for machines that have little internet."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from ..runtime.types import StrPath
from . import cache
from .find_module import find_module, is_from, place_of, plain_address
from .records import read_record


def prepare_mirror(
    handles: str | Sequence[str],
    folder: StrPath,
    *,
    timeout: float = 30.0,
    retries: int = 4,
    progress: bool = True,
) -> list[Path]:
    """Prepare a folder (a USB stick, a classroom share) for `TLHELPERS_MIRROR`.

    Returns the folder of each module in it: `modules/<path of the address>`.

    Parameters
    ----------
    handles : list of str
        Addresses of modules (http or https). What is there already is left alone.
    folder : str or path
    timeout : float
        Seconds without a byte after which a connection counts as dead.
    retries : int
        How many attempts in a row may bring nothing new.
    progress : bool

    Raises
    ------
    ValueError
        A handle is not an address.
    ConnectionError
        Some could not be fetched; the message lists them. The others are there.

    Examples
    --------
    >>> prepare_mirror(["https://tfhub.dev/google/nnlm-en-dim50/2"], "usb")  # doctest: +SKIP
    """
    handles = [handles] if isinstance(handles, str) else list(handles)
    for handle in handles:
        if not str(handle).startswith(("https://", "http://")):
            raise ValueError(f"{handle!r} is not an address; only addresses need a mirror.")
    folders, failed = [], []
    for handle in handles:
        address = plain_address(handle)
        target = Path(folder).expanduser() / place_of(address)
        folders.append(target)
        try:
            if not cache.is_complete(target):
                source = find_module(handle, timeout=timeout, retries=retries, progress=progress)
                with cache.readable_errors(target), cache.whole_folder(target) as empty:
                    shutil.copytree(source, empty, dirs_exist_ok=True)
            elif not is_from(target, address):
                other = read_record(target)["handle"]
                raise ValueError(f"its place {target} is taken by {other}, which has the same path")
        except (ConnectionError, ValueError) as error:
            failed.append(f"{handle}: {error}")
    if failed:
        raise ConnectionError(
            f"{len(failed)} of {len(handles)} modules are not in the mirror:\n" + "\n".join(failed)
        )
    return folders
