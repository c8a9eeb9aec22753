"""What notebook 07 says of its figures, held against the figures that it stored."""

import pytest
from stored import stored

FOUND = stored("07")
WITHOUT_LABELS = FOUND.accuracy_without_labels
ZERO_SHOT = WITHOUT_LABELS["ensemble, centred"]  # the classifier that the notebook goes on with


@pytest.fixture
def labels():
    """Mean accuracy: a row for each start, a column for each number of labels per class."""
    return FOUND.accuracy_with_labels.pivot_table(
        index="method", columns="labels_per_class", values="accuracy"
    )


@pytest.fixture
def rounds():
    """Mean accuracy: a row for each start, a column for each number of labels asked for."""
    return FOUND.accuracy_by_rounds.groupby("start").mean()


def test_worst_font_beats_the_best_of_pixels():
    """By features the worst font recognises more digits than the best does by raw pixels."""
    by_font = FOUND.accuracy_by_font
    assert by_font["features"].min() > by_font["raw pixels"].max()


def test_ensemble_is_one_line():
    """The classifier gives every answer that the line written out by hand gives."""
    assert FOUND.ensemble_agrees_with_one_line == 1


def test_ensemble_is_better_than_most_fonts():
    """The ensemble as printed is better than most of the single fonts."""
    ensemble = FOUND.accuracy_by_variant.loc["as printed", ("digits", "not centred")]
    assert (ensemble > FOUND.accuracy_by_font["features"]).mean() > 0.5


def test_phonetic_letters_were_never_seen():
    """None of the phonetic letters, by which prompts are chosen, was seen in training."""
    assert FOUND.seen_phonetic_letters == 0


def test_letters_choose_the_same_prompts_with_and_without_centring():
    """Letters prefer the same prompts, gently warped and coarse, whether centred or not."""
    by_letters = FOUND.accuracy_by_variant["phonetic letters"]
    assert by_letters["centred"].idxmax() == by_letters["not centred"].idxmax()


def test_centring_helps_digits_with_all_prompts():
    """Centring brings digits something, whatever the prompts."""
    by_digits = FOUND.accuracy_by_variant["digits"]
    assert (by_digits["centred"] > by_digits["not centred"]).all()


def test_choice_of_prompts_changes_nothing_on_digits():
    """Among centred prompts, the choice brings digits nothing that can be told from chance."""
    centred = FOUND.accuracy_by_variant["digits"]["centred"]
    assert centred.max() - centred.min() < 0.02


def test_temperature_of_letters_fits_digits():
    """With the temperature of letters the classifier is right about as often as it says."""
    assert abs(FOUND.mean_probability["temperature of letters"] - ZERO_SHOT) < 0.05


def test_almost_half_of_the_digits_are_called_letters():
    """Almost half of the digits are called letters when letters are possible answers."""
    assert 0.4 < FOUND.called_letters < 0.5


def test_unseen_letters_take_as_many_digits_as_seen_ones():
    """Letters that the network never saw take as many digits as those it was trained on."""
    assert abs(FOUND.lost_to_unseen.mean() - FOUND.called_letters) < 0.08


def test_handicap_wins_digits_for_five_points_of_letters():
    """A handicap that costs letters at most five points wins many more digits."""
    curve = FOUND.with_handicap
    chosen = curve.index[curve["letters"] >= curve.loc[0.0, "letters"] - 0.05].max()
    assert curve.loc[chosen, "digits"] > curve.loc[0.0, "digits"] + 0.1


def test_even_pool_wins_several_points():
    """Descriptions that are moved by an even pool recognise several points more digits."""
    assert WITHOUT_LABELS["moved by the even pool"] > ZERO_SHOT + 0.03


def test_uneven_pools_cost_in_four_of_five_draws():
    """With uneven pools, moving the descriptions costs accuracy in four of five draws."""
    pools = FOUND.accuracy_with_uneven_pools
    assert (pools["moved"] < pools["as described"]).sum() == 4


def test_initial_head_is_the_zero_shot_classifier():
    """Before any label, the head made of the descriptions is as accurate as the classifier."""
    before = FOUND.accuracy_by_rounds[0].loc["from descriptions"]
    assert (before == ZERO_SHOT).all()


def test_descriptions_are_far_ahead_with_one_label_and_never_far_behind(labels):
    """Begun at descriptions, a head is far ahead with one label, and hardly behind with more."""
    ahead = labels.loc["initial head: descriptions"] - labels.loc["linear probe"]
    assert ahead[1] > 0.08
    assert (ahead > -0.015).all()


def test_descriptions_save_the_first_labels_asked_for(rounds):
    """With ten labels asked for, the run that began at the descriptions is still far ahead."""
    assert rounds.loc["from descriptions", 10] > rounds.loc["from nothing", 10] + 0.05


def test_from_forty_labels_on_both_starts_are_close(rounds):
    """With forty labels and more, the two starts differ by little."""
    later = rounds[[40, 80, 150]].diff().iloc[-1]
    assert (later.abs() < 0.025).all()


def test_attributes_stay_behind_printed_pictures():
    """Attributes reach a good deal less than the printed pictures."""
    assert FOUND.accuracy_without_attributes["nothing"] < ZERO_SHOT - 0.1


def test_no_group_of_attributes_is_indispensable():
    """Whichever group of attributes is left out, accuracy changes by a limited amount."""
    left_out = FOUND.accuracy_without_attributes
    assert left_out.max() - left_out.min() < 0.15


def test_more_than_four_of_five_digits_by_one_font_on_test():
    """On test one printed font a class recognises more than four of five digits."""
    assert FOUND.key.one_font >= 0.83


def test_fonts_and_even_pool_add_to_it_on_test():
    """On test many fonts add some points to one, and the even pool adds many more."""
    assert FOUND.key.ensemble_chosen_on_letters >= 0.87
    assert FOUND.key.moved_by_even_pool >= 0.96


def test_probabilities_are_some_points_too_high_on_test():
    """On test the probabilities are about five points too high."""
    too_high = FOUND.mean_probability_on_test - FOUND.key.ensemble_chosen_on_letters
    assert 0.02 < too_high < 0.08


def test_crossed_seven_mends_the_description():
    """The description of a crossed seven wins points on all digits together."""
    all_digits = FOUND.accuracy_mended.loc["all digits"]
    assert all_digits["with a crossed seven"] > all_digits["as above"] + 0.02


def test_figures_of_zero_shot_images():
    """No label of a digit, and yet far above pixels; unlabelled pictures are worth many labels."""
    got = FOUND.key
    assert got.raw_pixels_one_font < 0.6
    assert got.one_font >= 0.83
    assert got.ensemble_chosen_on_letters >= 0.87
    assert got.moved_by_even_pool >= 0.92
    assert got.attributes < got.one_font
    assert got.probe_5_labels_per_class < got.moved_by_even_pool
