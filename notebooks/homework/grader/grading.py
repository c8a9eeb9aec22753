"""Grading, a step that nbgrader lacks; nbgrader_config.py puts it among its own.

Kernels are sealed; one that dies or loops for ever costs one cell, not all; a test passes if the
kernel vouches for its score, whatever was printed meanwhile.
"""

import functools
import math
import os
import re
import secrets
import shutil
import tempfile
import time
from pathlib import Path

import zmq
from feedback import is_test
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_output
from nbgrader import utils
from nbgrader.preprocessors import Execute
from sealing import LONGEST_SOCKET, SealedKernelManager, can_seal
from traitlets import Integer

HERE = Path(__file__).parent
# files that the kernel is made of
PROCTOR = "kernel.py", "proctor.py", "silent.py", "plain.py", "texts.py", "untouched.py", "watch.py"


def fail(cell, name, message):
    """Give a cell an error, as if its code had raised it."""
    error = new_output("error", ename=name, evalue=message, traceback=[f"{name}: {message}"])
    cell.setdefault("outputs", []).append(error)


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
    most_shown = Integer(10**7, help="Characters that a cell shows; then no more.").tag(config=True)
    total = Integer(3600, help="Seconds for one notebook; then the rest fails.").tag(config=True)

    def __init__(self, *args, **options):
        super().__init__(*args, **{"kernel_manager_class": SealedKernelManager, **options})

    def create_kernel_manager(self):
        manager = super().create_kernel_manager()
        manager.context.setsockopt(zmq.MAXMSGSIZE, 10 * self.most_shown)
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
            shutil.copytree(submitted, work, ignore=links_and_notebooks)
            for name in PROCTOR:
                shutil.copy(HERE / name, self.folder)
            resources["metadata"]["path"] = work
            try:
                return super().preprocess(nb, resources, km)
            finally:
                resources["metadata"]["path"] = submitted

    def preprocess_cell(self, cell, resources, index):
        if index not in self.settled and time.monotonic() < self.end:
            self.running, self.reply, self.shown = index, {}, 0
            self.kc.order = order = order_for(cell, self.imports)
            cell, resources = super().preprocess_cell(cell, resources, index)
            if is_test(cell):
                judge(cell, order["token"], self.reply)
                self.settled.add(index)
        return cell, resources

    def process_message(self, msg, cell, cell_index):
        """Take what a cell shows, as far as it is well formed and not too much."""
        self.shown += len(str(msg["content"]))
        most = {"status": math.inf, "error": 2 * self.most_shown}.get(
            msg["msg_type"], self.most_shown
        )
        if self.shown > most:
            return None
        try:
            return super().process_message(msg, cell, cell_index)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            self.log.warning("Cell %d shows something malformed: %r", cell_index, error)
            return None

    def on_cell_executed(self, **options):
        self.reply = options["execute_reply"]["content"]
        if not is_well_formed(self.reply):
            raise DeadKernelError("its reply was malformed")
        super().on_cell_executed(**options)
        if any(part.get("source") == "ask_exit" for part in self.reply.get("payload", [])):
            raise DeadKernelError("quit() was called")  # the kernel goes only after its reply


def is_well_formed(reply):
    """Whether a reply is one; a student's code can send what it likes in its place."""
    if not isinstance(reply, dict) or not isinstance(reply.get("status"), str):
        return False
    payload = reply.get("payload", [])
    return isinstance(payload, list) and all(isinstance(part, dict) for part in payload)


def links_and_notebooks(folder, names):
    """Files of a submission that are not copied: a link could lead to what it should not see."""
    return [x for x in names if x.endswith(".ipynb") or os.path.islink(os.path.join(folder, x))]


def order_for(cell, imports):
    """What the kernel has to know of a cell that was given or tests; None for a student's."""
    if not utils.is_locked(cell):
        return None
    kind, name = "check" if is_test(cell) else "given", cell.metadata.nbgrader.grade_id
    return {"kind": kind, "name": name, "token": secrets.token_hex(16), "imports": imports}


def judge(cell, token, reply):
    """Give a test the score that the kernel vouched for; what else the cell shows is no score."""
    score, kept = reply.get("score"), ("error", "stream", "display_data")
    vouched = secrets.compare_digest(ascii(reply.get("token")), ascii(token))
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
