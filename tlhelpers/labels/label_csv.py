"""Labels as CSV: safe to open in a spreadsheet, and the same when they come back."""

import csv
import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ..runtime.types import StrPath
from .label_rows import Label, as_text, checked

TEXTS = ("item", "label", "who", "model")
# A spreadsheet may take what begins so, also after blanks, for a formula: a program.
_FORMULA = re.compile(r"'*[\s\x00-\x1f\u200b-\u200f\u2060\ufeff]*[-=+@\t\r\n−＝＋－＠﹦﹢﹣﹫]")
_LIMIT = threading.Lock()


def escaped(text: str | None) -> str | None:
    """Return a text as it is safe in a spreadsheet: no formula, but with an apostrophe before it.

    What has apostrophes there already gets one more, so that each text comes back as it was.

    >>> escaped("cat"), escaped("=1+1"), escaped("'=1+1"), escaped("'tis")
    ('cat', "'=1+1", "''=1+1", "'tis")
    """
    return f"'{text}" if text and _FORMULA.match(text) else text


def unescaped(text: str | None) -> str | None:
    """Return the text that `escaped` was given.

    >>> unescaped("'=1+1"), unescaped("=1+1"), unescaped("'tis")
    ('=1+1', '=1+1', "'tis")
    """
    return text[1:] if text and text[0] == "'" and _FORMULA.match(text) else text


def write_csv(path: StrPath, rows: Iterable[Label]) -> None:
    """Write rows under their columns' names, whole or not at all; None is an empty field."""
    path = Path(path).expanduser()
    beside = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        with open(beside, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([Label._fields, *map(_safe, rows)])
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
            lines = file.readlines()
        with _long_fields():
            return list(_rows(lines, path))
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not text in UTF-8 ({error.reason}). Save it as 'CSV UTF-8'. Nothing was "
            "added."
        ) from None
    except csv.Error as error:
        raise ValueError(f"{path} cannot be read as CSV ({error}). Nothing was added.") from None


def _safe(row):
    return row._replace(**{name: escaped(getattr(row, name)) for name in TEXTS})


@contextmanager
def _long_fields():
    """The module csv refuses fields of over 131,072 characters unless it is told not to."""
    with _LIMIT:
        limit = csv.field_size_limit(2**31 - 1)
        try:
            yield
        finally:
            csv.field_size_limit(limit)


def _rows(lines, path) -> Iterator[tuple]:
    above = int(lines[:1] != [] and lines[0].startswith("sep="))  # Excel's own line
    separator = max(",;\t", key="".join(lines[above : above + 1]).count)
    reader = csv.reader(lines[above:], delimiter=separator, strict=True)
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
            fields |= {name: unescaped(fields.get(name)) for name in TEXTS}
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
        return as_text(time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC))
    except (ValueError, OverflowError):  # the latter where the year would be 0, or 10000
        raise ValueError(
            f"time is {text!r}; a form such as 2026-01-31T12:00:00+00:00 is expected."
        ) from None
