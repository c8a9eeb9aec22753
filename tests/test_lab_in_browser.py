"""`make lab` in a real browser: the working copies open, run and are read, and nothing pops up."""

import re
import shutil
from textwrap import dedent

import nbformat
import pytest
from browser import chromium, jupyter_lab, new_tab
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import tlhelpers as tl
from tools.working_copies import ROOT, make_copies, read_record, untouched

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here"),
]
FIRST, SECOND = "01_first_transfer.ipynb", "02_feature_extraction.ipynb"
NAMES = "07_zero_shot_images.ipynb"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Yield folder, address and first lines of `make lab OUTPUTS=no`, started by somebody new."""
    home = tmp_path_factory.mktemp("home")
    copies = home / "copies"
    settings = {"HOME": home, "TLHELPERS_CACHE": home / "cache"}
    target = ("lab", "OUTPUTS=no", f"COPIES={copies}")
    with jupyter_lab(tmp_path_factory.mktemp("log"), *target, **settings) as (address, log):
        yield copies, address, log


@pytest.fixture(scope="module")
def tab(lab, tmp_path_factory):
    """The browser, on the first page; `elsewhere` has what it asked of other machines."""
    _, address, _ = lab
    with chromium(tmp_path_factory.mktemp("profile")) as context:
        page = new_tab(context, address.partition("/lab")[0])
        page.goto(address)
        page.get_by_role("menuitem", name="Kernel").wait_for()
        yield page


def opened(tab, name):
    """The notebook of that name, opened by a double click as a student would."""
    tab.locator(".jp-DirListing-item", has_text=name).dblclick()
    notebook = tab.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    notebook.locator(".jp-MarkdownOutput").first.wait_for()
    tab.get_by_text(re.compile(r"^Python 3 .*\| Idle$")).wait_for()
    return notebook


def written(folder, name, *cells):
    """A notebook of these cells, among the copies."""
    title = new_markdown_cell(f"# {name}")
    notebook = new_notebook(cells=[title, *(new_code_cell(dedent(cell)) for cell in cells)])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, folder / name)
    return name


def run_all(tab, notebook):
    """Run its cells, one after the other."""
    notebook.locator(".jp-MarkdownOutput").first.click()
    for _ in range(1 + notebook.locator(".jp-CodeCell").count()):
        tab.keyboard.press("Shift+Enter")


def saved(path):
    """Whether JupyterLab has written the notebook, to its end: it adds the version of Python."""
    try:
        return "version" in nbformat.read(path, as_version=4).metadata.language_info
    except ValueError:
        return False


def test_the_first_cells_run(lab, tab):
    """A copy without outputs is run cell by cell, and the outputs stand below the cells."""
    folder, _, _ = lab
    cells = nbformat.read(folder / FIRST, as_version=4).cells
    assert not any(cell.get("outputs") for cell in cells)
    last = next(i for i, cell in enumerate(cells) if "count_params" in cell.source)
    notebook = opened(tab, FIRST)
    notebook.locator(".jp-MarkdownOutput").first.click()
    for _ in range(last + 1):
        tab.keyboard.press("Shift+Enter")
    outputs = notebook.locator(".jp-OutputArea-output")
    outputs.get_by_text("Running on").wait_for()
    outputs.get_by_text("4,694,024 numbers").wait_for()


def test_a_name_that_was_typed_finds_pictures(lab, tab):
    """In notebook 07, somebody's own word in place of ours."""
    folder, _, _ = lab
    cells = nbformat.read(folder / NAMES, as_version=4).cells
    last = next(i for i, cell in enumerate(cells) if "tl.plots.nearest(" in cell.source)
    notebook = opened(tab, NAMES)
    notebook.locator(".cm-content", has_text="QUERIES =").first.click()
    tab.keyboard.press("Control+a")
    tab.keyboard.type('QUERIES = ["a bicycle"]')
    notebook.locator(".jp-MarkdownOutput").first.click()
    for _ in range(last + 1):
        tab.keyboard.press("Shift+Enter")
    notebook.locator(".jp-OutputArea-output img").first.wait_for()
    assert not notebook.get_by_text("Traceback").count()


