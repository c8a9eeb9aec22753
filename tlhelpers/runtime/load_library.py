"""Libraries of the extras: who does without them is told how to get them."""

import importlib
from typing import Any


def load_library(name: str, what: str, *, requirement: str = "", instead: str = "") -> Any:
    """Return a module; ImportError, which says what it was for and how to get it, if it is missing.

    `requirement` is what pip installs, where that is more than the name. The module is `Any` to a
    type checker, so that attributes need no stubs.

    >>> load_library("json", "Reading settings").__name__
    'json'
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"{what} needs {name}: python -m pip install {requirement or name}, then restart the "
            f"kernel. {instead}".rstrip()
        ) from error
