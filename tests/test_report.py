import dataclasses

import pytest

import tlhelpers as tl
from tlhelpers.report import MIME_TYPE


def test_figures_are_shown_and_stored():
    """The output of the cell carries a table and the exact numbers."""
    import numpy as np

    got = tl.key_figures(parameters=np.int64(1290), accuracy=np.float64(0.97123))
    bundle = got._repr_mimebundle_()
    assert bundle[MIME_TYPE] == [("parameters", 1290), ("accuracy", 0.97123)]
    assert "0.971" in bundle["text/plain"]
    assert "1,290" in bundle["text/html"]


@pytest.mark.parametrize(
    ("figures", "error", "text"),
    [
        ({}, ValueError, "No figures given"),
        ({"accuracy": "0.97"}, TypeError, "accuracy is '0.97'; a number is expected"),
        ({"done": True}, TypeError, "done is True; a number is expected"),
        ({"accuracy": float("nan")}, ValueError, "accuracy is nan; a finite number is expected"),
    ],
)
def test_bad_figures(figures, error, text):
    """What is not a finite number is refused by name."""
    with pytest.raises(error, match=text):
        tl.key_figures(**figures)


def test_claims_about_the_digits_are_assertions(digits):
    """What the text says of them is an error when it is not so."""
    with tl.claims(digits):
        assert len(digits.train) == 600
    with pytest.raises(AssertionError), tl.claims(digits):
        assert len(digits.train) == 601


def test_claims_about_another_task_are_reported(digits, capsys):
    """The first that does not hold is printed with its source, and the notebook goes on."""
    other = dataclasses.replace(digits, name="flowers")
    with tl.claims(other):
        assert len(other.train) == 600
        assert len(other.train) == 601
        raise RuntimeError("not reached")
    assert capsys.readouterr().out == "On this task it is not so: len(other.train) == 601\n"
    with tl.claims(other):
        assert {}[500] > 1
    assert "cannot be told (KeyError(500)): {}[500] > 1" in capsys.readouterr().out
    with pytest.raises(ZeroDivisionError), tl.claims(other):
        assert 1 / 0
