"""A folder of pictures, one sub-folder a class: what is in it, and what cannot be used."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm.auto import tqdm

from ..images import decode
from ..runtime.checks import plural

if TYPE_CHECKING:
    import pandas as pd

SPLITS = {  # names of folders, in small letters
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class Found:
    """One picture that can be used; `content` is the SHA-256 of its file."""

    path: Path
    class_name: str
    split: str | None
    content: str


def scan(folder: str | Path, *, progress: bool = True) -> tuple[list[Found], pd.DataFrame]:
    """Look at every file of a folder once.

    Parameters
    ----------
    folder : str or Path
        `<class>/…/picture`, or `train|validation|test/<class>/…/picture` (also as training, val,
        valid, dev, testing). What starts with a dot is not looked at; links are followed, but not
        in circles.
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
        No such folder; no picture in it that could be read; fewer than two classes; folders of
        splits beside others.
    """
    import pandas as pd

    folder = Path(os.path.abspath(Path(folder).expanduser()))
    if not folder.is_dir():
        raise ValueError(
            f"{str(folder)!r} is no folder. One with a sub-folder for each class is expected."
        )
    depth = _depth_of_classes(folder)
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
    train = {one.class_name for one in found if one.split in (None, "train")}
    for name, count in counts.items():
        if not count:
            rows.append((name, "no picture of this class", "left out"))
        elif name not in train:
            rows.append((name, "no picture of this class to train on", "left out"))
        elif count < 3:
            pictures = plural(count, "picture")
            rows.append((name, f"{pictures} of this class; 3 fill all splits", "used"))
    found = [one for one in found if one.class_name in train]
    return found, pd.DataFrame(rows, columns=["name", "problem", "done"])


def _depth_of_classes(folder):
    """1 where the folder holds those of the classes, 2 where it holds those of splits."""
    tops = [path for path in _inside(folder) if path.is_dir()]
    splits = [path for path in tops if path.name.casefold() in SPLITS]
    nested = [path for path in splits if any(below.is_dir() for below in _inside(path))]
    if not nested:
        return 1
    others = [path.name for path in tops if path not in nested]
    if others or "train" not in {SPLITS[path.name.casefold()] for path in nested}:
        what = "none of them for training"
        if others:
            what = f"beside them {', '.join(map(repr, others))}"
        raise ValueError(
            f"{folder} has folders of splits ({', '.join(path.name for path in nested)}), "
            f"{what}. Either all of its folders are splits, 'train' among them, or all are classes."
        )
    return 2


def _read(folder, depth, progress):
    """Pictures that can be read, in the order of their paths, and rows on those that cannot."""
    files, found, rows = sorted(_files(folder)), [], []
    looked = tqdm(
        decode.read_many(files, 32),
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
        elif isinstance(picture, decode.Unreadable):
            rows.append((_name(path, folder), str(picture), "left out"))
        else:
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            split = SPLITS[inside[0].casefold()] if depth == 2 else None
            found.append(Found(path, inside[depth - 1], split, content))
    return found, rows


def _without_copies(found, folder):
    """Each file once, and rows on the others; of two splits, the later keeps it.

    A file that stands in two classes is left out of both, for one of them is wrong.
    """
    order = {"test": 0, "validation": 1}
    same, rows, kept = {}, [], []
    for one in sorted(found, key=lambda one: (order.get(one.split, 2), one.path)):
        same.setdefault(one.content, []).append(one)
    for first, *others in same.values():
        wrong = next((o for o in others if o.class_name != first.class_name), None)
        if wrong is not None:
            problem = f"the same file as {_name(wrong.path, folder)}, of another class"
            rows.append((_name(first.path, folder), problem, "left out"))
        else:
            kept.append(first)
        for one in others:
            other = ", of another class" if one.class_name != first.class_name else ""
            problem = f"the same file as {_name(first.path, folder)}{other}"
            rows.append((_name(one.path, folder), problem, "left out"))
    return sorted(kept, key=lambda one: one.path), rows


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


def assign(found: list[Found], seed: int = 0) -> np.ndarray:
    """Return the split of each picture: that of its folder; otherwise drawn by a hash of its file.

    About a fifth of each class is for validation and a fifth for testing. A picture keeps its split
    when others come or go, except in a class so small that a split would stay empty: then it gets
    one, testing first. One picture alone trains. Where the folder has a level of splits without
    `validation` or `test`, that fifth is taken out of `train`.

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
        rows.sort(key=lambda row: _place(found[row].content, seed))
        for place, name in enumerate(wanted, start=1):
            low, high = (0.0, 0.2) if name == "test" else (0.2, 0.4)
            inside = [row for row in rows if low <= _place(found[row].content, seed) < high]
            most = max(len(rows) - 1 - len(wanted[place:]), int(len(rows) > 1))
            chosen = inside[:most] or rows[: min(1, most)]
            splits[chosen] = name
            rows = [row for row in rows if row not in chosen]
    return splits


def _place(content, seed):
    """A number from 0 to 1 that belongs to a file."""
    return int(hashlib.sha256(f"{seed}{content}".encode()).hexdigest()[:8], 16) / 16**8
