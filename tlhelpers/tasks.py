"""Tasks: a pretrained backbone (the source) paired with data to adapt it to (the target)."""

import numbers
from dataclasses import dataclass, field

import numpy as np

from . import fetch, glyphs


@dataclass(frozen=True, eq=False)
class Split:
    """Pictures with their labels.

    Attributes
    ----------
    images : float32 `[n, height, width, 3]` in `[0, 1]`
    labels : int64 `[n]`, positions in the task's `class_names`
    index : int64 `[n]`, which samples of the original data set these are
    """

    images: np.ndarray
    labels: np.ndarray
    index: np.ndarray

    def __post_init__(self):
        counts = {name: len(getattr(self, name)) for name in ("images", "labels", "index")}
        if len(set(counts.values())) > 1:
            raise ValueError(
                "Labels do not match images: got "
                + ", ".join(f"{n} {name}" for name, n in counts.items())
                + "; one label and one index an image is expected."
            )

    def __len__(self):
        return len(self.labels)

    def __repr__(self):
        return f"Split({len(self)} images of {list(self.images.shape[1:])})"

    def take(self, positions):
        """The samples at these positions, as a new `Split`."""
        return Split(self.images[positions], self.labels[positions], self.index[positions])


@dataclass(frozen=True, eq=False)
class Task:
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

    def __post_init__(self):
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        for name, split in splits.items():
            bad = (split.labels < 0) | (split.labels >= len(self.class_names))
            if bad.any():
                raise ValueError(
                    f"Labels do not match: {name} holds label {split.labels[bad][0]}, but there "
                    f"are {len(self.class_names)} classes, 0 to {len(self.class_names) - 1}."
                )
        every = np.concatenate([split.index for split in splits.values()])
        if len(np.unique(every)) < len(every):
            raise ValueError("The splits overlap: a sample stands in more than one of them.")

    @property
    def image_shape(self):
        return self.train.images.shape[1:]

    def few(self, labels_per_class, seed=0):
        """A random part of `train` with the same number of labels for every class.

        Parameters
        ----------
        labels_per_class : int
            From 1 to the size of the smallest class in `train`.
        seed : int
            Which draw. Draws are nested: with one seed, 5 labels a class are among the 10.

        Raises
        ------
        ValueError
            Not a whole number, or more labels than a class has.
        """
        sizes = np.bincount(self.train.labels, minlength=len(self.class_names))
        whole = isinstance(labels_per_class, numbers.Integral)
        if not whole or not 1 <= labels_per_class <= sizes.min():
            raise ValueError(
                f"labels_per_class is {labels_per_class!r}; the smallest class of {self.name!r} "
                f"({self.class_names[sizes.argmin()]}) has {sizes.min()}: give 1 to {sizes.min()}."
            )
        rng = np.random.default_rng(seed)
        drawn = [
            rng.permutation(np.flatnonzero(self.train.labels == label))[:labels_per_class]
            for label in range(len(self.class_names))
        ]
        return self.train.take(np.concatenate(drawn))


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
