"""The set-up cell of the notebooks, run by a Python that has no packages of its own."""

import re
import subprocess
import sys

import pytest

from tools.build_notebooks import setup_cell

# The cell up to the course's own line; what it would install with pip is printed.
CELL = setup_cell("01_first_transfer.ipynb").partition("\nimport keras")[0]
CELL = re.sub(r"^(\s*)%pip .*", r'\1print("pip")', CELL, flags=re.M)
HELPERS = "def setup(seed): print('the helpers of', __file__)"


def run(folder, before=""):
    """What the cell prints, and the last line of its error, in a notebook of that folder."""
    folder.mkdir(parents=True, exist_ok=True)
    python = [sys.executable, "-I", "-S", "-c", f"{before}\n{CELL}"]
    done = subprocess.run(python, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout, (done.stderr.strip().split("\n") or [""])[-1]


def package(folder, name, text=""):
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("place", ["notebooks", "my_notebooks", "my_notebooks/homework"])
def test_the_helpers_of_the_clone_are_taken(place, tmp_path):
    """They come first, whatever is installed, and nothing is asked of pip."""
    package(tmp_path / "clone", "tlhelpers", HELPERS)
    package(tmp_path / "installed", "tlhelpers", HELPERS)
    package(tmp_path / "installed", "tensorflow")
    installed = f"import sys; sys.path.append({str(tmp_path / 'installed')!r})"
    printed, error = run(tmp_path / "clone" / place, installed)
    assert printed == f"the helpers of {tmp_path / 'clone' / 'tlhelpers' / '__init__.py'}\n"
    assert error == ""


def test_installed_helpers_do_without_a_clone(tmp_path):
    """A folder of that name that is no package is none."""
    (tmp_path / "elsewhere" / "tlhelpers").mkdir(parents=True)
    package(tmp_path / "installed", "tlhelpers", HELPERS)
    package(tmp_path / "installed", "tensorflow")
    installed = f"import sys; sys.path.append({str(tmp_path / 'installed')!r})"
    printed, error = run(tmp_path / "elsewhere" / "notebooks", installed)
    assert printed.startswith(f"the helpers of {tmp_path / 'installed'}")
    assert error == ""


def test_elsewhere_a_sentence_says_what_to_do(tmp_path):
    """Nothing is installed into somebody's Python; the message says what is missing."""
    printed, error = run(tmp_path / "elsewhere")
    assert printed == ""
    assert error == (
        "RuntimeError: This Python has no tlhelpers and no tensorflow: type `make lab` in the "
        "clone's folder and open the notebook there, or, on Colab, run this cell again once there "
        "is internet."
    )


def test_another_python_beside_the_clone_is_told(tmp_path):
    """The helpers are there, but what they stand on is not."""
    package(tmp_path, "tlhelpers", HELPERS)
    printed, error = run(tmp_path / "notebooks")
    assert printed == ""
    assert error.startswith("RuntimeError: This Python has no tensorflow: type `make lab`")


def test_colab_installs_and_says_when_that_failed(tmp_path):
    """All lines of pip are run there, once; where they bring nothing, the sentence follows."""
    colab = "import sys; sys.modules['google.colab'] = sys"
    printed, error = run(tmp_path / "elsewhere", colab)
    assert printed == "pip\n" * CELL.count('print("pip")')
    assert error.startswith("RuntimeError: This Python has no tlhelpers and no tensorflow")
    package(tmp_path, "tlhelpers", HELPERS)
    package(tmp_path, "tensorflow")
    printed, error = run(tmp_path / "notebooks", f"{colab}; sys.path.append({str(tmp_path)!r})")
    assert "pip" not in printed
    assert error == ""
