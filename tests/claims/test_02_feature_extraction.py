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


def test_lines_climb(by_block):
    """Each block adds something: along the network accuracy rises, at each number of labels."""
    for _, row in by_block.iterrows():
        assert row.iloc[-3:].mean() > row.iloc[3:6].mean() > row.iloc[:3].mean()


def test_which_block_is_best(by_block):
    """A block before the end with one label, the one before the last with five, then the last."""
    blocks = list(by_block.columns)
    best = by_block.idxmax(axis=1)
    assert len(blocks) // 2 < blocks.index(best[1]) < len(blocks) - 1
    assert best[5] == blocks[-2]
    assert best[10] == best[20] == blocks[-1]


def test_last_block_still_wins_some_draws(found, by_block):
    """With one and with five labels the best block does not lead in every draw."""
    draws = found.by_layer.set_index(["labels_per_class", "draw", "block"]).accuracy.unstack()
    for k in (1, 5):
        lead = draws.loc[k, by_block.loc[k].idxmax()] - draws.loc[k, by_block.columns[-1]]
        assert lead.mean() > 0.02
        assert lead.min() < 0


def test_scale_of_the_labelled_alone(found):
    """All three blocks lose, and the last one loses most."""
    lost = found.scales.iloc[:, 0] - found.scales.iloc[:, 1]
    assert (lost > 0).all()
    assert lost.idxmax() == lost.index[-1]


def test_nearest_pictures(found):
    """Block 6 is ahead of the pixels and of the last block."""
    pixels, middle, last = found.neighbours
    assert middle > last + 0.1
    assert last > pixels


def test_last_block_is_best_on_digits(found):
    """At each number of labels, and by far with one."""
    blocks = means_of(found.digits_by_layer, "block")
    assert (blocks.idxmax(axis=1) == blocks.columns[-1]).all()
    lead = blocks.iloc[:, -1] - blocks.iloc[:, :-1].max(axis=1)
    assert lead[1] > 0.1
    assert lead.idxmax() == 1


def test_frozen_features_lead_on_validation(on_validation):
    """Their ranges touch neither those of pixels nor of random weights."""
    low, high = on_validation.min().unstack(), on_validation.max().unstack()
    rivals = high[["raw pixels", "random weights"]].max(axis=1)
    assert (low["frozen, best block"] > rivals).all()


def test_worth_more_than_four_times_the_labels(on_validation):
    """Five labels with frozen features do better than twenty with pixels."""
    means = on_validation.mean().unstack()
    assert means.loc[5, "frozen, best block"] > means.loc[20, "raw pixels"]


def test_random_weights(found, on_validation):
    """They beat pixels from ten labels on; their best block is the first."""
    means = on_validation.mean().unstack()
    assert (means["random weights"] > means["raw pixels"])[[10, 20]].all()
    blocks = means_of(found.random_by_layer, "block")
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


def test_random_weights_pass_pixels_on_test(on_test):
    """From five labels on."""
    means = on_test.mean().unstack()
    ahead = means["random weights"] > means["raw pixels"]
    assert list(ahead) == [False, True, True, True]


def test_test_is_harder_than_validation(on_test, on_validation):
    """Frozen features lose on test, and so do pixels from five labels on; few are right there."""
    lost = (on_validation.mean() - on_test.mean()).unstack()
    assert (lost["frozen, best block"] > 0.05).all()
    assert (lost["raw pixels"][[5, 10, 20]] > 0.05).all()
    assert on_test.mean().unstack()["frozen, best block"].max() < 0.5


def test_key_figures_are_those_of_the_test(found, on_test):
    """What the README shows is what the section says."""
    best = on_test.mean().unstack()["frozen, best block"]
    for k in LABELS:
        assert getattr(found.key, f"test_accuracy_labels_{k}") == pytest.approx(best[k], abs=1e-6)
