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
