"""Accuracy by group: what is counted, how sure it is, and what is refused."""

import numpy as np
import pandas as pd
import pytest

import tlhelpers as tl

TRUE, SAID = [0, 1, 1, 0, 2], [0, 1, 0, 0, 1]
GROUPS = ["old", "old", "new", "new", "new"]


def test_each_group_is_counted():
    """All samples first, then the groups by name, with their sizes."""
    table = tl.scores_by_group(TRUE, SAID, GROUPS)
    assert list(table.index) == ["all", "new", "old"]
    assert table.n.tolist() == [5, 3, 2]
    assert table.accuracy.tolist() == [3 / 5, 1 / 3, 1]


def test_without_groups_there_is_one_row():
    """A table of the same form, so that it can go into a card."""
    table = tl.scores_by_group(TRUE, SAID)
    assert list(table.index) == ["all"]
    assert list(table) == ["n", "accuracy", "low", "high"]


def test_the_interval_is_wilsons():
    """Its formula, and it stays between 0 and 1 for a group that is always right."""
    right = np.r_[np.ones(18, int), np.zeros(2, int)]
    row = tl.scores_by_group(np.ones(20, int), right).loc["all"]
    z, n, p = 1.959964, 20, 0.9
    middle = (p + z**2 / 2 / n) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / 4 / n**2)
    assert np.allclose(row[["low", "high"]], [middle - half, middle + half], atol=1e-4)
    sure = tl.scores_by_group([1], [1]).loc["all"]
    assert (sure.accuracy, sure.high) == (1, 1)
    assert 0 < sure.low < 0.3


def test_names_and_series_do_as_well():
    """Classes by name, and columns of tables whatever their index."""
    table = pd.DataFrame({"true": ["a", "b"], "said": ["a", "a"], "who": ["x", "y"]}, index=[7, 9])
    found = tl.scores_by_group(table.true, table.said, table.who)
    assert found.accuracy.to_dict() == {"all": 0.5, "x": 1, "y": 0}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((TRUE, SAID, GROUPS[:4]), r"Got 5 labels, 5 predictions, 4 groups; one of each"),
        ((TRUE, np.zeros((5, 3)), GROUPS), r"Predictions have shape \[5, 3\].*argmax"),
        ((TRUE, [0.2] * 5, GROUPS), "Predictions are of type float64, such as 0.2; whole"),
        (([], [], []), r"Labels have shape \[0\]"),
        ((TRUE, list("aabba"), GROUPS), r"labels are int64 and predictions are <U1; both as"),
        ((TRUE, SAID, [*GROUPS[:4], None]), r"1 samples have no group. Name theirs"),
        ((TRUE, SAID, [*GROUPS[:4], "all"]), r"A group is called 'all'.*Rename it"),
    ],
)
def test_what_cannot_be_counted_is_refused(given, message):
    """The message says what came and how to mend it."""
    with pytest.raises(ValueError, match=message):
        tl.scores_by_group(*given)


def test_the_picture_says_what_is_seen():
    """Groups with sizes on the axis; values and intervals in its text; several methods by name."""
    table = tl.scores_by_group(TRUE, SAID, GROUPS)
    ax = tl.plots.by_group(table, chance=0.5)
    assert [text.get_text() for text in ax.get_yticklabels()][1] == "new (n = 3)"
    assert "old 1.00 (0.34 to 1.00, n 2)" in tl.plots.alternative_text(ax.figure)
    ax = tl.plots.by_group({"frozen": table, "fine-tuned": table})
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["frozen", "fine-tuned"]


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ({}, "Nothing to draw"),
        (pd.DataFrame({"accuracy": [1.0]}), r"has columns \['accuracy'\] and 1 rows; n, low, high"),
        (
            {"a": tl.scores_by_group(TRUE, SAID, GROUPS), "b": tl.scores_by_group(TRUE, SAID)},
            r"The table 'b' has groups \['all'\], another \['all', 'new', 'old'\]",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(scores, message):
    """No table, a table of another form, different groups."""
    with pytest.raises(ValueError, match=message):
        tl.plots.by_group(scores)


def test_thresholds_show_both_kinds_of_error():
    """Where the dot of a half and the star of a group's own threshold stand."""
    p, labels = np.array([0.1, 0.6, 0.4, 0.9]), [0, 0, 1, 1]
    ax = tl.plots.thresholds(p, labels, ["a"] * 4, {"a": 0.3})
    dot, star = (
        [float(v) for v in (*line.get_xdata(), *line.get_ydata())] for line in ax.lines[1:]
    )
    assert (dot, star) == ([0.5, 0.5], [0.5, 0])
    assert "a at a half: 0.50 missed, 0.50 false alarms" in tl.plots.alternative_text(ax.figure)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (([0.1, 0.2], [0, 2], ["a", "a"]), r"labels \[0, 2\]; one probability of class 1"),
        (([0.1, 0.2], [0, 1], ["a", "b"]), r"group 'a' has no samples of one class"),
        (([0.1, 0.2], [0, 1], ["a", "a"], {"b": 1}), r"marked has \['b'\]; the groups are \['a'\]"),
        (([0.1], [0, 1], ["a", "a"]), r"Lengths do not match"),
    ],
)
def test_thresholds_need_both_classes(given, message):
    """The message says what is missing."""
    with pytest.raises(ValueError, match=message):
        tl.plots.thresholds(*given)
