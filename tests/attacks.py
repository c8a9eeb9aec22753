"""Attacks on the grading, and the homework of three small exercises that they attack.

Each is a submission with wrong answers to the first two exercises, and the right one to the third.
"""

from homework_submissions import LEAVES_SPOILER

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

try:
    statistics.median.__code__ = (lambda data: 0).__code__
finally:
    np.unique._implementation.__code__ = (lambda *_, **__: [0] * 3).__code__
""",
    "given_code": {
        "ex1": "farthest.__code__ = (lambda numbers: 0).__code__\n\ndef spread(numbers):\n"
        "    return len(set(numbers.tolist())), 0, float(np.median(numbers))"
    },
    "hidden_code": {
        "ex1": "np.unique._implementation.__code__ = (lambda *_, **__: [0] * 3).__code__\n\n"
        "def spread(numbers):\n"
        "    return 3, numbers.max() - numbers.min(), float(np.median(numbers))"
    },
    "closures": """
for name in ("all", "mean"):
    for cell in getattr(pd.Series, name).__closure__:
        cell.cell_contents = lambda *_, **__: True
""",
    "bases": {
        "ex2": "class Mine:\n    eq = lambda *_: pd.Series([True])\n\ncolour = 'red'\n"
        "del pd.Series.eq\npd.Series.__bases__ = (Mine, *pd.Series.__bases__)"
    },
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
        ident=kernel._parent_ident["shell"],
    )
    import time
    time.sleep(1)
    return 3, 0, 0
""",
    },
    "malformed_reply": {
        "ex1": FORGE
        + """
def spread(_):
    parent = kernel.get_parent()
    for content in ({}, {"payload": 5}, {"status": "ok", "payload": [1], "token": "ø"}):
        kernel.session.send(
            kernel.shell_stream, "execute_reply", content, parent=parent,
            ident=kernel._parent_ident["shell"],
        )
        send("stream", content)
        send("display_data", {"data": 3})
    return 3, 0, 0
""",
    },
    # what is within other values
    "in_fraction": {
        "ex1": f"{LIARS}\nNumber.__mul__ = Number.__rmul__ = lambda *_: Number()\n"
        "from fractions import Fraction\nvalue = Fraction(3)\nvalue._numerator = Number(3)\n\n"
        "def spread(_):\n    return [value] * 3"
    },
    "in_deque": {
        "ex1": f"{LIARS}\nfrom collections import deque\n\ndef spread(_):\n"
        "    return deque([Number(3)] * 3)"
    },
    "in_masked_array": {
        "ex1": f"{LIARS}\ndef spread(_):\n    return np.ma.array([Number(3)] * 3, dtype=object)"
    },
    # classes that say of themselves what is not true
    "class_like_text": {
        "ex2": "class Kind(type):\n    __hash__ = lambda cls: hash(str)\n"
        "    __eq__ = lambda *_: True\n\nclass Text(str, metaclass=Kind):\n"
        "    __eq__ = lambda *_: True\n    __hash__ = str.__hash__\n\ncolour = Text()"
    },
    "class_hides_names": {
        "ex2": "class Kind(type):\n    __dict__ = {}\n    __module__ = 'numpy'\n"
        "    __mro__ = (str, object)\n\nclass Text(str, metaclass=Kind):\n"
        "    __eq__ = lambda *_: True\n    __hash__ = str.__hash__\n\ncolour = Text()"
    },
    "class_of_numpy": {
        "ex2": "from unittest.mock import ANY\n\nclass Text(str):\n    __module__ = 'numpy'\n"
        "    __eq__ = ANY.__eq__\n    __hash__ = str.__hash__\n\ncolour = Text()"
    },
    # what judges
    "graders_data": {
        "ex2": f"{LIARS}\nfor cls in object.__subclasses__():\n    if cls.__name__ == 'Plain':\n"
        "        names = cls.__call__.__globals__\n        names['FINE'] = (*names['FINE'], Text)\n"
        "colour = Text()"
    },
    "graders_functions": {
        "ex1": """
def spread(_):
    for cls in object.__subclasses__():
        names = getattr(cls.__init__, "__globals__", {})
        if cls.__name__ in ("Plain", "Untouched", "Proctor", "Watch", "Silent"):
            for name, value in [*names.items()]:
                if callable(value) and not isinstance(value, type):
                    names[name] = lambda *_, **__: False
            names["DENIED"] = names["FINE"] = names["CLOSE"] = ()
    np.unique = lambda *_: [0] * 3
    return 3, 0, 0
"""
    },
    "graders_classes": {
        "ex1": """
def spread(_):
    for cls in object.__subclasses__():
        if cls.__name__ == "Plain":
            cls.__call__ = lambda self, value, depth=0: value
        if cls.__name__ in ("Untouched", "Place"):
            cls.restore = lambda *_, **__: []
        if cls.__name__ == "Proctor":
            cls.check = cls.answer = lambda *_: 1.0
            cls.compared = lambda self, value: value
            cls.called = lambda self, function, values, options: function(*values, **options)
    np.unique = lambda *_: [0] * 3
    return 3, 0, 0
"""
    },
    "proctor_of_names": """
for name in ("_called", "_plain"):
    if name in globals():
        globals()[name].__self__.check = lambda *_: 1.0
""",
    "proctor_of_closures": """
for cell in type(get_ipython().kernel).do_execute.__closure__ or ():
    if type(cell.cell_contents).__name__ == "Proctor":
        cell.cell_contents.check = lambda *_: 1.0
""",
    # what runs while nobody calls it
    "garbage": {
        "ex1": "import builtins, gc, statistics\n\nclass Late:\n    def __init__(self):\n"
        "        self.own = self\n\n    def __del__(self):\n"
        "        np.unique = lambda *_: [0] * 3\n        builtins.abs = lambda *_: 0\n"
        "        statistics.median = lambda _: 0\n        Late()\n\nLate()\n"
        "gc.set_threshold(1)\n\ndef spread(_):\n    Late()\n    gc.enable()\n    return 3, 0, 0"
    },
    "weak_references": {
        "ex1": "import builtins, statistics, weakref\n\ndef patch(_=0):\n"
        "    np.unique = lambda *_: [0] * 3\n    builtins.abs = lambda *_: 0\n"
        "    statistics.median = lambda _: 0\n\nheld = []\n\ndef spread(_):\n"
        "    given = np.array([3, 0, 0])\n    weakref.finalize(given, patch)\n"
        "    held.append(weakref.ref(given, patch))\n    return given"
    },
    "library_thread": """
import builtins, collections, itertools, statistics, threading, time

again = itertools.repeat
for place, name, value in (
    (np, "unique", lambda *_: [0] * 3), (builtins, "abs", lambda *_: 0),
    (statistics, "median", lambda _: 0),
):
    patches = map(setattr, again(place), again(name), again(value))
    each = zip(patches, map(time.sleep, again(0.0005)))
    threading.Thread(target=collections.deque, args=(each, 0), daemon=True).start()
""",
    # what reaches the grader's side
    "prints": {
        "ex1": "def spread(_):\n    for _ in range(300):\n        print('x' * 10**6)\n"
        "    return 3, 0, 0"
    },
    "links": """
import pathlib

for path in pathlib.Path("linked").rglob("*"):
    if path.is_file():
        print(path.read_bytes())
""",
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

# Metadata of the first cells, as they could have been changed
MARKS = (
    "text",
    {"grade_id": ["setup"], "schema_version": 99},
    {"grade_id": "ex1_check", "points": 100, "schema_version": "x"},
    {"schema_version": 99, "grade": True, "grade_id": "own", "points": 50, "solution": False},
)
ATTACKS["metadata"] = {}
