"""Functions, classes, modules and hooks of a Python as they were, to be put back.

`Untouched()` looks at all of them; `restore()` undoes what was done since, however it was done:
`np.unique = …`, `pd.Series.__eq__ = …`, `sys.modules["numpy"] = …`, `signal.alarm(1)`. What is
data, such as a counter of a library, stays as it is; what was imported since stays as well.
"""

import builtins
import gc
import signal
import sys
import threading
from operator import is_
from types import FunctionType, MethodType, ModuleType

import numpy as np

# what restore() needs is found here, before the builtins, which may have been replaced
for _name in ("all", "callable", "dict", "getattr", "isinstance", "len", "map", "tuple", "type"):
    globals()[_name] = getattr(builtins, _name)

DISPATCHED = type(np.unique)
# Packages whose functions checks call, or which do it for them. The others are many, and are put
# back before each check, not within.
CLOSE = frozenset(
    {
        *("builtins", "sys", "operator", "functools", "itertools", "math", "re", "copy", "random"),
        *("collections", "pathlib", "os", "posixpath", "tempfile", "statistics", "string", "json"),
        *("numpy", "pandas", "scipy", "sklearn", "skimage", "PIL", "tlhelpers"),
        *("keras", "keras_hub"),
    }
)
SIGNALS = (*(x for x in signal.valid_signals() if x not in (signal.SIGKILL, signal.SIGSTOP)),)
TIMERS = (*(getattr(signal, name) for name in dir(signal) if name.startswith("ITIMER_")),)
names_of, bases_of = (type.__dict__[name].__get__ for name in ("__dict__", "__bases__"))


def keeper(*modules):
    """A function that puts modules, and classes defined in them, back as they are now.

    It relies on nothing that code of a notebook could have changed: no global name, no builtin.
    """
    change, remove = type.__setattr__, type.__delattr__
    tables = [(vars(each), dict(vars(each))) for each in modules]
    classes = [
        (value, names_of(value), dict(names_of(value)))
        for module, (_, kept) in zip(modules, tables, strict=True)
        for value in kept.values()
        if isinstance(value, type) and value.__module__ == module.__name__
    ]

    def put_back():  # other threads may be in it as well
        for names, kept in tables:
            for name in [*names]:
                if name not in kept:
                    names.pop(name, None)
            for name, value in kept.items():
                if name not in names or names[name] is not value:
                    names[name] = value
        for cls, names, kept in classes:
            for name in [*names]:
                if name not in kept:
                    remove(cls, name)
            for name, value in kept.items():
                if name not in names or names[name] is not value:
                    change(cls, name, value)

    return put_back


def functions_in(values):
    """Functions among values, also in what wraps them, and those which their closures hold."""
    found, seen, ahead = [], set(), [*values]
    while ahead:
        value = ahead.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        kind = type(value)
        if kind is FunctionType:
            found.append(value)
            ahead += [part for _, part in contents(value)]
        elif kind in (classmethod, staticmethod, MethodType):
            ahead.append(value.__func__)
        elif kind is property:
            ahead += (value.fget, value.fset, value.fdel)
        elif kind is DISPATCHED:
            ahead.append(value._implementation)
    return found


def contents(function):
    """The cells of a function's closure that hold what acts, each with it."""
    pairs = []
    for cell in function.__closure__ or ():
        try:
            pairs.append((cell, cell.cell_contents))
        except ValueError:  # it is empty
            continue
    return [(cell, part) for cell, part in pairs if acts(part)]


def all_classes():
    """Every class of this Python."""
    found, ahead = {}, [object]
    while ahead:
        cls = ahead.pop()
        if id(cls) not in found:
            found[id(cls)] = cls
            ahead += type.__subclasses__(cls)
    return [*found.values()]


def acts(value):
    """Whether a value does something: a function, a class, a module, a property."""
    return callable(value) or isinstance(value, (ModuleType, property, classmethod, staticmethod))


