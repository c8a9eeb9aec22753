"""Odd submissions of the first homework, and the points that they must get.

Each function turns a solved notebook into what a student hands in. EXPECTED holds the points of
the exercises, NAMES the file that is handed in. AS_IT_IS names those of the homework as students
get it. The others hand in the same cells, with the code of PLAIN in those that need TensorFlow: it
takes most of the time of grading, and has no part in how a submission is treated.
"""

import copy
import random

from nbformat.v4 import new_code_cell

ROWS_DRAWN = """\
def split(originals, share, seed):
    rows = np.random.default_rng(seed).permutation(len(originals))
    return rows[round(share * len(rows)) :], rows[: round(share * len(rows))]
"""
# Waits for kernels, and takes an answer away before each of their cells. It looks only where the
# test lets it, lest it find those of others if it got out.
SPOILER = """
import glob, tempfile, time
from jupyter_client import BlockingKernelClient
from jupyter_core.paths import jupyter_runtime_dir

places = [jupyter_runtime_dir(), tempfile.gettempdir(), tempfile.gettempdir() + "/*"]
find = lambda: {path for place in places for path in glob.glob(f"{place}/*.json")}
known = find()
end = time.time() + 300
while time.time() < end:
    time.sleep(0.1)
    for path in find() - known:
        try:
            client = BlockingKernelClient(connection_file=path)
            client.load_connection_file()
        except (OSError, ValueError):
            continue  # it is being written
        known.add(path)
        client.start_channels()
        client.execute('''
shell = get_ipython()
shell.events.register("pre_run_cell", lambda *_: shell.user_ns.update(split=None))
''')
"""
LEAVES_SPOILER = f"""
import os, sys

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        os.dup2(1, 2)
        os.execv(sys.executable, [sys.executable, "-c", {SPOILER!r}])
    os._exit(0)
"""
PLAIN = {
    "setup": "import numpy as np",
    "data": "values = np.arange(1.0, 7)",
    "given": "def width(values):\n    return values.max() - values.min()",
    "ex1": """\
model = None
### BEGIN SOLUTION
model = lambda values: 2 * values + 1
### END SOLUTION""",
    "ex1_check": """\
assert model is not None, "Exercise 1: `model` is nothing yet."
assert width(model(values)) == 10, f"Exercise 1: the width is {width(model(values))}."
print("Exercise 1: visible checks passed")
### BEGIN HIDDEN TESTS
for each_value in range(20):
    assert model(each_value) == 2 * each_value + 1, "Exercise 1: twice and one more."
float(2)
### END HIDDEN TESTS""",
    "photos": "print(values)",
    "ex3": """\
def prepare(picture):
    ### BEGIN SOLUTION
    return np.asarray(picture, "float32")[None] / 255
    ### END SOLUTION""",
    "ex3_check": """\
assert prepare(np.zeros((2, 3))).shape == (1, 2, 3), "Exercise 3: a batch is expected."
print("Exercise 3: visible checks passed")
### BEGIN HIDDEN TESTS
for shade in (0, 51, 255):
    got = prepare(np.full((2, 3), shade))
    assert abs(got - shade / 255).max() < 1e-6, "Exercise 3: from 0 to 1 is expected."
float(2)
### END HIDDEN TESTS""",
    "ex3_names_check": """\
assert prepare(np.zeros((4, 5))).dtype == "float32", "Exercise 3: float32 is expected."
print("Exercise 3: visible checks passed")
### BEGIN HIDDEN TESTS
assert prepare(np.ones((2, 2), "uint8")).dtype == "float32", "Exercise 3: bytes as well"
float(1)
### END HIDDEN TESTS""",
    "ex3_own": """\
prepare(np.zeros((4, 5)))
verdict = ""
### BEGIN SOLUTION
verdict = "near"
### END SOLUTION""",
    "ex3_own_check": """\
assert verdict in ("right", "near"), f"Exercise 3: your verdict is {verdict!r}."
print("Exercise 3: visible checks passed")
### BEGIN HIDDEN TESTS
assert verdict == "near", "Exercise 3: does the name say what is there, or something in it?"
float(1)
### END HIDDEN TESTS""",
}
# An answer that does not come back in the first check of exercise 2; its seed is right
LOOPS = """

honest = split

def split(originals, share, seed):
    if seed in (0, 3):
        while True:
{}
    return honest(originals, share, seed)
"""
DEAF = """\
            try:
                time.sleep(1)
            except BaseException:
                pass
"""
EXPECTED, NAMES, CHANGES, AS_IT_IS = {}, {}, {}, set()


def submission(*points, name="{student}_{notebook}.ipynb", as_it_is=False):
    def keep(change):
        student = change.__name__
        EXPECTED[student], NAMES[student], CHANGES[student] = points, name, change
        AS_IT_IS.update({student} if as_it_is else ())
        return change

    return keep


def cell(notebook, name):
    return next(cell for cell in notebook.cells if cell.id == name)


def place(notebook, name):
    return notebook.cells.index(cell(notebook, name))


def copied(notebook, name):
    twin = copy.deepcopy(cell(notebook, name))
    twin.id = f"{name}-copy"  # as JupyterLab does it: another id, the same metadata
    return twin


