"""What the prose of notebook 05 says of its figures, held against those that it stored."""

import numpy as np
import pytest
from stored import stored

FIGURES = stored("05")


def over_seeds(runs, *levels):
    """Mean accuracy of runs, a row for each of these levels of their index."""
    return runs.groupby(list(levels)).mean()


@pytest.fixture
def random_labels():
    return FIGURES.random_labels


@pytest.fixture
def race():
    """Mean accuracy of each query strategy on both targets."""
    return over_seeds(FIGURES.race, "target", "method")


@pytest.fixture
def low():
    return FIGURES.own_answers.loc[0.8]


@pytest.fixture
def high():
    return FIGURES.own_answers.loc[0.95]


@pytest.fixture
def drift():
    return FIGURES.drift


@pytest.fixture
def kept(drift):
    """Accuracy on slanted pictures where old labels are kept, by the number of new ones."""
    return drift.loc["keep"].slanted


@pytest.fixture
def forgot(drift):
    return drift.loc["forget"].slanted


@pytest.fixture
def ways():
    """Mean accuracy on validation of each way to learn from the labels, by way and target."""
    return over_seeds(FIGURES.ways, "way", "target")


@pytest.fixture
def on_test():
    """Mean accuracy on test, by method and target."""
    return FIGURES.test.swaplevel()


def points_behind(ways):
    """By how many points the mixed approach is behind the better of its two parts."""
    better = np.maximum(ways.loc["probe only"], ways.loc["fine-tuning only"])
    return 100 * (better - ways.loc["mixed"])


# Baseline: random labels


def test_features_are_far_ahead_of_pixels_near(random_labels):
    """Near, features are ahead of raw pixels at every budget, by nine points or more."""
    assert (random_labels.loc["near"] - random_labels.loc["near, raw pixels"]).min() > 0.085


def test_features_are_ahead_of_pixels_far_with_few_labels_only(random_labels):
    """Far, features are ahead of raw pixels with few random labels and behind with many."""
    features, pixels = random_labels.loc["far"], random_labels.loc["far, raw pixels"]
    assert features[20] > pixels[20]
    assert features.loc[80:].max() < pixels[500]
    assert all(features[n] < pixels[n] for n in (80, 150, 300))


# Which example next?


def test_first_typical_pictures_are_worth_far_more_than_random_ones_near(race):
    """Near, typical pictures win many points with twenty labels, and the bands do not touch."""
    near, bands = race.loc["near"], FIGURES.race.loc["near"]
    assert near.loc["typical, then margin", 20] > near.loc["random", 20] + 0.1
    assert all(bands.loc["typical", n].min() > bands.loc["random", n].max() for n in (10, 20))


def test_typical_pictures_win_a_few_points_far(race):
    """Far, typical pictures win a few points up to eighty labels."""
    far = race.loc["far"]
    assert all(0 < far.loc["typical", n] - far.loc["random", n] < 0.1 for n in (20, 40, 80))


def test_strategies_come_to_the_same_with_many_labels(race):
    """From 300 labels on all four strategies are within three points on both targets."""
    assert race.loc[:, 300:].groupby("target").agg(np.ptp).max().max() < 0.03


def test_typical_then_margin_is_never_far_behind(race):
    """Typical, then margin, is at no budget more than a point or so behind the best strategy."""
    behind_best = race.groupby("target").max() - race.xs("typical, then margin", level=1)
    assert behind_best.max().max() < 0.015


# The model's own answers


def test_own_answers_help_near(low):
    """Near, with the lower threshold, they help at every budget, most with ten labels."""
    assert low.loc["near", "points won"].min() > 0.5
    assert low.loc["near", "points won"].idxmax() == 10


def test_own_answers_poison_far(low):
    """Far, up to forty labels, a quarter to four fifths are wrong, and accuracy falls."""
    assert low.loc[("far", 10), "points won"] < -5
    assert all(low.loc[("far", n), "points won"] < 0 for n in (10, 20, 40))
    wrong = (low["wrong"] / low["accepted"]).loc["far"]
    assert 0.2 < wrong[[10, 20, 40]].min() < wrong[[10, 20, 40]].max() < 0.85


