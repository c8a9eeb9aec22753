"""The text of a model card: its template, its table, and the object that Jupyter shows."""

from pathlib import Path

import pandas as pd

from ..runtime.types import StrPath

CARD = """# {name}

**Use.** {intended_use}

**Limits.** {limits}

**Not tested on.** {not_tested_on}

## Measured

{measured}

{table}

{by_group}

## Made from

| | |
|---|---|
| task | {task} |
| classes | {classes} |
| backbone | {source} |
| data | {target} |
| their terms | {terms} |
| samples | {samples} |
| input | {takes} |
| output | {gives} |
| parameters | {parameters} |
| written with | TensorFlow {tensorflow}, Keras {keras} |

**Licence.** {licence}

**Contact.** {contact}
"""


def cell(text: str) -> str:
    """Return a text as the cell of a table: one line, without bars."""
    return " ".join(str(text).split()).replace("|", "\\|")


def table_of(scores: pd.DataFrame, score: str) -> str:
    """Return scores by group as a table of Markdown."""
    rows = [
        f"| group | n | {cell(score.replace('_', ' '))} | from | to |",
        "|---|---|---|---|---|",
    ]
    for group, row in scores.iterrows():
        figures = " | ".join(f"{row[key]:.3f}" for key in (score, "low", "high"))
        rows.append(f"| {cell(group)} | {int(row.n):,} | {figures} |")
    return "\n".join(rows)


def by_group(scores: pd.Series) -> str:
    """Return which group has the lowest score and which the highest, or that nobody looked."""
    if scores.empty:
        return "It was not measured by group. The mean may hide a group for which the model fails."
    worst, best = scores.idxmin(), scores.idxmax()
    return (
        f"Lowest: {worst} ({scores[worst]:.3f}); highest: {best} ({scores[best]:.3f}). Where "
        "intervals overlap widely, the order is not sure."
    )


class ModelCard:
    """A model's card, in Markdown. Jupyter shows it; `str(card)` is its text.

    Attributes
    ----------
    text : str
        The card in Markdown.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def save(self, path: StrPath, *, overwrite: bool = False) -> Path:
        """Write the card to a file, such as "README.md"; returns its path.

        Raises
        ------
        FileExistsError
            There is such a file already, and `overwrite` was not given.
        """
        path = Path(path).expanduser()
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path} exists already. Give another name, or overwrite=True.")
        path.write_text(self.text, encoding="utf-8")
        return path

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"ModelCard({self.text.splitlines()[0].removeprefix('# ')!r})"

    def _repr_markdown_(self) -> str:
        return self.text
