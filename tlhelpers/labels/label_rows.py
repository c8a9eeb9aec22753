"""Rows of a label store, checked before they are written."""

import math
import numbers
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from ..runtime.checks import whole_number

TICK = timedelta(microseconds=1)


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


class Change(NamedTuple):
    """What counts of an item since a change; `first` sorts items by when they came.

    Where nothing counts any more, `label` and `who` are None, `round` and `first` -1.
    """

    change: int
    item: str
    label: str | None
    who: str | None
    round: int
    first: int


def now() -> str:
    """Return the present time in the form in which it is kept."""
    return as_text(datetime.now(UTC))


def after(last: str | None) -> str:
    """Return the present time, or one behind `last`: clocks are set back, and are coarse."""
    try:
        return now() if last is None else max(now(), as_text(datetime.fromisoformat(last) + TICK))
    except OverflowError:
        raise ValueError(
            f"A label of this item has the time {last}, and none can be later. Nothing was saved. "
            "Export the store, correct that time in the CSV file, and import it into a new store."
        ) from None


def as_text(time: datetime) -> str:
    """Return a time in UTC as text; later ones sort behind earlier ones."""
    return time.isoformat(timespec="microseconds")


def checked(row: Sequence[Any]) -> tuple:
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
    return *map(_text, (item, label, who)), confidence, round, _text(model)


def _text(value):
    """A plain `str`, without halves of characters, which no file can hold."""
    try:
        return value and value.encode().decode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{value!r:.60} is no text that can be written ({error.reason}); whole characters are "
            "expected."
        ) from None
