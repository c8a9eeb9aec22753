"""A folder of pictures, one sub-folder a class: what is in it, and what cannot be used."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from . import pictures

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Found:
    """One picture that can be used."""

    path: Path
    class_name: str
    split: str | None
    content: str


def scan(folder, *, size=32, progress=True):
    """Look at every file of a folder once.

    Parameters
    ----------
    folder : str or Path
        `<class>/…/picture`, or `train|validation|test/<class>/…/picture`. What starts with a dot
        is not looked at; links are followed, but not in circles.
    size : int
        Pictures are read at this size, to see that they can be.
    progress : bool

    Returns
    -------
    found : list of Found, in the order of their paths
    report : pandas.DataFrame
        One row for each file that is not used (or class with too few), with columns `name` (path
        within the folder), `problem`, `done`.

    Raises
    ------
    ValueError
        No such folder; no picture in it that could be read; fewer than two classes.
    """
    import sys

    import pandas as pd

    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder. Expected is one with a sub-folder a class.")
    parts = {p.name for p in folder.iterdir() if p.is_dir()}
    has_splits = "train" in parts and parts <= {*SPLITS, "val"}
    rows, found, seen = [], [], {}
    files = sorted(_files(folder, set()))

    looked = tqdm(
        pictures.read_many(files, size),
        desc="pictures",
        total=len(files),
        leave=False,
        delay=2,
        file=sys.stdout,
        disable=not progress,
    )
    for path, picture in zip(files, looked, strict=True):
        inside = path.relative_to(folder).parts
        name, depth = "/".join(inside), 3 if has_splits else 2
        if len(inside) < depth:
            rows.append((name, "not in the folder of a class", "left out"))
        elif isinstance(picture, pictures.Unreadable):
            rows.append((name, str(picture), "left out"))
        else:
            split = {"val": "validation"}.get(inside[0], inside[0]) if has_splits else None
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            found.append(Found(path, inside[depth - 2], split, content))
    order = {name: i for i, name in enumerate(reversed(SPLITS))}  # test keeps its pictures
    used = []
    for one in sorted(found, key=lambda one: (order.get(one.split, 0), str(one.path))):
        name = "/".join(one.path.relative_to(folder).parts)
        first = seen.setdefault(one.content, one)
        if first is one:
            used.append(one)
        elif first.class_name != one.class_name:
            where = "/".join(first.path.relative_to(folder).parts)
            rows.append((name, f"the same picture as {where}, of another class", "left out"))
        else:
            where = "/".join(first.path.relative_to(folder).parts)
            rows.append((name, f"the same picture as {where}", "left out"))
    counts = dict.fromkeys(_classes(folder, has_splits), 0)
    for one in used:
        counts[one.class_name] = counts.get(one.class_name, 0) + 1
    for name, count in counts.items():
        if count == 0:
            rows.append((name, "a class without a picture", "left out"))
    classes = [name for name, count in counts.items() if count]
    if len(classes) < 2:
        raise ValueError(
            f"{folder} has pictures of {len(classes)} classes ({', '.join(classes) or 'none'}); "
            "two at least are expected, each in a sub-folder of its own."
        )
    report = pd.DataFrame(rows, columns=["name", "problem", "done"])
    return sorted(used, key=lambda one: str(one.path)), report


def _files(folder, above):
    """Files below a folder, hidden ones left out; a link back to a folder above is not followed."""
    real = os.path.realpath(folder)
    if real in above:
        return
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _files(entry, above | {real})
        else:
            yield entry


def _classes(folder, has_splits):
    parts = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if has_splits:
        parts = sorted({q.name: q for p in parts for q in p.iterdir() if q.is_dir()}.values())
    return sorted({part.name for part in parts})


def assign(found, seed=0):
    """Splits by a hash of what a picture shows: 60 in 100 train, 20 validate, 20 test.

    Returns str `[n]`. A class with one picture trains only; one with two trains and tests.
    """
    place = [int(hashlib.sha256(f"{seed}{one.content}".encode()).hexdigest(), 16) for one in found]
    names = np.array([one.class_name for one in found])
    splits = np.empty(len(found), object)
    for name in set(names):
        rows = np.flatnonzero(names == name)
        rows = rows[np.argsort([place[i] % 2**63 for i in rows], kind="stable")]
        n = len(rows)
        test = 0 if n < 2 else max(1, n // 5)
        validation = 0 if n < 3 else max(1, n // 5)
        splits[rows] = "train"
        splits[rows[:test]] = "test"
        splits[rows[test : test + validation]] = "validation"
    return splits
