"""Rows of a label store: checked before they are written, and read from CSV and written to it."""

import csv
import math
import numbers
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from ..runtime.checks import whole_number
from ..runtime.types import StrPath


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


def now() -> str:
    """Return the present time in the form in which it is kept."""
    return as_text(datetime.now(UTC))


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
    return str(item), label if label is None else str(label), who, confidence, round, model


def write_csv(path: StrPath, rows: Iterable[Label]) -> None:
    """Write rows under their columns' names, whole or not at all; None is an empty field."""
    path = Path(path).expanduser()
    beside = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        with open(beside, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([Label._fields, *rows])
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        raise type(error)(
            error.errno, f"{path} cannot be written ({error.strerror}). Nothing was lost"
        ) from error
    finally:
        beside.unlink(missing_ok=True)


def read_csv(path: StrPath) -> list[tuple]:
    """Return the rows of a file as `(checked row, time or None, withdrawn or None)`."""
    path = Path(path).expanduser()
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:  # as Excel writes it, too
            return list(_rows(file.readlines(), path))
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not text in UTF-8 ({error.reason}). Save it as 'CSV UTF-8'. Nothing was "
            "added."
        ) from None
    except csv.Error as error:
        raise ValueError(f"{path} cannot be read as CSV ({error}). Nothing was added.") from None


def _rows(lines, path) -> Iterator[tuple]:
    above = int(lines[:1] != [] and lines[0].startswith("sep="))  # Excel's own line
    separator = max(",;\t", key="".join(lines[above : above + 1]).count)
    reader = csv.reader(lines[above:], delimiter=separator)
    names = next(reader, [])
    missing = {"item", "label"} - set(names)
    if missing:
        raise ValueError(
            f"{path} has the columns {', '.join(names) or '(none)'}; it also needs "
            f"{' and '.join(sorted(missing))}. Nothing was added."
        )
    for values in reader:
        if not any(values):
            continue  # a blank line, as spreadsheets leave them at the end
        try:
            if len(values) != len(names):
                raise ValueError("it has more or fewer fields than the first line.")
            fields = {name: value or None for name, value in zip(names, values, strict=True)}
            time, withdrawn = _time(fields.get("time")), _time(fields.get("withdrawn"))
            if withdrawn and not time:
                raise ValueError("it was withdrawn, but has no time.")
            if not fields["label"] and not time:
                continue  # not filled in yet
            row = (fields["item"], fields["label"], fields.get("who") or "person")
            confidence, number = (_number(fields.get(name)) for name in ("confidence", "round"))
            yield checked((*row, confidence, number or 0, fields.get("model"))), time, withdrawn
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{path}, line {above + reader.line_num}: {error} Nothing was added."
            ) from None


def _number(text):
    """A number, a whole one as int; what is none stays as it is, for the check to refuse."""
    try:
        number = float(text.replace(",", "."))
    except (AttributeError, ValueError):
        return text
    return int(number) if number.is_integer() else number


def _time(text):
    """A time in UTC, in the form in which times sort; one without a zone is taken as UTC."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"time is {text!r}; a form such as 2026-01-31T12:00:00+00:00 is expected."
        ) from None
    return as_text(time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC))
