"""Attacks on the grading: each is a submission, with the points that it has honestly earned.

All are graded by nbgrader's commands, in one run, on a homework of three small exercises. Each has
wrong answers to the first two, and the right one to the third: one point is what it gets. Those who
are graded after it keep all of theirs. `python tests/test_attacks.py FOLDER` prints what they get
from the nbgrader_config.py and the grader/ of a folder.
"""

import base64
import bz2
import codecs
import gzip
import html
import http.server
import lzma
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import tracemalloc
import urllib.parse
import zlib
from pathlib import Path

import feedback
import nbformat
import pytest
import sealing
from attacks import ANSWERS, ATTACKS, CHECKS, HONEST, HONEST_CODE, MARKS, SETUP, WRONG
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.api import Gradebook
from test_homework import HOMEWORK
from traitlets.config import Config


def source():
    """The homework, as it is written by hand."""
    notebook = new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    )

    def add(name, code, **marks):
        cell = new_code_cell(code, id=name)
        marks = {"grade": False, "solution": False, "locked": True, "task": False} | marks
        cell.metadata.nbgrader = {"grade_id": name, "schema_version": 3, **marks}
        notebook.cells.append(cell)

    add("setup", SETUP)
    for name, code in ANSWERS.items():
        add(name, code, solution=True, locked=False)
        check = CHECKS[f"{name}_check"]
        points = int(re.search(r"^float\((\d)\)", check, re.M)[1])
        add(f"{name}_check", check, grade=True, points=points)
    return notebook


def handed_in(name, release, places):
    """The notebook of a student: the attack, or all right."""
    notebook = nbformat.from_dict(release)
    attack = ATTACKS.get(name, {})
    cells = attack if isinstance(attack, dict) else {}
    for cell in notebook.cells:
        if cell.id in ANSWERS:
            right = re.sub(r" *### (BEGIN|END) SOLUTION\n?", "", ANSWERS[cell.id])
            cell.source = right if name in HONEST else cells.get(cell.id, WRONG[cell.id])
            if name == HONEST[-1]:
                cell.source = cell.source.replace("return 2 * number", "return noted(2 * number)")
    if name == HONEST[-1]:
        notebook.cells.insert(1, new_code_cell(HONEST_CODE))
    if isinstance(attack, str):
        notebook.cells.insert(1, new_code_cell(attack))
    for cell, marks in zip(notebook.cells, MARKS if name == "metadata" else (), strict=False):
        cell.metadata.nbgrader = marks
    text = nbformat.writes(notebook)
    for place, value in places.items():
        text = text.replace(place, str(value))
    return text


def grade(folder, grader=HOMEWORK, attacks=ATTACKS, port=9):
    """Grade all attacks in a folder with the grader of another; return course, points, log."""
    course = folder / "course"
    course.mkdir()
    (folder / ".git").mkdir()
    (folder / ".git" / "packed").write_text("ultramarine")
    shutil.copy(Path(grader, "nbgrader_config.py"), course)
    shutil.copytree(Path(grader, "grader"), course / "grader")
    with open(course / "nbgrader_config.py", "a", encoding="utf-8") as config:
        config.write("c.Execute.timeout = 20\nc.SealedKernelManager.processes = 150\n")
        config.write("c.SealedKernelManager.temporary = 2**26\n")
    (course / "source" / "hw").mkdir(parents=True)
    nbformat.write(source(), course / "source" / "hw" / "small.ipynb")
    (folder / "home").mkdir()
    (folder / "t").mkdir()
    environment = os.environ | {"HOME": str(folder / "home"), "TMPDIR": str(folder / "t")}

    def run(*command):
        command = [sys.executable, "-m", "nbgrader", *command]
        done = subprocess.run(
            command, cwd=course, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-5000:]
        return done.stderr

    run("generate_assignment", "hw")
    release = nbformat.read(course / "release" / "hw" / "small.ipynb", as_version=4)
    for name in (*attacks, *HONEST):
        place = course / "submitted" / name / "hw"
        place.mkdir(parents=True)
        text = handed_in(name, release, {"COURSE": course, "PORT": port})
        (place / "small.ipynb").write_text(text, encoding="utf-8")
        if name == "links":
            (place / "linked").symlink_to(course / "source")
    log = run("autograde", "hw")
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        points = {
            name: [x.score for x in gradebook.find_submission_notebook("small", "hw", name).grades]
            for name in (*attacks, *HONEST)
        }
    return course, points, log


@pytest.fixture(scope="module")
def graded():
    """All attacks graded, beside a server that counts who reaches it."""
    reached = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            reached.append(self.path)
            self.send_response(200)
            self.end_headers()

    # pytest's folders have paths too long for sockets
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    with tempfile.TemporaryDirectory() as temporary, server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield *grade(Path(temporary), port=server.server_port), reached
        finally:
            server.shutdown()


needs_seal = pytest.mark.skipif(
    not sealing.can_seal(), reason="this machine cannot seal: no Linux, or no namespaces for users"
)


@pytest.mark.slow
@needs_seal
def test_no_attack_gets_a_point_it_has_not_earned(graded):
    """The third exercise is right, so one point, or none where a thread of one's own goes on."""
    _, points, _, _ = graded
    found = {name: points[name] for name in ATTACKS}
    assert len(found) >= 20
    for name in ("thread", "library_thread"):
        assert found.pop(name)[:2] == [0, 0]
    assert found == {name: [0, 0, 1] for name in found}


def test_the_page_for_instructors_says_how_many_attacks_were_tried():
    """The number is that of the attacks here."""
    page = Path(HOMEWORK, "README.md").read_text(encoding="utf-8")
    assert f"hands in {len(ATTACKS)} attacks" in page


