"""Steps that nbgrader lacks; nbgrader_config.py puts them among its own.

NamedStubs     release: a stub says which exercise it belongs to
NoChecksums    release: a fork may write its address into the set-up cell
RestoreCells   before grading: moved, copied and deleted cells, and lost metadata, are mended
KeepGoing      grading: sealed kernels; one that dies or loops for ever costs one cell, not all
JudgeTests     after it: a test passes if it reached its last line, whatever was printed meanwhile
PlainFeedback  feedback: errors are short, and no output repeats the hidden tests
"""

import functools
import os
import re
import shutil
import tempfile
import textwrap

import nbformat
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_code_cell, new_output
from nbgrader import utils
from nbgrader.api import Gradebook
from nbgrader.preprocessors import ClearSolutions, Execute, NbGraderPreprocessor
from sealing import SealedKernelManager, can_seal
from traitlets import Integer

HIDDEN = re.compile(r"^### BEGIN HIDDEN TESTS\n(.*?)^### END HIDDEN TESTS\n?", re.M | re.S)
COLOURS = re.compile(r"\x1b\[[\d;]*m")


def is_test(cell):
    return cell.cell_type == "code" and utils.is_grade(cell) and not utils.is_solution(cell)


def fail(cell, name, message):
    """Give a cell an error, as if its code had raised it."""
    error = new_output("error", ename=name, evalue=message, traceback=[f"{name}: {message}"])
    cell.setdefault("outputs", []).append(error)


class NamedStubs(ClearSolutions):
    """Stubs that name their exercise: EXERCISE is Exercise 2 in the cells `ex2` and `ex2_own`."""

    def preprocess_cell(self, cell, resources, index):
        cell, resources = super().preprocess_cell(cell, resources, index)
        if utils.is_solution(cell):
            number = re.match(r"ex(\d)", cell.metadata.nbgrader.grade_id).group(1)
            cell.source = cell.source.replace("EXERCISE", f"Exercise {number}")
        return cell, resources


class NoChecksums(NbGraderPreprocessor):
    """Leaves checksums out; grading takes those of the gradebook."""

    def preprocess_cell(self, cell, resources, index):
        cell.metadata.nbgrader.pop("checksum", None)
        return cell, resources


class RestoreCells(NbGraderPreprocessor):
    """Finds the cells of the assignment in a notebook, and puts them in the order of the source.

    A cell is known by nbgrader's metadata, else by its id, else by its text. Of several copies the
    first counts that was worked on. A student's own cells stay below the known cell above them.
    What is missing is put back, except solutions; OverwriteCells then writes what is locked.
    """

    def preprocess(self, nb, resources):
        nb = nbformat.v4.upgrade(nb)  # Colab's notebooks are of an older form
        metadata, texts = self.source(resources["nbgrader"])
        names = {text: name for name, text in texts.items()}
        copies = {}
        for cell in nb.cells:
            cell.metadata.pop("tags", None)  # skip-execution would pass a test
            marked = cell.metadata.pop("nbgrader", {}).get("grade_id")
            ids = marked, cell.get("id"), cell.metadata.get("id"), names.get(cell.source.strip())
            name = next((name for name in ids if name in metadata), None)
            copies.setdefault(name, []).append(cell)
        copies.pop(None, None)
        for name, cells in copies.items():
            worked_on = (cell for cell in cells if cell.source.strip() != texts[name])
            next(worked_on, cells[0]).metadata.nbgrader = metadata[name]

        blocks, name = {None: []}, None  # known cells, each with the student's own below it
        for cell in nb.cells:
            if "nbgrader" in cell.metadata:
                name = cell.metadata.nbgrader.grade_id
            blocks.setdefault(name, []).append(cell)
        for name, known in metadata.items():
            if name not in blocks and not known.solution:  # a stub would undo the student's answer
                self.log.warning("Cell %s is missing: put back", name)
                blocks[name] = [new_code_cell(metadata={"nbgrader": known})]
        nb.cells = [cell for name in (None, *metadata) for cell in blocks.get(name, ())]
        return nb, resources

    @staticmethod
    def source(where):
        """Metadata of each cell of the source, and the text that students see of it."""
        with Gradebook(where["db_url"]) as gradebook:
            source = gradebook.find_notebook(where["notebook"], where["assignment"])
            points = {cell.name: {"points": cell.max_score} for cell in source.grade_cells}
            solutions = {cell.name for cell in source.solution_cells}
            texts = {cell.name: HIDDEN.sub("", cell.source).strip() for cell in source.source_cells}
            metadata = {
                cell.name: nbformat.NotebookNode(
                    schema_version=3,
                    grade_id=cell.name,
                    grade=cell.name in points,
                    solution=cell.name in solutions,
                    task=False,
                    locked=cell.locked,
                    cell_type=cell.cell_type,
                    checksum=cell.checksum,
                    **points.get(cell.name, {}),
                )
                for cell in source.source_cells
            }
        return metadata, texts


