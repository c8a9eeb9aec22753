"""Homework: the release, every answer and its message, and grading by nbgrader's own commands."""

import copy
import csv
import html
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
import warnings

import nbformat
import pytest
import sealing
from homework_submissions import AS_IT_IS, CHANGES, EXPECTED, NAMES, PLAIN
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.api import Gradebook
from test_package import ROOT

from tools import build_notebooks as build

HOMEWORK = ROOT / "notebooks" / "homework"
SOURCES = {path.parent.name: path for path in sorted(HOMEWORK.glob("source/*/*.ipynb"))}
HIDDEN = re.compile(r"^### BEGIN HIDDEN TESTS\n(.*?)^### END HIDDEN TESTS$", re.M | re.S)
SOLUTION = re.compile(r"^ *### BEGIN SOLUTION\n(.*?)^ *### END SOLUTION$", re.M | re.S)

pytestmark = pytest.mark.skipif(not SOURCES, reason="a copy of the course without solutions")
every_assignment = pytest.mark.parametrize("assignment", SOURCES)


def cells(path):
    """The cells of a notebook by their names."""
    return {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}


def source_of(assignment):
    return cells(SOURCES[assignment])


def release_of(assignment):
    return cells(HOMEWORK / "release" / assignment / SOURCES[assignment].name)


def own_lines(pattern, path):
    """Lines that a notebook has nowhere but in its regions of this pattern."""
    text = "\n".join(cell.source for cell in cells(path).values())
    lines = {line.strip() for part in pattern.findall(text) for line in part.split("\n")}
    rest = pattern.sub("", text)
    return {line for line in lines if len(line) > 15 and line not in rest}


