"""What the homeworks share: test data under seal, and a look at the text of a conclusion."""

import re
from collections.abc import Iterable
from typing import Any

import pandas as pd

_FIGURE = re.compile(r"(?<![\d.])[01]\.\d{2,3}(?![\d%])")


class Sealed:
    """Stands where test data were: whatever is done with it says why they are not there.

    Raises
    ------
    AssertionError
        On reading, indexing, counting, comparing and the like.

    Examples
    --------
    >>> len(Sealed())
    Traceback (most recent call last):
    AssertionError: These are the test data. What is chosen by them is flattered by them, ...
    """

    def _no(self, *_, **__):
        raise AssertionError(
            "These are the test data. What is chosen by them is flattered by them, and nothing is "
            "left to measure the choice with. Choose on validation; the grading has the test data."
        )

    __getattr__ = __getitem__ = __len__ = __iter__ = __array__ = __truediv__ = __eq__ = _no


def seal(task: Any) -> Any:
    """Put the test split of a task under seal, and return the task.

    A task that is loaded once more has its test data.

    Examples
    --------
    >>> from tlhelpers import load_task
    >>> seal(load_task("digits")).test.labels
    Traceback (most recent call last):
    AssertionError: These are the test data. What is chosen by them is flattered by them, ...
    """
    object.__setattr__(task, "test", Sealed())
    return task


def check_conclusion(
    text: str, table: pd.DataFrame, least: int, settings: Iterable[float] = (), exercise: int = 5
) -> None:
    """Check that a text has forty words, and that its figures are those of a table.

    Parameters
    ----------
    text : str
        Figures in it are numbers such as 0.98 or 1.000.
    table : pandas.DataFrame
        Accuracies from 0 to 1. The text may also quote differences of two of them.
    least : int
        So many accuracies of the table must be quoted.
    settings : floats
        Other numbers that may stand in the text, such as the table's columns.
    exercise : int
        The number that messages begin with.

    Raises
    ------
    AssertionError
        Too few words, too few figures, or figures from elsewhere; the message says which.

    Examples
    --------
    >>> check_conclusion("Pixels win.", pd.DataFrame(), least=3)
    Traceback (most recent call last):
    AssertionError: Exercise 5: your conclusion has 2 words, 2 of them different; forty are ...
    """
    words = text.lower().split()
    long_enough = len(words) >= 40 and len(set(words)) >= 25
    assert long_enough, (
        f"Exercise {exercise}: your conclusion has {len(words)} words, {len(set(words))} of them "
        "different; forty are expected, and sentences that say who wins, by how much, and why."
    )
    figures = {float(x) for x in _FIGURE.findall(text)}
    entries = table.to_numpy(float).ravel()
    accuracies = {round(value, n) for value in entries for n in (2, 3)}
    gaps = {round(abs(a - b), n) for a in entries for b in entries for n in (2, 3)}
    assert len(figures & accuracies) >= least, (
        f"Exercise {exercise}: your conclusion quotes {sorted(figures & accuracies)} of your "
        f"table; {least} accuracies at least are expected, written with two or three decimals, as "
        "0.98 or 0.981."
    )
    other = figures - accuracies - gaps - set(settings)
    assert not other, (
        f"Exercise {exercise}: {sorted(other)} in your conclusion are neither in your table nor "
        "differences of its entries. Put figures in by an f-string, from the table."
    )
