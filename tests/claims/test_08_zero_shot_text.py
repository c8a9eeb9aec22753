"""What the prose of notebook 08 claims, held against the figures that its last run stored.

The run had the sentence encoder. What it says of the news stands in `test_optional_sections.py`,
for their file cannot always be had.
"""

import pytest
from stored import stored


@pytest.fixture(scope="module")
def found():
    return stored("08")


def test_encoder_gives_the_published_answer(found):
    """The first two sentences are as similar as the published model says they are."""
    assert abs(found.similarity.loc[0, 1] - 0.755) < 0.005


def test_a_good_sentence_is_the_best_description(found):
    """Centred, no other description reaches one good sentence about each topic."""
    centred = found.by_description["centred"]
    assert centred["sentences"] == centred.max()


def test_ensemble_is_better_than_its_parts_on_average(found):
    """An ensemble of mediocre descriptions is better than they are on average."""
    centred = found.by_description["centred"]
    assert centred["ensemble of these"] > centred[["names", "template", "plain words"]].mean()


def test_encoder_gets_more_out_of_sentences_than_counting(found):
    """About twice as much as counted words, and far more than counted pieces of words."""
    sentences = found.by_description.loc["sentences"]
    assert sentences["not centred"] > 1.8 * sentences["counted words"]
    assert sentences["centred"] > sentences["counted pieces"] + 0.08


@pytest.fixture(scope="module")
def by_labels(found):
    """Mean accuracy on validation, a row a method and a column for each number of labels."""
    return found.by_labels.groupby(["method", "labels_per_class"]).accuracy.mean().unstack()


def test_description_is_worth_some_labels(found, by_labels):
    """A description does better than the encoder with three labels, and worse than with eight."""
    descriptions_only = found.by_description.loc["sentences", "centred"]
    assert by_labels.loc["encoder", 3] < descriptions_only < by_labels.loc["encoder", 8]


def test_labels_and_descriptions_are_better_than_either(found, by_labels):
    """Who has both is better off than with either, at every number of labels."""
    both = by_labels.loc["encoder and descriptions"]
    assert (both > by_labels.loc["encoder"]).all()
    assert (both > found.by_description.loc["sentences", "centred"]).all()


def test_counting_comes_after_the_encoder(by_labels):
    """With labels, counted words and pieces come after the encoder throughout."""
    counting = by_labels.loc[["counted words", "counted pieces"]].max()
    assert (by_labels.loc["encoder"] > counting).all()


def test_labels_compete(found):
    """An added label takes from what was right, whatever its wording."""
    kept = found.statistics_recognised
    assert kept.drop("no other label").max() < kept["no other label"] - 0.05


def test_denials_are_similar_to_what_they_deny(found):
    """A denial is very similar to the remark that it denies."""
    assert found.denials["to what it denies"].mean() > 0.8


def test_not_is_the_toss_of_a_coin(found):
    """About half of the denials are nearer to what they deny than to what they mean."""
    closer = found.denials["to what it denies"] > found.denials["to what it means"]
    assert 3 <= closer.sum() <= 6


def test_other_languages_are_read_worse(found):
    """In Spanish and German fewer are right, and the best similarity is much lower."""
    right, best = found.languages["right, of 6"], found.languages["to the best topic"]
    assert right["English"] > right[["Spanish", "German"]].max()
    assert best["English"] > 1.5 * best[["Spanish", "German"]].max()


def test_sentences_keep_their_lead_on_test(found):
    """On test the sentences keep their lead over names and over counting."""
    assert found.key.zero_shot_sentences >= 0.6
    assert found.key.zero_shot_sentences > found.key.zero_shot_names
    assert found.key.zero_shot_sentences >= 1.8 * found.key.counted_words_same_sentences
    assert found.key.zero_shot_sentences >= found.key.counted_pieces_same_sentences + 0.05


def test_one_label_is_worth_less_than_a_sentence(found):
    """On test one label a topic, without descriptions, is worth less than the sentences."""
    assert found.key.encoder_1_labels_per_topic < found.key.zero_shot_sentences
