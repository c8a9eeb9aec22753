import pytest

import tlhelpers as tl
from tlhelpers.notebook.figures import MIME_TYPE, read_figures


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


def test_tables_are_stored_and_read_again():
    """Tables with names of any depth, series and numbers come back from a notebook's outputs."""
    import json

    import nbformat
    import pandas as pd

    places = pd.MultiIndex.from_tuples([("near", 10), ("far", 20)], names=["target", "labels"])
    table = pd.DataFrame({"won": [1.5, float("nan")], "best": ["recipe", "probe"]}, index=places)
    wide = table[["won"]].unstack("labels")
    stored = tl.store_figures(
        table=table, wide=wide, row=table["won"], draws=[0.5, 1], classes=10, by_name={"a": 2.0}
    )
    assert repr(stored) == "Stored with this notebook: table, wide, row, draws, classes, by_name."
    text = json.dumps(stored._repr_mimebundle_(), allow_nan=False)
    notebook = nbformat.from_dict({"cells": [{"outputs": [{"data": json.loads(text)}]}]})
    got = read_figures(notebook)
    pd.testing.assert_frame_equal(got["table"], table)
    pd.testing.assert_frame_equal(got["wide"], wide)
    pd.testing.assert_series_equal(got["row"], table["won"], check_names=False)
    assert got["draws"].tolist() == [0.5, 1]
    assert (got["classes"], got["by_name"]["a"]) == (10, 2)


@pytest.mark.parametrize(
    ("figures", "error", "text"),
    [
        ({}, ValueError, "No figures given"),
        ({"best": "recipe"}, TypeError, "best is of type str; a number, a sequence, a dict"),
    ],
)
def test_what_cannot_be_stored(figures, error, text):
    """What is no figure is refused by name."""
    with pytest.raises(error, match=text):
        tl.store_figures(**figures)