@pytest.mark.slow
@needs_seal
def test_no_attack_takes_a_point_from_another(graded):
    """Who is graded before the attacks and who after them have all of theirs."""
    _, points, log, _ = graded
    assert {name: points[name] for name in HONEST} == {name: [3, 2, 1] for name in HONEST}
    assert "NOT PROTECTED" not in log


@pytest.mark.slow
@needs_seal
def test_no_attack_reaches_out(graded):
    """Nothing was written into the home, the packages or the course; the network is cut."""
    course, _, _, reached = graded
    assert reached == []
    assert not list(course.parent.rglob("spoiled.txt"))
    assert not list((course.parent / "home").rglob("*custom*"))
    assert not list((course.parent / "home").rglob("00_first.py"))
    assert not Path(nbformat.__file__).parents[1].joinpath("numpy", "spoiled.txt").exists()
    for name in ("reads_solutions", "links"):
        path = course / "autograded" / name / "hw" / "small.ipynb"
        outputs = [cell.get("outputs", ()) for cell in nbformat.read(path, as_version=4).cells]
        assert "ultramarine" not in str(outputs)


ACTIVE = """<script>alert(1)</script><img src="x" onerror="alert(1)"><svg onload="alert(1)"></svg>
[go](javascript:alert(1)) $\\href{javascript:alert(1)}{x}$ <a href="javascript:alert(1)">x</a>"""


def page_of(*cells):
    """The page of feedback of a notebook with further cells, as text."""
    config = Config()
    config.HTMLExporter.filters = {"markdown2html": feedback.as_text}
    notebook = source()
    notebook.cells += cells
    step = feedback.PlainFeedback()
    notebook, _ = step.preprocess(notebook, {})
    exporter = HTMLExporter(config=config, template_name="classic")
    body = exporter.from_notebook_node(notebook)[0]
    return body.partition("<body")[2]


def test_nothing_in_feedback_acts():
    """Scripts, handlers and links that act, in Markdown, outputs, metadata and errors."""
    data = {"text/html": ACTIVE, "image/svg+xml": ACTIVE, "application/javascript": "alert(1)"}
    data |= {"text/markdown": ACTIVE, "text/latex": ACTIVE, "text/plain": ACTIVE}
    picture = {"image/png": "iVBORw0KGgo=", "text/plain": "a picture"}
    evil = {"image/png": {"width": "1 onerror=alert(1)", "alt": '" onerror="alert(1)'}}
    code = new_code_cell("1")
    code.outputs = [
        new_output("display_data", data),
        new_output("display_data", picture, metadata=evil),
        new_output("stream", text=ACTIVE),
        new_output("error", ename=ACTIVE, evalue=ACTIVE, traceback=[ACTIVE]),
    ]
    page = page_of(new_markdown_cell(ACTIVE), code)
    tags = re.findall(r"<[a-zA-Z][^>]*>", page)
    bad = [x for x in tags if re.search(r"<script|<svg|<iframe|javascript:", x)]
    bad += [x for x in tags if re.search(r"\son\w+=", re.sub(r'"[^"]*"', "", x))]
    assert bad == []
    assert "iVBORw0KGgo=" in page
    assert "mathjax_ignore" in page


ENCODED = {
    "plain": lambda text: text,
    "repr": repr,
    "reversed": lambda text: text[::-1],
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "quoted": urllib.parse.quote_plus,
    "base64": lambda text: base64.encodebytes(text.encode()).decode(),
    "base64 as bytes": lambda text: repr(base64.b64encode(text.encode())),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "base85": lambda text: base64.b85encode(text.encode()).decode(),
    "ascii85": lambda text: base64.a85encode(text.encode()).decode(),
    "zipped": lambda text: base64.b64encode(zlib.compress(text.encode())).decode(),
    "gzip": lambda text: base64.b64encode(gzip.compress(text.encode())).decode(),
}


@pytest.mark.parametrize("way", ENCODED)
def test_feedback_cuts_hidden_tests_in_the_encodings_that_it_names(way):
    """As a stream and as a text; what says nothing of them stays."""
    code = new_code_cell("1")
    shown = ENCODED[way](CHECKS["ex1_check"])
    harmless = ENCODED[way]("The mean of my table is 0.93, and that of the baseline 0.81.")
    code.outputs = [new_output("stream", text=shown), new_output("stream", text=harmless)]
    code.outputs.append(new_output("display_data", {"text/plain": shown}))
    page = html.unescape(re.sub(r"<[^>]+>", "", page_of(code)))
    assert page.count("(left out: hidden tests)") == 2
    assert harmless.split("\n")[0] in page


@pytest.mark.parametrize("squeeze", [zlib.compress, gzip.compress, bz2.compress, lzma.compress])
def test_feedback_unpacks_no_bomb(squeeze):
    """A small text that unfolds to 100 MB takes no such memory of the grader's."""
    bomb = base64.b64encode(squeeze(bytes(100_000_000))).decode()
    code = new_code_cell("1", outputs=[new_output("stream", text=bomb)])
    tracemalloc.start()
    page_of(code)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60_000_000


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        chosen = {name: ATTACKS[name] for name in sys.argv[2:]} or ATTACKS
        course, points, log = grade(Path(temporary), sys.argv[1], chosen)
        for name, found in points.items():
            print(name, found, sum(found))
            path = course / "autograded" / name / "hw" / "small.ipynb"
            for cell in nbformat.read(path, as_version=4).cells:
                for output in cell.get("outputs", ()):
                    print("   ", cell.id, str(output)[:250])
