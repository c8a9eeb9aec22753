"""Questions of the notebooks: one answer is right, each other names a mistake and shows a place."""

import itertools
import re

import pytest
from test_notebooks import NOTEBOOKS, build, every_notebook, plain, words

ANSWER = re.compile(r"<details><summary>(.+?)</summary>\n\n(.+?)\n</details>", re.S)
LINK = re.compile(r"\]\((\w+\.ipynb)?#([^)]+)\)")


def cells(name):
    """The cells of a notebook that ask."""
    return [cell for cell in NOTEBOOKS[name].cells if "question" in build.tags(cell)]


def places(name):
    """Anchors of the headings of a notebook, as JupyterLab makes them."""
    text = "\n".join(x.source for x in NOTEBOOKS[name].cells if x.cell_type == "markdown")
    headings = re.findall(r"^#{1,6} +(.+?)\s*$", text, re.M)
    return {re.sub(r"[`*]", "", heading).replace(" ", "-") for heading in headings}


QUESTIONS = [(name, cell) for name in NOTEBOOKS for cell in cells(name)]
every_question = pytest.mark.parametrize(
    ("name", "cell"), QUESTIONS, ids=[f"{name[:2]}-{cell.id}" for name, cell in QUESTIONS]
)


@every_notebook
def test_three_to_five_where_they_belong_and_five_to_close(name):
    """Before "Check yourself" none stand together; there five do, also on earlier notebooks."""
    asks = ["question" in build.tags(cell) for cell in NOTEBOOKS[name].cells]
    sources = [cell.source for cell in NOTEBOOKS[name].cells]
    start = next(i for i, source in enumerate(sources) if source.startswith("## Check yourself"))
    assert 3 <= sum(asks[:start]) <= 5
    assert not any(map(all, itertools.pairwise(asks[:start])))
    assert asks[start + 1 : start + 6] == [True] * 5
    assert sum(asks[start:]) == 5
    closing = "".join(sources[start : start + 6])
    earlier = {other for other, _ in LINK.findall(closing) if other and other < name}
    assert earlier or name.startswith("01")


@every_question
def test_one_answer_is_right_and_each_is_explained(name, cell):
    """Three or four answers, each with its explanation; the right one is not always the first."""
    asked = cell.source.partition("<details>")[0]
    assert asked.startswith("**Quiz.** ")
    assert asked.rstrip().endswith("?")
    answers = ANSWER.findall(cell.source)
    assert cell.source.count("<details") == len(answers)
    assert 3 <= len(answers) <= 4
    assert sorted(text.split()[0] for _, text in answers)[-1] == "Yes."
    assert [text.split()[0] for _, text in answers].count("Yes.") == 1
    assert {text.split()[0] for _, text in answers} == {"Yes.", "No."}
    assert len({given for given, _ in answers}) == len(answers)
    for _, text in answers:
        assert 10 <= len(words(plain(text))) <= 60


@every_question
def test_wrong_answers_point_to_the_place_that_shows_it(name, cell):
    """Each has a link to a heading, of this notebook or of another, that exists."""
    for _, text in ANSWER.findall(cell.source):
        found = LINK.findall(text)
        assert found or text.startswith("Yes.")
        for other, place in found:
            assert place in places(other or name), place


def test_the_right_answer_stands_anywhere():
    """Whoever always takes the same place is right about as often as by chance."""
    found = [
        [text.startswith("Yes.") for _, text in ANSWER.findall(cell.source)].index(True)
        for _, cell in QUESTIONS
    ]
    assert max(found.count(place) for place in range(3)) <= len(found) / 2
