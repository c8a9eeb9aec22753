"""`make grade` in a real browser: nbgrader's pages, and a page of feedback."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from browser import chromium, jupyter_lab
from test_attacks import HONEST, grade, needs_seal

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
    home, log = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("log")
    with jupyter_lab(log, "grade", f"COURSE={course}", HOME=home) as (address, _):
        yield address


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
