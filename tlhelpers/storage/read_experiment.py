"""Tables of experiments that take longer than a notebook may, as they travel with the package."""

import pandas as pd

from ..runtime.checks import one_of
from .find_module import data_dir


def read_experiment(name: str) -> pd.DataFrame:
    """Return the table of a stored experiment: one row a run.

    The script `tools/experiments/<name>.py` made it, and makes it again: `make experiments`.

    Raises
    ------
    ValueError
        There is no such experiment; the message lists those that there are.

    Examples
    --------
    >>> read_experiment("scratch_pictograms").columns[0]
    'labels_per_class'
    """
    folder = data_dir() / "experiments"
    known = sorted(path.stem for path in folder.glob("*.csv"))
    return pd.read_csv(folder / f"{one_of(name, 'name', known)}.csv")
