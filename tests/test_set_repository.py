import os
import shutil
import subprocess
import sys

import pytest
from test_package import ROOT, TRACKED

from tools import set_repository as tool

OURS = tool.place(tool.address())
THEIRS = "some-school/our.course-2"

pytestmark = pytest.mark.skipif(not TRACKED, reason="not a git checkout")


@pytest.fixture
def copy(tmp_path):
    """The repository as it is, with a page of links and a notebook of homework added."""
    for name in TRACKED:
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    homework = tmp_path / "notebooks" / "homework"
    homework.mkdir(exist_ok=True)
    shutil.copy(next((ROOT / "notebooks").glob("01*.ipynb")), homework)
    links = [
        f"https://github.com/{OURS}.",
        f"https://raw.githubusercontent.com/{OURS}/main/README.md",
        f"git@github.com:{OURS}.git",
        f"https://mybinder.org/v2/gh/{OURS}/main",
    ]
    (tmp_path / "links.md").write_text("\n".join(links), encoding="utf-8")
    others = f"https://github.com/{OURS}-2 https://github.com/{OURS}.js data/{OURS}"
    (tmp_path / "others.md").write_text(others, encoding="utf-8")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


def contents(root):
    paths = [path for path in root.rglob("*") if path.is_file() and ".git" not in path.parts]
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


def test_every_badge_set_up_cell_and_link_agrees_with_pyproject(copy, capsys):
    """Writing the address that stands in pyproject.toml changes nothing."""
    before = contents(copy)
    tool.set_repository(OURS, copy)
    assert contents(copy) == before
    assert capsys.readouterr().out.endswith(f"{OURS}: nothing to change.\n")


def test_there_and_back(copy, capsys):
    """Only the address changes, everywhere; set back, the files are the same to the byte."""
    before = contents(copy)
    tool.set_repository(THEIRS, copy)
    after = contents(copy)
    changed = {name for name in before if before[name] != after[name]}
    notebooks = {name for name in before if name.endswith(".ipynb")}
    badges = "notebooks/homework/README.md"
    assert changed == {"pyproject.toml", "links.md", badges, *notebooks}
    for name in changed:
        assert after[name] == before[name].replace(OURS.encode(), THEIRS.encode())
    assert after.keys() == before.keys()
    out = capsys.readouterr().out
    assert "notebooks/homework/01_first_transfer.ipynb: 2\n" in out
    assert "links.md: 4\n" in out
    assert f"https://github.com/{THEIRS}: {len(changed)} files changed" in out
    tool.set_repository(THEIRS, copy)
    assert "nothing to change" in capsys.readouterr().out
    tool.set_repository(OURS, copy)
    assert contents(copy) == before


def test_notebooks_of_a_merge_get_the_address_of_the_fork(copy):
    """Badges and set-up cells are found whatever repository they name."""
    before = contents(copy)
    tool.set_repository("a/b", copy)
    page = copy / "pyproject.toml"
    page.write_text(page.read_text(encoding="utf-8").replace("a/b", THEIRS), encoding="utf-8")
    tool.set_repository(OURS, copy)
    after = contents(copy)
    del before["links.md"], after["links.md"]
    assert after == before


def test_runs_as_a_script_on_plain_python(copy):
    """A fork needs neither the package nor its dependencies; an address does as well."""
    address = f"https://github.com/{THEIRS}.git"
    run = [sys.executable, "-I", "-S", "tools/set_repository.py", address]
    done = subprocess.run(run, cwd=copy, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("to be committed.\n")
    assert tool.address(copy) == f"https://github.com/{THEIRS}"


@pytest.mark.parametrize(
    "name",
    ["", "name", "/", "a/", "a/b/c", "a b/c", "a/..", "-a/b", "a/b.git.git", "https://a.org/b/c"],
)
def test_bad_names_are_refused(name, copy):
    """The message says what came and what is expected; nothing is written."""
    before = contents(copy)
    with pytest.raises(SystemExit, match=r"no repository on GitHub; owner/name is expected") as got:
        tool.set_repository(name, copy)
    assert repr(name) in str(got.value)
    assert contents(copy) == before


def test_failed_write_changes_nothing(copy, monkeypatch):
    """A disk that fills up half-way leaves all files as they were, and none beside them."""
    before = contents(copy)
    write, room = tool.Path.write_bytes, iter([True, True])

    def fill(path, content):
        if not next(room, False):
            write(path, content[:10])
            raise OSError(28, os.strerror(28))
        return write(path, content)

    monkeypatch.setattr(tool.Path, "write_bytes", fill)
    with pytest.raises(OSError, match="No space left"):
        tool.set_repository(THEIRS, copy)
    assert contents(copy) == before


def test_folder_without_git_is_refused(tmp_path):
    """The message says what to do."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with pytest.raises(SystemExit, match=r"git does not list the files of .*run: git init"):
        tool.set_repository(THEIRS, tmp_path)
