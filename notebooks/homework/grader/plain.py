"""Values without opinions of their own: what a student's code gives is made plain before a check.

A text, number, list or array of a class that the notebook defines becomes the text, number, list or
array that it holds, so that it cannot answer comparisons as it likes. Generators are run to their
end. Other objects of such classes are refused if they have a say in comparisons or conversions.
"""

import sys
from collections import deque
from types import FunctionType, GeneratorType

import numpy as np
from untouched import names_of

NUMBERS_AND_TEXTS = (int, float, complex, str, bytes)
COLLECTIONS = (list, tuple, set, frozenset)
LAZY = (GeneratorType, map, filter, zip, enumerate, reversed)
FINE = (int, float, complex, str, bytes, bool, type(None), FunctionType)
SAYS = frozenset(
    {
        *("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__bool__", "__len__"),
        *("__contains__", "__getitem__", "__iter__", "__float__", "__int__", "__index__"),
        *("__complex__", "__round__", "__add__", "__radd__", "__sub__", "__rsub__", "__mul__"),
        *("__rmul__", "__truediv__", "__rtruediv__", "__pow__", "__neg__", "__str__", "__repr__"),
        *("__format__", "__hash__", "__getattr__", "__getattribute__", "__class__", "__array__"),
        *("__array_ufunc__", "__array_function__", "__array_interface__"),
        *("__array_struct__", "__abs__", "__del__"),
    }
)
# a network of one's own may say how it is built and what it computes, and no more
NETWORK = frozenset(
    {
        *("__init__", "build", "call", "get_config", "from_config", "compute_output_shape"),
        *("compute_output_spec", "train_step", "test_step", "predict_step"),
    }
)
# some of these are equal to everything
DOUBLES = frozenset({"unittest", "mock", "pytest", "_pytest", "hypothesis"})
family_of = type.__dict__["__mro__"].__get__


class NotPlain(AssertionError):
    """A check was given what it cannot judge."""


def refuse(value, why="can answer comparisons as it likes"):
    raise NotPlain(
        f"The check was given an object of the class {type(value).__name__}, which {why}. A plain "
        "number, text, list, array or object of a library is expected."
    )


def among(kind, kinds):
    """Whether a class is one of some; what it says about its equality does not count."""
    return any(kind is each for each in kinds)


class Plain:
    """Makes values plain; `known` says of a class whether it is none of the notebook's.

    `ran` is called where code of a notebook may have run.
    """

    def __init__(self, known, namespace, ran):
        self.known, self.namespace, self.ran = known, namespace, ran

    def __call__(self, value, depth=0):
        kind = type(value)
        if among(kind, FINE):
            return value
        if depth > 20:
            refuse(value, "is nested too deeply")
        if among(kind, LAZY):
            try:
                items = [*value]
            finally:
                self.ran()
            return iter([self(x, depth + 1) for x in items])
        if not self.known(kind):
            value = self.stripped(value)
            kind = type(value)
        elif kind.__module__.partition(".")[0] in DOUBLES:
            refuse(value)
        elif issubclass(kind, (*COLLECTIONS, deque)) and not among(kind, COLLECTIONS):
            self.unchanged(value, depth)
        elif issubclass(kind, dict) and kind is not dict:
            self.unchanged([*dict.keys(value), *dict.values(value)], depth)
        if among(kind, FINE):
            return value
        if among(kind, COLLECTIONS):
            parts = [self(x, depth + 1) for x in value]
            same = all(new is old for new, old in zip(parts, value, strict=True))
            return value if same else kind(parts)
        if kind is dict:
            flat = [x for pair in value.items() for x in pair]
            parts = [self(x, depth + 1) for x in flat]
            same = all(new is old for new, old in zip(parts, flat, strict=True))
            return value if same else dict(zip(parts[::2], parts[1::2], strict=True))
        if issubclass(kind, np.ndarray) and value.dtype.hasobject:
            if kind is not np.ndarray or value.dtype.names:
                self.unchanged(value.tolist(), depth)
                return value
            return np.array([self(x, depth + 1) for x in value.flat], object).reshape(value.shape)
        if self.known(kind) and kind.__module__.startswith("pandas."):
            self.look_through(value, depth)
        elif self.known(kind):
            self.look_into(value)
        return value

    def look_into(self, value):
        """Refuse an object of a library in which a notebook's code answers for it."""
        kind = type(value)
        slots = [name for each in family_of(kind) for name in names_of(each).get("__slots__", ())]
        own = {name: getattr(value, name, None) for name in slots if isinstance(name, str)}
        for name, part in {**own, **getattr(value, "__dict__", {})}.items():
            if getattr(part, "__globals__", None) is self.namespace and hasattr(kind, name):
                refuse(value, f"has a method of the notebook's in place of `{name}`")
            if not self.known(type(part)) and self.stripped(part) is not part:
                refuse(value, f"holds such an object as its `{name}`")

    def unchanged(self, values, depth):
        """Refuse what holds other than plain values, where they cannot be put in place."""
        for each in values:
            if self(each, depth + 1) is not each:
                refuse(each)

    def look_through(self, table, depth):
        """Refuse a table, a column or an index that holds what is not plain."""
        names = getattr(table, "columns", ())
        columns = [table[x] for x in names] if len(names) else [table]
        held = [
            x for each in columns if getattr(each, "dtype", None) == np.dtype(object) for x in each
        ]
        self.unchanged([*held, *getattr(table, "index", ()), *names], depth)

    def stripped(self, value):
        """A value of a class that the notebook defines, as the plain one that it holds."""
        family = family_of(type(value))
        for plain in NUMBERS_AND_TEXTS:
            if among(plain, family):
                return getattr(plain, f"__{plain.__name__}__")(value)
        for plain in COLLECTIONS:
            if among(plain, family):
                return plain([*plain.__iter__(value)])
        if among(dict, family):
            return dict(zip(dict.keys(value), dict.values(value), strict=True))
        if among(np.ndarray, family):
            return np.ndarray.view(value, np.ndarray)
        own = [cls for cls in family if not self.known(cls)]
        defined = {name for cls in own for name in names_of(cls)}
        keras = sys.modules.get("keras")
        if keras and among(keras.layers.Layer, family):
            if any(name in dir(keras.Model) and name not in NETWORK for name in self.acts(own)):
                refuse(value, "replaces more of a Keras model than how it is built and called")
        elif SAYS & defined or len(family) > len(own) + 1:
            refuse(value)
        return value

    @staticmethod
    def acts(classes):
        """Names that classes define, but those which every class has."""
        common = {*names_of(type("", (), {})), "__annotations__", "__slots__", "__firstlineno__"}
        return {name for cls in classes for name in names_of(cls)} - common