@submission(2, 4, 4)
def abides(notebook, _):
    """Leaves a process behind, to spoil exercise 2 of those who are graded after it."""
    notebook.cells.insert(0, new_code_cell(LEAVES_SPOILER))


@submission(2, 4, 4)
def moved(notebook, release):
    """Checks above their answers and an answer at the end; copies: a stub, and a check.

    The check of exercise 2 stands before its answer, exercise 1 at the end, all run in any order.
    The stub of exercise 2 is kept above a solved copy; the check of exercise 1 comes twice.
    """
    notebook.cells.insert(place(notebook, "ex2") + 1, copied(notebook, "ex2"))
    cell(notebook, "ex2").source = cell(release, "ex2").source
    notebook.cells.insert(
        place(notebook, "given"), notebook.cells.pop(place(notebook, "ex2_check"))
    )
    notebook.cells.append(notebook.cells.pop(place(notebook, "ex1")))
    notebook.cells.insert(2, copied(notebook, "ex1_check"))
    for count, each in enumerate(notebook.cells):
        if each.cell_type == "code":
            each.execution_count = 90 - count


@submission(2, 4, 0)
def added(notebook, release):
    """Cells of one's own, one of which fails; a warning; exercise 3 is as it came."""
    at = place(notebook, "ex2")
    notebook.cells[at:at] = [new_code_cell("mine = 1\nmine"), new_code_cell("mine / 0")]
    warn = "    import warnings\n\n    warnings.warn('slow', stacklevel=1)\n"
    cell(notebook, "ex2").source = cell(notebook, "ex2").source.replace(
        "    orig", f"{warn}    orig", 1
    )
    cell(notebook, "ex3").source = cell(release, "ex3").source


@submission(2, 1, 4)
def deleted(notebook, _):
    """A check and the set-up are gone, the other check says `pass`; exercise 2 leaks.

    Its seed is right, which is one point of four.
    """
    for name in ("setup", "ex1_check", "ex3_text"):
        notebook.cells.remove(cell(notebook, name))
    cell(notebook, "ex2").source = ROWS_DRAWN
    cell(notebook, "ex2_check").source = "pass"
    cell(notebook, "ex2_check").metadata.tags = ["skip-execution"]


@submission(2, 4, 4, name="{student}/{notebook} (1).ipynb")
def cleared(notebook, _):
    """No outputs, no metadata, no names: a converter left the text alone."""
    for each in notebook.cells:
        each.id, each.metadata = f"{random.Random(each.id).random()}"[2:], {}
    notebook.metadata = {}


@submission(2, 4, 4, name="{student}_Copy_of_{notebook}.ipynb", as_it_is=True)
def colab(notebook, _):
    """Saved by Colab: an older format, ids in the metadata, its own entries, outputs."""
    notebook.nbformat_minor = 0
    notebook.metadata = {
        "accelerator": "GPU",
        "colab": {"provenance": [], "toc_visible": True},
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
        "language_info": {"name": "python"},
    }
    for each in notebook.cells:
        each.metadata.id = each.pop("id")
        if each.cell_type == "code":
            user = {"displayName": "A Student", "userId": "01"}
            each.metadata.outputId = "0a1b2c3d"
            each.metadata.colab = {"base_uri": "https://localhost:8080/", "height": 35}
            each.metadata.executionInfo = {"status": "ok", "elapsed": 3, "user": user}
            each.outputs = [{"output_type": "stream", "name": "stdout", "text": "from Colab\n"}]
            each.execution_count = 3


@submission(0, 1, 4)
def dies(notebook, _):
    """Python ends in a cell and in what a check calls, and a loop has no end for some seeds."""
    cell(notebook, "ex1").source = """\
import os

def model(_):
    os._exit(1)
"""
    cell(notebook, "ex2").source += LOOPS.format("            pass")
    notebook.cells.insert(place(notebook, "ex3"), new_code_cell("quit()"))


@submission(2, 1, 4)
def deaf(notebook, _):
    """A loop that swallows the interrupt as well; it costs one check."""
    cell(notebook, "ex2").source += f"\n\nimport time{LOOPS.format(DEAF)}"


@submission(0, 0, 4)
def curious(notebook, _):
    """Writes everywhere, looks for hidden tests and at who calls; COURSE is filled in."""
    cell(notebook, "ex1").source = """\
import os, pathlib

course, spoiled = pathlib.Path("COURSE"), []
here = [pathlib.Path(), course, *course.glob("*/*"), *course.glob("*/*/*")]
for folder in here:
    try:
        (folder / "spoiled.txt").write_text("spoiled")
        spoiled.append(str(folder))
    except OSError:
        pass
for path in [*course.rglob("*.ipynb"), *pathlib.Path().rglob("*.ipynb"), course / "gradebook.db"]:
    print(path, path.read_bytes())
path = course / "source" / "hw1" / "NOTEBOOK"
path.write_text(path.read_text().replace("Exercise", "spoiled"))
"""
    cell(notebook, "ex2").source += """

import inspect, linecache

honest = split

def split(*values):
    print(linecache.getlines(inspect.stack()[1].filename))
    return honest(*values)
"""
    notebook.cells.append(new_code_cell("print(In)\nprint(In[-2])\nraise ValueError(In[-2])"))
