"""What notebook 08 says of its figures, held against the figures that it stored."""

import ast

import pytest
from stored import stored

import tlhelpers as tl
from tools.build_notebooks import read_all
from tools.experiments.few_labelled_texts import DESCRIPTIONS

FOUND = stored("08")
ENCODER = FOUND.described["encoder"]


@pytest.fixture(scope="module", params=["validation", "test"])
def mean(request):
    """Scores of the stored experiment: task, method and labels of each class."""
    runs = tl.read_experiment("few_labelled_texts").query("part == 'methods'")
    return runs.groupby(["task", "method", "labels_per_class"])[request.param].mean()


def test_descriptions_are_those_of_the_experiment():
    """Written once, and the same in both places."""
    cells = read_all()["08_zero_shot_text.ipynb"].cells
    (source,) = (cell.source for cell in cells if "\nONCE = " in cell.source)
    (once,) = (
        ast.literal_eval(line.value)
        for line in ast.parse(source).body
        if isinstance(line, ast.Assign) and line.targets[0].id == "ONCE"
    )
    assert tuple(once.split("\n")) == DESCRIPTIONS["scipy"]


def test_five_in_ten_written_once_and_nearly_seven_tuned():
    """Names a little worse; counting far behind, and gaining most from tuned sentences."""
    assert round(10 * ENCODER["written once"]) == 5
    assert 0.65 < ENCODER["tuned"] < 0.7
    assert 0.01 < ENCODER["written once"] - ENCODER["names"] < 0.06
    counted = FOUND.described[["counted words", "counted pieces"]]
    assert (counted.T < ENCODER - 0.1).all(axis=None)
    gain = FOUND.described.loc["tuned"] - FOUND.described.loc["written once"]
    assert gain["counted pieces"] > gain["encoder"]


def test_centring_helps_with_an_even_pool_and_harms_with_one_topic():
    """As texts come it helps, for sentences a little less than an even pool."""
    gain = FOUND.centring - FOUND.centring.loc["not centred"]
    assert (gain.loc["even"] > 0.01).all()
    assert (gain.loc["as texts come"] > 0.01).all()
    sentences = gain.drop(columns="names")
    assert (sentences.loc["as texts come"] < sentences.loc["even"]).all()
    assert (gain.loc["all of one topic"] < -0.025).all()


def test_most_denials_are_nearer_to_what_they_deny():
    """Five of eight."""
    assert (FOUND.denials["what it denies"] > FOUND.denials["what it means"]).sum() == 5


def test_questions_in_three_languages():
    """All in English, four in Spanish, three in German."""
    assert FOUND.languages.to_dict() == {"English": 6, "Spanish": 4, "German": 3}


def test_a_second_true_label_takes_texts_away():
    """Fewer texts on statistics count as right."""
    assert FOUND.overlap["with *probability*"] < FOUND.overlap["eleven labels"] - 0.03


def test_broken_filter():
    """Four in ten right against 96 in a hundred; eleven sentences find more than half."""
    filters = FOUND.filters
    assert round(10 * filters.right["two sentences"]) == 4
    assert round(100 * filters.right["always no"]) == 96
    assert filters.found["two sentences"] == 1
    assert filters.found["eleven sentences"] > 0.5
    assert filters["false alarms"]["eleven sentences"] < 20
    assert filters.right["eleven sentences"] <= filters.right["always no"]


def test_topics_from_one_to_eight_labels(mean):
    """A description is worth one or two; both are ahead up to four; pseudo-labels add nothing."""
    topics = mean["scipy"]
    alone, both, head = topics["descriptions, centred", 0], "head, descriptions", topics["head"]
    assert head[1] < alone < head[2]
    for k in (1, 2, 4):
        assert topics[both, k] > max(alone, head[k]) + 0.015
    assert abs(topics[both, 8] - head[8]) < 0.015
    assert 0 < topics["fine-tuned", 8] - topics[both, 8] < 0.04
    for k in (1, 2, 4, 8):
        assert topics["head, pseudo-labels", k] < topics[both, k] + 0.01
    assert topics["fine-tuned, pseudo-labels", 8] < topics[both, 8]


def test_news(mean):
    """A description is worth more than eight labels; pseudo-labels bring most, with none, too."""
    news = mean["ag_news"]
    alone, both = news["descriptions, centred", 0], news["head, descriptions"]
    assert news["head", 8] < alone < news["head", 16]
    assert (both > news["head"]).all()
    assert news["descriptions, pseudo-labels", 0] > 0.831  # published for SetFit
    assert (news["head, pseudo-labels"] > both + 0.01).all()
    assert abs(news["fine-tuned", 8] - both[8]) < 0.015
    assert news["by pairs", 8] < 0.831 - 0.02
    assert news["fine-tuned, pseudo-labels", 8] < news["head, pseudo-labels", 8] + 0.005


def test_draws_differ_by_more_than_a_point():
    """On test, fine-tuning is ahead by about a point; the draws' interval holds 0."""
    runs = tl.read_experiment("few_labelled_texts")
    runs = runs.query("part == 'methods' and task == 'scipy' and labels_per_class == 8")
    runs = runs.pivot(index="draw", columns="method", values="test")
    ahead = runs["fine-tuned"] - runs["head, descriptions"]
    assert 0 < ahead.mean() < 0.015
    assert ahead.mean() < ahead.std()


def test_untuned_descriptions_sort_news(mean):
    """More than three in four, not centred either."""
    assert mean["ag_news", "descriptions", 0] > 0.76


def test_test_texts_of_scipy_are_harder(mean):
    """What was written once is some points lower on test; tuned sentences are not."""
    assert 0.44 < FOUND.key.written_once_on_test < ENCODER["written once"]
    assert abs(FOUND.key.tuned_on_test - FOUND.described["encoder, centred"]["tuned"]) < 0.02


def test_live_draw_is_the_stored_one():
    """Five ways, trained on the page, land where the experiment's first draw did."""
    live = FOUND.live
    runs = tl.read_experiment("few_labelled_texts")
    runs = runs.query("part == 'methods' and task == 'scipy' and labels_per_class == 8")
    row = runs[runs.draw == 0].set_index("method").validation
    assert len(live) == 5
    assert (live - row[live.index]).abs().max() < 0.03
