"""Rows of a label store: checked before they are written, written once."""

from __future__ import annotations

import math
import numbers
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ..runtime.checks import whole_number

NEWEST = "who = 'model', time DESC, id DESC"  # people before models, then the latest


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


COLUMNS = ", ".join(Label._fields)


def now() -> str:
    """Return the present time in the form in which it is kept."""
    return _text(datetime.now(UTC))


def _text(time):
    return time.isoformat(timespec="microseconds")


def checked(row: Sequence) -> tuple:
    """Return a row to add, with its defaults; or an error that says what is wrong with it."""
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
    round = whole_number(round, "round", 0, 2**31 - 1)
    if model is not None and (not isinstance(model, str) or not model):
        raise TypeError(f"model is {model!r}; the name of its version, or None, is expected.")
    return str(item), label if label is None else str(label), who, confidence, round, model


def insert(connection: sqlite3.Connection, row: tuple) -> bool:
    """Write a row with the present time, unless it says what counts already."""
    item, label, who, *_, model = row
    counts = connection.execute(
        "SELECT label, who, model FROM labels WHERE item = ? AND withdrawn IS NULL "
        "AND (who = 'model') = ? ORDER BY time DESC, id DESC LIMIT 1",
        (item, who == "model"),
    ).fetchone()
    if counts and counts[:2] == (label, who) and (who != "model" or counts[2] == model):
        return False
    time = now()
    (last,) = connection.execute("SELECT max(time) FROM labels WHERE item = ?", (item,)).fetchone()
    if last and last >= time:  # the clock was set back, or is coarse
        time = _text(datetime.fromisoformat(last) + timedelta(microseconds=1))
    connection.execute(
        f"INSERT INTO labels ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, NULL)", (*row, time)
    )
    return True


def join(connection: sqlite3.Connection, row: tuple, time: str, withdrawn: str | None) -> bool:
    """Write a row of another history with its own time, unless this history has it."""
    item, label, who, *_ = row
    known = connection.execute(
        "SELECT id, withdrawn FROM labels WHERE item = ? AND label IS ? AND who = ? AND time = ?",
        (item, label, who, time),
    ).fetchone()
    if known is None:
        connection.execute(
            f"INSERT INTO labels ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*row, time, withdrawn),
        )
    elif withdrawn and not known[1]:  # it was taken back in the other history
        connection.execute("UPDATE labels SET withdrawn = ? WHERE id = ?", (withdrawn, known[0]))
    return known is None
