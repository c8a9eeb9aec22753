"""Labels as CSV: written whole or not at all, read with the line of what is wrong."""

import csv
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

_SEPARATORS = ",;\t"


def write(path: str | os.PathLike, columns: Sequence[str], rows: Iterable[Sequence]) -> None:
    """Write rows under their columns' names; None is an empty field."""
    path = Path(path).expanduser()
    beside = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        with open(beside, "w", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow(columns)
            out.writerows(rows)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        raise type(error)(
            error.errno, f"{path} cannot be written ({error.strerror}). Nothing was lost"
        ) from error
    finally:
        beside.unlink(missing_ok=True)


def read(path: str | os.PathLike, check: Callable[[tuple], tuple]) -> list[tuple]:
    """Return the rows of a file as `(checked row, time or None, withdrawn or None)`.

    `check` takes `(item, label, who, confidence, round, model)` and raises what is wrong.
    """
    path = Path(path).expanduser()
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:  # as Excel writes it, too
            above, first = 1, file.readline()
            if first.startswith("sep="):  # Excel's own line
                above, first = 2, file.readline()
            separator = max(_SEPARATORS, key=first.count)
            names = next(csv.reader([first], delimiter=separator), [])
            reader = csv.reader(file, delimiter=separator)
            return list(_rows(reader, names, above, path, check))
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not text in UTF-8 ({error.reason}). Save it as 'CSV UTF-8'. Nothing was "
            "added."
        ) from None
    except csv.Error as error:
        raise ValueError(f"{path} cannot be read as CSV ({error}). Nothing was added.") from None


def _rows(reader, names, above, path, check):
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
            row = check((*row, confidence, number or 0, fields.get("model")))
            yield row, time, withdrawn
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{path}, line {above + reader.line_num}: {error} Nothing was added."
            ) from None


def _number(text):
    """A number, a whole one as int; text that is none stays text, for the check to refuse."""
    try:
        number = None if text is None else float(text.replace(",", "."))
    except ValueError:
        return text
    return int(number) if number is not None and number.is_integer() else number


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
    time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return time.isoformat(timespec="microseconds")
