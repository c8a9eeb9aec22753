"""What the prose of notebook 01 claims, held against the figures that its last run stored."""

import pytest
from stored import stored


@pytest.fixture(scope="module")
def found():
    return stored("01")


def test_both_networks_know_their_labelled_pictures(found):
    """At the end both networks get (nearly) all labelled pictures right, so neither needs more."""
    assert found.accuracy_on_labelled.min(axis=None) > 0.95


def test_worst_run_with_transfer_beats_the_best_of_the_others(found):
    """On validation the worst run with transfer beats the best from scratch and on raw pixels."""
    worst, best = found.compared["min"], found.compared["max"]
    assert worst["transfer"] > best["from scratch"]
    assert worst["transfer"] > best["raw pixels"]


def test_transfer_stays_ahead_on_test(found):
    """On test, too, each run with transfer beats each run of the others."""
    test = found.test_accuracy
    assert test["transfer"].min() > test[["from scratch", "raw pixels"]].max(axis=None)


def test_scratch_is_no_better_than_the_nearest_picture(found):
    """With so few labels a network from scratch does no better than looking up the nearest one."""
    test = found.test_accuracy.mean()
    assert test["from scratch"] < test["raw pixels"] + 0.02


def test_what_the_transfer_was_worth(found):
    """Transfer beats scratch and pixels at ten labels a class."""
    assert found.key.test_accuracy_transfer >= 0.95
    assert found.key.test_accuracy_transfer >= found.key.test_accuracy_from_scratch + 0.03
    assert found.key.test_accuracy_transfer >= found.key.test_accuracy_raw_pixels + 0.03


def test_transfer_trains_a_small_share_of_the_parameters(found):
    """Only the head was trained, less than a hundredth of the network's parameters."""
    assert found.key.trained_parameters_transfer == 1290
    assert 100 * found.key.trained_parameters_transfer < found.key.trained_parameters_from_scratch
