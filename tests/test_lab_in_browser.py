"""`make lab` in a real browser: the working copies open, run and are read, and nothing pops up."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from browser import chromium

from tools.working_copies import ROOT, make_copies, read_record, untouched

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here"),
]
FIRST, SECOND = "01_first_transfer.ipynb", "02_feature_extraction.ipynb"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Yield folder, address and first lines of `make lab OUTPUTS=no`, started by somebody new."""
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
    home, log = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("log") / "lab.txt"
    command = ["make", "--assume-old=.venv/.installed", "lab", "OUTPUTS=no"]
    command += [f"BIN={Path(sys.executable).parent}", f"COPIES={home / 'copies'}"]
    command += ["LAB_ARGS=--no-browser --allow-root --port=0"]
    environment = {name: v for name, v in os.environ.items() if not name.startswith("JUPYTER")}
    environment |= {"HOME": str(home), "TLHELPERS_CACHE": str(home / "cache")}
    with log.open("wb") as stream:
        started = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        while not (found := re.search(r"http://127\S+", log.read_text(encoding="utf-8"))):
            with pytest.raises(subprocess.TimeoutExpired):  # else it ended, which is a failure
                started.wait(0.2)
        yield home / "copies", found[0], log
    finally:
        os.killpg(started.pid, signal.SIGTERM)
        started.wait(60)


@pytest.fixture(scope="module")
def tab(lab, tmp_path_factory):
    """The browser, on the first page; `elsewhere` has what it asked of other machines."""
    _, address, _ = lab
    with chromium(tmp_path_factory.mktemp("profile")) as context:
        page = context.new_page()
        page.elsewhere = []

        def only_here(route):
            if route.request.url.startswith((address.partition("/lab")[0], "data:", "blob:")):
                route.continue_()
            else:
                page.elsewhere.append(route.request.url)
                route.abort()

        page.route("**/*", only_here)
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


def test_nothing_is_in_the_way(lab, tab):
    """No menu of nbgrader, no pop-up, no warning in the terminal, nothing from elsewhere."""
    _, _, log = lab
    assert tab.get_by_role("menuitem", name="Kernel").is_visible()
    assert not tab.get_by_role("menuitem", name="Nbgrader").count()
    assert not tab.locator(".jp-Dialog, .Toastify__toast").count()
    assert not re.search(r"^\[[WE] |WARN|nbgrader", log.read_text(encoding="utf-8"), re.M | re.I)
    assert tab.elsewhere == []
