"""Families of pictograms that show nearly the same; each stands in one split as a whole."""

import hashlib
import re
from functools import partial

import numpy as np
import pandas as pd

# Words that say how a thing is or stands, or where from; and names that different things share.
_STOP_WORDS = """
a and at behind for from in into left of off on over right rightwards the to with without
closed facing flat front high hot large low new oncoming one over personal pointing public raised
shallow side slice small speed three top tropical two
black blue brown dark golden green grey orange purple red white yellow
american european french japanese baby man woman womans building face first head nose piece symbol
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
# What a longer word may end with: a minibus is a bus.
_ENDINGS = """
apple ball board boat book bottle bread bus cake cap car castle cup cycle fish glass house light
melon papers phone scape shirt store sun train truck watch
"""
ENDINGS = tuple(_ENDINGS.split())
# Names without a common word of drawings that are nearly equal, or show the same kind of thing.
LOOK_ALIKE = (
    "car taxi police_car blue_car oncoming_automobile oncoming_taxi oncoming_police_car",
    "bus oncoming_bus trolleybus minibus",
    "train metro monorail steam_locomotive aerial_tramway",
    "truck articulated_lorry",
    "ship ferry",
    "night_with_stars bridge_at_night cityscape city_sunset city_sunrise sunrise",
    "hammer axe pick",
    "handbag pouch purse",
    "shirt womans_clothes",
    "eyeglasses dark_sunglasses goggles",
    "cd dvd",
    "alarm_clock watch",
    "icecream ice_cream shaved_ice",
    "tangerine lemon lime",
    "hamburger sandwich",
    "cow ox bison water_buffalo",
    "sheep ram goat",
    "horse donkey",
    "mouse rat hamster",
    "chicken rooster baby_chick",
    "duck goose swan",
    "email e-mail envelope_with_arrow",
    "pencil2 lower_left_crayon lower_left_fountain_pen lower_left_ballpoint_pen flute",
    "red_envelope flower_playing_cards safety_vest",
    "closed_book toolbox",
    "hocho smoking",
    "spoon crutch",
)


def content_words(name: str, full_name: str) -> set[str]:
    """Return the words of a pictogram's names that say what it shows, in a common form."""
    found = set()
    for word in re.findall(r"[a-z]+", f"{name} {full_name}".lower()):
        if word.endswith("ies"):
            word = word[:-3] + "y"
        elif word.endswith("s") and not word.endswith("ss") and len(word) > 3:
            word = word[:-1]
        word = next((end for end in ENDINGS if word.endswith(end)), word)
        if len(word) > 1 and word not in STOP_WORDS:
            found.add(word)
    return found


def families(table: pd.DataFrame) -> np.ndarray:
    """Return the family of each pictogram: the name of its first member.

    Pictograms with a content word in common are relatives, and so are those of a row of
    `LOOK_ALIKE`; relatives of relatives stand in the same family.
    """
    family = dict(zip(table.name, table.name, strict=True))
    groups = {row: row.split() for row in LOOK_ALIKE}
    for name, full_name in zip(table.name, table.full_name, strict=True):
        for word in sorted(content_words(name, full_name)):
            groups.setdefault(word, []).append(name)
    for names in groups.values():
        joined = {family[name] for name in names if name in family}
        first = next((name for name in family if name in joined), None)
        family = {name: first if own in joined else own for name, own in family.items()}
    return table.name.map(family).to_numpy(object)


LARGE = 8  # pictograms; a larger family is for training, it would rule a split of few families


def assign(
    table: pd.DataFrame, *, test: float = 0.3, validation: float = 0.2, seed: int = 0
) -> np.ndarray:
    """Return the split of each pictogram of a table with `kind` and `family`.

    In each kind, families in the order of a hash of their names fill the test split with its share
    of the kind's pictograms, then validation; families that do not fit any more, and large ones,
    are for training. One with members of several kinds counts among those of its first. Another
    seed gives another order of families.
    """
    task = f"pictograms {seed}" if seed else "pictograms"
    splits = pd.Series("train", table.index, dtype=object)
    sizes, firsts = table.family.value_counts(), table.drop_duplicates("family")
    for kind, own in table.groupby("kind", sort=False):
        names = firsts.family[firsts.kind == kind]
        left = sorted(names[names.map(sizes) <= LARGE], key=partial(_place, task))
        for split, share in (("test", test), ("validation", validation)):
            for name in tuple(left):
                here = (splits[own.index] == split).sum() + (own.family == name).sum()
                if here <= share * len(own) + 1:
                    splits[table.family == name] = split
                    left.remove(name)
    return splits.to_numpy()


def _place(task, family):
    return hashlib.sha256(f"{task}/{family}".encode()).hexdigest()
