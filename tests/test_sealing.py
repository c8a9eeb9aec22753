"""Sealed kernels: nothing outlives them, they see no other kernel, and limits hold."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

import pytest
import sealing
from jupyter_core.paths import jupyter_runtime_dir
from nbclient.exceptions import DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook
from test_homework import HOMEWORK, Kernel

needs_seal = pytest.mark.skipif(
    not sealing.can_seal(), reason="this machine cannot seal: no Linux, or no namespaces for users"
)
DAEMON = """
import os, time

child = os.fork()
if child == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    while True:
        with open("ticks", "a") as file:
            file.write("x")
        time.sleep(0.1)
_ = os.waitpid(child, 0)  # what is between has ended when processes are counted
"""
WAYS_TO_END = {
    "killed": "",
    "dies": "os._exit(1)",
    "escapes": """
import ctypes, signal

os.setsid()
ctypes.CDLL(None).prctl(1, 0)  # no signal when the parent dies
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
""",
}


@pytest.fixture
def folder():
    """A folder of a kernel; pytest's own have paths too long for sockets."""
    with tempfile.TemporaryDirectory() as path:
        Path(path, "work").mkdir()
        yield Path(path)


@contextmanager
def sealed_kernel(folder, **limits):
    """Runs code as Kernel does, sealed."""
    manager = sealing.SealedKernelManager(own_folder=str(folder), **limits)
    kernel = Kernel(folder / "work", manager, shutdown_kernel="immediate")
    with kernel.client.setup_kernel(cleanup_kc=True):
        yield kernel


def error_of(kernel, code):
    """The one error of a cell: its name and message."""
    (error,) = kernel(code)[1]
    return error


def wait_until(condition):
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def processes(folder):
    """Those of the kernel of a folder: its command names the folder, and forks keep the command."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if os.fsencode(folder) in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            pass  # it has ended
    return found


def test_machine_with_namespaces_can_seal():
    """Lest the tests below are skipped for a fault of the course."""
    command = ["unshare", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc", "true"]
    try:
        can = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        can = False
    assert sealing.can_seal() == can


@needs_seal
@pytest.mark.parametrize("way", WAYS_TO_END)
def test_nothing_outlives_its_kernel(way, folder):
    """A process that has left its parents and its session ends with the kernel all the same."""
    with sealed_kernel(folder) as kernel:
        assert kernel(DAEMON) == ([], [])
        wait_until((folder / "work" / "ticks").exists)
        before = len(processes(folder))
        if way == "dies":
            with pytest.raises(DeadKernelError):
                kernel(WAYS_TO_END[way])
        else:
            assert kernel(WAYS_TO_END[way]) == ([], [])
            assert len(processes(folder)) == before > 2
    wait_until(lambda: not processes(folder))


@needs_seal
def test_kernel_ends_with_the_program_that_grades(folder):
    """Even if that one is killed; the kernel itself cannot see it."""
    code = f"""
import asyncio, sys

sys.path.insert(0, {str(HOMEWORK / "grader")!r})
from sealing import SealedKernelManager

async def main():
    manager = SealedKernelManager(own_folder={str(folder)!r})
    await manager.start_kernel()
    client = manager.client()
    client.start_channels()
    await client.wait_for_ready()
    print("ready", flush=True)
    await asyncio.sleep(1000)

asyncio.run(main())
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as grader:
        try:
            assert grader.stdout.readline() == "ready\n"
            assert len(processes(folder)) > 2
        finally:
            grader.kill()
    wait_until(lambda: not processes(folder))


@needs_seal
def test_interrupt_reaches_the_kernel_and_leaves_it_alive(folder):
    """As for a cell that takes too long."""
    with sealed_kernel(folder) as kernel:
        started = folder / "work" / "started"

        def interrupt():
            wait_until(started.exists)
            asyncio.run(kernel.client.km.provisioner.send_signal(signal.SIGINT))

        thread = threading.Thread(target=interrupt)
        thread.start()
        loop = "kept = 1\nopen('started', 'w').close()\nwhile True:\n    pass"
        assert error_of(kernel, loop)[0] == "KeyboardInterrupt"
        thread.join()
        assert kernel("kept") == (["1"], [])


