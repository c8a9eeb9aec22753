"""Figures that the committed notebooks stored, for the tests of what their prose claims."""

from types import SimpleNamespace

from tlhelpers.notebook.figures import read_figures
from tools.build_notebooks import key_figures, read_all


def stored(number):
    """Stored figures of the notebook whose name begins with this number, as attributes.

    `key` holds the key figures of its last cell.
    """
    (notebook,) = (each for name, each in read_all().items() if name.startswith(number))
    return SimpleNamespace(**read_figures(notebook), key=SimpleNamespace(**key_figures(notebook)))
