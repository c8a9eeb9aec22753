"""Promises of the words beside pictures."""

import sys

import matplotlib.pyplot as plt
import pytest

from tlhelpers.notebook import alternative_text, plots


def text_of(figure):
    return alternative_text.alternative_text(figure)


def test_what_was_described_is_kept():
    """The text of each Axes, in order, on one line; a title that was given later comes first."""
    figure, (left, right) = plt.subplots(1, 2)
    plots.describe(left, "A line that\n  rises.")
    plots.describe(right, "Dots.")
    right.set_title("validation")
    assert text_of(figure) == "A line that rises. validation: Dots."
    plots.describe(figure, "Both.")
    figure.suptitle("Two views")
    assert text_of(figure) == "Two views. Both."


def test_without_a_description_titles_and_names_are_read():
    """Nothing is said of a picture that says nothing itself."""
    figure, ax = plt.subplots()
    assert text_of(figure) == ""
    ax.plot([1, 2], label="training")
    ax.set(title="Loss", xlabel="epoch", ylabel="cross-entropy")
    assert text_of(figure) == "Loss; Across: epoch; up: cross-entropy; shown: training."


@pytest.mark.parametrize(
    ("drawn", "text", "error", "message"),
    [
        (None, "a line", TypeError, "Got NoneType; an Axes or a Figure of matplotlib"),
        ("axes", "  ", ValueError, "The text is '  '; say in a sentence"),
    ],
)
def test_bad_input(drawn, text, error, message):
    """What cannot be described, and an empty text, are named."""
    drawn = plt.subplots()[1] if drawn else drawn
    with pytest.raises(error, match=message):
        plots.describe(drawn, text)


def test_outside_jupyter_nothing_is_changed(monkeypatch):
    """In a script `install` does nothing, whether IPython was imported or not."""
    assert alternative_text.install() is False
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert alternative_text.install() is False


CELLS = [
    "from tlhelpers.notebook import alternative_text, plots\n"
    "import matplotlib.pyplot as plt\n"
    "alternative_text.install(), alternative_text.install()",
    "plots.learning_curves({'a': [{'val_accuracy': [0.25, 0.5]}]});",
    "%config InlineBackend.figure_formats = ['retina']\n"
    "ax = plt.subplots()[1]\nplots.describe(ax, 'Said \"here\".')",
    "plt.subplots();",
]


@pytest.mark.slow
def test_a_notebook_keeps_the_text(monkeypatch):
    """It stands in the output's metadata, also after the format has changed, and in the page."""
    import nbformat
    from nbclient import NotebookClient
    from nbconvert import HTMLExporter

    monkeypatch.delenv("MPLBACKEND")  # which a kernel sets itself
    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    nbformat.validate(notebook)
    _, first, second, third = (cell.outputs[0] for cell in notebook.cells)
    words = "goes from 0.25 in epoch 1 to 0.5 in epoch 2"
    assert words in first.metadata["image/png"]["alt"]
    assert second.metadata["image/png"]["alt"] == 'Said "here".'
    assert second.metadata["image/png"]["width"] > 100  # what the format says itself stays
    assert "alt" not in third.metadata["image/png"]
    page, _ = HTMLExporter(template_name="classic").from_notebook_node(notebook)
    assert words in page
