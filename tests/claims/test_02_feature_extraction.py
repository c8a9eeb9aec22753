"""What the prose of notebook 02 claims, held against the figures that its last run stored."""

import numpy as np
import pytest
from stored import stored


@pytest.fixture(scope="module")
def found():
    return stored("02")


@pytest.fixture(scope="module")
def on_validation(found):
    """Mean accuracy on validation, a row for each number of labels and a column a method."""
    runs = found.validation_accuracy.groupby(["labels_per_class", "method"])
    return runs.accuracy.mean().unstack()


@pytest.fixture(scope="module")
def on_test(found):
    """Mean accuracy on test, a row a method and a column for each number of labels."""
    return found.test_accuracy.groupby(["method", "labels"]).accuracy.mean().unstack()


def test_rows_of_train_are_those_of_the_draw(digits):
    """Searching a draw's indices in those of `train` gives the rows of the same pictures."""
    few = digits.few(5, 0)
    rows = np.searchsorted(digits.train.index, few.index)
    assert (digits.train.labels[rows] == few.labels).all()


def test_two_heads_are_one_story(found):
    """A Dense head and logistic regression differ by less than a point on average."""
    heads = found.two_heads.mean()
    assert abs(heads["Dense head"] - heads["logistic regression"]) < 0.01


def test_three_ways_lead_to_one_accuracy(found):
    """Fitted together, extracted first or read from disk, the accuracies hardly differ."""
    assert found.accuracy_of_ways.max() - found.accuracy_of_ways.min() < 0.015


@pytest.fixture(scope="module")
def by_block(found):
    """Mean accuracy by weights and number of labels (rows) and block (columns, first to last)."""
    runs = found.by_layer.groupby(["network", "labels", "block"])
    return runs.accuracy.mean().unstack()[found.by_layer.block.unique()]


def test_last_block_is_best(by_block):
    """Of what was learnt from letters the last block is the best at each number of labels."""
    assert (by_block.loc["learnt"].idxmax(axis=1) == by_block.columns[-1]).all()


def test_blocks_matter_most_where_labels_are_few(by_block):
    """From first block to last, accuracy rises most at one label and least at the most labels."""
    learnt = by_block.loc["learnt"]
    assert (learnt.iloc[:, -1] - learnt.iloc[:, 0]).is_monotonic_decreasing


def test_learning_brings_far_more_than_depth(by_block):
    """From first block to last, learnt weights rise much more than random ones."""
    rise = by_block.iloc[:, -1] - by_block.iloc[:, 0]
    assert (rise["learnt"] > 1.5 * rise["random weights"]).all()


def test_scratch_was_trained_enough(found):
    """Training from scratch brings at least nine in ten of the labelled pictures right."""
    assert found.from_scratch_on_labelled.min() >= 0.9


def test_learnt_features_lie_above_all_others(on_validation):
    """The curve of the learnt features lies above all others from the first label on."""
    assert (on_validation["learnt"] >= on_validation.max(axis=1)).all()


def test_random_weights_are_about_as_good_as_pixels(on_validation):
    """With the same linear classifier, random weights do about as well as raw pixels."""
    assert (on_validation["random weights"] - on_validation["pixels, logistic"]).abs().max() < 0.05


def test_scratch_is_no_better_than_pixels_at_one_label(on_validation):
    """Training from scratch is no better than raw pixels at one label."""
    assert on_validation.loc[1, "from scratch"] < on_validation.loc[1, "pixels, SVM"] + 0.03


def test_scratch_is_level_with_pixels_at_fifty_labels(on_validation):
    """At fifty labels training from scratch is level with the best that raw pixels can do."""
    best_of_pixels = on_validation.filter(like="pixels").loc[50].max()
    assert abs(on_validation.loc[50, "from scratch"] - best_of_pixels) < 0.03


def test_more_looks_do_harm(found):
    """On the digits several looks at each picture are worse than one."""
    one, several = found.by_looks["mean"]
    assert several < one - 0.01


def test_learnt_features_stay_ahead_on_test(on_test):
    """They are ahead of every other method at every number of labels, on test as well."""
    others = on_test.drop(["learnt", "learnt, several looks"])
    assert (on_test.loc["learnt"] > others.max()).all()


def test_lead_over_pixels_at_ten_labels(on_test):
    """On test the lead over the best of the three on pixels is more than five points."""
    lead = 100 * (on_test.loc["learnt"] - on_test.filter(like="pixels", axis=0).max())
    assert lead[10] > 5


def test_confidence_is_a_warning(found):
    """Wrong answers are given with less confidence than right ones, on average."""
    assert found.confidence["wrong"] < found.confidence["right"]


@pytest.fixture(scope="module")
def on_maps(found):
    """Mean accuracy of the appendix, a row a head and a column for each range of the pixels."""
    return found.heads_on_maps.groupby(["head", "pixels"]).accuracy.mean().unstack()


def test_no_head_was_stopped_too_early(found):
    """Each head of the appendix gets nearly all of its labelled pictures right."""
    labelled = found.heads_on_maps.groupby(["head", "pixels", "parameters"]).labelled.mean()
    assert labelled.min() > 0.95


def test_classic_head_is_no_better_than_a_linear_probe(on_maps):
    """With a hundred times the weights it does as the linear probe on the same maps does."""
    expected = on_maps["as expected"]
    assert abs(expected["flatten, Dense 1024"] - expected["flatten, linear probe"]) < 0.01


def test_heads_on_maps_lose_against_the_last_block(found, on_maps):
    """No head on the maps reaches the probe of the notebook, and pooling loses most."""
    expected = on_maps["as expected"]
    assert expected.idxmin() == "global pooling"
    assert found.by_looks["mean"].iloc[0] > expected.max()


def test_what_the_preparation_is_worth(on_maps):
    """With values up to 255 each head loses, and nothing warns you."""
    assert (on_maps["as expected"] > on_maps["0 to 255"] + 0.03).all()


def test_what_the_course_promises(found):
    """The features reach what the course promises on test, and more labels do no harm."""
    assert found.key.test_accuracy_1_label >= 0.78
    assert found.key.test_accuracy_10_labels >= 0.965
    assert found.key.test_accuracy_50_labels >= found.key.test_accuracy_10_labels


def test_features_against_every_baseline(found):
    """At ten labels the features beat raw pixels, training from scratch and random weights."""
    features = found.key.test_accuracy_10_labels
    assert features >= found.key.best_of_raw_pixels_10_labels + 0.05
    assert features > found.key.from_scratch_10_labels
    assert features > found.key.random_weights_10_labels


def test_clusters_of_features_are_nearly_the_digits(found):
    """Clusters agree with the digits better on features than on raw pixels."""
    assert found.key.cluster_agreement_features > found.key.cluster_agreement_raw_pixels
