"""What SQLite says, in words that help."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

PATIENCE = 60  # seconds to wait for another writer


def not_a_store(path: Path) -> ValueError:
    """Return the error for a file that is something else."""
    return ValueError(
        f"{path} is not a store of labels. Give another name; a CSV file is read by "
        "LabelStore(…).import_csv. Nothing was changed."
    )


def explain(error: sqlite3.Error, path: Path) -> Exception | None:
    """Return an error that says what happened and what to do, or None for one that is unknown."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    safe = "This was not saved; what was saved before is still there"
    if code == sqlite3.SQLITE_NOTADB:
        return not_a_store(path)
    if code == sqlite3.SQLITE_CORRUPT:
        return ValueError(
            f"{path} is damaged ({error}). Make a copy before you try anything; the program "
            "sqlite3 can recover most of it (.recover)."
        )
    if code == sqlite3.SQLITE_FULL:
        return OSError(errno.ENOSPC, f"The disk of {path} is full. {safe}. Make room, then repeat")
    if code == sqlite3.SQLITE_BUSY:
        return TimeoutError(
            errno.ETIMEDOUT,
            f"Another program has been writing to {path} for {PATIENCE} s. {safe}. Close that "
            "program, then repeat",
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return PermissionError(
            errno.EACCES, f"{path} cannot be opened for writing ({error}). {safe}"
        )
    if code == sqlite3.SQLITE_IOERR:
        return OSError(
            errno.EIO,
            f"{path} cannot be read or written ({error}). {safe}. The disk may be full, or gone",
        )
    return None
