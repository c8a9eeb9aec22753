"""The file of a label store: SQLite, opened so that what was written stays."""

import errno
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..runtime.types import StrPath
from .label_errors import PATIENCE, damaged, explained, not_a_store
from .label_tables import FORM, LABELS, SCAN, derive, has_derived

_APPLICATION = 0x544C4C53  # "TLLS" in the file's header: whose file this is
_SMALLEST = 512  # bytes of a database; SQLite takes some smaller files for empty ones


class LabelFile:
    """Transactions on the table `labels` of a file, and errors in words that help.

    Write-ahead logging lets others read while one writes; each commit is forced to the disk. Only
    SQLite opens the file: a process that closes any handle of a file loses all its locks on it.
    """

    def __init__(self, path: StrPath) -> None:
        self.path = Path(path).expanduser().resolve()
        if self.path.is_dir():
            raise IsADirectoryError(
                errno.EISDIR,
                f"{self.path} is a folder; the name of a file in it is expected, such as "
                f"{self.path.name}/labels.sqlite",
            )
        if not self.path.parent.is_dir():
            raise FileNotFoundError(
                errno.ENOENT,
                f"There is no folder {self.path.parent} to keep labels in. Make it, or on Colab "
                "mount the drive first",
            )
        if self.path.exists() and 0 < self.path.stat().st_size < _SMALLEST:
            raise not_a_store(self.path)
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, ...] = ()
        with explained(self.path):
            self._open()
        _open_files.add(self)

    def read(self, query: str, values: Sequence = (), *, derived: bool = False) -> list[tuple]:
        """Return the rows of a query; `derived` says that it reads `counting` or `tally`."""
        with self._lock, explained(self.path):
            connection = self._current()
            query = SCAN + query if derived and not self._derived else query
            return connection.execute(query, values).fetchall()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give a connection for a transaction: in the end all of it is on the disk, or nothing."""
        with self._lock, explained(self.path):
            connection = self._current()
            if not self._writable:
                raise PermissionError(
                    errno.EACCES,
                    f"{self.path} may only be read, so nothing was saved. Copy it, or its folder, "
                    "to a place where you may write, or change its permissions",
                )
            with _transaction(connection):
                yield connection

    def close(self) -> None:
        """Leave everything in the one file, without SQLite's own files beside it."""
        with self._lock:
            if self._connection is not None:
                self._disconnect()
                if _identity(self.path) == self._identity:
                    _sound.add(_state(self.path))

    def _disconnect(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _current(self):
        """The connection, opened anew if need be; an error if the file is another one now."""
        if self._connection is not None and _identity(self.path) != self._identity:
            raise FileNotFoundError(
                errno.ENOENT,
                f"{self.path} was moved, deleted or replaced while it was in use, so nothing more "
                "was saved. Put it back, or make a new LabelStore",
            )
        if self._connection is None or not self._writable:  # a reader sees what others wrote since
            self._disconnect()
            self._open()
        return self._connection

    def _open(self):
        exists, folder = self.path.exists(), self.path.parent
        if self._identity and not exists:
            raise FileNotFoundError(
                errno.ENOENT, f"{self.path} is gone. Put it back, or make a new LabelStore"
            )
        # SQLite keeps files of its own beside the store
        places = (folder, self.path) if exists else (folder,)
        self._writable = all(os.access(place, os.W_OK) for place in places)
        if not self._writable and not (exists and self.path.stat().st_size):
            raise PermissionError(
                errno.EACCES, f"You may not write to {folder}. Give a file in another folder"
            )
        self._connection = self._connect()
        try:
            new = self._is_new()
            if self._writable:
                self._prepare()
            if new:
                self._make()
            if not self._identity:
                self._check()
            self._derived = self._derive()
        except BaseException:
            self._disconnect()
            raise
        self._identity = _identity(self.path)

    def _connect(self):
        options = {"timeout": PATIENCE, "isolation_level": None, "check_same_thread": False}
        if self._writable:
            return sqlite3.connect(self.path, **options)
        uri = f"{self.path.as_uri()}?mode=ro"
        waiting = Path(f"{self.path}-wal")  # written, but not yet moved into the file itself
        if not waiting.exists() or not waiting.stat().st_size:
            uri += "&immutable=1"  # otherwise SQLite makes files beside it even to read
        return sqlite3.connect(uri, uri=True, **options)

    def _prepare(self):
        ask = self._connection.execute
        for setting in ("synchronous = FULL", "fullfsync = 1", "checkpoint_fullfsync = 1"):
            ask(f"PRAGMA {setting}")  # forced to the disk: outlives a power cut, too
        ask("PRAGMA wal_autocheckpoint = 1")  # the file itself is complete after each commit
        end = time.monotonic() + PATIENCE
        while ask("PRAGMA journal_mode").fetchone() != ("wal",):
            try:
                ask("PRAGMA journal_mode = WAL")
                return  # it stays as it was where the drive cannot do it
            except sqlite3.OperationalError as error:  # SQLite does not wait for others here
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                    raise
                time.sleep(0.01)

    def _is_new(self):
        """Whether tables are yet to be made; refuses what is no store before it is written to."""
        application, version, tables = self._connection.execute(  # all at the same moment
            "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master) "
            "FROM pragma_application_id, pragma_user_version"
        ).fetchone()
        if application != _APPLICATION and (application or version or tables):
            raise ValueError(
                f"{self.path} is a database of another program, not a store of labels. Give "
                "another name; nothing was changed."
            )
        if version not in (0, FORM):
            raise ValueError(
                f"{self.path} was made by another version of tlhelpers (form {version}; this one "
                f"knows form {FORM}). Update tlhelpers; nothing was changed."
            )
        return not version

    def _make(self):
        """Write the tables into a file that has none."""
        with _transaction(self._connection):
            if self._is_new():  # no other process has made them meanwhile
                for statement in LABELS:
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                self._connection.execute(f"PRAGMA user_version = {FORM}")

    def _check(self):
        """Refuse a damaged file before anything is done with it."""
        if _state(self.path) not in _sound:
            (answer,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
            if answer != "ok":
                raise damaged(self.path, answer.splitlines()[-1])
            _sound.add(_state(self.path))

    def _derive(self):
        """Whether the file has the derived tables; made now if it lacks them and may be written."""
        known = has_derived(self._connection)
        if known or not self._writable:
            return known
        try:
            with _transaction(self._connection):
                if not has_derived(self._connection):  # no other process has made them meanwhile
                    derive(self._connection)
        except sqlite3.OperationalError:  # the disk is full, say: what is there can be read
            return False
        return True


@contextmanager
def _transaction(connection):
    try:
        connection.execute("BEGIN IMMEDIATE")  # waits for its turn now, not in the middle
        yield
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


_sound: set[tuple[int, ...]] = set()  # states of files that were checked, and closed here since

# A child process must not inherit open databases: SQLite would believe in locks it does not have.
_open_files: weakref.WeakSet[LabelFile] = weakref.WeakSet()
_held: list[LabelFile] = []


def _hold():
    _held.extend(_open_files)
    for file in _held:
        file._lock.acquire()
        file.close()


def _release():
    for file in _held:
        file._lock.release()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_release)


def _state(path):
    """What changes whenever the file does; the first two numbers are of the file itself."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _identity(path):
    return _state(path)[:2]
