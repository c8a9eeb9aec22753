"""The Python in which submissions are graded; `proctor.py` says how.

For a student's cells it is a kernel as any other. No name leads to the proctor: audit events ask
it, and Python shows nobody who hears them.
"""

import asyncio
import sys

import plain
import proctor
import silent
import texts
import untouched
import watch
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp


class ProctoredKernel(IPythonKernel):
    """Asks the proctor about cells that come with an order of the grader's."""

    async def do_execute(self, code, *values, cell_meta=None, cell_id=None, **options):
        order, audit = (cell_meta or {}).pop("proctor", None), sys.audit
        if order:
            box = [self, order, code]
            audit("proctor.answer", box)
            return box.pop()
        known = asyncio.all_tasks()
        try:
            return await super().do_execute(code, *values, **options)
        finally:
            audit("proctor.restore")
            for task in asyncio.all_tasks() - known:
                task.cancel()


def install(ours):
    """Have audit events answered: those of ours by a proctor, others as far as they are denied."""
    put_back, judge = untouched.keeper(*ours), None

    def hook(event, values):
        nonlocal judge
        if event == "proctor.answer":
            put_back()
            kernel, order, code = values[0]
            judge = judge or proctor.Proctor(kernel, hook, put_back, ours)
            values[0].append(judge.answer(order, code))
        elif event == "proctor.restore":
            put_back()
            if judge:
                judge.students = True
                judge.restore()
        elif event == "proctor.called":
            values[0].append(judge.called(*values[0]))
        elif event == "proctor.compared":
            values[0].append(judge.compared(*values[0]))
        elif judge and judge.untouched and (event in events or event[:7] == "ctypes."):
            put_back()
            judge.watch.deny(event, values)

    events, hook.__cantrace__ = watch.EVENTS, True
    sys.addaudithook(hook)


def main():
    """Start the kernel."""
    ours = plain, proctor, silent, texts, untouched, watch, sys.modules[__name__]
    install(ours)
    sys.path.pop(0)  # this folder
    for each in ours:  # nobody imports them
        del sys.modules[each.__name__]
    IPKernelApp.launch_instance(kernel_class=ProctoredKernel)


if __name__ == "__main__":
    import kernel

    kernel.main()
