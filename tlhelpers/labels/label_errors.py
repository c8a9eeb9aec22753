"""What SQLite and the system say of a file of labels, in words that help."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 60  # seconds to wait for another writer


def not_a_store(path: Path) -> ValueError:
    """Return the error of a file that is something else."""
    return ValueError(
        f"{path} is not a store of labels. Give another name; a CSV file is read by "
        "LabelStore(…).import_csv. Nothing was changed."
    )


def damaged(path: Path, what: object) -> ValueError:
    """Return the error of a store that is not as it was written."""
    return ValueError(
        f"{path} is damaged ({what}). Make a copy before you try anything; the program "
        "sqlite3 can recover most of it (.recover)."
    )


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Errors of SQLite become those of the system, with what happened and what to do."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        safe = "This was not saved; what was saved before is still there"
        if code == sqlite3.SQLITE_NOTADB:
            raise not_a_store(path) from error
        if code == sqlite3.SQLITE_CORRUPT or "Could not decode" in str(error):
            raise damaged(path, error) from error
        if code == sqlite3.SQLITE_FULL:
            text = f"The disk of {path} is full. {safe}. Make room, then repeat"
            raise OSError(errno.ENOSPC, text) from error
        if code == sqlite3.SQLITE_BUSY:
            text = f"Another program has been writing to {path} for {PATIENCE} s. {safe}. "
            raise TimeoutError(errno.ETIMEDOUT, f"{text}Close that program, then repeat") from error
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
            text = f"{path} cannot be opened for writing ({error}). {safe}"
            raise PermissionError(errno.EACCES, text) from error
        if code == sqlite3.SQLITE_IOERR:
            text = f"{path} cannot be read or written ({error}). {safe}. "
            raise OSError(errno.EIO, f"{text}The disk may be full, or gone") from error
        raise
