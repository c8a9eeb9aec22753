"""What notebook 03 says of its figures, held against the figures that it stored."""

import pytest
from stored import stored

FOUND = stored("03")


@pytest.fixture
def shifts():
    """Mean accuracy over the draws: a row for each shift, a column for each method."""
    return FOUND.accuracy_on_shifts.T.groupby(level=0).mean().T


@pytest.fixture
def depths():
    """Mean points won by number of blocks unfrozen, with two labels a class and with fifty."""
    means = FOUND.points_won_by_depth.groupby("labels").mean()
    return means.loc[2], means.loc[50]


@pytest.fixture
def letters():
    """Share of the letters that each network still tells, mean over its runs."""
    return FOUND.letters_still_read["mean"]


@pytest.fixture
def on_test():
    """Mean accuracy on test by target and labels per class, recipe beside its baselines."""
    return FOUND.accuracy_on_test.groupby(["target", "labels"]).mean()


def test_frozen_features_lose_against_pixels_far_from_the_source():
    """Far from the source frozen features do worse than pixels wherever both were measured."""
    means = FOUND.accuracy_of_baselines
    assert (means.loc["far"] < means.loc["far, raw pixels"])[[2, 10, 20, 50]].all()


def test_frozen_features_win_against_pixels_near_the_source():
    """Near the source frozen features are far ahead of pixels at ten labels a class."""
    at_ten = FOUND.accuracy_of_baselines[10]
    assert at_ten["near"] > at_ten["near, raw pixels"] + 0.05


def test_doctor_finds_what_was_not_compiled_and_nothing_else():
    """The doctor reports a model that was not compiled after unfreezing, and no other problem."""
    checks = FOUND.checks_of_doctor
    assert list(checks.index[checks == "problem"]) == ["compiled since unfreezing"]


def test_batchnorm_drifts_in_every_unfrozen_block_or_in_none():
    """The statistics of all four unfrozen blocks drift, or none do: never some of them."""
    assert set(FOUND.runs_with_batchnorm["layers that drift"]) == {0, 4}


def test_drifting_batchnorm_falls_behind_the_probe():
    """Runs end above the probe where BatchNorm stays as it is, and below it where it drifts."""
    means = FOUND.runs_with_batchnorm.groupby("unfrozen").accuracy.mean()
    assert means["as in tutorials"] < means["not at all (probe)"] < means["tl.unfreeze"]


def test_trained_head_does_better_than_a_random_one(shifts):
    """Head first does better than all at once on digits as they are, turned ones and noisy ones."""
    assert (shifts["LP-FT"] > shifts["FT"]).drop("inverted").all()
    on_turned = shifts.loc["turned by 25°"]
    assert on_turned["LP-FT"] > on_turned["FT"] + 0.05


def test_nothing_beats_the_probe_on_plain_digits(shifts):
    """On digits as they are the probe is the best of all methods."""
    assert shifts.loc["as they are"].idxmax() == "probe"


def test_small_rate_is_ahead_on_turned_digits(shifts):
    """On turned digits LP-FT at the small rate is ahead of the probe and of the large rate."""
    on_turned = shifts.loc["turned by 25°"]
    assert on_turned["LP-FT, small rate"] > max(on_turned["probe"], on_turned["LP-FT"])


def test_fine_tuning_reads_more_noisy_digits_than_the_probe(shifts):
    """LP-FT reads many more noisy digits than the probe, though nobody showed it noise."""
    assert shifts.loc["noisy", "LP-FT"] > shifts.loc["noisy", "probe"] + 0.1


def test_few_labels_stay_shallow_and_many_go_deep(depths):
    """With two labels one or two blocks win most, with fifty four or more, and the curves cross."""
    few, many = depths
    assert few.idxmax() <= 2 < 4 <= many.idxmax()
    assert few[1] > many[1]
    assert few.iloc[-1] < many.iloc[-1]


def test_half_is_lost_when_all_blocks_learn_from_two_labels(depths):
    """With two labels a class less than half of the best gain is left when all blocks learn."""
    few, _ = depths
    assert few.iloc[-1] < few.max() / 2


def test_early_layers_faster_is_best_and_level_with_pixels():
    """Early layers faster is the best way, well above the frozen network and level with pixels."""
    means = FOUND.runs_by_way.groupby("way").accuracy.mean()
    assert means.idxmax() == "early layers faster"
    assert means["early layers faster"] > means["frozen"] + 0.05
    assert means["early layers faster"] < means["raw pixels"] + 0.05


