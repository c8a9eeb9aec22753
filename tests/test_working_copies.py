"""Working copies of the notebooks: made, renewed, and never written over what somebody did."""

import json
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from test_package import ROOT, TRACKED

from tools.working_copies import RECORD, make_copies, sources

NAME, OTHER, HOMEWORK = "01_a.ipynb", "02_b.ipynb", "homework/hw1_a.ipynb"


def save(path, source="1 + 1", result="2"):
    """Write a notebook with a text, a picture attached to it, a cell and its result."""
    picture = {"a.png": {"image/png": "aGVsbG8="}}
    data = {"text/plain": result, "application/json": {"a": 1.0}}
    outputs = [new_output("execute_result", data, execution_count=1)]
    cells = [
        new_markdown_cell("![a](attachment:a.png)", attachments=picture),
        new_code_cell(source, outputs=outputs, execution_count=1),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells), path)


@pytest.fixture
def course(tmp_path):
    """A clone with two notebooks and a homework."""
    root = tmp_path / "clone"
    for name in (NAME, OTHER, "homework/release/hw1/hw1_a.ipynb"):
        save(root / "notebooks" / name)
    return root


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "my_notebooks"


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*.ipynb")}


def changed(path, **to):
    """Write a copy as somebody who changed its code or ran it."""
    notebook = nbformat.read(path, as_version=4)
    if "source" in to:
        notebook.cells[1].source = to["source"]
    if "result" in to:
        notebook.cells[1].outputs[0].data["text/plain"] = to["result"]
    nbformat.write(notebook, path)


def test_copies_are_the_notebooks(course, folder):
    """To the byte, with outputs and attachments; a second start writes nothing."""
    line = make_copies(folder, root=course)
    assert line == "my_notebooks: 3 notebooks made or renewed, 0 kept as you left them."
    for name, path in sources(course).items():
        assert (folder / name).read_bytes() == path.read_bytes()
    assert sources(course).keys() == {NAME, OTHER, HOMEWORK}
    assert make_copies(folder, root=course).startswith("my_notebooks: 0 notebooks made")


@pytest.mark.parametrize("to", [{"source": "2 + 2"}, {"result": "3"}])
def test_what_a_student_did_is_never_overwritten(to, course, folder):
    """Changed code and other results stay, and one line says so and what to do."""
    make_copies(folder, root=course)
    changed(folder / NAME, **to)
    before = contents(folder)
    assert "0 notebooks made or renewed, 1 kept as you left them." in make_copies(
        folder, root=course
    )
    save(course / "notebooks" / NAME, "3 + 3")
    line = make_copies(folder, root=course)
    assert line.endswith(
        "The course has changed 01_a.ipynb: rename yours, and the next start brings the new one."
    )
    make_copies(folder, False, course)
    assert (folder / NAME).read_bytes() == before[folder / NAME]
    (folder / NAME).rename(folder / "mine.ipynb")
    make_copies(folder, True, course)
    assert (folder / NAME).read_bytes() == (course / "notebooks" / NAME).read_bytes()
    assert (folder / "mine.ipynb").read_bytes() == before[folder / NAME]


def test_a_copy_that_was_only_read_follows_the_course(course, folder):
    """JupyterLab writes metadata, and 1.0 in data as 1, without being asked."""
    make_copies(folder, root=course)
    notebook = nbformat.read(folder / NAME, as_version=4)
    notebook.metadata["language_info"] = {"name": "python", "version": "3.12"}
    notebook.cells[1].metadata["trusted"] = False
    notebook.cells[1].outputs[0].data["application/json"]["a"] = 1
    nbformat.write(notebook, folder / NAME)
    save(course / "notebooks" / NAME, "3 + 3")
    assert "1 notebooks made or renewed, 0 kept" in make_copies(folder, root=course)
    assert (folder / NAME).read_bytes() == (course / "notebooks" / NAME).read_bytes()


def test_without_outputs_one_guesses_first(course, folder):
    """Results and counts are gone, the rest stays; the folder remembers the choice."""
    make_copies(folder, False, course)
    text, code = nbformat.read(folder / NAME, as_version=4).cells
    assert text.attachments["a.png"]
    assert (code.source, code.outputs, code.execution_count) == ("1 + 1", [], None)
    assert "0 notebooks made or renewed, 0 kept" in make_copies(folder, root=course)
    assert "3 notebooks made or renewed, 0 kept" in make_copies(folder, True, course)
    assert nbformat.read(folder / NAME, as_version=4).cells[1].outputs


@pytest.mark.parametrize("record", ["", "[]", "{", '{"outputs": 1, "copies": 7}', None])
def test_a_lost_record_makes_everything_the_students(record, course, folder):
    """Nothing is written over; what is missing is made."""
    make_copies(folder, root=course)
    (folder / OTHER).unlink()
    (folder / HOMEWORK).write_text("no notebook", encoding="utf-8")
    before = contents(folder)
    (folder / RECORD).unlink()
    if record is not None:
        (folder / RECORD).write_text(record, encoding="utf-8")
    assert "1 notebooks made or renewed, 2 kept" in make_copies(folder, False, course)
    assert {path: contents(folder)[path] for path in before} == before


def test_a_broken_notebook_of_the_course_is_named(course, folder):
    """With the command that gets it back; nobody's copy is touched."""
    make_copies(folder, root=course)
    before, path = contents(folder), course / "notebooks" / NAME
    path.write_text("<<<<<<< HEAD", encoding="utf-8")
    with pytest.raises(SystemExit, match=rf"{NAME} is no notebook .*git checkout -- .*{NAME}"):
        make_copies(folder, root=course)
    assert contents(folder) == before


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    """The message says which, why, and what to type instead."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    run = [sys.executable, ROOT / "tools" / "working_copies.py", tmp_path / "file" / "copies"]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.search(r"cannot be written \(.+\): .+make lab COPIES=folder\n$", done.stderr)
    assert "Traceback" not in done.stderr


def test_links_between_the_notebooks_lead_to_copies():
    """What a notebook names beside it is a copy, too; its pictures are inside of it."""
    names = sources()
    for path in (path for name, path in names.items() if not name.startswith("homework/")):
        for cell in nbformat.read(path, as_version=4).cells:
            links = re.findall(r"\]\(([^)#\s]+)", cell.source) * (cell.cell_type == "markdown")
            for link in links:
                if not link.startswith(("http", "attachment:")):
                    assert link in names, f"{path.name}: {link}"


@pytest.mark.skipif(not TRACKED or not shutil.which("git"), reason="not a git checkout")
def test_git_does_not_see_the_copies():
    """So `git status` stays clean and `git pull` never refuses because of them."""
    files = [f"my_notebooks/{name}" for name in ("01.ipynb", RECORD, "labels_of_ann.sqlite")]
    done = subprocess.run(["git", "check-ignore", *files], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == files


def test_settings_of_the_lab_are_json():
    """JupyterLab reads both files of `make lab`, and leaves out nbgrader and the news."""
    lab = ROOT / "tools" / "lab"
    page = json.loads((lab / "labconfig" / "page_config.json").read_text(encoding="utf-8"))
    assert all(page["disabledExtensions"].values())
    server = json.loads((lab / "jupyter_server_config.json").read_text(encoding="utf-8"))
    assert not any(server["ServerApp"]["jpserver_extensions"].values())
