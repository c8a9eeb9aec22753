"""What belongs to libraries, which threads run, and what graded code may not ask for."""

import asyncio.base_tasks
import inspect
import logging
import os
import sys
import threading
import time
import traceback
from types import FunctionType

from plain import NotPlain
from untouched import bases_of, names_of

# No homework needs these, and they would reach around everything here.
DENIED = frozenset(
    {
        *("sys.addaudithook", "sys.settrace", "sys.setprofile", "sys.monitoring.register_callback"),
        *("gc.get_objects", "gc.get_referrers", "gc.get_referents", "sys._current_frames"),
    }
)


# Denied to code of notebooks alone: what leads to the frames of who calls it, and to its values,
FRAMES = frozenset({"tb_frame", "gi_frame", "cr_frame", "ag_frame"})
# and code that pretends to be another file's.
FORGING = frozenset({"code.__new__", "marshal.loads"})
# Who calls these counts, since they give frames to others, or reach into memory for them.
FILES = (asyncio.base_tasks.__file__, inspect.__file__, f"{os.sep}ctypes{os.sep}")
CODES = frozenset(
    each.__code__ for each in (logging.currentframe, traceback.walk_stack, traceback.walk_tb)
)
# What is looked at; of a function, what it does may not change
EVENTS = frozenset(
    {
        *(*DENIED, *FORGING, "object.__setattr__", "object.__getattr__", "sys._getframe"),
        *("compile", "open"),
    }
)
# What a class of a library may hold besides functions of its own
COMPILED = type(str.__eq__), type(str.join), type(dict.fromkeys), type


class Watch:
    """Tells code of libraries from that of a notebook.

    `untouched` is what the set-up left; of our code objects, those `around` stand between who asks
    and us, and those `allowed` look at frames.
    """

    def __init__(self, around, allowed):
        self.untouched, self.own, self.allowed = None, threading.local(), allowed
        self.around = {*around, Watch.deny.__code__, Watch.refuse_foreign.__code__}
        # files that were handed in stand in for no package
        sys.path[:] = [*(place for place in sys.path if place), ""]
        places = {sys.prefix, sys.base_prefix, *sys.path[:-1]}
        self.places = tuple(os.path.join(place, "") for place in places)

    def is_known(self, kind):
        """Whether a class is none of the notebook's: of the set-up, or of a library used since."""
        if id(kind) in self.untouched.known:
            return True
        names = names_of(kind)
        module = sys.modules.get(str(names.get("__module__")))
        if module is None or not self.of_library(getattr(module, "__file__", None) or ""):
            return False
        if not all(map(self.is_known, bases_of(kind))):
            return False
        # its dataclasses make functions
        later = module.__name__ not in self.untouched.modules
        return all(self.belongs(value, vars(module), later) for value in names.values())

    def belongs(self, value, names, later):
        """Whether what a class holds is of the module that has these names, or does nothing."""
        kind = type(value)
        if kind is FunctionType:
            file = value.__code__.co_filename
            return value.__globals__ is names and (later or self.of_library(file))
        if kind is staticmethod or kind is classmethod:
            return self.belongs(value.__func__, names, later)
        if kind is property:
            parts = filter(None, (value.fget, value.fset, value.fdel))
            return all(self.belongs(part, names, later) for part in parts)
        return not callable(value) or any(kind is each for each in COMPILED)

    def of_library(self, file):
        return file.startswith(("<frozen ", *self.places))

    def look_for_threads(self):
        """Refuse to go on while code of a notebook runs beside us."""
        end = time.monotonic() + 5
        while True:
            frames = sys._current_frames()
            frames.pop(threading.get_ident())
            if not any(self.is_foreign(frame) for frame in frames.values()):
                return
            if time.monotonic() > end:
                raise NotPlain("A thread that the notebook started is still running; join it.")
            time.sleep(0.05)

    def is_foreign(self, frame):
        while frame:
            if not self.of_library(frame.f_code.co_filename):
                return True
            frame = frame.f_back
        return False

    def deny(self, event, values):
        """Deny what would reach around us; Python lets nobody take this away."""
        if event in DENIED:
            if self.caller().f_code is not Watch.look_for_threads.__code__:
                raise RuntimeError(f"{event} is not for code that is graded")
        elif event == "object.__setattr__":
            given = type(values[0]) is FunctionType and (
                id(values[0]) in self.untouched.functions
                or id(values[0].__globals__) in self.untouched.namespaces
            )
            if given:
                raise RuntimeError("functions that were given are not changed while graded")
        elif event == "open":
            if str(values[0]).startswith("/proc/") and str(values[0]).endswith("/mem"):
                raise RuntimeError("memory is not read while graded")
        elif event == "sys._getframe" or (event == "object.__getattr__" and values[1] in FRAMES):
            if not getattr(self.own, "asks", False):
                self.refuse_foreign("frames")
        elif event in FORGING:
            self.refuse_foreign(event)
        elif event == "compile":
            if self.of_library(os.fsdecode(values[1] or "")):
                self.refuse_foreign("code of another file")
        elif event.startswith("ctypes."):
            self.refuse_foreign("ctypes")

    def refuse_foreign(self, what):
        """Refuse what code of a notebook asks for, itself or by what asks for others."""
        frame = self.caller()
        while frame and (
            frame.f_code in CODES or any(file in frame.f_code.co_filename for file in FILES)
        ):
            frame = frame.f_back
        ours = frame is None or frame.f_code in self.allowed
        if not ours and not self.of_library(frame.f_code.co_filename):
            raise RuntimeError(f"{what}: not for code that is graded")

    def caller(self):
        """The frame of the code that asks."""
        self.own.asks = True
        try:
            frame = sys._getframe(1)
        finally:
            self.own.asks = False
        while frame.f_code in self.around:
            frame = frame.f_back
        return frame
