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
from ..runtime.texts import printable
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
    val, valid, dev, testing). What starts with a dot is not looked at. Each folder is looked at
    once: where it stands, or where the first link leads to it. What is not used, what looks like no
    other picture, and each class with too few, is a row of the report: `name` (its path within the
    folder, with what cannot be printed escaped), `problem`, `done`. ValueError if there is no such
    folder, there are fewer than two classes with pictures in it, or folders of splits beside
    others.
    """
    folder = Path(os.path.abspath(Path(folder).expanduser()))
    if not folder.is_dir():
        raise ValueError(
            f"{str(folder)!r} is no folder. One with a sub-folder for each class is expected."
        )
    depth, class_names = _layout(folder)
    files, rows = _files(folder)
    heads, unreadable = _read(folder, files, depth, progress)
    found, copies = _without_copies(heads)
    rows += unreadable + copies + _odd(found, heads)
    counts = Counter(one.class_name for one in found)
    if len(counts) < 2:
        raise ValueError(
            f"{printable(str(folder))} has pictures of {len(counts)} classes "
            f"({', '.join(counts) or 'none'}); two at least are expected, each in a sub-folder of "
            "its own. " + "; ".join(f"{name}: {problem}" for name, problem, _ in rows[:3])
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
        return 1, sorted(printable(path.name) for path in tops)
    others = [printable(path.name) for path in tops if path not in nested]
    if others or "train" not in {SPLITS[path.name.casefold()] for path in nested}:
        what = "none of them for training"
        if others:
            what = f"beside them {', '.join(map(repr, others))}"
        names = ", ".join(path.name for path in nested)
        raise ValueError(
            f"{printable(str(folder))} has folders of splits ({names}), {what}. Either all of its "
            "folders are splits, 'train' among them, or all are classes."
        )
    return 2, sorted({printable(path.name) for split in nested for path in _folders(split)})


def _read(folder, files, depth, progress):
    """Pictures that can be read, each with its head, and rows on those that cannot."""
    found, rows = {}, []
    bar = {"desc": "pictures", "leave": False, "delay": 2, "file": sys.stdout}
    looked = tqdm(decode.read_many(files, 32), total=len(files), disable=not progress, **bar)
    with decode.quiet():
        for path, picture in zip(files, looked, strict=True):
            name, parts = _name(path, folder), path.relative_to(folder).parts
            if len(parts) <= depth:
                rows.append((name, "not in the folder of a class", "left out"))
                continue
            try:
                if isinstance(picture, decode.Unreadable):
                    raise picture
                head, content = decode.look(path), decode.digest(path)  # it may be gone since
            except decode.Unreadable as reason:
                rows.append((name, str(reason), "left out"))
                continue
            split = SPLITS[parts[0].casefold()] if depth == 2 else None
            found[Found(path, name, printable(parts[depth - 1]), split, content)] = head
    return found, rows


def _odd(found, heads):
    """Rows on pictures unlike the others, as those are that web pages show for missing ones."""
    heads = [heads[one] for one in found]
    usual = np.median([min(head.width, head.height) for head in heads]) if heads else 0
    few = len(heads) / 4
    gifs, moving = sum(head.kind == "GIF" for head in heads), sum(head.moves for head in heads)
    rows = []
    for one, head in zip(found, heads, strict=True):
        signs = {
            "it is a GIF": head.kind == "GIF" and gifs <= few,
            "it moves": head.moves and moving <= few,
            f"it has {head.width} x {head.height} pixels": min(head[1:3]) < usual / 4,
        }
        if any(signs.values()):
            why = ", ".join(sign for sign, seen in signs.items() if seen)
            rows.append((one.name, f"unlike the others: {why}; a placeholder?", "used"))
    return rows


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


def _folders(folder):
    try:
        inside = sorted(folder.iterdir())
    except OSError:  # `_files` has a row on it
        return []
    return [path for path in inside if not path.name.startswith(".") and os.path.isdir(path)]


def _files(folder):
    """Files below a folder, in the order of their paths, and rows on folders not looked at.

    Folders that stand here come before those that links lead to, so that no link takes them away.
    """
    files, rows, links, folders, seen = [], [], [], [folder], {}
    above = {_key(each) for each in Path(os.path.realpath(folder)).parents}
    while folders or links:
        path, problem = folders.pop() if folders else links.pop(links.index(min(links))), None
        try:
            if (key := _key(path)) in seen:
                problem = f"the same folder as {seen[key]}, and looked at there"
            elif key in above:
                problem = "a link to a folder above"
            else:
                seen[key] = _name(path, folder)
                for each in path.iterdir():
                    if not each.name.startswith("."):  # `isdir` says no to what cannot be looked at
                        kind = folders if os.path.isdir(each) else files
                        (links if kind is folders and each.is_symlink() else kind).append(each)
        except OSError as error:
            problem = f"the folder cannot be listed: {error.strerror}"
        if problem:
            rows.append((_name(path, folder), problem, "left out"))
    return sorted(files), rows


def _key(folder):
    """What a folder has alone, by whatever path it is reached."""
    found = os.stat(folder)
    return found.st_dev, found.st_ino


def _name(path, folder):
    """The path within the folder, as it can be printed."""
    return printable(path.relative_to(folder).as_posix())


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
