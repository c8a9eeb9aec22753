"""What the prose of notebook 02 claims, held against the figures that its last run stored."""

import numpy as np
import pytest
from stored import stored

LABELS = [1, 5, 10, 20]


@pytest.fixture(scope="module")
def found():
    return stored("02")


def means_of(runs, by="method"):
    """Mean accuracy, a row for each number of labels and a column for each method or block."""
    return runs.groupby(["labels_per_class", by], sort=False).accuracy.mean().unstack()


@pytest.fixture(scope="module")
def by_block(found):
    return means_of(found.by_layer, "block")


@pytest.fixture(scope="module")
def on_validation(found):
    return found.validation.groupby(["labels_per_class", "method"]).accuracy


@pytest.fixture(scope="module")
def on_test(found):
    return found.test.groupby(["labels_per_class", "method"]).accuracy


def test_rows_of_train_are_those_of_the_draw(digits):
    """Searching a draw's indices in those of `train` gives the rows of the same pictures."""
    few = digits.few(5, 0)
    rows = np.searchsorted(digits.train.index, few.index)
    assert (digits.train.labels[rows] == few.labels).all()


def test_lines_climb_and_then_stay_level(by_block):
    """Up to block 5 accuracy rises; the last four blocks lie within a few points."""
    assert (by_block["block5"] > by_block["block1"] + 0.08).all()
    late = by_block.loc[:, "block5":]
    assert ((late.max(axis=1) - late.min(axis=1)) < 0.08).all()


def test_best_block_is_not_the_last(by_block):
    """At each number of labels a block of the later half, before the last, is best."""
    assert set(by_block.idxmax(axis=1)) <= {"block5", "block6", "block7"}


def test_last_block_still_wins_some_draws(found, by_block):
    """Up to ten labels the best block does not lead in every draw."""
    draws = found.by_layer.set_index(["labels_per_class", "draw", "block"]).accuracy.unstack()
    for k in (1, 5, 10):
        lead = draws.loc[k, by_block.loc[k].idxmax()] - draws.loc[k, by_block.columns[-1]]
        assert lead.mean() > 0
        assert lead.min() < 0


def test_scale_of_the_labelled_alone(found):
    """The blocks before the end hardly change, the last one loses a lot."""
    lost = found.scales.iloc[:, 0] - found.scales.iloc[:, 1]
    assert lost.iloc[:-1].abs().max() < 0.04
    assert lost.iloc[-1] > 0.1


def test_nearest_pictures(found):
    """Block 6 is ahead of the pixels and of the last block."""
    pixels, middle, last = found.neighbours
    assert middle > last + 0.05
    assert last > pixels


def test_last_block_is_best_on_digits(found):
    """At each number of labels, and by far with one."""
    blocks = means_of(found.digits_by_layer, "block")
    assert (blocks.idxmax(axis=1) == blocks.columns[-1]).all()
    lead = blocks.iloc[:, -1] - blocks.iloc[:, :-1].max(axis=1)
    assert lead[1] > 0.1
    assert lead.idxmax() == 1


def test_frozen_features_lead_on_validation(on_validation):
    """At every number of labels; from five on their ranges do not touch those of the baselines."""
    names = ["raw pixels", "random weights", "from scratch"]
    means = on_validation.mean().unstack()
    assert (means["frozen, best block"] > means[names].max(axis=1)).all()
    low, high = on_validation.min().unstack(), on_validation.max().unstack()
    apart = low["frozen, best block"] > high[names].max(axis=1)
    assert apart[[5, 10, 20]].all()


def test_from_scratch(on_validation):
    """One label a class teaches nothing; then it passes pixels, and stays far behind features."""
    means = on_validation.mean().unstack()
    assert means.loc[1, "from scratch"] < 0.125 + 0.03
    more = means.loc[[5, 10, 20]]
    assert (more["from scratch"] > more["raw pixels"]).all()
    assert (more["frozen, best block"] > more["from scratch"] + 0.1).all()


def test_worth_more_than_four_times_the_labels(on_validation):
    """Five labels with frozen features do better than twenty with pixels."""
    means = on_validation.mean().unstack()
    assert means.loc[5, "frozen, best block"] > means.loc[20, "raw pixels"]


def test_random_weights(found, on_validation):
    """They are about as good as pixels; from five labels on their best block is the first."""
    means = on_validation.mean().unstack()
    assert (means["random weights"] - means["raw pixels"]).abs().max() < 0.05
    blocks = means_of(found.random_by_layer, "block").loc[[5, 10, 20]]
    assert (blocks.idxmax(axis=1) == blocks.columns[0]).all()


def test_two_looks_do_not_help(found):
    """The mean gain is within two points of zero, and at each number some draw loses."""
    assert found.gains_of_two_looks["mean"].abs().max() < 2
    assert (found.gains_of_two_looks["min"] < 0).all()


def test_two_classic_heads(found):
    """All labelled pictures are right; the flat head is far larger, and averaging is ahead."""
    assert found.heads["on labelled"].min() > 0.97
    size = found.heads.groupby("head").parameters.first()
    assert size["flatten, Dense 256"] > 200 * size["averages"]
    best = found.heads.groupby(["head", "rate"]).validation.mean().groupby("head").max()
    assert best["averages"] > best["flatten, Dense 256"]


def test_frozen_features_lead_on_test(on_test):
    """At every number of labels; at ten the ranges are far apart."""
    means = on_test.mean().unstack()
    rivals = means[["raw pixels", "random weights"]].max(axis=1)
    assert (means["frozen, best block"] > rivals).all()
    assert means.loc[1, "frozen, best block"] > rivals[1] + 0.08
    low, high = on_test.min().unstack().loc[10], on_test.max().unstack().loc[10]
    assert low["frozen, best block"] > high[["raw pixels", "random weights"]].max() + 0.05


@pytest.mark.parametrize("method", ["random weights", "from scratch"])
def test_who_passes_pixels_on_test(method, on_test):
    """From five labels on."""
    means = on_test.mean().unstack()
    assert list(means[method] > means["raw pixels"]) == [False, True, True, True]


def test_head_of_the_first_notebook(found):
    """On the last block, trained by Adam, it does as well as the chosen block here."""
    assert stored("01").key.test_transfer >= found.key.test_accuracy_labels_10 - 0.01


def test_chosen_block_and_last_block_on_test(on_test):
    """Level with one label; with more the chosen block is two to five points ahead."""
    means = on_test.mean().unstack()
    lead = means["frozen, best block"] - means["frozen, last block"]
    assert abs(lead[1]) < 0.02
    assert lead[[5, 10, 20]].between(0.015, 0.055).all()


def test_higher_than_on_validation(on_test, on_validation):
    """From five labels on, for the chosen block; and what the course promises at ten labels."""
    gained = (on_test.mean() - on_validation.mean()).unstack()["frozen, best block"]
    assert (gained[[5, 10, 20]] > 0).all()
    means = on_test.mean().unstack()
    assert means.loc[10, "frozen, best block"] >= 0.55
    rivals = means.loc[10, ["raw pixels", "random weights", "from scratch"]]
    assert means.loc[10, "frozen, best block"] >= rivals.max() + 0.15


def test_key_figures_are_those_of_the_test(found, on_test):
    """What the README shows is what the section says."""
    best = on_test.mean().unstack()["frozen, best block"]
    for k in LABELS:
        assert getattr(found.key, f"test_accuracy_labels_{k}") == pytest.approx(best[k], abs=1e-6)
