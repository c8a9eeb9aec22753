"""A folder of pictures, one sub-folder a class: what is in it, and what cannot be used."""

import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from . import pictures

SPLITS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}


@dataclass(frozen=True)
class Found:
    """One picture that can be used; `content` is the SHA-256 of its file."""

    path: Path
    class_name: str
    split: str | None
    content: str


def scan(folder, *, progress=True):
    """Look at every file of a folder once.

    Parameters
    ----------
    folder : str or Path
        `<class>/…/picture`, or `train|validation|test/<class>/…/picture`. What starts with a dot
        is not looked at; links are followed, but not in circles.
    progress : bool

    Returns
    -------
    found : list of Found, in the order of their paths
    report : pandas.DataFrame
        One row for each file that is not used, or class with too few, with columns `name` (path
        within the folder), `problem`, `done`.

    Raises
    ------
    ValueError
        No such folder; no picture in it that could be read; fewer than two classes.
    """
    import pandas as pd

    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise ValueError(
            f"{str(folder)!r} is no folder (looked for in {Path.cwd()}). One with a sub-folder for "
            "each class is expected."
        )
    parts = {path.name for path in _inside(folder) if path.is_dir()}
    depth = 2 if "train" in parts and parts <= SPLITS.keys() else 1  # of the folder of a class
    readable, rows = _read(folder, depth, progress)
    found, copies = _without_copies(readable, folder)
    rows += copies
    counts = dict.fromkeys(_class_names(folder, depth), 0)
    for one in found:
        counts[one.class_name] += 1
    classes = [name for name, count in counts.items() if count]
    if len(classes) < 2:
        raise ValueError(
            f"{folder} has pictures of {len(classes)} classes ({', '.join(classes) or 'none'}); "
            "two at least are expected, each in a sub-folder of its own. "
            + "; ".join(f"{name}: {problem}" for name, problem, _ in rows[:3])
        )
    rows += [(name, "no picture of this class", "left out") for name in counts if not counts[name]]
    rows += [
        (
            name,
            f"{count} picture{'s' if count > 1 else ''} of this class; 3 fill all splits",
            "used",
        )
        for name, count in counts.items()
        if 0 < count < 3
    ]
    return found, pd.DataFrame(rows, columns=["name", "problem", "done"])


def _read(folder, depth, progress):
    """Pictures that can be read, in the order of their paths, and rows on those that cannot."""
    files, found, rows = sorted(_files(folder)), [], []
    looked = tqdm(
        pictures.read_many(files, 32),
        desc="pictures",
        total=len(files),
        leave=False,
        delay=2,
        file=sys.stdout,
        disable=not progress,
    )
    for path, picture in zip(files, looked, strict=True):
        inside = path.relative_to(folder).parts
        if len(inside) <= depth:
            rows.append((_name(path, folder), "not in the folder of a class", "left out"))
        elif isinstance(picture, pictures.Unreadable):
            rows.append((_name(path, folder), str(picture), "left out"))
        else:
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            split = SPLITS[inside[0]] if depth == 2 else None
            found.append(Found(path, inside[depth - 1], split, content))
    return found, rows


def _without_copies(found, folder):
    """Each content once, and rows on the others; of two splits, the later keeps it."""
    order = {"test": 0, "validation": 1}
    first, rows = {}, []
    for one in sorted(found, key=lambda one: (order.get(one.split, 2), one.path)):
        kept = first.setdefault(one.content, one)
        if kept is not one:
            other = ", of another class" if kept.class_name != one.class_name else ""
            problem = f"the same picture as {_name(kept.path, folder)}{other}"
            rows.append((_name(one.path, folder), problem, "left out"))
    return sorted(first.values(), key=lambda one: one.path), rows


def _name(path, folder):
    return path.relative_to(folder).as_posix()


def _inside(folder):
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:  # no right to look into it
        return []


def _files(folder, above=frozenset()):
    """Files below a folder; a link back to a folder above is not followed."""
    real = os.path.realpath(folder)
    for path in _inside(folder) if real not in above else ():
        if path.is_dir():
            yield from _files(path, above | {real})
        else:
            yield path


def _class_names(folder, depth):
    level = [path for path in _inside(folder) if path.is_dir()]
    if depth == 2:
        level = [path for split in level for path in _inside(split) if path.is_dir()]
    return sorted({path.name for path in level})


def assign(found, seed=0):
    """Split of each picture: that of its folder; otherwise drawn by what the picture shows.

    Of each class a fifth is for validation and a fifth for testing, one at least where there are
    three; a class of two trains and tests, one picture alone trains. Where the folder has a level
    of splits without `validation` or `test`, that fifth is taken out of `train`.

    Returns
    -------
    array of str `[n]`
    """
    splits = np.array([one.split or "train" for one in found], object)
    wanted = [name for name in ("test", "validation") if name not in splits]
    for class_name in {one.class_name for one in found}:
        rows = [
            row
            for row, one in enumerate(found)
            if one.class_name == class_name and splits[row] == "train"
        ]
        rows.sort(key=lambda row: hashlib.sha256(f"{seed}{found[row].content}".encode()).digest())
        share = max(1, len(rows) // 5)
        for name in wanted[: len(rows) - 1]:
            for row in rows[:share]:
                splits[row] = name
            rows = rows[share:]
    return splits
