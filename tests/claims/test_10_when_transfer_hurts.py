"""What notebook 10 says of its figures, held against the figures that it stored."""

import pandas as pd
import pytest
from scipy.stats import t as student
from stored import stored

import tlhelpers as tl

FOUND = stored("10")
RUNS = tl.read_experiment("sources_and_targets").query("part == 'methods'")


def points(baseline, labels, method, part):
    """Mean points ahead of a baseline and half of the 95 % interval: target and source."""
    own = RUNS[RUNS.labels_per_class == labels].set_index(["target", "draw"])
    rows = own[own.method == method].set_index("source", append=True)[part].unstack()
    ahead = 100 * rows.sub(own[own.method == baseline][part], axis=0).dropna(how="all")
    by = ahead.groupby("target")
    half = by.std() * student.ppf(0.975, by.count() - 1) / by.count() ** 0.5
    return by.mean(), half


@pytest.fixture(params=["validation", "test"])
def part(request):
    return request.param


def test_letters_help_and_photographs_hurt_on_digits():
    """Twenty points ahead, fifteen behind with one label; the distance shrinks, the order stays."""
    means = 100 * FOUND.first.groupby(["labels", "method"]).accuracy.mean().unstack()
    ahead = means.sub(means["raw pixels"], axis=0)
    assert 18 < ahead["letters"][1] < 24
    assert -17 < ahead["ImageNet"][1] < -13
    assert (ahead["ImageNet"] < 0).all()
    assert (ahead["letters"] > 0).all()
    assert ahead["letters"].is_monotonic_decreasing
    assert ahead["ImageNet"].is_monotonic_increasing
    one = FOUND.first[FOUND.first.labels == 1].pivot(
        index="draw", columns="method", values="accuracy"
    )
    assert (one["ImageNet"] < one["raw pixels"]).sum() == 9


def test_two_pairs_are_negative_for_certain(part):
    """One label: ImageNet, shuffled letters and noise lose to raw pixels on digits and noisy."""
    mean, half = points("raw pixels", 1, "frozen", part)
    for target in ("digits", "noisy"):
        for source in ("ImageNet", "shuffled letters", "noise"):
            assert mean[source][target] + half[source][target] < 0
    assert mean["ImageNet"]["moved"] > 10
    assert abs(mean["random weights"]["digits"]) < 5


def test_ten_labels_frozen():
    """Forty points on moved digits; on solar cells nobody is ahead, ImageNet and letters behind."""
    mean, half = points("raw pixels", 10, "frozen", "validation")
    assert round(mean["ImageNet"]["moved"] / 10) == 4
    assert -50 < mean["ImageNet"]["noisy"] < -45
    small = ["letters", "few letters", "ImageNet", "random weights", "shuffled letters", "noise"]
    assert (mean.loc["solar", small] < 1).all()
    for source in ("letters", "ImageNet"):
        assert mean[source]["solar"] + half[source]["solar"] < 0
    behind, _ = points("from scratch", 10, "frozen", "validation")
    assert (behind.loc["noisy", small] < 0).all()
    assert (behind.loc["moved", ["shuffled letters", "noise", "random weights"]] < -15).all()


def test_one_cell_is_mended(part):
    """Few letters on noisy digits: behind pixels and scratch frozen, ahead of pixels fine-tuned."""
    for baseline in ("raw pixels", "from scratch"):
        mean, half = points(baseline, 10, "frozen", part)
        assert mean["few letters"]["noisy"] + half["few letters"]["noisy"] < 0
    mean, half = points("raw pixels", 10, "fine-tuned", part)
    assert mean["few letters"]["noisy"] - half["few letters"]["noisy"] > 0
    mean, half = points("from scratch", 10, "fine-tuned", part)
    assert mean["few letters"]["noisy"] > 0
    if part == "test":
        assert mean["few letters"]["noisy"] > half["few letters"]["noisy"]
        assert FOUND.key.test_points_few_letters_noisy_frozen < 0
        assert FOUND.key.test_points_few_letters_noisy_fine_tuned > 0


def test_a_bad_start_is_not_forgotten(part):
    """Fine-tuned from shuffled letters or noise, digits and moved ones stay behind scratch."""
    mean, half = points("from scratch", 10, "fine-tuned", part)
    for source in ("shuffled letters", "noise"):
        for target in ("digits", "moved"):
            assert mean[source][target] + half[source][target] < 0
    assert mean["ImageNet"]["noisy"] < -40


