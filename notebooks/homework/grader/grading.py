"""Steps that nbgrader lacks; nbgrader_config.py puts them among its own.

NamedStubs     release: a stub says which exercise it belongs to
NoChecksums    release: a fork may write its address into the set-up cell
RestoreCells   before grading: moved, copied and deleted cells, and lost metadata, are mended
KeepGoing      grading: sealed kernels; one that dies or loops for ever costs one cell, not all;
               a test passes if the kernel vouches for its score, whatever was printed meanwhile
"""

import functools
import os
import re
import secrets
import shutil
import tempfile
import time
from pathlib import Path

import nbformat
from feedback import HIDDEN, is_test
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_code_cell, new_output
from nbgrader import utils
from nbgrader.api import Gradebook
from nbgrader.preprocessors import ClearSolutions, Execute, NbGraderPreprocessor
from sealing import LONGEST_SOCKET, SealedKernelManager, can_seal
from traitlets import Integer

HERE = Path(__file__).parent
# files that the kernel is made of
PROCTOR = "proctor.py", "plain.py", "texts.py", "untouched.py", "watch.py"


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
        # nothing of a student's runs before the set-up
        first = next((name for name, known in metadata.items() if known.cell_type == "code"), None)
        blocks.setdefault(first, []).extend(blocks.pop(None) if first else ())
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
    total = Integer(3600, help="Seconds for one notebook; then the rest fails.").tag(config=True)

    def __init__(self, *args, **options):
        super().__init__(*args, **{"kernel_manager_class": SealedKernelManager, **options})

    def create_kernel_manager(self):
        manager = super().create_kernel_manager()
        manager.own_folder = self.folder
        manager.proctor = os.path.join(self.folder, PROCTOR[0])
        here = Path.cwd()  # nbgrader works in the folder of the course
        manager.hidden_folders = [
            str(x) for x in (here, *(y / ".git" for y in (here, *here.parents)))
        ]
        return manager

    def preprocess(self, nb, resources, km=None):
        warn_if_open(self.log)
        self.settled, self.end = set(), time.monotonic() + self.total
        locked = "\n".join(cell.source for cell in nb.cells if utils.is_locked(cell))
        self.imports = sorted({*re.findall(r"^\s*(?:import|from) ([\w.]+)", locked, re.M)})
        for _ in range(self.max_kernels):
            if time.monotonic() > self.end:
                break
            try:
                nb, resources = self.run_once(nb, resources, km)
                break
            except (DeadKernelError, CellTimeoutError) as error:
                self.log.warning("Cell %d ended the kernel: %r", self.running, error)
                died = isinstance(error, DeadKernelError)
                how = "ended" if died else "took too long and did not stop"
                fail(nb.cells[self.running], type(error).__name__, f"Python {how} here.")
                self.settled.add(self.running)
        for index, cell in enumerate(nb.cells):
            if is_test(cell) and index not in self.settled:
                fail(
                    cell,
                    "NotRun",
                    "The cells before this one ended Python too often, or took too long.",
                )
        return nb, resources

    def run_once(self, nb, resources, km):
        """Execute in a new kernel and a new folder, with the files that were handed in."""
        submitted = resources["metadata"]["path"]
        # sockets want short paths
        short = "/tmp" if len(tempfile.gettempdir()) > LONGEST_SOCKET - 30 else None
        with tempfile.TemporaryDirectory(dir=short, ignore_cleanup_errors=True) as self.folder:
            work = os.path.join(self.folder, "work")
            shutil.copytree(submitted, work, ignore=shutil.ignore_patterns("*.ipynb"))
            for name in PROCTOR:
                shutil.copy(HERE / name, self.folder)
            resources["metadata"]["path"] = work
            try:
                return super().preprocess(nb, resources, km)
            finally:
                resources["metadata"]["path"] = submitted

    def preprocess_cell(self, cell, resources, index):
        if index not in self.settled and time.monotonic() < self.end:
            self.running, self.reply = index, {}
            self.kc.order = order = order_for(cell, self.imports)
            cell, resources = super().preprocess_cell(cell, resources, index)
            if is_test(cell):
                judge(cell, order["token"], self.reply)
                self.settled.add(index)
        return cell, resources

    def on_cell_executed(self, **options):
        super().on_cell_executed(**options)
        self.reply = options["execute_reply"]["content"]
        if any(part.get("source") == "ask_exit" for part in self.reply.get("payload", [])):
            raise DeadKernelError("quit() was called")  # the kernel goes only after its reply


def order_for(cell, imports):
    """What the kernel has to know of a cell that was given or tests; None for a student's."""
    if not utils.is_locked(cell):
        return None
    kind, name = "check" if is_test(cell) else "given", cell.metadata.nbgrader.grade_id
    return {"kind": kind, "name": name, "token": secrets.token_hex(16), "imports": imports}


def judge(cell, token, reply):
    """Give a test the score that the kernel vouched for; what else the cell shows is no score."""
    score, kept = reply.get("score"), ("error", "stream", "display_data")
    vouched = secrets.compare_digest(str(reply.get("token", "")), token)
    passed = vouched and type(score) in (int, float) and 0 <= score <= cell.metadata.nbgrader.points
    cell.outputs = [
        output
        for output in cell.outputs
        if output.output_type in kept and output.get("name") != "stderr"
    ]
    cell.outputs.sort(key=lambda output: output.output_type != "error")
    if passed:
        cell.outputs = [x for x in cell.outputs if x.output_type != "error"]
        shown = {"text/plain": str(float(score))}
        cell.outputs.append(
            new_output("execute_result", shown, execution_count=cell.execution_count)
        )
    elif not utils.has_failed(cell):
        fail(cell, "NotFinished", "The test did not reach its last line.")
