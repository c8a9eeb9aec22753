"""Where pictures come from: those of one origin stand in one split as a whole."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from ..runtime.checks import plural
from .folder_scan import Found

Origin: TypeAlias = str | Callable[[str], str]
SHARE = 0.2  # of a class for validation, and as much for testing


def origins_of(found: Sequence[Found], origin: Origin) -> np.ndarray:
    """Return the origin of each picture, str `[n]`: a part of its name, the path in the folder.

    `origin` is a regular expression, of which the first group counts, or a function of the name. A
    picture whose name does not match is an origin of its own. ValueError if the expression is none,
    or matches no name at all; TypeError if `origin` or what it gives is of another type.

    >>> from pathlib import Path
    >>> names = ["cat/tom_1.jpg", "cat/tom_2.jpg", "dog/rex_1.jpg"]
    >>> found = [Found(Path(name), name, name[:3], None, name) for name in names]
    >>> origins_of(found, r"([^/]+)_").tolist()
    ['tom', 'tom', 'rex']
    """
    names = [one.name for one in found]
    if callable(origin):
        given = [origin(name) for name in names]
        wrong = [(name, own) for name, own in zip(names, given, strict=True) if not _text(own)]
        if wrong:
            raise TypeError(
                f"origin gives {wrong[0][1]!r} for {wrong[0][0]!r}; a text that is not empty is "
                "expected."
            )
        return np.array(given, object)
    if not isinstance(origin, str):
        raise TypeError(
            f"origin is {origin!r}; a regular expression such as r'([^/]+)_', or a function of a "
            "picture's name, is expected."
        )
    try:
        matches = [re.search(origin, name) for name in names]
    except re.error as error:
        raise ValueError(f"origin is {origin!r}, no regular expression: {error}.") from None
    if not any(matches):
        raise ValueError(
            f"origin is {origin!r}, and none of {plural(len(names), 'name')} matches it, such as "
            f"{names[0]!r}. What says in a name where a picture comes from? r'([^/]+)_' takes what "
            "stands before the last underscore."
        )
    pairs = zip(matches, names, strict=True)
    return np.array([(m and m[m.re.groups and 1]) or name for m, name in pairs], object)


def _text(value):
    return isinstance(value, str) and bool(value)


def assign_origins(found: Sequence[Found], origins: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return the split of each picture: that of its folder, or drawn by a hash of its origin.

    In each class, origins in the order of their hashes fill a fifth for testing, then a fifth for
    validation. One that does not fit any more, or is larger than a fifth, is for training; one in
    several classes counts among those of which it has most, and trains if one of them would have
    nothing to train on. Where a split has none of a class, the
    smallest origin goes there that leaves something to train on. Folders of splits that are missing
    are taken out of `train`.
    """
    splits = np.array([one.split or "train" for one in found], object)
    classes = np.array([one.class_name for one in found], object)
    wanted = [name for name in ("test", "validation") if name not in splits]
    rows = {own: (origins == own) & (splits == "train") for own in dict.fromkeys(origins)}
    rows = {own: mask for own, mask in rows.items() if mask.any()}
    main = {own: Counter(classes[mask]).most_common(1)[0][0] for own, mask in rows.items()}
    order = sorted(rows, key=lambda own: _place(seed, own))
    names = sorted(set(classes[splits == "train"]))
    for class_name in names:
        own_class = classes == class_name
        most = SHARE * (own_class & (splits == "train")).sum()
        left = [own for own in order if main[own] == class_name]
        for split in wanted:
            for own in tuple(left):
                fits = (own_class & ((splits == split) | rows[own])).sum() <= most
                if fits and _can_go(rows[own], splits, classes):
                    splits[rows[own]] = split
                    left.remove(own)
    for class_name in names:
        for split in wanted:
            if not ((classes == class_name) & (splits == split)).any():
                _fill(split, class_name, splits, classes, {own: rows[own] for own in order})
    return splits


def _fill(split, class_name, splits, classes, rows):
    """Give a split the smallest origin of a class that leaves some of each class for training."""
    train = splits == "train"
    own = [mask for mask in rows.values() if (mask & train & (classes == class_name)).any()]
    for mask in sorted(own, key=np.sum):
        if _can_go(mask, splits, classes):
            splits[mask] = split
            return


def _can_go(mask, splits, classes):
    """Whether training keeps some of each class when an origin leaves it."""
    return set(classes[mask]) <= set(classes[(splits == "train") & ~mask])


def _place(seed, origin):
    return hashlib.sha256(f"{seed}/{origin}".encode()).hexdigest()


def origin_problems(
    found: Sequence[Found], origins: np.ndarray, splits: np.ndarray
) -> list[tuple[str, str, str]]:
    """Return rows for the report: origins in several splits, and classes with too few origins."""
    rows = []
    for own in dict.fromkeys(origins):
        names = sorted(set(splits[origins == own]))
        if len(names) > 1:
            first = found[int(np.argmax(origins == own))].name
            rows.append((first, f"origin {own!r} stands in {' and '.join(names)}", "used"))
    classes = np.array([one.class_name for one in found], object)
    for class_name in sorted(set(classes)):
        count = len(set(origins[classes == class_name]))
        if count < 3:
            problem = f"{plural(count, 'origin')} of this class; 3 fill all splits"
            rows.append((class_name, problem, "used"))
    return rows
