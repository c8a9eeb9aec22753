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
import logging
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

import collecting
import feedback
import nbformat
import pytest
import sealing
from homework_submissions import LEAVES_SPOILER
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.api import Gradebook
from test_homework import HOMEWORK
from traitlets.config import Config

SETUP = """\
import numpy as np
import pandas as pd

values = np.array([4, 4, 1, 9])


def farthest(numbers):
    return abs(numbers.max() - numbers.min())
"""
CHECKS = {
    "ex1_check": """\
import statistics

assert spread(values)[0] == 3, "Exercise 1: how many different values?"
print("Exercise 1: visible checks passed")
### BEGIN HIDDEN TESTS
for seed in range(3):
    numbers = np.random.default_rng(seed).integers(0, 50, 20)
    count, width, middle = spread(numbers)
    assert count == len(np.unique(numbers)), f"Exercise 1: {count} is the wrong count."
    assert abs(width - farthest(numbers)) < 0.5, f"Exercise 1: {width} is the wrong width."
    assert abs(middle - statistics.median(numbers.tolist())) < 0.5, "Exercise 1: the middle"
float(3)
### END HIDDEN TESTS""",
    "ex2_check": """\
assert isinstance(colour, str), "Exercise 2: a text is expected."
print("Exercise 2: visible checks passed")
### BEGIN HIDDEN TESTS
assert colour == "ultramarine", "Exercise 2: another colour is expected."
assert pd.Series([colour]).eq("ultramarine").all(), "Exercise 2: another colour is expected."
float(2)
### END HIDDEN TESTS""",
    "ex3_check": """\
assert double(2) == 4, "Exercise 3: twice is expected."
print("Exercise 3: visible checks passed")
### BEGIN HIDDEN TESTS
assert double(7) == 14, "Exercise 3: twice is expected."
float(1)
### END HIDDEN TESTS""",
}
ANSWERS = {
    "ex1": "def spread(numbers):\n    ### BEGIN SOLUTION\n"
    "    return len(set(numbers)), max(numbers) - min(numbers), float(np.median(numbers))\n"
    "    ### END SOLUTION",
    "ex2": '### BEGIN SOLUTION\ncolour = "ultramarine"\n### END SOLUTION',
    "ex3": "def double(number):\n    ### BEGIN SOLUTION\n    return 2 * number\n"
    "    ### END SOLUTION",
}
WRONG = {
    "ex1": "def spread(numbers):\n    return 3, 0, 0",
    "ex2": 'colour = ""',
    "ex3": "def double(number):\n    return 2 * number",
}
# A number and a text that are equal to everything
LIARS = """
class Number(int):
    __eq__ = lambda *_: True
    __lt__ = __gt__ = __le__ = __ge__ = __eq__
    __hash__ = int.__hash__
    __sub__ = __rsub__ = __abs__ = lambda *_: Number()


class Text(str):
    __eq__ = lambda *_: True
    __hash__ = str.__hash__
"""
PATCH = "np.unique = lambda *_: [0] * 3\nbuiltins.abs = lambda *_: 0\n"
FORGE = """
kernel = get_ipython().kernel
send = lambda kind, content: kernel.session.send(
    kernel.iopub_socket, kind, content, parent=kernel.get_parent(), ident=kernel.topic(kind)
)
result = lambda points: {
    "execution_count": 1, "metadata": {}, "data": {"text/plain": f"{points}.0"}
}
"""
# Attacks by name: what runs above the first exercise, or cells by the exercise they replace
ATTACKS = {
    # of the findings
    "keeps_float": """
import ast

class Keep(ast.NodeTransformer):
    def visit_Module(self, node):
        node.body = [x for x in node.body if "float(" in ast.unparse(x)[:6]] or node.body
        return node

get_ipython().ast_transformers.append(Keep())
""",
    "patched_unique": f"import builtins, statistics\n{PATCH}statistics.median = lambda _: 0",
    "patched_abs": {
        "ex1": "import builtins\nbuiltins.abs = lambda *_: 0\n\n"
        "def spread(numbers):\n    return len(set(numbers.tolist())), 0, 0",
    },
    "lying_text": {"ex2": f"{LIARS}\ncolour = Text()"},
    "printed": {
        "ex1": f"{FORGE}\ndef spread(_):\n    print('3.0')\n    send('execute_result', result(3))\n"
        "    raise SystemExit",
    },
    # our own
    "lying_number": {"ex1": f"{LIARS}\n\ndef spread(_):\n    return [Number()] * 3"},
    "patched_len": "import builtins\n" + PATCH + "builtins.len = lambda _: 3\n"
    "import statistics\nstatistics.median = lambda _: 0",
    "shadowed": "len = lambda _: 3\nabs = lambda _: 0\nnp = type('np', (), "
    "{'random': np.random, 'unique': lambda *_: [0] * 3, 'array': np.array})",
    "patches_when_called": {
        "ex1": "import builtins, statistics\n\ndef spread(_):\n"
        "    np.unique = lambda *_: [0] * 3\n    builtins.abs = lambda *_: 0\n"
        "    statistics.median = lambda _: 0\n    return 3, 0, 0",
    },
    "replaces_given": "farthest = lambda _: 0\nimport builtins\n" + PATCH,
    "equal_to_all": {
        "ex2": "from unittest.mock import ANY\n\ncolour = ANY\n"
        "class Colour(str, metaclass=type('M', (type,), {})):\n    __eq__ = ANY.__eq__\n"
        "    __hash__ = str.__hash__\ncolour = Colour()"
    },
    "replaces_kernel": FORGE
    + """
async def do_execute(self, code, *_, **__):
    points = [line for line in code.splitlines() if line.startswith("float(")]
    if points:
        send("execute_result", result(points[0][6]))
    return {"status": "ok", "execution_count": 1, "payload": [], "user_expressions": {}}

type(kernel).do_execute = do_execute
kernel.do_execute = do_execute.__get__(kernel)
""",
    "replaces_shell": """
shell, run = get_ipython(), get_ipython().run_cell_async

async def run_cell_async(code, *values, **options):
    lines = [line for line in code.splitlines() if line.startswith("float(")]
    options.pop("transformed_cell", None)
    return await run("\\n".join(lines) or code, *values, **options)

shell.run_cell_async = run_cell_async
""",
    "task": FORGE
    + """
import asyncio

async def late():
    async def do_execute(code, *_, **__):
        points = [line for line in code.splitlines() if line.startswith("float(")]
        if points:
            send("execute_result", result(points[0][6]))
        return {"status": "ok", "execution_count": 1, "payload": [], "user_expressions": {}}

    kernel.do_execute = do_execute

_task = asyncio.get_event_loop().create_task(late())
""",
    "traces": """
import sys

def trace(frame, event, _):
    frame.f_globals["abs"] = lambda *_: 0
    frame.f_globals["len"] = lambda *_: 3
    frame.f_globals["colour"] = "ultramarine"
    return trace

sys.settrace(trace)
""",
    "thread": "import builtins, threading, time\n\ndef again():\n    while True:\n"
    "        np.unique = lambda *_: [0] * 3\n        builtins.abs = lambda *_: 0\n"
    "        time.sleep(0.001)\n\nthreading.Thread(target=again, daemon=True).start()",
    "finalizer": {
        "ex1": "import builtins, statistics\n\nclass Late(int):\n    def __del__(self):\n"
        "        np.unique = lambda *_: [0] * 3\n        builtins.abs = lambda *_: 0\n"
        "        statistics.median = lambda _: 0\n\ndef spread(_):\n    return Late(3), Late(0), 0",
    },
    "modules": """
import sys, types, builtins

fake = types.ModuleType("statistics")
fake.median = lambda _: 0
sys.modules["statistics"] = fake
sys.meta_path.insert(0, type("Finder", (), {"find_spec": lambda *_: None}))
"""
    + PATCH,
    "function_code": """
import statistics, builtins

statistics.median.__code__ = (lambda data: 0).__code__
farthest.__code__ = (lambda numbers: 0).__code__
""",
    "class_patched": {
        "ex2": "colour = 'red'\npd.Series.eq = lambda *_: pd.Series([True])\n"
        "pd.Series.all = lambda *_: True\nimport builtins\nbuiltins.str = type('str', (str,), {})\n"
        "colour = builtins.str('ultramarin')\n"
    },
    "timer": "import builtins, signal\n\ndef again(*_):\n    np.unique = lambda *_: [0] * 3\n"
    "    builtins.abs = lambda *_: 0\n\nsignal.signal(signal.SIGALRM, again)\n"
    "signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)",
    "audit_hook": "import sys, builtins\n\ndef hook(event, _):\n    if event == 'import':\n"
    "        np.unique = lambda *_: [0] * 3\n\nsys.addaudithook(hook)",
    "forged_reply": {
        "ex1": FORGE
        + """
def spread(_):
    parent = kernel.get_parent()
    send("execute_result", result(3))
    reply = {"status": "ok", "execution_count": 1, "payload": [], "token": "", "score": 3.0}
    kernel.session.send(
        kernel.shell_stream, "execute_reply", reply, parent=parent,
        ident=kernel._shell_parent_ident if hasattr(kernel, "_shell_parent_ident") else None,
    )
    import time
    time.sleep(1)
    return 3, 0, 0
""",
    },
    "exits": {"ex1": "import os\n\ndef spread(_):\n    os._exit(0)"},
    "generator": {
        "ex1": "import builtins\n\ndef spread(_):\n    yield 3\n"
        "    np.unique = lambda *_: [0] * 3\n    builtins.abs = lambda *_: 0\n"
        "    yield 0\n    yield 0"
    },
    "memory": {"ex1": "def spread(_):\n    return bytearray(2**44)"},
    "bomb": {
        "ex1": "import os, subprocess\n\ndef spread(_):\n    while True:\n"
        "        subprocess.Popen(['sleep', '1000'])"
    },
    "disk": {
        "ex1": "def spread(_):\n    with open('/tmp/large', 'wb') as file:\n"
        "        while True:\n            file.write(bytes(2**24))"
    },
    "leaves_settings": """
import pathlib, site

code = "import builtins, os; os.environ['SPOILED'] = 'yes'"
home = pathlib.Path.home()
for place in ("usercustomize.py", ".ipython/profile_default/startup/00_first.py", "spoiled.txt"):
    parent = pathlib.Path(site.getusersitepackages()) if place[0] == "u" else home
    for path in (parent / place, pathlib.Path("COURSE/spoiled.txt"),
                 pathlib.Path(np.__file__).parent / "spoiled.txt"):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(code)
        except OSError:
            pass
""",
    "network": """
import urllib.request

try:
    print("SEEN", urllib.request.urlopen("http://127.0.0.1:PORT/", timeout=5).status)
except OSError as error:
    print("not reached", error)
""",
    "reads_solutions": """
import pathlib

for path in [*pathlib.Path("COURSE").rglob("*"), *pathlib.Path("COURSE/../.git").rglob("*")]:
    if path.is_file():
        print(path, path.read_bytes())
""",
}

