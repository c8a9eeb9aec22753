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
from types import FunctionType, ModuleType

# what restore() needs is found here, before the builtins, which may have been replaced
for _name in ("all", "callable", "dict", "getattr", "isinstance", "len", "map", "tuple", "type"):
    globals()[_name] = getattr(builtins, _name)

# Packages whose functions checks call, or which do it for them. The others are many, and are put
# back before each check, not within.
CLOSE = {
    *("builtins", "sys", "operator", "functools", "itertools", "math", "re", "copy", "random"),
    *("collections", "pathlib", "os", "posixpath", "tempfile", "statistics", "string", "json"),
    *("numpy", "pandas", "scipy", "sklearn", "skimage", "PIL", "keras", "keras_hub", "tlhelpers"),
    *("proctor", "plain", "texts", "untouched", "watch"),
}
SIGNALS = [each for each in signal.valid_signals() if each not in (signal.SIGKILL, signal.SIGSTOP)]
TIMERS = [getattr(signal, name) for name in dir(signal) if name.startswith("ITIMER_")]
names_of_class = type.__dict__["__dict__"].__get__


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
        name = owner.__name__ if kind is ModuleType else getattr(owner, "__module__", "")
        self.root = str(name).partition(".")[0]

    def restore(self):
        """Put back what acts, and take away what was added and acts; return their names."""
        now, values, found = self.names, self.values, []
        if type(self.owner) is not self.type:
            self.kind.__setattr__(self.owner, "__class__", self.type)
            found.append("__class__")
        elif len(now) == len(values) and all(map(is_, now.values(), values)):
            return found
        for name in {*self.kept, *now}:
            old, new = self.kept.get(name, self), now.get(name, self)
            if old is new:
                continue
            if old is self and acts(new) and self.kind is not ModuleType:
                self.kind.__delattr__(self.owner, name)
                found.append(name)
            elif old is not self and acts(old):
                self.kind.__setattr__(self.owner, name, old)
                found.append(name)
        self.kept, self.values = dict(now), tuple(now.values())
        return found


class Untouched:
    """All that acts in this Python, as it is now; `objects` are looked at as well."""

    def __init__(self, *objects):
        self.table, self.modules = sys.modules, dict(sys.modules)
        self.places, self.known = [], set()
        self.add(*all_classes())
        for module in self.modules.values():
            if isinstance(module, ModuleType) and module.__name__ != "__main__":
                names = ModuleType.__getattribute__(module, "__dict__")
                self.places.append(Place(module, names, ModuleType))
        self.places += [Place(each, vars(each), object) for each in objects]
        self.close = [place for place in self.places if place.root in CLOSE]
        self.functions = {
            id(value): place.root
            for place in self.places
            for value in place.values
            if isinstance(value, FunctionType)
        }
        lists = sys.meta_path, sys.path_hooks, sys.path, gc.callbacks
        self.lists = [(each, [*each]) for each in lists]
        self.handlers = [(each, signal.getsignal(each)) for each in SIGNALS]

    def add(self, *classes):
        """Look at further classes as well."""
        self.places += [Place(each, names_of_class(each), type) for each in classes]
        self.known |= {id(each) for each in classes}

    def restore(self, close=False):
        """Put back what acts, where checks look (`close`) or everywhere; return what it was."""
        found = []
        for place in self.close if close else self.places:
            found += place.restore()
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
