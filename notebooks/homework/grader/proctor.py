"""The Python in which submissions are graded: checks run as they were written, on plain values.

For a student's cells it is a kernel as any other, and after each of them functions, classes and
hooks are put back. Given cells and checks run without IPython, so that nothing stands between their
text and their execution. After each call of a check all that it relies on is put back again, and
what the call gave is made plain. The score leaves beside the token that came in with the check.
"""

import asyncio
import builtins
import contextlib
import importlib
import sys
from types import BuiltinFunctionType, FunctionType, MethodType, MethodWrapperType, ModuleType

import numpy as np
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from IPython.core.inputtransformer2 import TransformerManager
from IPython.display import display
from plain import NotPlain, Plain
from texts import CALLED, PLAIN, changed_by, copied, names_in, root_of, run
from untouched import Untouched
from watch import Watch

# Packages that call no code but their own, unless they are handed some
SILENT = {
    *("builtins", "numpy", "pandas", "scipy", "sklearn", "skimage", "PIL", "pathlib", "math", "re"),
    *("collections", "random"),
}
COMPILED = {BuiltinFunctionType, MethodWrapperType, type(np.random.default_rng)}


class Proctor:
    """Runs given cells and checks, in a Python where students' cells run as well."""

    def __init__(self, kernel):
        self.kernel, self.shell, self.user = kernel, kernel.shell, kernel.shell.user_ns
        self.given, self.made, self.untouched, self.students = {}, {}, None, False
        self.names, self.inside = None, False
        self.watch, self.session = Watch(), kernel.session
        self.watch.allowed.add(Proctor.answer.__code__)
        self.plain = Plain(self.watch.is_known, self.user)
        self.fixed = [(kernel.shell_handlers, dict(kernel.shell_handlers))]
        self.numpy = {id(each) for each in vars(np).values() if callable(each)}

    def give(self, text, file, imports):
        """Run a cell that was given, and keep what it gives; the first one is the set-up."""
        code = TransformerManager().transform_cell(text)
        read = names_in(code)
        self.user.update({name: self.given[name] for name in read & self.given.keys()})
        self.user |= {CALLED: self.called, PLAIN: self.compared, "__builtins__": builtins}
        before = dict(self.user)
        value = run(code, self.user, file)
        if value is not None and not text.rstrip().endswith(";"):
            display(value)
        pictures = sys.modules.get("matplotlib_inline.backend_inline")
        if pictures:
            pictures.flush_figures()
        new = {k: v for k, v in self.user.items() if before.get(k) is not v and k[0] != "_"}
        self.given |= {name: copied(value) for name, value in new.items()}
        if self.students and self.untouched:
            self.untouched.add(*(x for x in new.values() if isinstance(x, type)))
            return
        for name in imports:  # what checks import later is known from now on
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        first = self.untouched is None
        self.untouched = Untouched(self.kernel, self.shell, self.session, self.shell.display_pub)
        self.watch.untouched = self.untouched
        if first:
            sys.addaudithook(self.watch.deny)

    def check(self, text, file):
        """Run a check in names of its own; return its score."""
        self.watch.look_for_threads()
        made = {k: v for k, (v, was) in self.made.items() if self.user.get(k) is was}
        names = self.user | made | {name: copied(value) for name, value in self.given.items()}
        for name, value in self.given.items():
            if isinstance(value, FunctionType) and value.__code__.co_filename.startswith("<"):
                if changed_by(value):  # names of the student's, on purpose
                    read = self.given.keys() & {*value.__code__.co_names}
                    self.user.update({each: self.given[each] for each in read})
                else:
                    names[name] = FunctionType(
                        value.__code__, names, name, value.__defaults__, value.__closure__
                    )
                    names[name].__kwdefaults__ = value.__kwdefaults__
            elif isinstance(value, ModuleType):
                self.user[name] = value
        read = names_in(text)
        for name in read & names.keys() - self.given.keys():
            names[name] = self.plain(names[name])
        for name in vars(builtins).keys() & names.keys():
            del names[name]
        names |= {CALLED: self.called, PLAIN: self.compared, "__builtins__": builtins}
        before, self.names = dict(names), names
        try:
            score = run(text, names, file)
            self.untouched.restore(close=True)
        finally:
            self.names = None
            made = {k: v for k, v in names.items() if before.get(k) is not v}
            self.given |= {k: v for k, v in made.items() if isinstance(v, FunctionType)}
            self.made |= {k: (v, self.user.get(k)) for k, v in made.items()}
        return score if type(score) in (int, float) else None

    def called(self, function, *values, **options):
        """Call a function; within a check, see to it that the call changed nothing around it."""
        if self.names is None or self.inside or self.is_harmless(function, values, options):
            return function(*values, **options)
        before, self.inside = dict(self.names), True
        try:
            given = self.plain(function(*values, **options))
        finally:
            self.inside = False
            self.untouched.restore(close=True)
        self.watch.look_for_threads()
        if any(self.names.get(name, before) is not value for name, value in before.items()):
            raise NotPlain("Names of the check were changed while it ran.")
        return given

    def compared(self, value):
        """One side of a comparison, made plain within a check."""
        return value if self.names is None else self.plain(value)

    def is_harmless(self, function, values, options):
        """Whether no code of a student can run in a call: nothing in it has any."""
        if not all(map(self.is_silent, (*values, *options.values()))):
            return False
        kind = type(function)
        if kind is MethodType:
            made = function.__func__
            known = self.untouched.functions.get(id(made)) in SILENT or type(made) in COMPILED
            return known and self.is_silent(function.__self__)
        if kind is FunctionType and function.__globals__ is self.names:
            return True  # its own calls are looked at
        if kind is type and id(function) in self.untouched.known:
            return root_of(function) in SILENT
        silent = self.untouched.functions.get(id(function)) in SILENT
        return silent or kind in COMPILED or id(function) in self.numpy

    def is_silent(self, value):
        """Whether a plain value brings no code along that a library could call."""
        kind = type(value)
        if kind is type:
            return id(value) in self.untouched.known
        if root_of(kind) not in SILENT or callable(value):
            return False
        inside = value.values() if kind is dict else ()
        if kind in (list, tuple, set, frozenset):
            inside = value
        elif root_of(kind) == "sklearn":
            inside = vars(value).values()
        return all(map(self.is_silent, inside))

    def restore(self):
        """Put everything back that a student's cell may have changed."""
        if self.untouched:
            self.untouched.restore()
            for table, kept in self.fixed:
                if table != kept:
                    table.clear()
                    table.update(kept)
            if self.kernel.session is not self.session:
                self.kernel.session = self.session

    def answer(self, order, text):
        """Run a cell of the grader's; return the reply."""
        reply = {
            "status": "ok",
            "user_expressions": {},
            "execution_count": self.shell.execution_count,
        }
        file, score = f"<{order['name']}>", None
        try:
            self.restore()
            if order["kind"] == "given":
                self.give(text, file, order["imports"])
            else:
                score = self.check(text, file)
        except BaseException as error:
            trace = error.__traceback__
            while trace.tb_next and trace.tb_frame.f_code.co_filename != file:
                trace = trace.tb_next
            self.shell.showtraceback((type(error), error, trace))
            reply |= {
                "status": "error",
                "ename": type(error).__name__,
                "evalue": "",
                "traceback": [],
            }
        self.restore()
        self.shell.execution_count += 1
        reply["payload"] = self.shell.payload_manager.read_payload()
        self.shell.payload_manager.clear_payload()
        return reply | {"token": order["token"], "score": score}


def main():
    """Start the kernel."""
    proctor = None

    class ProctoredKernel(IPythonKernel):
        """Asks the proctor about cells that come with an order of the grader's."""

        async def do_execute(self, code, *values, cell_meta=None, cell_id=None, **options):
            nonlocal proctor
            proctor = proctor or Proctor(self)
            order = (cell_meta or {}).pop("proctor", None)
            if order:
                return proctor.answer(order, code)
            restore, proctor.students = proctor.restore, True
            known = asyncio.all_tasks()
            try:
                return await super().do_execute(code, *values, **options)
            finally:
                restore()
                for task in asyncio.all_tasks() - known:
                    task.cancel()

    sys.path.pop(0)  # this folder
    for name in ("plain", "texts", "untouched", "watch"):
        del sys.modules[name]
    IPKernelApp.launch_instance(kernel_class=ProctoredKernel)


if __name__ == "__main__":
    main()
