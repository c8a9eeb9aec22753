"""Values without opinions of their own: what a student's code gives is made plain before a check.

A text, number, list or array of a class that the notebook defines becomes the text, number, list or
array that it holds, so that it cannot answer comparisons as it likes. Generators are run to their
end. Other objects of such classes are refused if they have a say in comparisons or conversions.
"""

import sys
from types import FunctionType, GeneratorType

import numpy as np

NUMBERS_AND_TEXTS = (int, float, complex, str, bytes)
COLLECTIONS = (list, tuple, set, frozenset)
LAZY = (GeneratorType, map, filter, zip, enumerate, reversed)
FINE = {int, float, complex, str, bytes, bool, type(None), FunctionType}
SAYS = {
    *("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__bool__", "__len__"),
    *("__contains__", "__getitem__", "__iter__", "__float__", "__int__", "__index__", "__abs__"),
    *("__complex__", "__round__", "__add__", "__radd__", "__sub__", "__rsub__", "__mul__"),
    *("__rmul__", "__truediv__", "__rtruediv__", "__pow__", "__neg__", "__str__", "__repr__"),
    *("__format__", "__hash__", "__getattr__", "__getattribute__", "__class__", "__array__"),
    *("__array_ufunc__", "__array_function__", "__array_interface__", "__array_struct__"),
}
# a network of one's own may say how it is built and what it computes, and no more
NETWORK = {
    *("__init__", "build", "call", "get_config", "from_config", "compute_output_shape"),
    *("compute_output_spec", "train_step", "test_step", "predict_step"),
}
DOUBLES = {"unittest", "mock", "pytest", "_pytest", "hypothesis"}  # some are equal to everything
names_of = type.__dict__["__dict__"].__get__


class NotPlain(AssertionError):
    """A check was given what it cannot judge."""


def refuse(value, why="can answer comparisons as it likes"):
    raise NotPlain(
        f"The check was given an object of the class {type(value).__name__}, which {why}. A plain "
        "number, text, list, array or object of a library is expected."
    )


class Plain:
    """Makes values plain; `known` says of a class whether it is none of the notebook's."""

    def __init__(self, known, namespace):
        self.known, self.namespace = known, namespace

    def __call__(self, value, depth=0):
        if type(value) in FINE:
            return value
        if depth > 20:
            refuse(value, "is nested too deeply")
        if type(value) in LAZY:
            return iter([self(x, depth + 1) for x in value])
        if not self.known(type(value)):
            value = self.stripped(value)
        kind = type(value)
        if kind in FINE:
            return value
        if kind.__module__.partition(".")[0] in DOUBLES:
            refuse(value)
        if kind in COLLECTIONS:
            parts = [self(x, depth + 1) for x in value]
            same = all(new is old for new, old in zip(parts, value, strict=True))
            return value if same else kind(parts)
        if kind is dict:
            flat = [x for pair in value.items() for x in pair]
            parts = [self(x, depth + 1) for x in flat]
            same = all(new is old for new, old in zip(parts, flat, strict=True))
            return value if same else dict(zip(parts[::2], parts[1::2], strict=True))
        if kind is np.ndarray:
            if value.dtype.hasobject and not value.dtype.names:
                return np.array([self(x, depth + 1) for x in value.flat], object).reshape(
                    value.shape
                )
        elif kind.__module__.startswith("pandas.") and kind.__name__ in ("Series", "DataFrame"):
            self.look_through(value, depth)
        else:
            for name, own in getattr(value, "__dict__", {}).items():
                if getattr(own, "__globals__", None) is self.namespace and hasattr(kind, name):
                    refuse(value, f"has a method of the notebook's in place of `{name}`")
        return value

    def look_through(self, table, depth):
        """Refuse a table that holds what is not plain; it cannot be put in place everywhere."""
        columns = [table[x] for x in table.columns] if table.ndim == 2 else [table]
        held = [x for column in columns if column.dtype == object for x in column]
        for x in (*held, *table.index, *(table.columns if table.ndim == 2 else ())):
            if self(x, depth + 1) is not x:
                refuse(x)

    def stripped(self, value):
        """A value of a class that the notebook defines, as the plain one that it holds."""
        family = type.__getattribute__(type(value), "__mro__")
        for plain in NUMBERS_AND_TEXTS:
            if plain in family:
                return getattr(plain, f"__{plain.__name__}__")(value)
        for plain in COLLECTIONS:
            if plain in family:
                return plain([*plain.__iter__(value)])
        if dict in family:
            return dict(zip(dict.keys(value), dict.values(value), strict=True))
        if np.ndarray in family:
            return np.ndarray.view(value, np.ndarray)
        own = [cls for cls in family if not self.known(cls)]
        defined = {name for cls in own for name in names_of(cls)}
        keras = sys.modules.get("keras")
        if keras and keras.layers.Layer in family:
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
