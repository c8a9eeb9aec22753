"""What the prose of notebook 05 says, held against the figures that its last run stored."""

import numpy as np
import pytest
from scipy.stats import t as student
from stored import stored

DRAWS = 12


@pytest.fixture(scope="module")
def found():
    return stored("05")


def ahead(runs, column, over="random"):
    """Points ahead, draw by draw: rows are numbers of labels and draws, columns strategies."""
    paired = runs.pivot(index=["labels", "draw"], columns="method", values=column)
    return 100 * paired.sub(paired[over], axis=0)


def interval(points):
    """Mean and half the width of its 95 % interval, by number of labels."""
    each = points.groupby("labels")
    return each.mean(), student.ppf(0.975, DRAWS - 1) * each.std() / DRAWS**0.5


def test_typical_leads_drawings_with_two_or_three_labels_a_kind(found):
    """With twenty labels: six points on test, whose interval excludes zero, in most draws."""
    for column, least, wins in (("validation", 6, 10), ("test", 5, 9)):
        points = ahead(found.pictograms, column).typical
        mean, half = interval(points)
        assert mean[20] > least
        assert mean[20] - half[20] > 0
        assert (points[20] > 0).sum() >= wins
    assert found.key.test_points_typical_20_labels == pytest.approx(mean[20], abs=0.01)


def test_typical_leads_digits(found):
    """By 17 points with twenty labels, in every draw; up to eighty the interval excludes zero."""
    for column in ("validation", "test"):
        points = ahead(found.digits, column).typical
        mean, half = interval(points)
        assert 16 < mean[20] < 19
        assert (points[20] > 0).all()
        assert (mean - half > 0).all()


def test_drawings_beyond_twenty_labels_are_left_open(found):
    """On test the interval of typical includes zero at most other numbers of labels."""
    mean, half = interval(ahead(found.pictograms, "test").typical)
    assert (mean - half < 0).drop(20).mean() > 0.5


def test_margin_is_no_better_than_chance_on_drawings(found):
    """On validation at no number of labels; on test at two of eight."""
    mean, half = interval(ahead(found.pictograms, "validation").margin.drop(10, level="labels"))
    assert (abs(mean) < half).all()
    mean, half = interval(ahead(found.pictograms, "test").margin.drop(10, level="labels"))
    assert (mean > half).sum() == 2


def test_margin_beats_random_on_digits_and_not_typical_at_the_start(found):
    """From the second round on; typical is ahead of it at 20 and 30."""
    mean, _ = interval(ahead(found.digits, "validation"))
    assert (mean.margin[20:] > 1).all()
    assert (mean.typical - mean.margin)[[20, 30]].min() > 3


def test_twenty_typical_digits_are_worth_fifty_random_ones(found):
    """The same accuracy on validation within a point."""
    mean = found.digits.groupby(["method", "labels"]).validation.mean()
    assert abs(mean["typical", 20] - mean["random", 50]) < 0.01
    assert mean["random", 10] > 0.5


def test_with_eighty_labels_strategies_are_close(found):
    """Within three points; a head of ten drawings is right in about a quarter of the cases."""
    for runs in (found.pictograms, found.digits):
        mean = runs.groupby(["labels", "method"]).validation.mean().unstack()
        assert np.ptp(mean.loc[80]) < 0.03
    start = found.pictograms.groupby(["labels", "method"]).validation.mean()[10, "random"]
    assert 0.2 < start < 0.3


def test_random_wins_the_draw_that_is_shown(found):
    """Draw 0 of the drawings: typical is behind there from twenty labels on."""
    shown = found.pictograms[found.pictograms.draw == 0]
    scores = shown.pivot(index="labels", columns="method", values="validation")
    assert (scores["random"] > scores["typical"]).all()


def test_chosen_labels_are_no_fair_sample(found):
    """On its own labels margin looks far worse than it is, random about right."""
    own, validation = found.fair["margin"]
    assert own < validation - 0.08
    own, validation = found.fair["random"]
    assert abs(own - validation) < 0.02


def test_own_answers(found):
    """One-sided answers harm, also right ones; the same number of each class helps."""
    own = found.own.set_index(["task", "way", "labels"]).sort_index()
    won, wrong = own["points won"], own["% wrong"]
    assert (won["pictograms", "surest half"][[10, 20]] < -0.5).all()
    assert abs(won["pictograms", "surest half"][[40, 80]]).max() < 1.5
    assert won["digits", "surest half", 10] > 1
    assert won["digits", "surest half", 40] < -1
    assert wrong["digits", "surest half", 40] == 0
    even = won["pictograms", "surest of each class"]
    assert (even.between(3, 6.5)).all()
    assert wrong["pictograms", "surest of each class"].between(30, 55).all()
    assert (won["digits", "surest of each class"] > 0).all()


def test_rare_classes_are_found_by_asking(found):
    """With forty labels margin has fourteen of thirty, random four, typical five."""
    table = found.rare.set_index(["method", "labels"])
    rare = table.found
    assert [round(rare[name, 40]) for name in ("margin", "random", "typical")] == [14, 4, 5]
    score = table.accuracy
    assert score["margin", 40] > 0.9
    assert score["random", 80] < 0.7
    assert score["typical then margin", 70] > score["margin", 70] - 0.03
    assert score["typical then margin", 50] < score["margin", 50] - 0.1


def test_drift(found):
    """The alarm needs no label; old labels help at first."""
    upright, turned = found.sure
    assert upright > 0.9
    assert turned < 2 / 3
    mean = found.drift.groupby("new labels").mean()
    assert mean["old alone"].between(0.63, 0.7).all()
    assert mean["old and new"][10] > mean["old alone"][10] + 0.1
    assert mean["old and new"][10] > mean["new alone"][10] + 0.02
    assert (mean["new alone"] >= mean["old and new"] - 0.005)[30:].all()
