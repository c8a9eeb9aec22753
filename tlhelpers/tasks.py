"""Tasks: a pretrained backbone (the source) paired with data to adapt it to (the target)."""

from dataclasses import dataclass, field

import numpy as np

from . import fetch, glyphs, texts
from .splits import Split, Splits


@dataclass(frozen=True, eq=False)
class Task(Splits):
    """A backbone, the data to adapt it to, and where both come from.

    Attributes
    ----------
    backbone : str
        Handle for `HubLayer`: images `[n, *image_shape]` in, feature vectors out.
    backbone_file : str or None
        The same network as a `.keras` file, whose inner layers can be reached.
    train, validation, test : Split
        Disjoint. Choose on `validation`; look at `test` once.
    source, target, licence : str
        Where the backbone's knowledge and the pictures come from, and their terms.
    """

    name: str
    backbone: str
    backbone_file: str | None
    class_names: tuple
    train: Split = field(repr=False)
    validation: Split = field(repr=False)
    test: Split = field(repr=False)
    source: str = ""
    target: str = ""
    licence: str = ""

    @property
    def image_shape(self):
        return self.train.images.shape[1:]


def _digits():
    from sklearn.datasets import load_digits

    digits = load_digits()
    small = (digits.images / 16).astype(np.float32)
    images = np.repeat(glyphs.enlarge(small, 32)[..., None], 3, axis=-1)
    labels = digits.target.astype(np.int64)
    # Samples seem to stand in the order of their writers, so cutting each class in that order
    # probably keeps most writers of the test split out of the others.
    place = np.zeros(len(labels), np.int64)
    for label in range(10):
        where = np.flatnonzero(labels == label)
        place[where] = np.arange(len(where))
    everything = Split(images, labels, np.arange(len(labels)))
    train, validation = place < 60, (place >= 60) & (place < 90)
    return Task(
        name="digits",
        backbone="embedded:glyphnet",
        backbone_file=str(fetch.data_dir() / "glyphnet.keras"),
        class_names=tuple("0123456789"),
        train=everything.take(train),
        validation=everything.take(validation),
        test=everything.take(~train & ~validation),
        source="GlyphNet: printed letters of the fonts in matplotlib, warped; no digits",
        target="handwritten digits in scikit-learn (UCI ML Repository; Alpaydin and Kaynak, 1998)",
        licence="backbone Apache-2.0; digits CC BY 4.0",
    )


_TASKS = {
    "digits": (
        _digits,
        {
            "source": "printed letters (GlyphNet)",
            "target": "1,797 handwritten digits, 10 classes",
            "download": "none",
            "licence": "Apache-2.0; CC BY 4.0",
            "device": "any CPU",
        },
    ),
    "scipy": (
        texts.load_scipy,
        {
            "source": "a sentence encoder (all-MiniLM-L6-v2)",
            "target": "about 1,200 one-line summaries of SciPy's functions, 11 topics",
            "download": "none",
            "licence": "BSD-3-Clause",
            "device": "any CPU",
        },
    ),
    "ag_news": (
        texts.load_ag_news,
        {
            "source": "a sentence encoder (all-MiniLM-L6-v2)",
            "target": "7,600 news items, title and description, 4 topics",
            "download": "1.9 MB",
            "licence": "for research; see the AG corpus of news articles",
            "device": "any CPU",
        },
    ),
}


def load_task(name):
    """A transfer task by its name; `list_tasks()` shows them.

    Raises
    ------
    ValueError
        Unknown name; the message lists the valid ones.

    Examples
    --------
    >>> task = load_task("digits")
    >>> task.image_shape
    (32, 32, 3)
    """
    if not isinstance(name, str) or name not in _TASKS:
        raise ValueError(f"Unknown task {name!r}. Valid tasks: {', '.join(map(repr, _TASKS))}.")
    return _TASKS[name][0]()


def list_tasks():
    """The tasks as a pandas table: source, target, size of the download, licence, device."""
    import pandas as pd

    rows = {name: facts for name, (_, facts) in _TASKS.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("task")
