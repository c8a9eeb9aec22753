"""The rule by which one changes over: paired answers, an exact test, passes in a row."""

import numpy as np
import pytest
from scipy.stats import binom

import tlhelpers as tl
from tlhelpers import PairedAnswers

CLEAR = [PairedAnswers(40, 3, 3), PairedAnswers(80, 9, 1), PairedAnswers(120, 12, 2)]


@pytest.fixture
def curve():
    """An error that falls quickly: the next hundred labels are worth points."""
    labels = np.array([20, 40, 80, 120])
    return tl.LearningCurve(labels, 2 * labels**-0.5, samples=300)


@pytest.fixture
def flat():
    labels = np.array([20, 40, 80, 120])
    return tl.LearningCurve(labels, np.full(4, 0.05), samples=300)


def test_only_answers_that_differ_count():
    """Wins and losses; where both are right or wrong, nothing is counted."""
    labels = [0, 0, 1, 1, 2, 2]
    old, new = [0, 1, 1, 0, 0, 0], [0, 0, 1, 1, 2, 1]
    assert tl.compare_answers(old, new, labels) == PairedAnswers(6, won=3, lost=0)
    assert tl.compare_answers(new, old, labels) == PairedAnswers(6, won=0, lost=3)
    assert tl.compare_answers(np.eye(3)[old], new, labels) == PairedAnswers(6, 3, 0)


@pytest.mark.parametrize(("won", "lost"), [(2, 0), (3, 0), (4, 0), (9, 2), (5, 5), (0, 3)])
def test_p_value_counts_exactly(won, lost):
    """The upper tail of a fair coin: 1 in 4, 8, 16 for two, three, four wins alone."""
    expected = binom.sf(won - 1, won + lost, 0.5)
    assert PairedAnswers(40, won, lost).p_value == pytest.approx(expected)


def test_nothing_differs():
    """Equal answers are no evidence."""
    assert tl.compare_answers([0, 1], [0, 1], [0, 0]).p_value == 1


def test_chance_passes_as_often_as_the_level_says():
    """Two equally good models: at most a share `level` of comparisons passes."""
    rng = np.random.default_rng(0)
    truth = np.zeros(60, int)
    p_values = [
        tl.compare_answers(*(rng.random((2, 60)) < 0.3).astype(int), truth).p_value
        for _ in range(2000)
    ]
    for level in (0.05, 0.2, 0.5):
        assert level / 3 < np.mean(np.array(p_values) <= level) < level + 0.03


def test_changes_over_after_passes_in_a_row():
    """One pass asks for another; two change over; a failure between begins anew."""
    assert tl.decide(CLEAR[:1]).action == "label more"
    assert tl.decide(CLEAR[:2]).action == "label more"
    assert "1 of 2 passes" in tl.decide(CLEAR[:2]).reason
    assert tl.decide(CLEAR).action == "change over"
    assert "won 12 and lost 2 of 120" in tl.decide(CLEAR).reason
    again = [*CLEAR[:2], PairedAnswers(100, 4, 4), CLEAR[2]]
    assert tl.decide(again).action == "label more"
    assert tl.decide(CLEAR[:2], passes=1).action == "change over"


def test_level_decides_what_passes():
    """A p-value above the level is no pass."""
    weak = [PairedAnswers(40, 4, 2), PairedAnswers(80, 5, 2)]  # p of 0.34 and 0.23
    assert tl.decide(weak, level=0.2).action == "label more"
    assert tl.decide(weak, level=0.35).action == "change over"


def test_stays_when_neither_pays(curve, flat):
    """Without a pass the curve decides between more labels and none."""
    level = [PairedAnswers(120, 3, 3)]
    assert tl.decide(level).action == "label more"
    assert tl.decide(level, curve).action == "label more"
    stay = tl.decide(level, flat)
    assert stay.action == "stay"
    assert "expected to lower the error by 0.0 points" in stay.reason
    assert tl.decide(level, curve, worth=0.5).action == "stay"
    assert tl.decide(CLEAR, flat).action == "change over"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rounds": []}, r"rounds have \[\] labels; one round or more"),
        ({"rounds": [CLEAR[1], CLEAR[0]]}, r"\[80, 40\] labels"),
        ({"rounds": CLEAR, "level": 0}, "level is 0; a number between 0 and 1"),
        ({"rounds": CLEAR, "passes": 0}, "passes is 0"),
        ({"rounds": CLEAR, "more": 0}, "more is 0"),
    ],
)
def test_decide_refuses(arguments, message):
    """What came, and what is expected."""
    with pytest.raises(ValueError, match=message):
        tl.decide(**arguments)


@pytest.mark.parametrize(
    ("old", "new", "labels"),
    [([0, 1], [0], [0, 1]), ([0], [0], [[0]]), ([], [], []), ([0, 1], [0, 1], [0])],
)
def test_compare_refuses(old, new, labels):
    """Answers that do not match the labels."""
    with pytest.raises(ValueError, match=r"one answer, or a row of scores, for each of \[n\]"):
        tl.compare_answers(old, new, labels)
