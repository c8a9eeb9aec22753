"""Promises of the four fields: what pays with few or many labels, from near or far."""

import pandas as pd
import pytest

from tlhelpers.notebook import alternative_text, plots
from tlhelpers.notebook.four_fields import gains


@pytest.fixture
def runs():
    """Two draws of three methods, at two numbers of labels."""
    rows = []
    for labels, last, best, tuned in ((5, 0.4, 0.5, 0.45), (0, 0.6, 0.65, 0.7)):
        for draw in (0, 1):
            found = {"frozen, last block": last, "frozen, best block": best, "fine-tuned": tuned}
            rows += [(labels, draw, name, value) for name, value in found.items()]
    return pd.DataFrame(rows, columns=["labels_per_class", "draw", "method", "test"])


def test_gains_are_points_by_draw(runs):
    """An earlier layer over the last one, then fine-tuning over the better."""
    found = gains(runs, 5, 0, task="drawings", source="far")
    mean = found.groupby(["labels", "gain"]).points.mean().round(6)
    assert mean["few", "an earlier layer"] == 10
    assert mean["few", "fine-tuning"] == -5
    assert mean["many", "an earlier layer"] == 5
    assert mean["many", "fine-tuning"] == 5
    assert set(found.draw) == {0, 1}
    assert set(found.source) == {"far"}


def test_without_an_earlier_layer_the_last_one_counts(runs):
    """A probe is the last layer, by its other name; the picture says what was not measured."""
    only = runs[runs.method != "frozen, best block"].replace({"frozen, last block": "probe"})
    found = gains(only, 5, 0, task="digits")
    assert found[found.gain == "an earlier layer"].points.isna().all()
    assert found[found.gain == "fine-tuning"].points.round(6).tolist() == [5, 5, 10, 10]
    figure = plots.four_fields(pd.concat([found, gains(runs, 5, 0, task="drawings")]))
    said = alternative_text.alternative_text(figure)
    assert "digits, an earlier layer: not measured; digits, fine-tuning: +5.0" in said
    assert "not measured" in [text.get_text() for text in figure.axes[0].texts]
    legend = figure.axes[-1].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["an earlier layer", "fine-tuning"]


def test_a_number_of_labels_that_was_not_run(runs):
    """The message lists those that were."""
    with pytest.raises(ValueError, match=r"no runs with labels_per_class 7; one of 0, 5"):
        gains(runs, 7, 0, task="drawings")


def test_the_picture_has_a_field_for_each_pair(runs):
    """Titles say which; the words beside the picture have the means."""
    near = gains(runs, 5, 0, task="digits", source="near")
    far = gains(runs, 5, 0, task="drawings")
    figure = plots.four_fields(pd.concat([near, far]))
    titles = [ax.get_title() for ax in figure.axes]
    assert titles[:2] == ["few labels, near source", "many labels, near source"]
    assert len(figure.axes) == 4
    said = alternative_text.alternative_text(figure)
    assert "drawings, an earlier layer: +10.0; drawings, fine-tuning: -5.0" in said


@pytest.mark.parametrize("change", [{"task": None}, {"gain": ["a", "b", "c", "a"]}])
def test_a_table_that_cannot_be_drawn(runs, change):
    """Columns that are missing, or too many kinds."""
    table = gains(runs, 5, 0, task="digits").head(4)
    for column, values in change.items():
        table = table.drop(columns=column) if values is None else table.assign(**{column: values})
    with pytest.raises(ValueError, match=r"source, labels, task, gain and points, a row and one"):
        plots.four_fields(table)