def python(course, *arguments):
    """Run Python in the folder of a course; returns what it says of errors."""
    command = [sys.executable, *arguments]
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PYTHONPATH": paths}
    done = subprocess.run(
        command, cwd=course, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return done.stderr


def nbgrader(course, *arguments):
    """Run a command of nbgrader in the folder of a course."""
    return python(course, "-m", "nbgrader", *arguments)


def authored(folder):
    """Make the folder of a course, with nothing in it but what is authored."""
    folder.mkdir()
    shutil.copy(HOMEWORK / "nbgrader_config.py", folder)
    for name in ("grader", "source"):
        shutil.copytree(HOMEWORK / name, folder / name)
    return folder


@pytest.fixture
def course(tmp_path):
    return authored(tmp_path / "course")


# `nbgrader generate_assignment`, for several in one Python
GENERATE = """
import sys
from nbgrader.apps import GenerateAssignmentApp

for name in sys.argv[1:]:
    GenerateAssignmentApp.clear_instance()
    GenerateAssignmentApp.launch_instance([name, "--no-db"])
"""


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A course in which all homeworks have been released anew."""
    course = authored(tmp_path_factory.mktemp("released") / "course")
    python(course, "-c", GENERATE, *SOURCES)
    return course


@every_assignment
def test_release_is_that_of_the_source(assignment, released):
    """`make homework` would change nothing."""
    made = {p.name: p.read_bytes() for p in (released / "release" / assignment).iterdir()}
    kept = {p.name: p.read_bytes() for p in (HOMEWORK / "release" / assignment).iterdir()}
    assert made == kept, "run: make homework"


@every_assignment
def test_release_holds_no_solution_and_no_hidden_test(assignment):
    """What students get has neither, nor a mark of where they stood."""
    release = HOMEWORK / "release" / assignment / SOURCES[assignment].name
    text = "\n".join(cell.source for cell in cells(release).values())
    assert not re.search("(BEGIN|END) (SOLUTION|HIDDEN)", text)
    for pattern in (SOLUTION, HIDDEN):
        lines = own_lines(pattern, SOURCES[assignment])
        assert len(lines) > 20
        assert [line for line in lines if line in text] == []


@every_assignment
def test_cells_are_marked_as_nbgrader_needs_it(assignment):
    """Names, locks and points; hidden tests stand last, so what passes them passes the visible."""
    points, last = {}, None
    for name, cell in source_of(assignment).items():
        marks = cell.metadata.nbgrader
        assert marks.grade_id == name
        assert marks.solution != marks.locked
        assert marks.grade == name.endswith("_check")
        assert marks.solution == bool(SOLUTION.search(cell.source))
        assert not cell.get("outputs")
        if marks.solution:
            assert re.fullmatch(r"ex\d(_[a-z]+)?", name)
            last = name
        elif marks.grade:
            assert name.startswith(last)  # checks stand below their answer
            points.setdefault(name[2], []).append(marks.points)
            passed = f'print("Exercise {name[2]}: visible checks passed")'
            assert f"{passed}\n### BEGIN HIDDEN TESTS\n" in cell.source
            assert cell.source.endswith(f"\nfloat({marks.points})\n### END HIDDEN TESTS")
            assert len(HIDDEN.findall(cell.source)) == 1
        else:
            assert "HIDDEN TESTS" not in cell.source
    assert list(points) == list("123456" if assignment == "hw5" else "12345")
    assert sum(sum(each) for each in points.values()) == (24 if assignment == "hw5" else 20)
    assert all(len(each) > 1 for each in points.values() if sum(each) > 2)  # part marks


@every_assignment
def test_students_never_see_points(assignment):
    """What a check shows in a student's run is a sentence."""
    for name, cell in release_of(assignment).items():
        if name.endswith("_check"):
            assert cell.source.endswith(f'print("Exercise {name[2]}: visible checks passed")')


@every_assignment
def test_badge_and_set_up_cell_are_those_of_the_course(assignment):
    """They follow pyproject.toml, as in the notebooks."""
    badge = build.badge(f"homework/release/{assignment}/{SOURCES[assignment].name}")
    assert badge in (HOMEWORK / "README.md").read_text(encoding="utf-8")
    common, _, _ = build.setup_cell(SOURCES[assignment].name).partition("import keras")
    assert source_of(assignment)["setup"].source.startswith(common)


class Kernel:
    """Runs code as a student's notebook does."""

    def __init__(self, folder, manager=None, **options):
        options |= {"timeout": 300, "allow_errors": True}
        where = {"metadata": {"path": str(folder)}}
        self.client = NotebookClient(new_notebook(), manager, resources=where, **options)

    def __call__(self, code):
        """What a cell shows in the end, and its errors as pairs of name and message."""
        notebook = self.client.nb
        notebook.cells.append(new_code_cell(code))
        outputs = self.client.execute_cell(notebook.cells[-1], len(notebook.cells) - 1).outputs
        shown = [o.data["text/plain"] for o in outputs if o.output_type == "execute_result"]
        errors = [(o.ename, o.evalue) for o in outputs if o.output_type == "error"]
        return shown, errors


def answer(reference, wrong):
    """The code of a wrong answer: a text, or the reference with texts replaced by others."""
    if isinstance(wrong, str):
        return wrong
    for old, new in zip(wrong[::2], wrong[1::2], strict=True):
        assert old in reference, old
        reference = reference.replace(old, new)
    return reference


def graded(kernel, checks):
    """Points of each check, 0 where it fails, and all errors; `kernel` has run what is above."""
    points, errors = [], []
    for check in checks:
        shown, failed = kernel(check.source)
        points.append(float(*shown) if not failed else 0)
        errors += failed
    return points, errors


def faults_of(kernel, name, stub, reference, checks, wrong):
    """What an exercise does other than it should; `kernel` has run all cells above its checks.

    A wrong answer is (what, code, pattern of a message), and gets no points; or it says as a
    fourth what its checks give, which may be all.
    """
    exercise, full = f"Exercise {name[2]}: ", [float(c.metadata.nbgrader.points) for c in checks]
    none = [0] * len(checks)
    kernel(stub.source)
    points, errors = graded(kernel, checks)
    kinds = {"AssertionError", "NotImplementedError"}
    told = all(kind in kinds and message.startswith(exercise) for kind, message in errors)
    if points != none or not told:
        yield "stub", points, errors
    got = kernel(reference.source)[1], *graded(kernel, checks)
    if got != ([], full, []):
        yield "reference", *got
    kernel("_kept = {name: value for name, value in globals().items() if name != '_kept'}")
    for what, code, pattern, *expected in wrong:
        before = kernel(answer(reference.source, code))[1]
        points, errors = graded(kernel, checks)
        fair = all(
            kind == "AssertionError" and message.startswith((exercise, "These are the test data"))
            for kind, message in errors
        )
        texts = [text for _, text in before + errors]
        helps = points == full or any(re.search(pattern, text, re.S) for text in texts)
        if points != [*map(float, *(expected or [none]))] or not (fair and helps):
            yield what, points, before, errors
        kernel("globals().update(_kept)")


def is_answer_or_check(cell):
    return cell.metadata.nbgrader.solution or cell.metadata.nbgrader.grade


def exercises(source):
    """Names of the cells for answers, each with those of its checks."""
    found = {}
    for name, cell in source.items():
        if cell.metadata.nbgrader.solution:
            found[name] = []
        elif cell.metadata.nbgrader.grade:
            found[list(found)[-1]].append(name)
    return found


@pytest.mark.slow
@every_assignment
def test_every_answer_gets_its_points_and_its_message(assignment, tmp_path, monkeypatch):
    """Reference: all. Stub: none. Wrong answers: what they earn, and a sentence that helps."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    wrong_answers = runpy.run_path(HOMEWORK / "source" / "wrong_answers.py")["WRONG"]
    source, release, faults = source_of(assignment), release_of(assignment), []
    checks_of = exercises(source)
    assert checks_of.keys() == wrong_answers[assignment].keys()
    kernel = Kernel(tmp_path)
    with kernel.client.setup_kernel():
        for name, cell in source.items():
            below = next((answer for answer, each in checks_of.items() if each[0] == name), None)
            if below:
                wrong = wrong_answers[assignment][below]
                assert len(wrong) >= 2
                checks = [source[check] for check in checks_of[below]]
                found = faults_of(kernel, below, release[below], source[below], checks, wrong)
                faults += [f"{below}, {fault}" for fault in found]
            elif cell.cell_type == "code" and not is_answer_or_check(cell):
                assert kernel(cell.source)[1] == [], name
    assert not faults, "\n".join(faults)


# Checks of the first exercises, by exercise
SHORT = (
    ("ex1_check",),
    ("ex2_check", "ex2_seed_check"),
    ("ex3_check", "ex3_names_check", "ex3_own_check"),
)


def judged(*, plain):
    """Points by student; some submissions do harm where they are not sealed off."""
    harmful = {"abides", "curious"} if not sealing.can_seal() else set()
    students = (EXPECTED.keys() - AS_IT_IS if plain else AS_IT_IS) - harmful
    return {name: points for name, points in EXPECTED.items() if name in students}


@pytest.fixture(params=[False, True], ids=["as it is", "plain"])
def submitted(request, course, monkeypatch):
    """A course whose first homework ends after three exercises, and its odd submissions.

    How submissions are treated does not depend on the number of exercises, nor on what is computed.
    """
    with tempfile.TemporaryDirectory() as temporary:
        monkeypatch.setenv("TMPDIR", temporary)
        monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(course.parent / "runtime"))
        expected = judged(plain=request.param)
        submit(course, expected, PLAIN if request.param else {})
        yield course, expected


def submit(course, students, code):
    """Release with this code in cells, and hand the submissions in."""
    for assignment in SOURCES.keys() - {"hw1"}:
        shutil.rmtree(course / "source" / assignment)
    path = course / "source" / "hw1" / SOURCES["hw1"].name
    source = nbformat.read(path, as_version=4)
    source.cells = source.cells[: [cell.id for cell in source.cells].index(SHORT[-1][-1]) + 1]
    for cell in source.cells:
        cell.source = code.get(cell.id, cell.source)
    nbformat.write(source, path)
    with open(course / "nbgrader_config.py", "a", encoding="utf-8") as config:
        config.write(
            "c.Execute.timeout_func = lambda cell: 10 if 'split(' in cell.source else 90\n"
        )
    nbgrader(course, "generate_assignment", "hw1")

    release = nbformat.read(course / "release" / "hw1" / path.name, as_version=4)
    archive = course / "downloaded" / "hw1" / "archive"
    for student in students:
        notebook = copy.deepcopy(release)
        for cell in notebook.cells:
            if cell.metadata.nbgrader.solution:
                cell.source = cells(path)[cell.id].source
        CHANGES[student](notebook, release)
        text = json.dumps(notebook).replace("COURSE", str(course)).replace("NOTEBOOK", path.name)
        file = archive / NAMES[student].format(student=student, notebook=path.stem)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_odd_submissions_are_graded_by_nbgraders_commands(submitted):
    """Collected, graded, explained and exported, with the points that are written beside them."""
    (course, expected), sealed = submitted, sealing.can_seal()
    nbgrader(course, "zip_collect", "hw1")
    before = contents(course)
    log = nbgrader(course, "autograde", "hw1")
    after = contents(course)
    assert sealed == ("cannot seal" not in log)
    if not sealed:
        warnings.warn("this machine cannot seal: two submissions are left out", stacklevel=1)
    nbgrader(course, "generate_feedback", "hw1")
    nbgrader(course, "export")

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        grades = {
            student: tuple(
                sum(
                    gradebook.find_grade(name, SOURCES["hw1"].stem, "hw1", student).score
                    for name in names
                )
                for names in SHORT
            )
            for student in expected
        }
    assert grades == expected
    with open(course / "grades.csv", encoding="utf-8") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert {name: float(row["score"]) for name, row in rows.items()} == {
        name: sum(points) for name, points in expected.items()
    }
    assert {float(row["max_score"]) for row in rows.values()} == {10.0}

    if sealed:
        new = {path for path in after if before.get(path) != after[path]}
        new = {path.relative_to(course).parts[0] for path in new}
        assert new == {"autograded", "gradebook.db"}
        assert before.keys() <= after.keys()
        assert not list(course.parent.rglob("spoiled.txt"))
    source = course / "source" / "hw1" / SOURCES["hw1"].name
    hidden = own_lines(HIDDEN, source)
    for student in expected:
        page = (course / "feedback" / student / "hw1" / f"{source.stem}.html").read_text("utf-8")
        page = re.sub(r"<(style|script).*?</\1>|<[^>]+>", "", page, flags=re.S)
        text = html.unescape(page)
        assert [line for line in hidden if line in text] == [], student
        assert "site-packages" not in text
        assert f"{source.stem}: {sum(EXPECTED[student])}.0 of 10.0 points" in text
    if not sealed or "curious" not in expected:
        return
    solution = "2 * values + 1"
    assert solution in cells(source)["ex1"].source
    graded = course / "autograded" / "curious" / "hw1" / source.name
    outputs = [cell.get("outputs") for cell in nbformat.read(graded, as_version=4).cells]
    assert solution not in str(outputs)
