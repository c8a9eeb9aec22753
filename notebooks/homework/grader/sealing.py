"""Kernels that keep students' code apart from the course and from each other.

A sealed kernel runs in namespaces of its own (Linux): whatever it started ends with it, folders
that are none of its business are empty, and /tmp is its own. It is reached by sockets in a folder
that no other kernel sees. Limits hold for its processes. README.md says what is left open.
"""

import functools
import os
import platform
import re
import shlex
import subprocess
import sys
import tempfile

from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.paths import jupyter_runtime_dir
from traitlets import Integer, List, Unicode

GB = 2**30
LONGEST_SOCKET = 90  # bytes of a socket's path without its number; the system takes 107

# mount_setattr(2), of Linux 5.12, which `mount` does not know everywhere: sets or clears flags of a
# mount, and of all below it
SET_ATTRIBUTES = """
import ctypes, sys
path, wanted, cleared, recursive = sys.argv[1], *map(int, sys.argv[2:])
attributes = (ctypes.c_uint64 * 4)(wanted, cleared, 0, 0)
libc = ctypes.CDLL(None, use_errno=True)
flags = 0x8000 if recursive else 0
done = libc.syscall(442, -100, path.encode(), flags, ctypes.byref(attributes), ctypes.c_size_t(32))
sys.exit(done and f"mount_setattr {path}: error {ctypes.get_errno()}")
"""

# The first process inside is a shell that keeps the rights which the kernel loses: the kernel can
# neither stop it nor look into it, and all others end with it. Outside it ends with `unshare`, that
# one with the program which grades, and an interrupt reaches the kernel as one of their group.
NAMESPACES = (
    *("setpriv", "--pdeathsig", "KILL", "unshare", "--map-root-user", "--mount", "--ipc", "--net"),
    *("--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc", "sh", "-c"),
)
NO_RIGHTS = "setpriv --no-new-privs --inh-caps=-all --ambient-caps=-all --bounding-set=-all"


def has_pid_max():
    """Whether namespaces have a largest process number each; before, it is the whole machine's."""
    return tuple(map(int, re.findall(r"\d+", platform.release())[:2])) >= (6, 14)


def temporary_folders():
    """Folders that are new for each kernel: the home as well, lest one leaves settings in it."""
    home = os.path.realpath(os.path.expanduser("~"))
    homes = [home] if home.count("/") > 1 or home == "/root" else []
    return ["/tmp", "/var/tmp", "/dev/shm", tempfile.gettempdir(), *homes]


def python_folders():
    """Folders that Python needs and that a kernel would not see, as they are in a temporary one."""
    places = map(os.path.realpath, {sys.prefix, sys.base_prefix, *filter(os.path.isdir, sys.path)})
    hidden = tuple(f"{os.path.realpath(each)}/" for each in temporary_folders())
    found = sorted(place for place in places if f"{place}/".startswith(hidden))
    return [
        x for i, x in enumerate(found) if not any(f"{x}/".startswith(f"{y}/") for y in found[:i])
    ]


class OrderingClient(AsyncKernelClient):
    """Sends an order of the grader's along with a cell, for the kernel of proctor.py."""

    order = None

    def execute(self, code, store_history=True, stop_on_error=True, **options):
        content = {
            **{"code": code, "silent": False, "store_history": store_history},
            **{"user_expressions": {}, "allow_stdin": False, "stop_on_error": stop_on_error},
        }
        metadata = {"proctor": self.order} if self.order else {}
        message = self.session.msg("execute_request", content | options, metadata=metadata)
        self.shell_channel.send(message)
        return message["header"]["msg_id"]


