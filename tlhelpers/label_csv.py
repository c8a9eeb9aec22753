"""Labels as CSV: written whole or not at all, read with the line of what is wrong."""

import csv
import os
from datetime import UTC, datetime
from pathlib import Path


def write(path, columns, rows):
    """Write rows under their columns' names; None is an empty field."""
    path = Path(path).expanduser()
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(beside, "w", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow(columns)
            out.writerows(rows)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def read(path, check):
    """Rows of a file as `(checked row, time or None, withdrawn or None)`.

    `check` takes `(item, label, who, confidence, round, model)` and raises what is wrong.
    """
    path = Path(path).expanduser()
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:  # as Excel writes it, too
            first = file.readline()
            file.seek(0)
            comma = ";" if first.count(";") > first.count(",") else ","
            return list(_rows(csv.DictReader(file, delimiter=comma), path, check))
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not text in UTF-8 ({error.reason}). Save it as 'CSV UTF-8'. Nothing was "
            "added."
        ) from None
    except csv.Error as error:
        raise ValueError(f"{path} cannot be read as CSV ({error}). Nothing was added.") from None


def _rows(reader, path, check):
    missing = {"item", "label"} - set(reader.fieldnames or ())
    if missing:
        raise ValueError(
            f"{path} has the columns {', '.join(reader.fieldnames or ()) or '(none)'}; it also "
            f"needs {' and '.join(sorted(missing))}. Nothing was added."
        )
    for fields in reader:
        try:
            if None in fields or None in fields.values():
                raise ValueError("it has more or fewer fields than the first line.")
            fields = {name: value or None for name, value in fields.items()}
            confidence, number = fields.get("confidence"), fields.get("round")
            row = check(
                (
                    fields["item"],
                    fields["label"],
                    fields.get("who") or "person",
                    None if confidence is None else float(confidence),
                    int(number or 0),
                    fields.get("model"),
                )
            )
            time, withdrawn = _time(fields.get("time")), _time(fields.get("withdrawn"))
            if withdrawn and not time:
                raise ValueError("it was withdrawn, but has no time.")
            yield row, time, withdrawn
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{path}, line {reader.line_num}: {error} Nothing was added."
            ) from None


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
