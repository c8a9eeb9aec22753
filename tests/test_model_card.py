"""A model's card: what is filled in, and what it refuses to leave empty."""

import keras
import numpy as np
import pytest

import tlhelpers as tl

TEXTS = {
    "intended_use": "To sort small pictures of digits in a course.",
    "limits": "It reads one digit at a time, bright on dark.",
    "not_tested_on": "Digits of other scanners, or of children.",
    "licence": "Apache-2.0",
    "contact": "ada@example.org",
}


@pytest.fixture(scope="module")
def model():
    """A head on flat pixels: what a card says does not depend on training."""
    return keras.Sequential(
        [keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(10)]
    )


@pytest.fixture
def scores(digits):
    labels = digits.test.labels
    said = np.where(np.arange(len(labels)) % 4, labels, (labels + 1) % 10)
    return tl.scores_by_group(labels, said, np.where(np.arange(len(labels)) % 2, "odd", "even"))


def card(model, task, scores, **changes):
    return tl.model_card(model, task, scores, **({"name": "Digits of a course"} | TEXTS | changes))


def test_it_fills_in_what_is_known(model, digits, scores):
    """Sizes, sources, terms, versions, and scores with numbers of samples and intervals."""
    text = str(card(model, digits, scores))
    assert text.startswith("# Digits of a course\n\n**Use.** To sort small pictures")
    assert "| parameters | 30,730 |" in text
    assert "`[None, 32, 32, 3]`" in text or "[None, 32, 32, 3]" in text
    assert "embedded:glyphnet: GlyphNet: printed letters" in text
    assert digits.target.split("|")[0][:40] in text
    assert f"| written with | TensorFlow {tl.model_card.__globals__['tf'].__version__}" in text
    for group, row in scores.iterrows():
        assert f"| {group} | {row.n:.0f} | {row.accuracy:.3f} | {row.low:.3f} |" in text
    assert "Accuracy on `test`, with the 95 % interval." in text
    assert "Lowest: even" in text


def test_what_a_person_said_stands_in_it(model, digits, scores):
    """All five texts, and Jupyter shows them."""
    made = card(model, digits, scores)
    shown = made._repr_markdown_()
    assert all(text in shown for text in TEXTS.values())
    assert repr(made) == "ModelCard('Digits of a course')"


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("said", ["", "  ", "TODO", "none", "N/A", "-", "tbd.", "xxx"])
def test_it_refuses_to_stay_silent(model, digits, scores, name, said):
    """What is missing is named, with an example of what one could say."""
    with pytest.raises(
        ValueError, match=rf"The card is not complete: got {name}=.*such as {name}="
    ):
        card(model, digits, scores, **{name: said})


@pytest.mark.parametrize(
    "said", ["No limits.", "It has no known limitations", "Nobody", "None known"]
)
def test_a_card_without_limits_is_refused(model, digits, scores, said):
    """Every model has limits; to deny them is no sentence about them."""
    with pytest.raises(ValueError, match=r"got limits=.*say it in a sentence"):
        card(model, digits, scores, limits=said)


def test_all_that_is_missing_is_said_at_once(model, digits, scores):
    """Nobody has to call five times."""
    with pytest.raises(ValueError, match=r"limits='', not_tested_on=''"):
        tl.model_card(
            model, digits, scores, name="A", **(TEXTS | {"limits": "", "not_tested_on": ""})
        )


def test_scores_need_numbers_and_intervals(model, digits, scores):
    """A bare accuracy is no measurement; the way to a table is named."""
    with pytest.raises(ValueError, match=r"no column high, low, n: .*tl\.scores_by_group"):
        card(model, digits, scores[["accuracy"]])
    with pytest.raises(TypeError, match=r"scores are a float; a table is expected"):
        card(model, digits, 0.93)
    with pytest.raises(ValueError, match=r"rows \['even', 'odd'\].*a row 'all'"):
        card(model, digits, scores.drop("all"))
    with pytest.raises(ValueError, match=r"scores hold 1 empty cells"):
        card(model, digits, scores.replace({"low": {scores.low["odd"]: np.nan}}))


def test_scores_belong_to_the_split(model, digits, scores):
    """More samples than it has were measured elsewhere; `train` measures nothing."""
    twice = scores.assign(n=scores.n * 99)
    with pytest.raises(ValueError, match=r"samples, but 'test' of 'digits' has \d+\. Give the"):
        card(model, digits, twice)
    with pytest.raises(ValueError, match=r"split is 'train'; one of 'test', 'validation'"):
        card(model, digits, scores, split="train")


def test_without_groups_it_says_so(model, digits):
    """Who did not look at groups cannot hide it."""
    labels = digits.validation.labels
    text = str(card(model, digits, tl.scores_by_group(labels, labels), split="validation"))
    assert "It was not measured by group." in text
    assert "Accuracy on `validation`" in text


def test_a_task_of_texts_has_a_card(scores):
    """It has no backbone of pictures, and its terms stand in the card."""
    task = tl.load_task("scipy")
    model = keras.Sequential([keras.Input((384,)), keras.layers.Dense(len(task.class_names))])
    few = scores.assign(n=10)
    assert task.licence in str(card(model, task, few))


def test_other_things_are_refused(model, digits, scores):
    """A model that does not know its input, and what is no task."""
    with pytest.raises(TypeError, match=r"model is a Dense; a keras\.Model is expected"):
        card(keras.layers.Dense(2), digits, scores)
    with pytest.raises(TypeError, match=r"task is a str; what tl\.load_task gives"):
        card(model, "digits", scores)


def test_it_is_written_once(model, digits, scores, tmp_path):
    """A file that exists is only replaced when that is asked for."""
    made = card(model, digits, scores)
    path = made.save(tmp_path / "CARD.md")
    assert path.read_text(encoding="utf-8") == str(made)
    with pytest.raises(FileExistsError, match=r"CARD\.md exists already.*overwrite=True"):
        made.save(path)
    assert made.save(path, overwrite=True) == path