def test_live_runs_land_where_the_stored_ones_did():
    """A cell of the table, and a fine-tuning."""
    here, there, tuned, stored_tuned = FOUND.live
    assert abs(here - there) < 0.02
    assert abs(tuned - stored_tuned) < 0.02


def test_an_earlier_layer_mends_and_batch_norm_does_not():
    """Up to block 5 features get better, behind it worse; statistics of digits ruin the last."""
    means = 100 * FOUND.mended.groupby(["method", "block"]).accuracy.mean()
    learnt, anew = means["as learnt"], means["BatchNorm re-estimated"]
    assert learnt.idxmax() == "block5c"
    assert learnt["block5c"] - learnt["top"] > 3
    pixels = FOUND.first.query("method == 'raw pixels' and labels == 1").accuracy.mean()
    assert learnt.max() < 100 * pixels
    for block in ("block4c", "block5c", "block6d", "top"):
        assert anew[block] < learnt[block] - 2
    assert anew["top"] < 25
    ten = FOUND.ten.set_index("source")
    assert ten["fine-tuned"]["ImageNet, block 5"] > ten["from scratch"]["none"]
    assert ten["fine-tuned"]["ImageNet, block 5"] > ten["raw pixels"]["raw pixels"]
    assert ten["fine-tuned"]["ImageNet, block 3"] < ten["raw pixels"]["raw pixels"] - 0.1
    gain = 100 * (ten.frozen - ten.frozen["ImageNet"])
    assert 3 < gain["ImageNet, inverted"] < 5
    assert 4 < gain["ImageNet, block 5"] < 6.5


def test_scores_of_five_candidates():
    """LogME, k-NN and probe put the letters first; the H-score ImageNet."""
    ranked = FOUND.ranked
    assert (ranked[["LogME", "k-NN", "probe"]].idxmax() == "letters").all()
    assert ranked["H-score"].idxmax() == "ImageNet"


def test_three_forecasts_lie_above_zero_everywhere():
    """Probe, k-NN and LogME; the others are open on digits and moved ones, and none on drawings."""
    taus = FOUND.taus.set_index(list(FOUND.taus.columns[:2]))
    low = taus.low.unstack(0)
    assert (low.loc[["probe", "k-NN", "LogME"]] > 0).all(axis=None)
    for forecast in ("H-score", "LEEP", "parameters", "ImageNet"):
        assert (low.loc[forecast, ["digits", "moved"]] < 0).all()
    assert (low["pictograms"] > 0).all()


def test_points_lost():
    """By k-NN and the probe next to nothing; by size more than ten points on digits."""
    for losses in (FOUND.losses, FOUND.test_losses):
        assert (losses.loc[["probe", "k-NN"], ["digits", "moved"]] == 0).all(axis=None)
        assert losses.loc[["probe", "k-NN"], "pictograms"].between(1.5, 5.5).all()
        assert (losses.loc[["parameters"], ["digits", "moved"]] > 10).all(axis=None)
    drawings = FOUND.test_losses.pictograms  # on test the two lose more than any other
    assert drawings[["probe", "k-NN"]].min() > drawings.drop(["probe", "k-NN"]).max()


def test_scoring_costs_less_than_a_tenth():
    """One or two seconds against a fine-tuning."""
    score, tune = FOUND.seconds
    assert 0.5 < score < 2.5
    assert tune > 10 * score


def test_choosing_among_many():
    """One model is as good as it looks; the best of two hundred looks seven points better."""
    gap = 100 * (FOUND.choosing["where it was chosen"] - FOUND.choosing["on other pictures"])
    assert abs(gap.iloc[0]) < 1.5
    assert round(gap.iloc[-1]) == 7
    assert FOUND.choosing["where it was chosen"].iloc[-1] > 0.9
    assert FOUND.choosing["on other pictures"].is_monotonic_increasing


def test_rates():
    """Fine-tuning stands up to a thousandth and falls at a hundredth, where a head is best."""
    rates = pd.DataFrame(FOUND.rates)
    tuned = rates["fine-tuned"].to_numpy()
    assert tuned[:3].min() > tuned.max() - 0.04
    assert tuned[3:].max() < 0.25
    assert rates["frozen"].to_numpy().argmax() == 3
    assert rates["from scratch"].max() < 0.5
