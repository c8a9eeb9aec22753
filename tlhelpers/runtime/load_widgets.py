"""ipywidgets, of the lab extra: a server that only trains does without."""

from typing import Any

from .load_library import load_library


def load_widgets(what: str, instead: str = "") -> Any:
    """Return the module `ipywidgets`; ImportError, which says what it was for, if it is missing.

    >>> load_widgets("Labelling by hand").__name__
    'ipywidgets'
    """
    return load_library("ipywidgets", what, requirement="'ipywidgets>=7.7'", instead=instead)