def test_one_class_swallows_the_others_far(low):
    """Far, with ten labels, most of what is accepted is of a single class."""
    assert low.loc[("far", 10), "largest class"] > 0.6 * low.loc[("far", 10), "accepted"]


def test_right_but_one_sided_answers_poison_near(low, high):
    """Near, with few labels, the stricter threshold loses points: none wrong, classes missing."""
    assert all(high.loc[("near", n), "points won"] < 0 for n in (10, 20))
    assert high.loc["near", "wrong"].max() < 0.5
    strict, loose = high.loc["near", "classes"], low.loc["near", "classes"]
    assert all(strict[n] < loose[n] - 1 for n in (10, 20))


# A pool with rare classes


def test_margin_finds_most_of_the_rare_pictures():
    """Margin finds most of the thirty rare pictures within 150 labels."""
    assert FIGURES.rare_classes["rare labels"].loc["margin", 150] > 25


def test_forty_asked_for_do_more_for_rare_classes_than_eighty_random():
    """Forty labels that were asked for do more for rare classes than eighty random ones."""
    on_rare = FIGURES.rare_classes["on rare classes"]
    assert on_rare[40].drop("random").min() > on_rare.loc["random", 80]


# Drift half way


def test_drift_costs_accuracy_and_shows_in_the_confidence(drift, kept):
    """With no new label, accuracy and confidence are clearly lower on slanted pictures."""
    assert kept[0] < drift.loc["keep"].upright[0] - 0.07
    assert drift["sure of slanted"]["keep", 0] < drift["sure of upright"]["keep", 0] - 0.1


def test_twenty_new_labels_win_much_back(drift, kept):
    """Twenty new labels win back nearly half of the loss, and most of what 150 win back."""
    assert 0.4 < (kept[20] - kept[0]) / (drift.loc["keep"].upright[0] - kept[0]) < 0.5
    assert kept[20] - kept[0] > 0.5 * (kept[150] - kept[0])


def test_keeping_old_labels_is_better_than_forgetting_them(drift, kept, forgot):
    """Kept labels help while new ones are few, harm nothing later, and upright stays good."""
    assert kept[20] > forgot[20] + 0.01
    assert (kept[forgot.index] > forgot - 0.005).all()
    assert drift.loc["keep"].upright.min() > 0.97


def test_after_a_change_typical_pictures_come_first(drift, kept):
    """The first labels after a change are better spent on typical pictures than on doubts."""
    assert kept[20] > drift.slanted["keep, margin asks", 20] + 0.01


# Fine-tuning as labels accumulate


def test_fine_tuning_wins_far_and_not_near(ways):
    """Fine-tuning wins three points at every budget far; near it is behind from forty labels on."""
    more = 100 * (ways.loc["fine-tuning only"] - ways.loc["probe only"])
    assert more.loc["far"].min() > 3
    assert more.loc["near", 40:].max() < 0


def test_fine_tuning_passes_the_pixels_far_with_few_labels_only(ways):
    """Far, fine-tuning passes raw pixels with few labels and is level with them with many."""
    over_pixels = 100 * (ways.loc["fine-tuning only"] - ways.loc["raw pixels"]).loc["far"]
    assert over_pixels[20] > 5
    assert abs(over_pixels[500]) < 2


# When to switch


def test_mixed_keeps_up_on_validation(ways):
    """Mixed gives away next to nothing near, and is level with its better part far from eighty."""
    behind = points_behind(ways)
    assert behind.loc["near"].max() <= 1
    assert behind.loc["far", 80:].max() <= 1


def test_mixed_wins_over_the_probe_far(ways):
    """Far, from eighty labels on, the mixed approach is clearly ahead of the probe."""
    won_far = (ways.loc["mixed"] - ways.loc["probe only"]).loc["far"]
    assert won_far.loc[80:].min() > 0.03


