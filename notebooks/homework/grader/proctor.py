"""Given cells and checks, run as they were written, on plain values.

After each cell of a student's, functions, classes and hooks are put back. Given cells and checks
run without IPython, so that nothing stands between their text and their execution. After each call
of a check all that it relies on is put back again, and what the call gave is made plain; what
changed while none of the student's code should have run ends the check. The score leaves beside
the token that came in with the check.
"""

import builtins
import contextlib
import gc
import importlib
import json
import re
import sys
from types import FunctionType, ModuleType

from IPython.core.inputtransformer2 import TransformerManager
from IPython.display import display
from plain import NotPlain, Plain
from silent import Silent
from texts import CALLED, PLAIN, called, changed_by, changes, compared, copied, names_in, run
from untouched import Untouched
from watch import Watch


class Proctor:
    """Runs given cells and checks, in a Python where students' cells run as well."""

    def __init__(self, kernel, hook, put_back, ours):
        self.kernel, self.shell, self.user = kernel, kernel.shell, kernel.shell.user_ns
        self.given, self.made, self.untouched, self.students = {}, {}, None, False
        self.names, self.inside, self.put_back, self.ours = None, False, put_back, ours
        around = {each.__code__ for each in (hook, called, compared)}
        self.changes = False  # whether the check itself changes what belongs to others
        self.watch, self.session = Watch(around, {Proctor.answer.__code__}), kernel.session
        self.plain = Plain(self.watch.is_known, self.user, self.put_all_back)
        self.fixed = [(kernel.shell_handlers, dict(kernel.shell_handlers))]

    def give(self, text, file, imports):
        """Run a cell that was given, and keep what it gives; the first one is the set-up."""
        code = TransformerManager().transform_cell(text)
        read = names_in(code)
        self.user.update({name: self.given[name] for name in read & self.given.keys()})
        self.user |= {CALLED: called, PLAIN: compared, "__builtins__": builtins}
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
            self.untouched.keep(*new.values())
            return
        for name in imports:  # what checks import later is known from now on
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        objects = self.kernel, self.shell, self.session, self.shell.display_pub
        codecs = json._default_encoder, json._default_decoder
        self.untouched = Untouched(*objects, *codecs, modules=self.ours)
        self.untouched.keep(*self.given.values())
        self.watch.untouched, self.silent = self.untouched, Silent(self.untouched)

    def check(self, text, file):
        """Run a check in names of its own; return its score."""
        self.watch.look_for_threads()
        gc.collect()  # what a student's code does when an object goes is done before
        gc.disable()
        re.purge()
        self.put_all_back()
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
        names |= {CALLED: called, PLAIN: compared, "__builtins__": builtins}
        before, self.names, self.changes = dict(names), names, changes(text)
        try:
            score = run(text, names, file)
            self.look_around()
        finally:
            self.names = None
            gc.enable()
            made = {k: v for k, v in names.items() if before.get(k) is not v}
            self.given |= {k: v for k, v in made.items() if isinstance(v, FunctionType)}
            self.made |= {k: (v, self.user.get(k)) for k, v in made.items()}
        return score if type(score) in (int, float) else None

    def called(self, function, values, options):
        """Call a function; within a check, see to it that the call changed nothing around it."""
        if (
            self.names is None
            or self.inside
            or self.silent.is_harmless(self.names, function, values, options)
        ):
            return function(*values, **options)
        self.look_around()
        before, self.inside = dict(self.names), True
        put_back = self.put_back
        gc.enable()
        try:
            given = function(*values, **options)
        finally:
            put_back()
            gc.disable()
            self.put_all_back()
            self.inside = False
        given = self.plain(given)
        self.watch.look_for_threads()
        if any(self.names.get(name, before) is not value for name, value in before.items()):
            raise NotPlain("Names of the check were changed while it ran.")
        return given

    def compared(self, value):
        """One side of a comparison, made plain within a check."""
        return value if self.names is None else self.plain(value)

    def put_all_back(self):
        """Put back what a check relies on."""
        self.put_back()
        self.untouched.restore(close=True)

    def look_around(self):
        """Refuse to go on if something changed while none of a student's code should have run."""
        found = () if self.changes else self.untouched.restore(close=True)
        if found:
            raise NotPlain(f"{found[0]} was changed beside the check, while it ran.")

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
