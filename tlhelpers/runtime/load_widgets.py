"""ipywidgets, of the lab extra: a server that only trains does without."""

import importlib
from typing import Any


def load_widgets(what: str, instead: str = "") -> Any:
    """Return the module `ipywidgets`; ImportError, which says what it was for, if it is missing.

    It is `Any` to a type checker, so that attributes need no stubs.

    >>> load_widgets("Labelling by hand").__name__
    'ipywidgets'
    """
    try:
        return importlib.import_module("ipywidgets")
    except ImportError as error:
        raise ImportError(
            f"{what} needs ipywidgets: python -m pip install 'ipywidgets>=7.7', then restart the "
            f"kernel. {instead}".rstrip()
        ) from error