class SealedKernelManager(AsyncKernelManager):
    """Starts kernels that are sealed, where the machine can do that; see can_seal()."""

    client_class = "sealing.OrderingClient"
    client_factory = OrderingClient
    proctor = Unicode(help="The file of the kernel, if it is not the usual one.")

    own_folder = Unicode(help="Folder that a kernel shares with us: its sockets, its work.")
    hidden_folders = List(Unicode(), help="Folders that are empty for a kernel.")
    temporary = Integer(GB, help="Bytes for all that is in /tmp; they count as memory.").tag(
        config=True
    )
    file_size = Integer(GB, help="Bytes of the largest file that can be written.").tag(config=True)
    # The homeworks take 1.3 GB of data on two cores, more on many, as each thread has its stack.
    # Address space would be the wrong measure: TensorFlow maps more than twice what it uses.
    memory = Integer(8 * GB, help="Bytes of data of each process; 0: no limit.").tag(config=True)
    # Threads count, and TensorFlow starts several for each core: 39 in the homeworks on two.
    processes = Integer(2000, help="Processes and threads, about; 0: no limit.").tag(config=True)

    async def _async_pre_start_kernel(self, **options):
        seal = bool(self.own_folder) and can_seal()
        if seal:
            self.connection_file = os.path.join(self.own_folder, "kernel.json")
            self.transport, self.ip = "ipc", os.path.join(self.own_folder, "kernel")
            if len(os.fsencode(self.ip)) > LONGEST_SOCKET:
                raise ValueError(
                    f"The path of {self.own_folder} is too long for sockets, and a sealed kernel "
                    f"has no network; {LONGEST_SOCKET - 7} bytes at most are expected."
                )
        command, options = await super()._async_pre_start_kernel(**options)
        if self.proctor:
            command = [command[0], self.proctor, "-f", self.connection_file]
            options["env"] |= {"IPYTHONDIR": os.path.join(self.own_folder, "ipython")}
        if seal:
            command = self.sealed(command, options.get("cwd") or self.own_folder)
        return command, options

    def sealed(self, command, cwd):
        """The command that runs another one sealed, in a working folder."""
        own, start = shlex.quote(self.own_folder), shlex.quote(cwd)
        # other kernels' keys; sockets by which the desktop would start a process outside
        session = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
        hidden = map(shlex.quote, [*self.hidden_folders, jupyter_runtime_dir(), session, "/run"])
        others = {os.path.realpath(place) for place in temporary_folders()} - {"/tmp"}
        inner = [shlex.quote(place) for place in others if place.startswith("/tmp/")]
        others = [shlex.quote(place) for place in others if not place.startswith("/tmp/")]
        python = list(enumerate(map(shlex.quote, python_folders()), start=3))  # with open files
        limits = {"core": 0, "fsize": self.file_size}
        limits |= {"data": self.memory} if self.memory else {}
        limits |= {"nproc": self.processes} if self.processes else {}
        steps = [
            "set -e",
            *(f"exec {number}< {x}" for number, x in python),  # they stay reachable as open files
            f"cd {own}",  # it stays reachable as the current folder
            f"mount -t tmpfs -o mode=1777,nr_inodes=100k,size={self.temporary} none /tmp",
            *(f"! test -d {x} || mount --bind /tmp {x}" for x in others),
            *(f"mkdir -p {x}" for x in inner),
            f"mkdir -p {own}",
            f"mount --no-canonicalize --bind . {own}",
            *(f"mkdir -p {x}" for _, x in python),
            *(f"mount --no-canonicalize --bind /proc/self/fd/{n} {x}" for n, x in python),
            *(f"exec {number}<&-" for number, _ in python),
            *(f"! test -d {x} || mount -t tmpfs -o ro,size=4k none {x}" for x in hidden),
            f"cd {start}",
            "echo 0 > /proc/sys/user/max_user_namespaces",
        ]
        flags = f"{shlex.quote(sys.executable)} -I -S -c {shlex.quote(SET_ATTRIBUTES)}"
        if self.processes and has_pid_max():
            # it holds for root, whom the other limit exempts; numbers below 300 are given once
            steps.append(f"echo {self.processes + 300} > /proc/sys/kernel/pid_max")
        steps += [
            f"{flags} / 1 0 1",  # all is read-only
            *(f"! test -d {x} || {flags} {x} 0 1 0" for x in ("/tmp", own, *others)),
            "export JPY_PARENT_PID=1",  # else the kernel looks for a process that it cannot see
            "set +e",
            f'prlimit {" ".join(f"--{k}={n}" for k, n in limits.items())} {NO_RIGHTS} "$@"',
            "exit $?",
        ]
        return [*NAMESPACES, "\n".join(steps), "sealed", *command]


@functools.cache
def can_seal():
    """Whether this machine can seal kernels: Linux, where users may have namespaces."""
    if sys.platform != "linux":
        return False
    with tempfile.TemporaryDirectory() as folder:
        manager = SealedKernelManager(own_folder=folder)
        command = manager.sealed([sys.executable, "-c", "import ipykernel"], folder)
        try:
            done = subprocess.run(command, check=False, capture_output=True, timeout=100)
            return done.returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            return False
