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

from jupyter_client.manager import AsyncKernelManager
from jupyter_core.paths import jupyter_runtime_dir
from traitlets import Integer, List, Unicode

GB = 2**30
LONGEST_SOCKET = 90  # bytes of a socket's path without its number; the system takes 107

# The first process inside is a shell that keeps the rights which the kernel loses: the kernel can
# neither stop it nor look into it, and all others end with it. Outside it ends with `unshare`, that
# one with the program which grades, and an interrupt reaches the kernel as one of their group.
NAMESPACES = (
    *("setpriv", "--pdeathsig", "KILL", "unshare", "--map-root-user", "--mount", "--ipc", "--pid"),
    *("--fork", "--kill-child=SIGKILL", "--mount-proc", "sh", "-c"),
)
NO_RIGHTS = "setpriv --no-new-privs --inh-caps=-all --ambient-caps=-all --bounding-set=-all"


def has_pid_max():
    """Whether namespaces have a largest process number each; before, it is the whole machine's."""
    return tuple(map(int, re.findall(r"\d+", platform.release())[:2])) >= (6, 14)


def temporary_folders():
    return ["/tmp", "/var/tmp", "/dev/shm", tempfile.gettempdir()]


def python_folders():
    """Folders that Python needs and that a kernel would not see, as they are in a temporary one."""
    places = map(os.path.realpath, {sys.prefix, sys.base_prefix, *filter(os.path.isdir, sys.path)})
    hidden = tuple(f"{os.path.realpath(each)}/" for each in temporary_folders())
    found = sorted(place for place in places if f"{place}/".startswith(hidden))
    return [
        x for i, x in enumerate(found) if not any(f"{x}/".startswith(f"{y}/") for y in found[:i])
    ]


class SealedKernelManager(AsyncKernelManager):
    """Starts kernels that are sealed, where the machine can do that; see can_seal()."""

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
            socket = os.path.join(self.own_folder, "kernel")
            if len(os.fsencode(socket)) <= LONGEST_SOCKET:
                self.transport, self.ip = "ipc", socket
        command, options = await super()._async_pre_start_kernel(**options)
        if seal:
            command = self.sealed(command, options.get("cwd") or self.own_folder)
        return command, options

    def sealed(self, command, cwd):
        """The command that runs another one sealed, in a working folder."""
        own, start = shlex.quote(self.own_folder), shlex.quote(cwd)
        # other kernels' keys; sockets by which the desktop would start a process outside
        session = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
        hidden = map(shlex.quote, [*self.hidden_folders, jupyter_runtime_dir(), session])
        others = map(shlex.quote, temporary_folders()[1:])
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
            f"mkdir -p {own}",
            f"mount --no-canonicalize --bind . {own}",
            *(f"mkdir -p {x}" for _, x in python),
            *(f"mount --no-canonicalize --bind /proc/self/fd/{n} {x}" for n, x in python),
            *(f"exec {number}<&-" for number, _ in python),
            *(f"! test -d {x} || mount -t tmpfs -o ro,size=4k none {x}" for x in hidden),
            f"cd {start}",
            "echo 0 > /proc/sys/user/max_user_namespaces",
        ]
        if self.processes and has_pid_max():
            # it holds for root, whom the other limit exempts; numbers below 300 are given once
            steps.append(f"echo {self.processes + 300} > /proc/sys/kernel/pid_max")
        steps += [
            "mount --bind -o ro /proc/sys /proc/sys",
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
