"""What notebook 07 says of its figures, held against the figures that it stored."""

import pytest
from stored import stored

FOUND = stored("07")
BOTH, OLD = "both directions, old names", "the old names"
MAP, RIDGE, PIXELS = "features, both directions", "features, one ridge", "pixels, one ridge"


@pytest.fixture(scope="module")
def deals():
    """Validation: means of three deals with three picks each, a row for each way."""
    rows = FOUND.by_way
    assert (rows.groupby("way").size() == 9).all()
    return rows.groupby("way").mean()


@pytest.fixture(scope="module")
def worth():
    """Accuracy on the seven kinds: a row for each number of labels, a column for each way."""
    return FOUND.worth.pivot_table("accuracy", "labels_per_class", "method")


def test_ways_have_their_order(deals):
    """Pixels, one ridge, old names, both: the first place goes up in this order."""
    first = deals["recall at 1"][[PIXELS, RIDGE, OLD, BOTH]]
    assert first.is_monotonic_increasing
    assert (100 * first).round().tolist() == [3, 7, 11, 13]
    assert round(100 * deals.loc[BOTH, "recall at 5"]) in (28, 29)


def test_both_directions_bring_names_nearer(deals):
    """The way back changes little for the first place, and the median rank falls."""
    assert abs(deals.loc[MAP, "recall at 1"] - deals.loc[RIDGE, "recall at 1"]) < 0.02
    assert deals.loc[MAP, "median rank"] < deals.loc[RIDGE, "median rank"] - 2


def test_unseen_names_are_found():
    """Of two hundred unseen names the right one is first in sixteen of a hundred cases."""
    final = FOUND.final
    assert 0.155 <= final.loc[BOTH, "recall at 1"] < 0.165
    assert 0.30 <= final.loc[BOTH, "recall at 5"] < 0.31
    assert round(final.loc[BOTH, "median rank"]) == 15
    assert 0.035 <= final.loc[PIXELS, "recall at 1"] < 0.045
    assert final["recall at 1"].idxmax() == BOTH
    assert final["median rank"].idxmin() == BOTH


def test_seven_sentences_are_worth_twenty_labels_of_each_kind(worth):
    """Four in ten are right by sentences; labels alone need about twenty of each kind."""
    by_sentences = worth["sentences"].iloc[0]
    assert 0.39 < by_sentences < 0.45
    assert worth.loc[10, "labels"] < by_sentences - 0.05
    assert abs(worth.loc[20, "labels"] - by_sentences) < 0.03


def test_both_together_are_never_worse(worth):
    """Sentences and labels hold at least what sentences reach, and win with twenty labels."""
    gain = worth["sentences and labels"] - worth["sentences"]
    assert (gain > -0.005).all()
    assert gain[20] > 0.02


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
    """Six in ten new combinations of 168 are right; words of no caption are nearly lost."""
    right = FOUND.small_clip
    assert 0.55 <= right["the combination, of 168"] < 0.75
    assert right["the colour, of 8"] > 0.75
    assert right["the colour in other words"] < 0.4


def test_prints_serve_a_classifier_as_well():
    """Many fonts are better than one; a classifier of the prints is as good; pixels are far off."""
    printed = FOUND.printed
    glyphs, pixels = printed.loc["GlyphNet"], printed.loc["raw pixels"]
    assert glyphs["all fonts"] > glyphs["one font"] + 0.01
    assert abs(glyphs["classifier"] - glyphs["all fonts"]) < 0.03
    assert pixels.max() < glyphs.min() - 0.15