LOOK = """
import glob, os

found = [x for place in {places} for x in glob.glob(f"{{place}}/**", recursive=True)]
commands = [open(x, "rb").read() for x in glob.glob("/proc/[0-9]*/cmdline")]
found = [x for x in found if "/kernel" in x and x.endswith(".json") and "/share/jupyter/" not in x]
sorted(set(found)), all(b"{folder}" in x for x in commands)
"""


@needs_seal
def test_kernel_sees_no_other_kernel(folder):
    """Neither the files that lead to it, wherever they lie, nor its processes."""
    places = [jupyter_runtime_dir(), tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"]
    others = [Path(place, f"kernel-{uuid.uuid4()}.json") for place in places]
    others[0].parent.mkdir(parents=True, exist_ok=True)
    others = [path for path in others if path.parent.is_dir()]
    try:
        for path in others:
            path.write_text("{}")
        with tempfile.TemporaryDirectory() as second:
            Path(second, "work").mkdir()
            with sealed_kernel(folder) as kernel, sealed_kernel(Path(second)):
                assert kernel.client.km.transport == "ipc"
                assert Path(second, "kernel.json").exists()
                (shown,), errors = kernel(LOOK.format(places=places, folder=folder))
    finally:
        for path in others:
            path.unlink(missing_ok=True)
    assert (shown, errors) == (f"(['{folder}/kernel.json'], True)", [])


@needs_seal
def test_hidden_folder_is_empty_and_cannot_be_written(folder):
    """Also if it lies outside of /tmp, which is empty as such."""
    hidden = HOMEWORK / "release"
    with sealed_kernel(folder, hidden_folders=[str(hidden)]) as kernel:
        assert kernel(f"import os; os.listdir({str(hidden)!r})") == (["[]"], [])
        assert error_of(kernel, f"open('{hidden}/x', 'w')")[0] == "OSError"
        for command in (f"umount {hidden}", "unshare --user true"):
            assert kernel(f"os.system('{command}') != 0") == (["True"], [])
    assert list(hidden.iterdir())


@needs_seal
def test_everything_but_its_own_is_read_only(folder, monkeypatch):
    """Packages, the course and the system; the home is new, and what is written there is lost."""
    with tempfile.TemporaryDirectory() as home:
        monkeypatch.setenv("HOME", home)
        Path(home, "secret").write_text("mine")
        places = [HOMEWORK, Path(sealing.__file__).parents[3], "/etc", "/usr", "/", "/proc/self"]
        with sealed_kernel(folder) as kernel:
            for place in places:
                path = str(Path(place, "x"))
                error = error_of(kernel, f"open({path!r}, 'w')")
                assert error[0] in ("OSError", "FileNotFoundError"), (path, error)
            assert kernel("import os; os.listdir(os.path.expanduser('~')).count('secret')") == (
                ["0"],
                [],
            )
            assert kernel("x = open(os.path.expanduser('~/x'), 'w').write('kept')") == ([], [])
            assert kernel("os.system('mount -o remount,rw /') != 0") == (["True"], [])
        assert Path(home, "secret").exists()
        assert not Path(home, "x").exists()


@needs_seal
def test_network_is_cut(folder):
    """Not even what listens on this machine can be reached."""
    with sealed_kernel(folder) as kernel, socket.create_server(("127.0.0.1", 0)) as server:
        code = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}))"
        assert error_of(kernel, code)[0] == "OSError"
        assert kernel("len(socket.if_nameindex())") == (["1"], [])


@needs_seal
def test_path_that_is_too_long_for_sockets_says_so(tmp_path):
    """Rather than open ports, which a kernel without a network could not serve."""
    manager = sealing.SealedKernelManager(own_folder=str(tmp_path / ("long" * 30)))
    with pytest.raises(ValueError, match=r"too long for sockets.* bytes at most are expected"):
        asyncio.run(manager.start_kernel())


