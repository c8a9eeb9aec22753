"""`make grade` in a real browser: nbgrader's pages, and a page of feedback."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from browser import chromium
from test_attacks import HONEST, grade, needs_seal

from tools.working_copies import ROOT

pytestmark = [
    pytest.mark.slow,
    needs_seal,
    pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here"),
]


@pytest.fixture(scope="module")
def course():
    """A course of one small homework, with two submissions graded and their feedback written."""
    with tempfile.TemporaryDirectory() as temporary:  # pytest's have paths too long for sockets
        course, _, _ = grade(Path(temporary), attacks={})
        command = [sys.executable, "-m", "nbgrader", "generate_feedback", "hw"]
        subprocess.run(command, cwd=course, check=True, capture_output=True)
        yield course


@pytest.fixture(scope="module")
def address(course, tmp_path_factory):
    """Where `make grade` shows that course."""
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
    home, log = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("log") / "lab.txt"
    command = ["make", "--assume-old=.venv/.installed", "grade", f"COURSE={course}"]
    command += [f"BIN={Path(sys.executable).parent}"]
    command += ["LAB_ARGS=--no-browser --allow-root --port=0"]
    environment = {name: v for name, v in os.environ.items() if not name.startswith("JUPYTER")}
    with log.open("wb") as stream:
        started = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment | {"HOME": str(home)},
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        while not (found := re.search(r"http://127\S+", log.read_text(encoding="utf-8"))):
            with pytest.raises(subprocess.TimeoutExpired):  # else it ended, which is a failure
                started.wait(0.2)
        yield found[0]
    finally:
        os.killpg(started.pid, signal.SIGTERM)
        started.wait(60)


def test_an_instructor_finds_nbgraders_pages(address, tmp_path):
    """The menu is there; the pages list homework, students and points."""
    with chromium(tmp_path) as context:
        page = context.new_page()
        page.goto(address)
        page.get_by_role("menuitem", name="Nbgrader").wait_for()
        page.goto(address.replace("/lab", "/formgrader"))
        page.locator("tr", has_text="hw").get_by_text("2", exact=True).first.wait_for()
        page.goto(address.replace("/lab", "/formgrader/manage_students"))
        for name in HONEST:
            page.locator("tr", has_text=name).get_by_text("6").first.wait_for()


def test_feedback_begins_with_points_by_exercise(course, tmp_path):
    """The page opens without anything from elsewhere; its list leads to the checks."""
    path = course / "feedback" / HONEST[0] / "hw" / "small.html"
    with chromium(tmp_path) as context:
        page, asked = context.new_page(), []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        assert "6.0 of 6.0 points" in page.get_by_role("heading", level=1).first.inner_text()
        assert page.locator("#toc li").count() == 3
        assert [x for x in asked if not x.startswith(("file:", "data:"))] == []
