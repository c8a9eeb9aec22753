"""A folder of pictures, one sub-folder a class: what is in it, and what cannot be used."""

import hashlib
import os
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from ..images import decode
from ..runtime.checks import plural
from ..runtime.types import StrPath

SPLITS = {  # names of folders, in small letters
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}


@dataclass(frozen=True)
class Found:
    """One picture that can be used; its name is its path within the folder, its content a hash."""

    path: Path
    name: str
    class_name: str
    split: str | None
    content: str


def scan(folder: StrPath, *, progress: bool = True) -> tuple[list[Found], pd.DataFrame]:
    """Return the pictures of a folder, in the order of their paths, and a report on what is wrong.

    They are `<class>/…/picture`, or `train|validation|test/<class>/…/picture` (also as training,
    val, valid, dev, testing). What starts with a dot is not looked at; links are followed, but not
    in circles. Each file that is not used, and each class with too few, is a row of the report:
    `name` (its path within the folder), `problem`, `done`. ValueError if there is no such folder,
    there are fewer than two classes with pictures in it, or folders of splits beside others.
    """
    folder = Path(os.path.abspath(Path(folder).expanduser()))
    if not folder.is_dir():
        raise ValueError(
            f"{str(folder)!r} is no folder. One with a sub-folder for each class is expected."
        )
    depth, class_names = _layout(folder)
    readable, unreadable = _read(folder, depth, progress)
    found, copies = _without_copies(readable)
    rows = unreadable + copies
    counts = Counter(one.class_name for one in found)
    if len(counts) < 2:
        raise ValueError(
            f"{folder} has pictures of {len(counts)} classes ({', '.join(counts) or 'none'}); "
            "two at least are expected, each in a sub-folder of its own. "
            + "; ".join(f"{name}: {problem}" for name, problem, _ in rows[:3])
        )
    train = {one.class_name for one in found if one.split in (None, "train")}
    for name in class_names:
        if not counts[name]:
            rows.append((name, "no picture of this class", "left out"))
        elif name not in train:
            rows.append((name, "no picture of this class to train on", "left out"))
        elif counts[name] < 3:
            pictures = plural(counts[name], "picture")
            rows.append((name, f"{pictures} of this class; 3 fill all splits", "used"))
    found = [one for one in found if one.class_name in train]
    return found, pd.DataFrame(rows, columns=["name", "problem", "done"])


def _layout(folder):
    """At which depth the folders of classes stand, 1, or 2 below those of splits; their names."""
    tops = _folders(folder)
    nested = [path for path in tops if path.name.casefold() in SPLITS and _folders(path)]
    if not nested:
        return 1, sorted(path.name for path in tops)
    others = [path.name for path in tops if path not in nested]
    if others or "train" not in {SPLITS[path.name.casefold()] for path in nested}:
        what = "none of them for training"
        if others:
            what = f"beside them {', '.join(map(repr, others))}"
        raise ValueError(
            f"{folder} has folders of splits ({', '.join(path.name for path in nested)}), "
            f"{what}. Either all of its folders are splits, 'train' among them, or all are classes."
        )
    return 2, sorted({path.name for split in nested for path in _folders(split)})


def _read(folder, depth, progress):
    """Pictures that can be read, in the order of their paths, and rows on those that cannot."""
    files, found, rows = sorted(_files(folder)), [], []
    bar = {"desc": "pictures", "leave": False, "delay": 2, "file": sys.stdout}
    looked = tqdm(decode.read_many(files, 32), total=len(files), disable=not progress, **bar)
    for path, picture in zip(files, looked, strict=True):
        inside = path.relative_to(folder)
        name, parts = inside.as_posix(), inside.parts
        if len(parts) <= depth:
            rows.append((name, "not in the folder of a class", "left out"))
        elif isinstance(picture, decode.Unreadable):
            rows.append((name, str(picture), "left out"))
        else:
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            split = SPLITS[parts[0].casefold()] if depth == 2 else None
            found.append(Found(path, name, parts[depth - 1], split, content))
    return found, rows


def _without_copies(found):
    """Each file once, and rows on the others; of two splits, the later keeps it.

    A file that stands in two classes is left out of both, for one of them is wrong.
    """
    order = {"test": 0, "validation": 1}
    same, rows, kept = {}, [], []
    for one in sorted(found, key=lambda one: (order.get(one.split, 2), one.path)):
        same.setdefault(one.content, []).append(one)
    for first, *others in same.values():
        copies = [(one, first) for one in others]
        wrong = [one for one in others if one.class_name != first.class_name]
        if wrong:
            copies.insert(0, (first, wrong[0]))
        else:
            kept.append(first)
        for one, twin in copies:
            other = ", of another class" if one.class_name != twin.class_name else ""
            rows.append((one.name, f"the same file as {twin.name}{other}", "left out"))
    return sorted(kept, key=lambda one: one.path), rows


def _inside(folder):
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:  # no right to look into it
        return []


def _folders(folder):
    return [path for path in _inside(folder) if path.is_dir()]


def _files(folder, above=frozenset()):
    """Files below a folder; a link back to a folder above is not followed."""
    real = os.path.realpath(folder)
    for path in _inside(folder) if real not in above else ():
        if path.is_dir():
            yield from _files(path, above | {real})
        else:
            yield path


def assign(found: list[Found], seed: int = 0) -> np.ndarray:
    """Return the split of each picture: that of its folder; otherwise drawn by a hash of its file.

    About a fifth of each class is for validation and a fifth for testing. A picture keeps its split
    when others come or go, except in a class so small that a split would stay empty: then it gets
    one, testing first. One picture alone trains. Where the folder has a level of splits without
    `validation` or `test`, that fifth is taken out of `train`.
    """
    splits = np.array([one.split or "train" for one in found], object)
    wanted = [name for name in ("test", "validation") if name not in splits]
    hashes = [hashlib.sha256(f"{seed}{one.content}".encode()).hexdigest() for one in found]
    places = [int(digits[:8], 16) / 16**8 for digits in hashes]  # from 0 to 1
    classes = np.array([one.class_name for one in found])
    for class_name in set(classes):
        own = np.flatnonzero((classes == class_name) & (splits == "train"))
        rows = sorted(own, key=places.__getitem__)
        for place, name in enumerate(wanted, start=1):
            low, high = (0.0, 0.2) if name == "test" else (0.2, 0.4)
            inside = [row for row in rows if low <= places[row] < high]
            most = max(len(rows) - 1 - len(wanted[place:]), int(len(rows) > 1))
            chosen = inside[:most] or rows[: min(1, most)]
            splits[chosen] = name
            rows = [row for row in rows if row not in chosen]
    return splits