@needs_seal
def test_python_in_a_temporary_folder(folder, tmp_path, monkeypatch):
    """A course that was unpacked below /tmp can be sealed: what Python needs of it stays."""
    (tmp_path / "library" / "inner").mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path / "library" / "inner")
    monkeypatch.syspath_prepend(tmp_path / "library")
    kept = [path for path in sealing.python_folders() if path.startswith(str(tmp_path))]
    assert kept == [str(tmp_path / "library")]
    with sealed_kernel(folder) as kernel:
        assert kernel(f"import os; os.listdir({kept[0]!r})") == (["['inner']"], [])


@needs_seal
def test_tmp_is_private_and_small(folder):
    """What is written there stays there; the working folder is shared."""
    name = f"written-{uuid.uuid4()}"
    with sealed_kernel(folder, temporary=2**22) as kernel:
        inside = folder.is_relative_to("/tmp")
        own = {*folder.relative_to("/tmp").parts[:1]} if inside else set()
        own |= {path.split("/")[2] for path in sealing.python_folders() if path[:5] == "/tmp/"}
        common = f"{{*os.listdir('/tmp')}} & {{*{os.listdir('/tmp')}}}"
        assert kernel(f"import os, pathlib; sorted({common})") == ([f"{sorted(own)}"], [])
        write = "pathlib.Path('{}/{}').write_bytes(bytes(2**{}))"
        for place in ("/tmp", "/dev/shm", "."):
            assert kernel(write.format(place, name, 20)) == (["1048576"], [])
        assert "No space left" in error_of(kernel, write.format("/tmp", "large", 23))[1]
    assert (folder / "work" / name).stat().st_size == 2**20
    assert not Path("/tmp", name).exists()
    assert not Path("/dev/shm", name).exists()


@needs_seal
def test_limits_cost_the_cell_alone_that_meets_them(folder):
    """Size of files and memory: an error, after which the kernel goes on."""
    with sealed_kernel(folder, file_size=2**20, memory=2**30) as kernel:
        write = "import pathlib; pathlib.Path('x').write_bytes(bytes({}))"
        assert kernel(write.format(2**20)) == (["1048576"], [])
        assert "too large" in error_of(kernel, write.format(2**20 + 1))[1]
        assert error_of(kernel, "bytearray(2**31)")[0] == "MemoryError"
        assert kernel("len(bytearray(2**25))") == (["33554432"], [])


SLEEPERS = """
import os

for count in range(500):
    os.posix_spawn("/bin/sleep", ["sleep", "1000"], {})
"""


@needs_seal
@pytest.mark.skipif(
    os.name == "posix" and os.getuid() == 0 and not sealing.has_pid_max(),
    reason="before Linux 6.14 root may start any number of processes",
)
def test_processes_are_limited(folder):
    """The rest cannot be started, and those that were end with the kernel."""
    with sealed_kernel(folder, processes=60) as kernel:
        assert error_of(kernel, SLEEPERS)[0] == "BlockingIOError"
        assert kernel("count < 400") == (["True"], [])
        assert "Read-only" in error_of(kernel, "open('/proc/sys/kernel/pid_max', 'w')")[1]
        assert kernel("os.kill(-1, 9)")[1] == []  # all but itself and the first
        assert kernel("1 + 1") == (["2"], [])
    wait_until(lambda: not processes(folder))


def test_a_machine_that_cannot_seal_says_so_once_and_grades(tmp_path, monkeypatch, caplog):
    """Before students' code runs."""
    grading = pytest.importorskip("grading", reason="nbgrader is not installed")
    monkeypatch.setattr(grading, "can_seal", lambda: False)
    monkeypatch.setattr(sealing, "can_seal", lambda: False)
    grading.warn_if_open.cache_clear()
    log = logging.getLogger("grading")
    for _ in range(2):
        notebook = new_notebook(cells=[new_code_cell("1 + 1")])
        step = grading.KeepGoing(log=log)
        step.preprocess(notebook, {"metadata": {"path": str(tmp_path)}})
        assert notebook.cells[0].outputs[0].data["text/plain"] == "2"
    grading.warn_if_open.cache_clear()
    assert [r.levelname for r in caplog.records if "cannot seal" in r.message] == ["WARNING"]