def test_gradual_unfreezing_falls_behind():
    """Gradual unfreezing falls behind one rate for all in so few steps."""
    means = FOUND.runs_by_way.groupby("way").accuracy.mean()
    assert means["gradual"] < means["one rate"]


def test_frozen_probe_overfits_least():
    """The frozen probe ends ahead of plain training and of every remedy."""
    means = FOUND.accuracy_by_remedy.mean()
    assert means["frozen probe"] > means.drop("frozen probe").max() + 0.005


def test_early_stopping_buys_back_what_weight_decay_and_augmentation_do_not():
    """Early stopping buys back points; weight decay and augmentation stay behind the probe."""
    means = FOUND.accuracy_by_remedy.mean()
    assert means["stopped early"] > means["plain"] + 0.01
    assert max(means["augmentation"], means["weight decay"]) < means["frozen probe"] - 0.01


def test_smaller_rate_does_no_harm_and_larger_rate_wins_more_far_away():
    """The smaller rate costs next to nothing near; the larger costs there, and wins more far."""
    found = FOUND.accuracy_of_recipe
    change = 100 * found.sub(found["probe"], axis=0).groupby(["target", "labels"]).mean()
    assert change.loc["near", "rate 0.0001"].min() > -0.3
    assert change.loc[("near", 5), "rate 0.001"] < -0.3
    assert change.loc[("far", 20), "rate 0.001"] > change.loc[("far", 20), "rate 0.0001"] > 1


def test_fine_tune_does_the_recipe_in_one_call():
    """`tl.fine_tune` reaches what the recipe reaches when it is written out."""
    by_hand = FOUND.accuracy_of_recipe.loc[("near", 10, 0), "rate 0.0001"]
    assert abs(FOUND.accuracy_in_one_call - by_hand) < 0.01


def test_recipe_forgets_no_letters(letters):
    """With the recipe the network tells as many letters as before."""
    assert abs(letters["not tuned"] - letters["last block (recipe)"]) < 0.02


def test_random_head_makes_the_network_forget(letters):
    """With a random head letters are lost, and more of them than with a trained head."""
    assert letters["not tuned"] > letters["all blocks, FT"] + 0.02
    assert letters["all blocks, LP-FT"] > letters["all blocks, FT"]


def test_recipe_does_no_harm_near_and_wins_far_on_test(on_test):
    """On test the recipe is never half a point behind the probe near, and ahead of it far."""
    won = 100 * (on_test["recipe"] - on_test["probe"])
    assert won.loc["near"].min() > -0.5
    assert won.loc["far"].min() > 0


def test_pixels_stay_ahead_of_the_recipe_far_away_on_test(on_test):
    """On the far target raw pixels are still ahead of the recipe."""
    assert on_test.loc[("far", 20), "raw pixels"] > on_test.loc[("far", 20), "recipe"]


def test_recipe_is_accurate_near_on_test(on_test):
    """Near the source the recipe is hardly ever wrong on test, with ten labels and with fifty."""
    assert on_test.loc[("near", 10), "recipe"] >= 0.97
    assert on_test.loc[("near", 50), "recipe"] >= 0.985


def test_recipe_is_ahead_of_the_classic_example():
    """The worst run of the recipe is points ahead of the best of the classic example's."""
    table = FOUND.accuracy_by_example
    assert table["min"]["recipe"] > table["max"].drop("recipe").max() + 0.02


def test_freezing_batchnorm_changes_little_in_the_classic_example():
    """In the classic example, near the source, frozen BatchNorm changes next to nothing."""
    means = FOUND.accuracy_by_example["mean"]
    assert abs(means["classic"] - means["BatchNorm frozen"]) < 0.02


def test_figures_of_partial_fine_tuning():
    """The recipe reaches what the course promises, and never falls behind the linear probe."""
    got = FOUND.key
    assert got.test_accuracy_recipe_10_labels >= 0.97
    assert got.test_accuracy_recipe_50_labels >= 0.985
    assert got.least_points_won_near > -0.5
    assert got.points_won_far_20_labels > 1
    assert got.points_lost_by_a_random_head_turned > 3
    assert got.points_lost_by_drifting_batchnorm > 1
    assert got.best_depth_2_labels < got.best_depth_50_labels
    assert got.letters_after_recipe > got.letters_after_all_at_once
