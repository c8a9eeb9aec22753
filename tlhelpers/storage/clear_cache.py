"""Remove from the cache what is damaged, or no longer needed."""

import shutil
import warnings
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout

from ..runtime.types import StrPath
from .find_module import UnknownHandle, entry_of, plain_address
from .list_cache import Entry, as_table, entries

_KINDS = {
    "downloads": ("module", "file", "unfinished"),
    **{kind: (kind,) for kind in ("module", "file", "unfinished", "features", "drawings")},
}


def clear_cache(what: StrPath) -> pd.DataFrame:
    """Remove something from the cache, and return what was removed, as `list_cache` shows it.

    What is needed again is fetched or computed again. What another process is fetching is left,
    with a warning; what links lead to, and a mirror, is not touched.

    Parameters
    ----------
    what : str or Path
        The handle of a module; a folder or file of the cache, as a message names it; another
        `entry` of `list_cache()`; or one of "features", "drawings", "module", "file", "unfinished",
        and "downloads", the last three together.

    Raises
    ------
    ValueError
        Nothing in the cache is called so; the message lists what is there.
    OSError
        Something could not be removed.

    Examples
    --------
    >>> removed = clear_cache("unfinished")  # doctest: +SKIP
    """
    there = entries()
    chosen = [entry for entry in there if entry.kind in _KINDS.get(str(what), ())]
    if str(what) not in _KINDS:
        chosen = [entry for entry in there if _is(entry, what)]
        if not chosen:
            names = [*_KINDS, *(entry.name for entry in there if entry.kind not in _KINDS)]
            names += [entry.name for entry in there if entry.name not in names]
            shown = ", ".join(map(repr, names[:20])) + (", …" if len(names) > 20 else "")
            raise ValueError(
                f"Nothing in the cache is called {str(what)!r}. It takes a folder of it, or one of "
                f"{shown}; see tl.list_cache()."
            )
    table = as_table(chosen)
    busy = [str(entry.path) for entry in chosen if not _remove(entry)]
    if busy:
        warnings.warn(
            f"Another process is at work on {', '.join(busy)}; that was left. Call again when it "
            "has ended.",
            stacklevel=2,
        )
    return table[~table.path.isin(busy)].reset_index(drop=True)


def _is(entry, what):
    """Return whether an entry is meant: by its name or place, its path, or as a module."""
    if str(what) in (entry.name, entry.place):
        return True
    try:
        if str(what).startswith(("http://", "https://")):
            return entry.path == entry_of(plain_address(str(what)))
        return Path(what).expanduser().absolute() in (entry.path, entry.path.absolute()) or (
            Path(what).expanduser().resolve() == entry.path.resolve()
        )
    except (OSError, UnknownHandle, ValueError):
        return False


def _remove(entry: Entry) -> bool:
    """Remove an entry; false if another process holds its lock."""
    lock = FileLock(entry.lock) if entry.lock else None
    try:
        if lock:
            lock.acquire(timeout=0)
    except Timeout:
        return False
    except NotImplementedError:
        pass  # a file system without locks
    try:
        if entry.path.is_dir() and entry.kind in ("module", "file", "unfinished"):
            shutil.rmtree(entry.path)
        else:
            for path in entry.files():
                path.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(
            error.errno,
            f"Cannot remove {entry.path}: {error.strerror or error}. End the programs that have it "
            "open, or get the right to write there",
        ) from error
    finally:
        if lock:
            lock.release()
    return True
