"""Checks of texts: one, or a list of them."""

from collections.abc import Iterable, Mapping, Set
from typing import Any
from unicodedata import category


def valid_text(text: Any, name: str) -> str:
    """Return a text; TypeError if it is none, ValueError if it cannot be encoded.

    >>> valid_text(3, "prompt")
    Traceback (most recent call last):
    TypeError: prompt is 3, of type int; a text is expected.
    """
    if not isinstance(text, str):
        kind = type(text).__name__
        raise TypeError(f"{name} is {text!r:.40}, of type {kind}; a text is expected.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{name} is no valid text ({error}).") from None
    return str(text)


def some_text(text: Any, name: str) -> str:
    """Return a text of at least one character; errors as of `valid_text`, and ValueError."""
    if not valid_text(text, name):
        raise ValueError(f"{name} is empty; a text of one character at least is expected.")
    return str(text)


def list_of_texts(texts: Any, name: str = "texts") -> list[str]:
    """Return texts as a list; TypeError if they are none, ValueError if there is none.

    >>> list_of_texts("a cat")
    Traceback (most recent call last):
    TypeError: texts are one text; a list of texts is expected: [text].
    """
    if isinstance(texts, str | bytes):
        raise TypeError(f"{name} are one text; a list of texts is expected: [text].")
    kind = type(texts).__name__
    if isinstance(texts, Mapping | Set) or hasattr(texts, "columns"):
        raise TypeError(
            f"{name} are a {kind}; a list of texts is expected, such as one column of a table: "
            'table["text"].'
        )
    if not isinstance(texts, Iterable) or getattr(texts, "ndim", 1) != 1:
        raise TypeError(f"{name} are a {kind}; a list of texts is expected.")
    found = [valid_text(text, f"{name}[{i}]") for i, text in enumerate(texts)]
    if not found:
        raise ValueError(f"{name} are empty; one text at least is expected.")
    return found


def printable(text: str) -> str:
    r"""Return a text with what cannot be printed escaped: control characters, bytes of no text.

    >>> printable("caf\udce9.jpg")
    'caf\\udce9.jpg'
    """
    return "".join(c if category(c) not in ("Cc", "Cs") else repr(c)[1:-1] for c in text)
