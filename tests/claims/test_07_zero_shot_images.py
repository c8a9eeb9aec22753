"""What notebook 07 says of its figures, held against the figures that it stored."""

import pytest
from stored import stored

FOUND = stored("07")


def by_way(rows, names):
    """Scores of all names or of those new to both networks: a row for each way."""
    return rows[rows.names == names].set_index("way")


@pytest.fixture(scope="module")
def worth():
    """Accuracy on the seven kinds: a row for each number of labels, a column for each way."""
    return FOUND.worth.pivot_table("accuracy", "labels_per_class", "method")


def test_map_puts_ten_in_a_hundred_first():
    """Seven where names are new to both; pixels five and four; with old names half as many more."""
    every, new = (by_way(FOUND.tried, names)["recall at 1"] for names in ("all", "new to both"))
    assert (100 * every[["map", "pixels"]]).round().tolist() == [10, 5]
    assert (100 * new[["map", "pixels"]]).round().tolist() in ([7, 4], [8, 4])
    assert 1.35 < every["map and old names"] / every["map"] < 1.65


@pytest.mark.parametrize("rows", [FOUND.tried, FOUND.final], ids=["validation", "test"])
def test_old_names_are_recognition(rows):
    """Where no old name is near, they are no better than pixels, and add nothing to the map."""
    new, scores = by_way(rows, "new to both"), ["recall at 1", "recall at 5"]
    assert (new.loc["old names", scores] < new.loc["pixels", scores] + 0.005).all()
    assert (new.loc["map and old names", scores] < new.loc["map", scores] + 0.005).all()


def test_map_needs_no_pretraining_on_the_thing():
    """On test the map is as good for names that are new to both networks."""
    every, new = (by_way(FOUND.final, names).loc["map"] for names in ("all", "new to both"))
    assert abs(new["recall at 1"] - every["recall at 1"]) < 0.02
    assert abs(new["recall at 5"] - every["recall at 5"]) < 0.02


def test_unseen_names_are_found():
    """Eleven of a hundred first, 31 among five; sixteen first with the old names."""
    final = by_way(FOUND.final, "all")
    assert round(100 * final.loc["map", "recall at 1"]) == 11
    assert round(100 * final.loc["map", "recall at 5"]) == 31
    assert round(100 * final.loc["pixels", "recall at 1"]) == 4
    assert round(100 * final.loc["map and old names", "recall at 1"]) == 16
    assert final["median rank"].idxmin() == "map and old names"


def test_seven_sentences_are_worth_twenty_labels_of_each_kind(worth):
    """Four in ten are right by sentences; labels alone need about twenty of each kind."""
    by_sentences = worth["sentences"].iloc[0]
    assert 0.39 < by_sentences < 0.45
    assert worth.loc[10, "labels"] < by_sentences - 0.05
    assert abs(worth.loc[20, "labels"] - by_sentences) < 0.03


def test_both_together_begin_where_sentences_are(worth):
    """Sentences and labels are as good as sentences at first, and win with twenty labels."""
    gain = worth["sentences and labels"] - worth["sentences"]
    assert (gain > -0.005).all()
    assert gain[20] > 0.02


def test_centring_and_wordings_help_a_little():
    """Centring wins one to three points, several wordings two or three."""
    rows = FOUND.by_prompt.T
    assert (rows["centred"] - rows["plain"]).between(0.005, 0.035).all()
    assert (rows.loc["all three"] - rows.loc["{}"]).between(0.015, 0.035).all()


def test_half_of_the_test_drawings_are_sorted_by_sentences():
    """Half of the test drawings, where guessing gets one in seven."""
    assert 0.47 < FOUND.key.seven_sentences_on_test < 0.53


def test_known_drawings_give_a_temperature_that_is_too_low():
    """It says sixty in a hundred; with labels of new drawings it would be honest."""
    said = FOUND.said.T
    known, new = said.loc["known drawings"], said.loc["new drawings"]
    assert 0.55 < known["says of new ones"] < 0.65
    assert 0.35 < known["is right"] < 0.43
    assert 1.6 < new["temperature"] / known["temperature"] < 2.4
    assert abs(new["says of new ones"] - new["is right"]) < 0.04


def test_handicap_brings_new_names_to_the_front():
    """From hardly any to one in four; beyond a fifth it wins little and costs a lot."""
    price = FOUND.price
    assert price.loc[0.0, "new"] < 0.03
    assert 0.2 < price.loc[0.2, "new"] < 0.27
    assert price.loc[0.0, "known"] - price.loc[0.2, "known"] < 0.03
    assert price["new"].max() - price.loc[0.2, "new"] < 0.03
    assert price.loc[0.4, "known"] < price.loc[0.2, "known"] - 0.15


def test_small_clip_combines_but_knows_no_other_words():
    """Eight in ten new combinations of 168 are right; words of no caption are nearly lost."""
    right = FOUND.small_clip
    assert 0.75 <= right["the combination, of 168"] < 0.9
    assert right["the colour, of 8"] > 0.75
    assert right["the colour in other words"] < 0.4


def test_prints_serve_a_classifier_as_well():
    """Many fonts are better than one; a classifier of the prints is as good; pixels are far off."""
    printed = FOUND.printed
    glyphs, pixels = printed.loc["GlyphNet"], printed.loc["raw pixels"]
    assert glyphs["all fonts"] > glyphs["one font"] + 0.01
    assert abs(glyphs["classifier"] - glyphs["all fonts"]) < 0.03
    assert pixels.max() < glyphs.min() - 0.15