# Replaces what judges, by one of the ways to the frames that call an answer
FRAME = {
    "frames": "frame = sys._getframe()",
    "frames_of_errors": "try:\n        1 / 0\n    except ZeroDivisionError as error:\n"
    "        frame = error.__traceback__.tb_frame",
    "frames_of_inspect": "import inspect\n    frame = inspect.currentframe()",
    "frames_of_traceback": "import traceback\n    frame = [*traceback.walk_stack(None)][0][0]",
    "frames_of_library": "text = 'import sys; frame = sys._getframe()'\n"
    "    exec(compile(text, np.__file__, 'exec'), globals())\n    frame = globals()['frame']",
}
ATTACKS |= {
    name: {
        "ex1": f"import sys\n\ndef spread(_):\n    {way}\n"
        "    while frame:\n        for value in (*frame.f_locals.values(), frame.f_globals):\n"
        "            if type(value).__name__ == 'Proctor':\n"
        "                value.check = lambda *_: 1.0\n        frame = frame.f_back\n"
        "    return 0, 0, 0",
    }
    for name, way in FRAME.items()
}

# Leaves a process that waits for the next kernels, to change what they do
ATTACKS["outlives"] = LEAVES_SPOILER
HONEST = ("aa_first", "zz_last")
# The last of them uses much that looks at frames or makes code, as honest students may
HONEST_CODE = """
import collections, dataclasses, enum, inspect, logging, random, traceback, typing, warnings

def noted(value):
    Pair = collections.namedtuple("Pair", "x y")
    Row = dataclasses.make_dataclass("Row", ["x"])
    Kind = enum.Enum("Kind", "even odd")
    Typed = typing.NamedTuple("Typed", [("x", int)])
    try:
        raise KeyError(inspect.signature(noted), eval("1 + 1"), Kind.even)
    except KeyError:
        traceback.print_exc()
        logging.exception("caught")
        warnings.warn("caught", stacklevel=2)
    return Typed(Row(Pair(value, 0).x).x).x

noted(1)
"""


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
    """The third exercise is right, so one point; none where a thread of one's own goes on."""
    _, points, _, _ = graded
    found = {name: points[name] for name in ATTACKS}
    assert len(found) >= 20
    assert found == {name: [0, 0, int(name != "thread")] for name in ATTACKS}


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
    path = course / "autograded" / "reads_solutions" / "hw" / "small.ipynb"
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


@pytest.mark.parametrize("name", ["..", ".", "...", "-rf", ".hidden", "a\nb", " ", "a\\b"])
def test_names_that_are_no_folders_are_refused(name, caplog):
    """With one sentence; the others are collected."""
    names = collecting.SafeNames(log=logging.getLogger("names"))
    names.named_regexp = r".*/(?P<student_id>[^/_]+)_(?P<file_id>hw1)[^/]*\.ipynb$"
    assert names.collect(f"/x/{name}_hw1.ipynb") is None
    assert [x for x in caplog.messages if "Not collected" in x and "ann_hw1.ipynb" in x] or (
        "\n" in name
    )
    for good in ("ann", "Øystein", "ann.lee", "4711", "ann-lee"):
        assert names.collect(f"/x/{good}_hw1.ipynb")["student_id"] == good


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
