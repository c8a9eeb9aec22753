"""Labels on disk: every one that was acknowledged stays, whatever happens to the kernel."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd

from ..runtime.types import StrPath
from . import label_rows
from .label_csv import read_csv, write_csv
from .label_file import LabelFile
from .label_rows import Change, Label
from .label_tables import CHANGES, NEWEST

_COLUMNS = ", ".join(Label._fields)
_INSERT = f"INSERT INTO labels ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


class LabelStore:
    """Labels of items in a file (SQLite), one row a label; none is ever overwritten.

    An item is known by its content (`key`), so labels find their pictures again in any order,
    folder or session. Of several labels the latest counts, and a person's before a model's; the
    others stay as history. When `add` returns, the label is on the disk. Processes and threads
    of one machine may write at the same time (locks do not work on every network drive). To copy
    the file, close the store first.

    Iterating gives, for each item, the `Label` that counts, in the order in which the items came;
    `len` is the number of items that have a label.

    Parameters
    ----------
    path : str or Path
        A file; it is made if there is none. A store that may not be written to is opened for
        reading.

    Raises
    ------
    ValueError
        The file is something else, is damaged, or was made by another version.
    OSError
        No such folder, no permission, disk full; what was saved before is still there. Later also:
        the file was moved away while it was in use.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, LabelStore(f"{folder}/labels") as store:
    ...     store.add(store.key("a text"), "news")
    ...     {row.item[:6]: row.label for row in store}
    True
    {'187056': 'news'}
    """

    def __init__(self, path: StrPath) -> None:
        self._file = LabelFile(path)
        self.path = self._file.path

    @staticmethod
    def key(content: np.ndarray | str) -> str:
        """Return the key of an item: a hash of its content, 32 hexadecimal digits (of a SHA-256).

        Content is a picture, an array of numbers of any shape, or a text. Equal content has equal
        keys; the same picture in another size or type of number has another key.
        """
        if isinstance(content, str):
            data = b"text" + content.encode(errors="surrogatepass")
        else:
            array = np.ascontiguousarray(content)
            if array.dtype.kind not in "biufc":
                raise TypeError(
                    f"Content of type {type(content).__name__} ({array.dtype}) has no key; an "
                    "array of numbers or a text is expected."
                )
            data = f"{array.dtype.str}{array.shape}".encode() + array.tobytes()
        return hashlib.sha256(data).hexdigest()[:32]

    def add(
        self,
        item: str,
        label: str | None,
        *,
        who: str = "person",
        confidence: float | None = None,
        round: int = 0,
        model: str | None = None,
    ) -> bool:
        """Keep a label, and return whether it was new. When this returns, it is on the disk.

        It is not new, and nothing is done, if `who` had said so already and it counts.

        Parameters
        ----------
        item : str
            What `key` gives.
        label : str or None
            Name of the class; None for an item that was looked at and skipped.
        who : str
            "person" or a name, "oracle" (labels recorded before), or "model".
        confidence : float from 0 to 1, optional
        round : int
            Of the accumulation, from 0 on.
        model : str, optional
            Version of the model that gave the label, or that asked for it.
        """
        return self.add_many([(item, label, who, confidence, round, model)]) == 1

    def add_many(self, rows: Iterable[Sequence[Any]]) -> int:
        """Keep many labels, all or none: tuples `(item, label, who, confidence, round, model)`.

        The last four may be left out. Returns how many were new.
        """
        new = [label_rows.checked(row) for row in rows]
        with self._file.writing() as connection:
            return sum(_add(connection, row) for row in new)

    def withdraw(self, item: str, who: str = "person") -> bool:
        """Take back the latest label that `who` gave to an item; what counted before counts again.

        The row stays in the history. Returns whether there was one.
        """
        with self._file.writing() as connection:
            done = connection.execute(
                "UPDATE labels SET withdrawn = ? WHERE id = (SELECT id FROM labels WHERE item = ? "
                f"AND who = ? AND withdrawn IS NULL ORDER BY {NEWEST} LIMIT 1)",
                (label_rows.now(), item, who),
            )
        return done.rowcount == 1

    def __iter__(self) -> Iterator[Label]:
        labels = f"SELECT {_COLUMNS} FROM counting JOIN labels ON id = counts ORDER BY first"
        return map(Label._make, self._file.read(labels, derived=True))

    def __len__(self) -> int:
        ((found,),) = self._file.read("SELECT sum(items) FROM tally", derived=True)
        return found or 0

    def __repr__(self) -> str:
        return f"LabelStore({self.path.name!r}, {len(self)} items with a label)"

    def changes(self, since: int = -1) -> list[Change]:
        """Return what counts now of each item that was written to after another change.

        `since` is the highest number of a change that is known. A store that may only be read and
        was last written by an older tlhelpers numbers none (-1), and returns all its items.
        """
        return list(map(Change._make, self._file.read(CHANGES, (since,), derived=True)))

    def history(self, item: str | None = None) -> list[Label]:
        """Return all rows ever written, of one item or of all, in the order of their times."""
        which, values = ("", ()) if item is None else ("WHERE item = ?", (item,))
        query = f"SELECT {_COLUMNS} FROM labels {which} ORDER BY time, id"
        return list(map(Label._make, self._file.read(query, values)))

    def table(self) -> pd.DataFrame:
        """Return the labels that count, as a pandas table."""
        return pd.DataFrame(list(self), columns=Label._fields)

    def counts(self) -> pd.DataFrame:
        """Return how many items of each class were labelled in each round, as a pandas table."""
        rows = self._file.read(
            "SELECT label, round, items FROM tally WHERE items > 0", derived=True
        )
        table = pd.DataFrame(rows, columns=["label", "round", "items"])
        return table.set_index(["label", "round"])["items"].unstack(fill_value=0)

    def export_csv(self, path: StrPath) -> None:
        """Write the whole history as CSV (UTF-8); the file is there whole or not at all.

        A text that a spreadsheet could take for a formula has an apostrophe before it, which
        `import_csv` takes off again.
        """
        if os.path.exists(path) and os.path.samefile(path, self.path):
            raise ValueError(
                f"{path} is the store itself; give the CSV file another name, such as "
                f"{self.path.stem}.csv. Nothing was written."
            )
        write_csv(path, self.history())

    def import_csv(self, path: StrPath) -> int:
        """Add the labels of a CSV file, all or none; returns how many were new.

        Columns `item` and `label` are needed; the others that `export_csv` writes are optional.
        Rows with a time keep it and are part of the history, in their place: importing a file
        again changes nothing, and the histories of two stores can be joined. Rows with neither
        time nor label were not filled in yet and are left out.

        Raises
        ------
        ValueError
            No such columns, or a wrong value; the message names the line. Nothing was added.
        """
        rows = read_csv(path)
        with self._file.writing() as connection:
            return sum(
                _add(connection, row) if time is None else _join(connection, row, time, withdrawn)
                for row, time, withdrawn in rows
            )

    def close(self) -> None:
        """Close the file; all of it stands in one file then, which can be copied."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _add(connection, row):
    """Write a row with the present time, unless it says what counts already."""
    item, label, who, *_, model = row
    counts = connection.execute(
        "SELECT label, who, model FROM labels WHERE item = ? AND withdrawn IS NULL "
        f"AND (who = 'model') = ? ORDER BY {NEWEST} LIMIT 1",
        (item, who == "model"),
    ).fetchone()
    if counts and counts[:2] == (label, who) and (who != "model" or counts[2] == model):
        return False
    (last,) = connection.execute("SELECT max(time) FROM labels WHERE item = ?", (item,)).fetchone()
    connection.execute(_INSERT, (*row, label_rows.after(last), None))
    return True


def _join(connection, row, time, withdrawn):
    """Write a row of another history with its own time, unless this history has it."""
    known = connection.execute(  # it may have been taken back in the other history
        "UPDATE labels SET withdrawn = coalesce(withdrawn, ?) "
        "WHERE item = ? AND label IS ? AND who = ? AND time = ?",
        (withdrawn, *row[:3], time),
    ).rowcount
    if not known:
        connection.execute(_INSERT, (*row, time, withdrawn))
    return not known