def test_reading_leaves_a_copy_untouched(lab, tab):
    """What JupyterLab saves of a notebook with outputs that was only read shows the same."""
    folder, _, _ = lab
    make_copies(folder, True)
    notebook = opened(tab, SECOND)
    notebook.locator(".jp-OutputArea-output").first.wait_for()
    notebook.locator(".jp-MarkdownOutput").first.click()
    tab.keyboard.press("Control+s")
    while not saved(folder / SECOND):
        tab.wait_for_timeout(100)
    assert (folder / SECOND).read_bytes() != (ROOT / "notebooks" / SECOND).read_bytes()
    assert untouched(folder / SECOND, read_record(folder)[1][SECOND])


LABELLING = """
    import numpy as np
    import tlhelpers as tl

    images = np.random.default_rng(0).random((40, 16, 16, 3))
    store = tl.LabelStore("labels.sqlite")
    run = tl.AccumulationRun(store, images, images.reshape(40, -1), ("cat", "dog"), round_size=5)
    tl.Labeller(run, images, who="ann", rounds=1)
"""


def test_five_pictures_are_labelled_by_click_and_key(lab, tab):
    """Two clicks and three keys in the widget are five labels in the store, with who gave them."""
    folder, _, _ = lab
    notebook = opened(tab, written(folder, "labelling.ipynb", LABELLING))
    run_all(tab, notebook)
    widget = notebook.locator(".jp-OutputArea-output")
    widget.get_by_role("img", name="which waits for a label").wait_for()
    given = []
    for number in range(5):
        widget.get_by_text(f"{5 - number} to go").wait_for()
        tab.wait_for_timeout(300)  # what comes sooner was meant for the picture before
        given.append("dog" if number % 2 else "cat")
        if number < 2:
            widget.get_by_role("button", name=given[-1]).click()
        else:
            widget.get_by_label("Keys:").press(given[-1][0])
    while not (rows := answers(folder / "labels.sqlite")) or len(rows) < 5:
        tab.wait_for_timeout(100)
    assert [label for label, _ in rows] == given
    assert {who for _, who in rows} == {"ann"}


def answers(path):
    """Label and name of each answer in a store."""
    with tl.LabelStore(path) as store:
        return [(answer.label, answer.who) for answer in store]


DRAWING = """
    import tlhelpers as tl

    def say(picture):
        print("seen", picture.shape, "dark" if picture.min() < 0.5 else "white")

    tl.DrawingPad(32, on_picture=say)
"""


def test_a_digit_is_drawn(lab, tab):
    """What the mouse draws reaches the function in the notebook."""
    notebook = opened(tab, written(lab[0], "drawing.ipynb", DRAWING))
    run_all(tab, notebook)
    canvas = notebook.get_by_label("White ground to draw on")
    canvas.wait_for()
    box = canvas.bounding_box()
    tab.mouse.move(box["x"] + 140, box["y"] + 40)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 140, box["y"] + 240, steps=8)
    tab.mouse.up()
    notebook.get_by_text("dark").wait_for()


def test_nothing_is_in_the_way(lab, tab):
    """No menu of nbgrader, no pop-up, no warning in the terminal, nothing from elsewhere."""
    _, _, log = lab
    assert tab.get_by_role("menuitem", name="Kernel").is_visible()
    assert not tab.get_by_role("menuitem", name="Nbgrader").count()
    assert not tab.locator(".jp-Dialog, .Toastify__toast").count()
    assert not re.search(r"^\[[WE] |WARN|nbgrader", log.read_text(encoding="utf-8"), re.M | re.I)
    assert tab.elsewhere == []
