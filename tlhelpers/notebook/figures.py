"""What a notebook found, stored as data in its outputs."""

import itertools
import math
import numbers
from typing import Any

import numpy as np
import pandas as pd

MIME_TYPE = "application/vnd.tlhelpers.key-figures+json"
MIME_TYPE_OF_TABLES = "application/vnd.tlhelpers.stored-figures+json"


class KeyFigures(dict):
    """Figures by name. Jupyter shows them as a table and keeps them as data beside it."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict:
        return {
            "text/plain": repr(self),
            "text/html": self._table().to_html(),
            MIME_TYPE: list(self.items()),  # pairs, for files of notebooks sort their keys
        }

    def __repr__(self) -> str:
        return self._table().to_string()

    def _table(self):
        shown = [f"{v:,}" if isinstance(v, int) else f"{v:.3g}" for v in self.values()]
        return pd.DataFrame({"value": shown}, index=list(self))


def key_figures(**figures: float) -> KeyFigures:
    """Return the figures a notebook ends with; make it the last line of a cell.

    Each is an int or a finite float with a name of its own. Jupyter shows a table; the numbers
    also stand in the output as data, from which the README's results are gathered and tested.

    Raises
    ------
    TypeError, ValueError
        A figure is not a number, or not a finite one; or there is none.

    Examples
    --------
    >>> key_figures(accuracy=0.9712, trainable_parameters=1290)
                          value
    accuracy              0.971
    trainable_parameters  1,290
    """
    if not figures:
        raise ValueError("No figures given. Name each one: key_figures(test_accuracy=0.97).")
    plain = KeyFigures()
    for name, value in figures.items():
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise TypeError(f"{name} is {value!r}; a number is expected.")
        if not math.isfinite(value):
            raise ValueError(f"{name} is {value}; a finite number is expected.")
        plain[name] = int(value) if isinstance(value, numbers.Integral) else float(value)
    return plain


class StoredFigures(dict):
    """Figures in a form that JSON can hold. Jupyter shows their names and keeps the data."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict:
        return {"text/plain": repr(self), MIME_TYPE_OF_TABLES: list(self.items())}

    def __repr__(self) -> str:
        return f"Stored with this notebook: {', '.join(self)}."


def store_figures(**figures: Any) -> StoredFigures:
    """Keep what a notebook measured as data in the output of a cell; make it the last line.

    Tests read it there (`read_figures`) and hold the sentences of the notebook against it.

    Parameters
    ----------
    **figures : number, sequence or array, dict, pandas.Series or pandas.DataFrame
        Each under the name by which a test asks for it. Numbers are kept to six decimals.

    Raises
    ------
    TypeError, ValueError
        A figure is of another kind, or there is none.

    Examples
    --------
    >>> store_figures(accuracy_of_draws=[0.97, 0.98], classes=10)
    Stored with this notebook: accuracy_of_draws, classes.
    """
    if not figures:
        raise ValueError("No figures given. Name each one: store_figures(accuracy=table).")
    return StoredFigures({name: _as_data(name, value) for name, value in figures.items()})


def _as_data(name, value):
    if isinstance(value, numbers.Real):
        return {"kind": "number", "value": _plain(value)}
    if isinstance(value, dict):
        nested = any(isinstance(part, dict | list | tuple) for part in value.values())
        value = pd.DataFrame(value) if nested else pd.Series(value)
    elif isinstance(value, list | tuple | np.ndarray):
        value = pd.Series(value) if np.ndim(value) == 1 else pd.DataFrame(np.asarray(value))
    if not isinstance(value, pd.Series | pd.DataFrame):
        raise TypeError(
            f"{name} is of type {type(value).__name__}; a number, a sequence, a dict, a Series or "
            "a DataFrame is expected."
        )
    kind = "series" if isinstance(value, pd.Series) else "table"
    frame = value.to_frame("value") if kind == "series" else value
    return {"kind": kind, **_plain(frame.to_dict(orient="tight"))}


def _plain(value):
    """Lists, texts and numbers of Python's own, floats to six decimals; no number is None."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return round(value, 6) if value - value == 0 else None  # JSON knows no NaN, no infinity
    return value


def read_figures(notebook: Any) -> dict[str, Any]:
    """Return what `store_figures` stored in a notebook: numbers, Series and DataFrames by name."""
    found = {}
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", ()))
    stored = (output.get("data", {}).get(MIME_TYPE_OF_TABLES, ()) for output in outputs)
    for name, data in itertools.chain.from_iterable(stored):
        if data["kind"] == "number":
            found[name] = data["value"]
        else:
            table = pd.DataFrame.from_dict(data, orient="tight")
            empty = table.columns[table.isna().all()]
            table = table.astype(dict.fromkeys(empty, float))
            found[name] = table["value"] if data["kind"] == "series" else table
    return found