@functools.cache
def warn_if_open(log):
    """Say it once if students' code is not sealed off."""
    if not can_seal():
        log.warning(
            "NOT PROTECTED: this machine cannot seal the Python that runs students' code. It can "
            "read all solutions and submissions, write into this folder, fill the memory, and "
            "leave processes behind that change others' points. README.md here says more."
        )


class KeepGoing(Execute):
    """Executes a notebook to its end, in a temporary folder and without a view of the course.

    When the kernel dies, or cannot be stopped, the cell that it was at fails, and a new kernel runs
    the others again; tests that have their result keep it.
    """

    max_kernels = Integer(8, help="Kernels for one notebook; then the rest fails.").tag(config=True)

    def __init__(self, *args, **options):
        super().__init__(*args, **{"kernel_manager_class": SealedKernelManager, **options})

    def create_kernel_manager(self):
        manager = super().create_kernel_manager()
        manager.own_folder = self.folder
        manager.hidden_folders = [os.getcwd()]  # nbgrader works in the folder of the course
        return manager

    def preprocess(self, nb, resources, km=None):
        warn_if_open(self.log)
        self.settled = set()
        for _ in range(self.max_kernels):
            try:
                return self.run_once(nb, resources, km)
            except (DeadKernelError, CellTimeoutError) as error:
                self.log.warning("Cell %d ended the kernel: %r", self.running, error)
                died = isinstance(error, DeadKernelError)
                how = "ended" if died else "took too long and did not stop"
                fail(nb.cells[self.running], type(error).__name__, f"Python {how} here.")
                self.settled.add(self.running)
        for index, cell in enumerate(nb.cells):
            if is_test(cell) and index not in self.settled:
                fail(cell, "NotRun", "Too many cells before this one ended Python.")
        return nb, resources

    def run_once(self, nb, resources, km):
        """Execute in a new kernel and a new folder, with the files that were handed in."""
        submitted = resources["metadata"]["path"]
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as self.folder:
            work = os.path.join(self.folder, "work")
            shutil.copytree(submitted, work, ignore=shutil.ignore_patterns("*.ipynb"))
            resources["metadata"]["path"] = work
            try:
                return super().preprocess(nb, resources, km)
            finally:
                resources["metadata"]["path"] = submitted

    def preprocess_cell(self, cell, resources, index):
        if index not in self.settled:
            self.running = index
            cell, resources = super().preprocess_cell(cell, resources, index)
            if is_test(cell):
                self.settled.add(index)
        return cell, resources

    def on_cell_executed(self, **options):
        super().on_cell_executed(**options)
        payload = options["execute_reply"]["content"].get("payload", [])
        if any(part.get("source") == "ask_exit" for part in payload):
            raise DeadKernelError("quit() was called")  # the kernel goes only after its reply


class JudgeTests(NbGraderPreprocessor):
    """A test passes if it showed its points, and fails by an error alone, not by a warning."""

    def preprocess_cell(self, cell, resources, index):
        if is_test(cell):
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
            cell.outputs.sort(key=lambda output: output.output_type != "error")
            results = [o for o in cell.outputs if o.output_type == "execute_result"]
            reached = self.is_score(results, cell.metadata.nbgrader.points)
            if not reached and not utils.has_failed(cell):
                cell.outputs = []
                fail(cell, "NotFinished", "The test did not reach its last line.")
        return cell, resources

    @staticmethod
    def is_score(results, points):
        try:
            return 0 <= float(results[0].data["text/plain"]) <= points
        except (IndexError, ValueError):
            return False


class PlainFeedback(NbGraderPreprocessor):
    """Errors as the student's own lines and the message; no output that repeats hidden tests."""

    def preprocess(self, nb, resources):
        text = "\n".join(cell.source for cell in nb.cells)
        visible = HIDDEN.sub("", text)
        lines = {line.strip() for part in HIDDEN.findall(text) for line in part.split("\n")}
        # short lines occur by chance, and texts alone are those of messages
        chance = re.compile(r"(.{,15}|f?[\"'].*)")
        hidden = [x for x in lines if x not in visible and not chance.fullmatch(x)]
        for cell in nb.cells:
            for index, output in enumerate(cell.get("outputs", ())):
                if output.output_type == "error":
                    output.traceback = self.brief(output, cell)
                if any(line in str(output) for line in hidden):
                    cell.outputs[index] = new_output("stream", text="(left out: hidden tests)\n")
        return nb, resources

    @staticmethod
    def brief(error, cell):
        """The last two frames in cells of the student, and the message."""
        frames = [frame for frame in error.traceback if "Cell In[" in COLOURS.sub("", frame)]
        if is_test(cell):
            here = f"Cell In[{cell.execution_count}]"
            frames = [frame for frame in frames if here not in COLOURS.sub("", frame)]
        message = f"{error.ename}: {error.evalue}".split("\n")[:8]
        text = "\n".join(textwrap.fill(line, 100) for line in message)
        return [*frames[-2:], f"\x1b[31m{text}\x1b[0m"]
