"""What a notebook found: key figures, stored as data in the output, and claims that hold or not."""

import ast
import sys

MIME_TYPE = "application/vnd.tlhelpers.key-figures+json"


class KeyFigures(dict):
    """Figures by name. Jupyter shows them as a table and keeps them as data beside it."""

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {
            "text/plain": repr(self),
            "text/html": self._table().to_html(),
            MIME_TYPE: list(self.items()),  # pairs, for files of notebooks sort their keys
        }

    def __repr__(self):
        return self._table().to_string()

    def _table(self):
        import pandas as pd

        shown = [f"{v:,}" if isinstance(v, int) else f"{v:.3g}" for v in self.values()]
        return pd.DataFrame({"value": shown}, index=list(self))


def key_figures(**figures):
    """The figures a notebook ends with; make it the last line of a cell.

    Each is an int or a finite float with a name of its own. Jupyter shows a table; the numbers
    also stand in the output as data, from which the README's results are gathered and tested.

    Raises
    ------
    TypeError
        A figure is not a number.
    ValueError
        A figure is NaN or infinite, or there is none.

    Examples
    --------
    >>> key_figures(accuracy=0.9712, trainable_parameters=1290)
                          value
    accuracy              0.971
    trainable_parameters  1,290
    """
    import math
    import numbers

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


def store_figures(**figures):
    """Keep what a notebook measured as data in the output of a cell; make it the last line.

    Tests read it there (`read_figures`) and hold the sentences of the notebook against it.

    Parameters
    ----------
    **figures : number, sequence or array, dict, pandas.Series or pandas.DataFrame
        Each under the name by which a test asks for it. Numbers are kept to six decimals.

    Raises
    ------
    TypeError
        A figure is of another kind.
    ValueError
        There is none.

    Examples
    --------
    >>> store_figures(accuracy_of_draws=[0.97, 0.98], classes=10)
    Stored with this notebook: accuracy_of_draws, classes.
    """
    if not figures:
        raise ValueError("No figures given. Name each one: store_figures(accuracy=table).")
    return StoredFigures({name: _as_data(name, value) for name, value in figures.items()})


class StoredFigures(dict):
    """Figures in a form that JSON can hold. Jupyter shows their names and keeps the data."""

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/plain": repr(self), MIME_TYPE_OF_TABLES: list(self.items())}

    def __repr__(self):
        return f"Stored with this notebook: {', '.join(self)}."


MIME_TYPE_OF_TABLES = "application/vnd.tlhelpers.stored-figures+json"


def _as_data(name, value):
    import numbers

    import numpy as np
    import pandas as pd

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


def read_figures(notebook):
    """What `store_figures` stored in the outputs of a notebook, by name.

    Parameters
    ----------
    notebook : nbformat.NotebookNode

    Returns
    -------
    dict of name -> number, pandas.Series or pandas.DataFrame
    """
    import pandas as pd

    found = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            for name, stored in output.get("data", {}).get(MIME_TYPE_OF_TABLES, ()):
                stored = dict(stored)
                kind = stored.pop("kind")
                if kind == "number":
                    found[name] = stored["value"]
                else:
                    table = pd.DataFrame.from_dict(stored, orient="tight")
                    empty = table.columns[table.isna().all()]
                    table = table.astype(dict.fromkeys(empty, float))
                    found[name] = table["value"] if kind == "series" else table
    return found


def claims(task):
    """Let the assertions of a notebook, written for the digits, be findings on other tasks.

    What the text says of measured figures stands below it as an assertion. On the digits with
    their own backbone those stay what they are. On another task or backbone an assertion of a cell
    that does not hold is printed, with its message if it has one, and the notebook goes on, since
    what holds there is what one wants to find out; those inside of functions stay assertions.
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None:
        return
    others = [each for each in shell.ast_transformers if not isinstance(each, _Findings)]
    home = task.name == "digits" and task.backbone == "embedded:glyphnet"
    shell.ast_transformers[:] = others if home else [*others, _Findings()]


class _Findings(ast.NodeTransformer):
    """Assertions outside of functions, as statements that print what does not hold."""

    def visit_FunctionDef(self, node):
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Assert(self, node):
        said = ast.unparse(node.test)
        if isinstance(node.msg, ast.Constant):
            said = f"{node.msg.value} ({said})"
        caught = ast.parse(
            "try: ...\n"
            "except (AssertionError, LookupError) as __tl_error:\n"
            f"    __import__('tlhelpers').report.not_so({said!r}, __tl_error)"
        ).body[0]
        caught.body = [node]
        return ast.copy_location(caught, node)


def not_so(statement, error):
    """Print a statement that does not hold, or that cannot be looked at."""
    what = "is not so" if isinstance(error, AssertionError) else f"cannot be told ({error!r})"
    print(f"On this task it {what}: {statement}")
