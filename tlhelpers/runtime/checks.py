"""Checks of arguments that many functions share, and words for messages."""

import math
import numbers
from collections.abc import Collection, Sequence
from typing import Any


def whole_number(
    value: Any, name: str, least: int = 1, most: int | None = None, mend: str = ""
) -> int:
    """Return a whole number as `int`; TypeError or ValueError if it is none from least to most.

    The message names the argument and ends with `mend`. True and False are no numbers here.

    >>> whole_number(32, "batch_size")
    32
    >>> whole_number(0, "batch_size")
    Traceback (most recent call last):
    ValueError: batch_size is 0; a whole number of at least 1 is expected.
    """
    bounds = f"of at least {least}" if most is None else f"from {least} to {most}"
    message = f"{name} is {value!r}; a whole number {bounds} is expected. {mend}".rstrip()
    if not isinstance(value, numbers.Integral) or isinstance(value, bool):
        raise TypeError(message)
    number = int(value)
    if number < least or (most is not None and number > most):
        raise ValueError(message)
    return number


def number(value: Any, name: str, least: float, most: float = math.inf) -> float:
    """Return a finite number as `float`; TypeError or ValueError if it is none from least to most.

    >>> number(-1, "start", 0)
    Traceback (most recent call last):
    ValueError: start is -1; a number of at least 0 is expected.
    """
    bounds = f"of at least {least:g}" if most == math.inf else f"from {least:g} to {most:g}"
    message = f"{name} is {value!r}; a number {bounds} is expected."
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise TypeError(message)
    found = float(value)
    if not math.isfinite(found) or not least <= found <= most:
        raise ValueError(message)
    return found


def one_of(value: Any, name: str, choices: Collection[str]) -> str:
    """Return a text that is among the choices; else ValueError, which lists them.

    >>> one_of("pca", "method", ("tsne", "pca"))
    'pca'
    """
    if not isinstance(value, str) or value not in choices:
        listed = ", ".join(map(repr, choices))
        raise ValueError(f"{name} is {value!r}; one of {listed} is expected.")
    return value


def class_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return names of classes as a tuple; ValueError unless they are two or more, all different.

    >>> class_names(["cat", "dog"])
    ('cat', 'dog')
    """
    found = () if isinstance(names, str | None) else tuple(names)
    if len(found) < 2 or len(set(found)) < len(found):
        raise ValueError(
            f"class_names are {names!r}; two names or more are expected, all different."
        )
    return found


def plural(count: int, noun: str) -> str:
    """Return a number and its noun.

    >>> plural(1, "block"), plural(3, "block")
    ('1 block', '3 blocks')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
