"""What the cache knows of its entries: where each is from, its files, their times and checksums."""

import json
import os
from pathlib import Path

import pooch

RECORD = ".tlhelpers.json"  # in a folder, or behind the name of a file
SAME_TIME = 2e9  # nanoseconds by which a copy's time may differ: USB sticks count in two seconds


def place_of_record(entry: Path) -> Path:
    """Return where the record of a folder or file is."""
    return entry / RECORD if entry.is_dir() else entry.with_name(entry.name + RECORD)


def read_record(entry: Path) -> dict:
    """Return an entry's `handle`, `sha256` and `files`; empty without a record that can be read.

    `files` are `[size, time, SHA-256]` by name; those of earlier versions are sizes alone.
    """
    record = read_note(place_of_record(entry))
    try:
        files = {name: _facts(known) for name, known in record["files"].items()}
        texts = isinstance(record["handle"], str) and isinstance(record["sha256"], str)
        return {**record, "files": files} if texts and files else {}
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}


def read_note(path: Path) -> dict:
    """Return what stands in a JSON file; empty if that is absent, damaged or no dict."""
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, RecursionError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def write_record(entry: Path, address: str, sha256: str = "") -> None:
    """Note where an entry is from, the SHA-256 of its archive, and which files it has."""
    paths = sorted(entry.rglob("*")) if entry.is_dir() else [entry]
    files = {}
    for path in paths:
        if path.is_file() and path != place_of_record(entry):
            found = path.stat()
            name = path.relative_to(entry).as_posix() if path != entry else path.name
            files[name] = [found.st_size, found.st_mtime_ns, _sum(path)]
    record = {"handle": address, "sha256": sha256, "files": files}
    place_of_record(entry).write_text(json.dumps(record, indent=1), encoding="utf-8")


def is_unchanged(entry: Path, *, thorough: bool = False) -> bool:
    """Return whether an entry's files are those of its record; true for one without a record.

    Sizes and times are compared, and a file's checksum where its time is another. `thorough`: the
    checksums of all; false where the record has none.
    """
    files = read_record(entry).get("files")
    if files is None:
        return not thorough
    folder = entry if entry.is_dir() else entry.parent
    return all(_is_same(folder / name, known, thorough) for name, known in files.items())


def _facts(known):
    """Return size, time and SHA-256; of a record of earlier versions the size alone."""
    size, time, sha256 = known if isinstance(known, list) else (known, None, None)
    if type(size) is not int or not isinstance(time, int | None):
        raise TypeError
    return size, time, sha256


def _is_same(path, known, thorough):
    size, time, sha256 = known
    try:
        found = os.stat(path)
        if found.st_size != size or (sha256 is None and thorough):
            return False
        is_dated = time is None or abs(found.st_mtime_ns - time) <= SAME_TIME
        return (is_dated and not thorough) or _sum(path) == sha256
    except (OSError, ValueError):
        return False


def _sum(path):
    return pooch.file_hash(str(path), alg="sha256")
