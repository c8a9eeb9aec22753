"""Checks of arguments that many functions share, and words for messages."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Sequence


def whole_number(
    value: object, name: str, least: int = 1, most: int | None = None, mend: str = ""
) -> int:
    """Return a whole number as `int`, or say what came instead and what is expected.

    Parameters
    ----------
    value : object
        True and False are no numbers here.
    name : str
        Of the argument.
    least, most : int
        Bounds, both included.
    mend : str
        A sentence that follows, on how to mend it.

    Raises
    ------
    TypeError
        It is no whole number.
    ValueError
        It is outside of the bounds.

    Examples
    --------
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
    if value < least or (most is not None and value > most):
        raise ValueError(message)
    return int(value)


def one_of(value: object, name: str, choices: Iterable[str]) -> str:
    """Return a text that is among the choices; else ValueError, which lists them.

    Examples
    --------
    >>> one_of("pca", "method", ("tsne", "pca"))
    'pca'
    """
    choices = list(choices)
    if not isinstance(value, str) or value not in choices:
        raise ValueError(
            f"{name} is {value!r}; one of {', '.join(map(repr, choices))} is expected."
        )
    return value


def class_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return names of classes as a tuple; ValueError unless they are two or more, all different.

    Examples
    --------
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
    """Return a number and its noun, as "1 block" or "3 blocks".

    Examples
    --------
    >>> plural(1, "block"), plural(3, "block")
    ('1 block', '3 blocks')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
