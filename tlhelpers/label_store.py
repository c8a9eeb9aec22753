"""Labels on disk: every one that was acknowledged stays, whatever happens to the kernel."""

import hashlib
import math
import numbers
import os
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from . import label_csv
from .label_file import LabelFile

_NEWEST = "who = 'model', time DESC, id DESC"  # people before models, then the latest


class Label(NamedTuple):
    """One row of a store. Times are UTC, such as 2026-01-31T12:00:00.000000+00:00."""

    item: str
    label: str | None
    who: str
    confidence: float | None
    round: int
    model: str | None
    time: str
    withdrawn: str | None


_COLUMNS = ", ".join(Label._fields)


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
        A file; it is made if there is none, and brought to today's form if it is older. A store
        that may not be written to is opened for reading.

    Raises
    ------
    ValueError
        The file is something else, is damaged, or was made by a newer version.
    OSError
        No such folder, no permission, disk full; what was saved before is still there. Later also:
        the file was moved away while it was in use.

    Examples
    --------
    >>> store = LabelStore("labels.sqlite")  # doctest: +SKIP
    >>> store.add(store.key(image), "cat")  # doctest: +SKIP
    True
    >>> {row.item: row.label for row in store}  # doctest: +SKIP
    """

    def __init__(self, path):
        self._file = LabelFile(path)
        self.path = self._file.path

    @staticmethod
    def key(content):
        """Key of an item: a hash of its content, 32 hexadecimal digits (of a SHA-256).

        Parameters
        ----------
        content : array of numbers or str
            A picture, of any shape and type, or a text. Equal content has equal keys; the same
            picture in another size or type of number has another key.
        """
        if isinstance(content, str):
            found = hashlib.sha256(b"text")
            found.update(content.encode())
        else:
            array = np.ascontiguousarray(content)
            if array.dtype.kind not in "biufc":
                raise TypeError(
                    f"Content of type {type(content).__name__} ({array.dtype}) has no key; an "
                    "array of numbers or a text is expected."
                )
            found = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
            found.update(array)
        return found.hexdigest()[:32]

    def add(self, item, label, *, who="person", confidence=None, round=0, model=None):
        """Keep a label. When this returns, it is on the disk.

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

        Returns
        -------
        bool
            False if `who` had said so already and it counts, so that nothing was to be done.
        """
        return self.add_many([(item, label, who, confidence, round, model)]) == 1

    def add_many(self, rows):
        """Keep many labels, all or none: tuples `(item, label, who, confidence, round, model)`.

        The last four may be left out. Returns how many were new.
        """
        rows = [_checked(row) for row in rows]
        with self._file.writing() as connection:
            return sum(_insert(connection, row) for row in rows)

    def withdraw(self, item, who="person"):
        """Take back the latest label that `who` gave to an item; what counted before counts again.

        The row stays in the history. Returns whether there was one.
        """
        with self._file.writing() as connection:
            done = connection.execute(
                "UPDATE labels SET withdrawn = ? WHERE id = (SELECT id FROM labels WHERE item = ? "
                f"AND who = ? AND withdrawn IS NULL ORDER BY {_NEWEST} LIMIT 1)",
                (_now(), item, who),
            )
        return done.rowcount == 1

    def __iter__(self):
        rows = self._file.read(
            f"SELECT {_COLUMNS} FROM (SELECT *, min(id) OVER (PARTITION BY item) AS first, "
            f"row_number() OVER (PARTITION BY item ORDER BY {_NEWEST}) AS place FROM labels "
            "WHERE withdrawn IS NULL) WHERE place = 1 ORDER BY first"
        )
        return map(Label._make, rows)

    def __len__(self):
        return sum(row.label is not None for row in self)

    def __repr__(self):
        return f"LabelStore({self.path.name!r}, {len(self)} items with a label)"

    def history(self, item=None):
        """All rows ever written, of one item or of all, in the order of their times."""
        which, values = ("", ()) if item is None else ("WHERE item = ?", (item,))
        query = f"SELECT {_COLUMNS} FROM labels {which} ORDER BY time, id"
        return list(map(Label._make, self._file.read(query, values)))

    def table(self):
        """The labels that count, as a pandas table."""
        import pandas as pd

        return pd.DataFrame(list(self), columns=Label._fields)

    def counts(self):
        """How many items of each class were labelled in each round, as a pandas table."""
        return self.table().groupby(["label", "round"]).size().unstack(fill_value=0)

    def export_csv(self, path):
        """Write the whole history as CSV (UTF-8); the file is there whole or not at all."""
        if os.path.exists(path) and os.path.samefile(path, self.path):
            raise ValueError(
                f"{path} is the store itself; give the CSV file another name, such as "
                f"{self.path.stem}.csv. Nothing was written."
            )
        label_csv.write(path, Label._fields, self.history())

    def import_csv(self, path):
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
        rows = label_csv.read(path, _checked)
        with self._file.writing() as connection:
            return sum(
                _insert(connection, row) if time is None else _join(connection, row, time, until)
                for row, time, until in rows
            )

    def close(self):
        """Close the file; all of it stands in one file then, which can be copied."""
        self._file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _now():
    return _text(datetime.now(UTC))


def _text(time):
    return time.isoformat(timespec="microseconds")


def _checked(row):
    """A row to add, with its defaults; or an error that says what is wrong with it."""
    defaults = (None, None, "person", None, 0, None)
    row = tuple(row)
    if not 2 <= len(row) <= len(defaults):
        raise ValueError(
            f"A row has {len(row)} values; (item, label, who, confidence, round, model) is "
            "expected, of which the last four may be left out."
        )
    item, label, who, confidence, round, model = row + defaults[len(row) :]
    if not isinstance(item, str) or not item:
        raise TypeError(f"item is {item!r:.60}; a key is expected, as made by store.key(picture).")
    if label is not None and (not isinstance(label, str) or not label):
        raise TypeError(
            f"label is {label!r}; the name of a class is expected, such as "
            "task.class_names[number], or None for an item that was skipped."
        )
    if not isinstance(who, str) or not who:
        raise TypeError(f"who is {who!r}; 'person', 'oracle', 'model' or a name is expected.")
    if confidence is not None:
        known = isinstance(confidence, numbers.Real) and math.isfinite(confidence)
        if not known or not 0 <= confidence <= 1:
            raise ValueError(f"confidence is {confidence!r}; a number from 0 to 1 is expected.")
        confidence = float(confidence)
    whole = isinstance(round, numbers.Integral) and not isinstance(round, bool)
    if not whole or not 0 <= round < 2**31:
        raise ValueError(f"round is {round!r}; a whole number from 0 on is expected.")
    if model is not None and (not isinstance(model, str) or not model):
        raise TypeError(f"model is {model!r}; the name of its version, or None, is expected.")
    return str(item), label if label is None else str(label), who, confidence, int(round), model


def _insert(connection, row):
    """Write a row with the present time, unless it says what counts already."""
    item, label, who, *_, model = row
    counts = connection.execute(
        "SELECT label, who, model FROM labels WHERE item = ? AND withdrawn IS NULL "
        "AND (who = 'model') = ? ORDER BY time DESC, id DESC LIMIT 1",
        (item, who == "model"),
    ).fetchone()
    if counts and counts[:2] == (label, who) and (who != "model" or counts[2] == model):
        return False
    time = _now()
    (last,) = connection.execute("SELECT max(time) FROM labels WHERE item = ?", (item,)).fetchone()
    if last and last >= time:  # the clock was set back, or is coarse
        time = _text(datetime.fromisoformat(last) + timedelta(microseconds=1))
    connection.execute(
        f"INSERT INTO labels ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, NULL)", (*row, time)
    )
    return True


def _join(connection, row, time, withdrawn):
    """Write a row of another history with its own time, unless this history has it."""
    item, label, who, *_ = row
    known = connection.execute(
        "SELECT id, withdrawn FROM labels WHERE item = ? AND label IS ? AND who = ? AND time = ?",
        (item, label, who, time),
    ).fetchone()
    if known is None:
        connection.execute(
            f"INSERT INTO labels ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*row, time, withdrawn),
        )
    elif withdrawn and not known[1]:  # it was taken back in the other history
        connection.execute("UPDATE labels SET withdrawn = ? WHERE id = ?", (withdrawn, known[0]))
    return known is None