def test_rule_is_nearly_right_near_and_a_little_late_far():
    """The rule loses next to nothing against hindsight near, and up to a few points far."""
    lost = FIGURES.hindsight.groupby("target")["points lost"].max()
    assert lost["near"] < 1
    assert lost["far"] < 5


def test_nearly_all_far_runs_should_have_switched_at_once():
    """In hindsight nearly all far runs should have switched at the first comparison."""
    hindsight = FIGURES.hindsight
    assert (hindsight[hindsight.target == "far"]["in hindsight"] == 20).sum() >= 4


# What will the next labels buy?


def test_labels_asked_for_give_the_best_model_and_the_worst_estimate():
    """Cross-validation on labels asked for is far too low, on random ones only a little."""
    estimates = FIGURES.estimates
    gaps = estimates["validation"] - estimates["cross-validated"]
    assert estimates.loc["asked for", "validation"] > estimates.loc["by chance", "validation"]
    assert gaps["asked for"] > 0.02 > gaps["by chance"]


def test_far_with_eighty_labels_more_of_them_are_expected_to_buy_most():
    """A hundred more are expected to buy more than fine-tuning; the interval includes less."""
    far = FIGURES.prices.loc["far"]
    lowest, tuning = far.loc[80, ["at least", "fine-tuning buys"]]
    assert lowest < tuning < far.loc[80, "100 labels buy"]


def test_far_from_150_labels_on_fine_tuning_buys_more():
    """Fine-tuning buys more than the next hundred labels can, at the upper end of the interval."""
    far = FIGURES.prices.loc["far"]
    assert all(far.loc[n, "fine-tuning buys"] > far.loc[n, "at most"] for n in (150, 300))


def test_near_from_eighty_labels_on_nothing_buys_a_point():
    """Near, neither a hundred labels more nor fine-tuning buys as much as a point."""
    near = FIGURES.prices.loc["near"]
    assert near.loc[80:, ["100 labels buy", "fine-tuning buys"]].max().max() < 1


# Final test


def test_mixed_keeps_up_near_on_test(on_test):
    """Near, mixed is within half a point of its better part at every budget, and ends high."""
    assert points_behind(on_test).loc["near"].max() <= 0.5
    assert on_test.loc[("mixed", "near"), 300] >= 0.985


def test_asking_wins_with_few_labels_on_test(on_test):
    """Near, asking wins many points with twenty labels and next to nothing with 300."""
    asking = 100 * (on_test.loc["probe only"] - on_test.loc["random labels"]).loc["near"]
    assert asking[20] > 10
    assert abs(asking[300]) < 1


def test_mixed_goes_with_fine_tuning_far_on_test(on_test):
    """Far, mixed goes with fine-tuning from eighty labels on, several points over the probe."""
    assert points_behind(on_test).loc["far", 80:].max() <= 0.5
    assert on_test.loc[("mixed", "far"), 300] > on_test.loc[("probe only", "far"), 300] + 0.03


def test_pixels_are_ahead_far_with_many_labels_on_test(on_test):
    """Far, raw pixels are ahead of mixed with 150 labels, and well behind it with twenty."""
    pixels, mixed = on_test.loc[("raw pixels", "far")], on_test.loc[("mixed", "far")]
    assert pixels[150] > mixed[150]
    assert pixels[20] < mixed[20] - 0.03


def test_key_figures():
    """The mixed approach keeps up with the better of its parts, and asking beats chance."""
    key = FIGURES.key
    assert key.most_points_behind_the_better_near <= 0.5
    assert key.test_accuracy_mixed_300_labels >= 0.985
    assert key.test_accuracy_mixed_far_300_labels > key.test_accuracy_probe_far_300_labels + 0.03
    assert key.points_won_by_asking_20_labels > 10
    assert key.points_won_by_own_answers_near_10_labels > 3
    assert key.points_lost_by_own_answers_far_10_labels > 5
    assert key.rare_labels_in_150_by_margin > 1.5 * key.rare_labels_in_150_at_random
    assert key.accuracy_after_drift_and_20_labels > key.accuracy_after_drift + 0.02
