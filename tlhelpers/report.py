"""What a notebook found: key figures, stored as data in the output, and claims that hold or not."""

import contextlib
import linecache
import traceback

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


@contextlib.contextmanager
def claims(task):
    """Assertions about measured figures, which the text of a notebook makes of the digits.

    On the digits with their own backbone a failed assertion is an error, as always. On another
    task or backbone it is printed, since what holds there is what one wants to find out; the
    assertions after it are not looked at.

    Examples
    --------
    >>> import tlhelpers as tl
    >>> with tl.claims(tl.load_task("digits")):
    ...     assert 1 < 2
    """
    try:
        yield
    except (AssertionError, LookupError) as error:
        if task.name == "digits" and task.backbone == "embedded:glyphnet":
            raise
        frame = traceback.extract_tb(error.__traceback__)[1]  # the cell
        lines = linecache.getlines(frame.filename)[frame.lineno - 1 : frame.end_lineno]
        statement = " ".join(" ".join(lines).split()).removeprefix("assert ")
        what = "is not so" if isinstance(error, AssertionError) else f"cannot be told ({error!r})"
        print(f"On this task it {what}: {statement}")
