"""A look at what lies in the cache."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from .cache import cache_dir, has_graph, modules_dir
from .features import features_dir
from .records import RECORD, read_record

_PLACES = ("datasets", "keras", "modules")  # folders of the cache into which files are fetched
_MODULE = re.compile(r"[0-9a-f]{40}")  # as tensorflow_hub calls a module's folder
# what an interrupted download or unpacking left: its name begins with that of the entry
_UNFINISHED = re.compile(r"(.+?)(\.part|(\.[a-z0-9_]{8}\.tmp)+)")


@dataclass(frozen=True)
class Entry:
    """A thing in the cache that is removed as a whole."""

    name: str  # where it is from, or its place in the cache
    kind: str
    path: Path
    place: str  # in the cache
    lock: Path | None = None  # whose holder is at work on it

    def files(self) -> list[Path]:
        """Return its files, links among them; what a link leads to is not part of the cache."""
        if self.kind in ("features", "drawings"):
            return [path for path in self.path.glob("*.npz") if path.is_file()]
        if not self.path.is_dir():
            record = self.path.with_name(self.path.name + RECORD)
            note = self.path.with_name(f"{self.path.name}.json")
            other = note if self.kind == "unfinished" else record
            return [self.path, *([other] if other.is_file() else [])]
        found = ((folder, name) for folder, _, names in os.walk(self.path) for name in names)
        return [Path(folder, name) for folder, name in found]


def list_cache() -> pd.DataFrame:
    """Return what lies in the cache, the largest first.

    A row for each module and each file or folder that was fetched, one for all features, one for
    the drawings of each task of pictograms, and one for each download that was interrupted.
    `kind` is "module", "file", "features", "drawings" or "unfinished"; `last_used` is as exact as
    the file system notes it. `clear_cache` takes a kind, or what stands under `entry` or `path`.
    A mirror, and what was fetched by other programs, is not listed, except modules of
    `tensorflow_hub` in `TFHUB_CACHE_DIR`.

    Examples
    --------
    >>> list(list_cache().columns)
    ['entry', 'kind', 'size_mb', 'last_used', 'path']
    """
    return as_table(entries())


def as_table(found: list[Entry]) -> pd.DataFrame:
    """Return entries as the table of `list_cache`."""
    rows = []
    for entry in found:
        facts = [path.lstat() for path in entry.files()] or [entry.path.lstat()]
        used = max(max(each.st_atime, each.st_mtime) for each in facts)
        size = sum(each.st_size for each in facts) / 1e6
        when = datetime.fromtimestamp(int(used))
        rows.append((entry.name, entry.kind, round(size, 1), when, str(entry.path)))
    table = pd.DataFrame(rows, columns=["entry", "kind", "size_mb", "last_used", "path"])
    return table.sort_values("size_mb", ascending=False, kind="stable", ignore_index=True)


def entries() -> list[Entry]:
    """Return the entries of the cache."""
    found: dict[Path, Entry] = {}
    for root in (*(cache_dir() / place for place in _PLACES), modules_dir()):
        for entry in _below(root, ours=root.parent == cache_dir()):
            found.setdefault(entry.path, entry)
    for kind, folders in (
        ("features", [features_dir()]),
        ("drawings", sorted(cache_dir().glob("pictogram*"))),
    ):
        for folder in folders:
            entry = Entry(folder.name, kind, folder, folder.name)
            if folder.is_dir() and not folder.is_symlink() and entry.files():
                found[folder] = entry
    return list(found.values())


def _below(root: Path, *, ours: bool) -> Iterator[Entry]:
    """Yield what was fetched into a folder; of one that is not `ours`, modules alone.

    `os.walk` follows no links.
    """
    for folder, folders, files in os.walk(root):
        for name in sorted([*folders, *files]):
            path, unfinished = Path(folder, name), _UNFINISHED.fullmatch(name)
            if (path.is_symlink() and name in folders) or not (ours or _MODULE.match(name)):
                continue
            if unfinished and (name in folders or f"{name}.json" in files):
                kind, whole = "unfinished", unfinished[1]
            elif name in folders and path.parent == modules_dir() and _MODULE.fullmatch(name):
                kind, whole = "module" if has_graph(path) else "unfinished", name
            elif (path / RECORD).is_file() if name in folders else name + RECORD in files:
                kind, whole = "file", name
            else:
                continue
            base = modules_dir().parent if path.is_relative_to(modules_dir()) else cache_dir()
            place = path.relative_to(base).as_posix()
            handle = read_record(path).get("handle", place) if kind == "module" else place
            yield Entry(handle, kind, path, place, path.with_name(f"{whole}.lock"))
            if name in folders:
                folders.remove(name)  # what is in it belongs to it
        if not ours:
            folders.clear()