class Place:
    """The names of a module, a class or an object, and what they stood for."""

    def __init__(self, owner, names, kind):
        self.owner, self.names, self.kind, self.type = owner, names, kind, type(owner)
        self.kept, self.values = dict(names), tuple(names.values())
        self.bases = bases_of(owner) if kind is type else ()
        name = owner.__name__ if kind is ModuleType else getattr(owner, "__module__", "")
        self.root = str(name).partition(".")[0]

    def restore(self):
        """Put back what acts, and take away what was added and acts; return their names."""
        now, values, found = self.names, self.values, []
        if type(self.owner) is not self.type:
            self.kind.__setattr__(self.owner, "__class__", self.type)
            found.append("__class__")
        if self.kind is type and bases_of(self.owner) is not self.bases:
            if not all(map(is_, bases_of(self.owner), self.bases)):
                type.__setattr__(self.owner, "__bases__", self.bases)
                found.append("__bases__")
            self.bases = bases_of(self.owner)
        if not found and len(now) == len(values) and all(map(is_, now.values(), values)):
            return found
        for name in {*self.kept, *now}:
            old, new = self.kept.get(name, self), now.get(name, self)
            if old is new:
                continue
            if old is self and acts(new) and self.kind is not ModuleType:
                self.kind.__delattr__(self.owner, name)
                found.append(name)
            elif old is not self and (acts(old) or self.is_constant(old)):
                self.kind.__setattr__(self.owner, name, old)
                found.append(name)
        self.kept, self.values = dict(now), tuple(now.values())
        return found

    def is_constant(self, value):
        """Whether a value is a number of a module, such as math.inf; counters are whole."""
        return self.kind is ModuleType and type(value) is float


class Untouched:
    """All that acts in this Python, as it is now; `objects` and `modules` are looked at as well."""

    def __init__(self, *objects, modules=()):
        self.table, self.modules = sys.modules, dict(sys.modules)
        self.places, self.known, self.cells, self.functions = [], set(), [], {}
        self.namespaces = set()
        for module in (*self.modules.values(), *modules):
            if isinstance(module, ModuleType) and module.__name__ != "__main__":
                names = ModuleType.__getattribute__(module, "__dict__")
                self.namespaces.add(id(names))
                self.places.append(Place(module, names, ModuleType))
        self.places += [Place(each, vars(each), object) for each in objects]
        self.note(self.places)
        self.add(*all_classes())
        lists = sys.meta_path, sys.path_hooks, sys.path, gc.callbacks
        self.lists = [(each, [*each]) for each in lists]
        self.handlers = [(each, signal.getsignal(each)) for each in SIGNALS]

    def add(self, *classes):
        """Look at further classes as well."""
        places = [Place(each, names_of(each), type) for each in classes]
        self.places += places
        self.known |= {id(each) for each in classes}
        self.note(places)

    def note(self, places):
        """Note the functions of places, which are not to change, and what they close over."""
        self.functions |= {
            id(value): place.root
            for place in places
            for value in place.values
            if type(value) is FunctionType
        }
        self.keep(*(value for place in places for value in place.values))
        self.close = [place for place in self.places if place.root in CLOSE]

    def keep(self, *values):
        """Keep functions among values as they are."""
        for function in functions_in(values):
            self.functions.setdefault(id(function), "")
            self.cells += contents(function)

    def restore(self, close=False):
        """Put back what acts, where checks look (`close`) or everywhere; return what it was."""
        found = []
        for place in self.close if close else self.places:
            found += place.restore()
        for cell, part in self.cells:
            try:
                same = cell.cell_contents is part
            except ValueError:
                same = False
            if not same:
                cell.cell_contents = part
                found.append("a closure")
        for name, module in () if close else self.modules.items():
            if self.table.get(name) is not module:
                self.table[name] = module
                found.append(name)
        for each, kept in self.lists:
            if each != kept:
                each[:] = kept
        if threading.current_thread() is threading.main_thread():
            for timer in TIMERS:
                signal.setitimer(timer, 0)
            for number, handler in self.handlers:
                if handler is not None and signal.getsignal(number) is not handler:
                    signal.signal(number, handler)
        return found
