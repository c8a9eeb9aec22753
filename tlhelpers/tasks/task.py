"""A task: what is known already, and disjoint splits of the data to adapt it to."""

from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import pandas as pd

from ..backbones.load_backbone import backbone_layer, load_backbone
from ..runtime.check_labels import check_labels
from ..runtime.checks import one_of, whole_number
from .score import METRICS, score
from .split import AudioSplit, Split, TextSplit


class _Splits:
    """What tasks of all kinds share: checks of their splits, and draws of a few labels."""

    name: str
    class_names: tuple[str, ...]
    train: Any
    validation: Any
    test: Any
    metric: str

    def __post_init__(self):
        one_of(self.metric, "metric", METRICS)
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        for name, split in splits.items():
            if len(split):
                kind = f"Labels of {name}"
                check_labels(split.labels, kind, classes=len(self.class_names))
        every = np.concatenate([split.index for split in splits.values()])
        if len(np.unique(every)) < len(every):
            raise ValueError("The splits overlap: a sample stands in more than one of them.")

    def score(self, answers: Any, labels: Any) -> float:
        """Return the task's metric of answers, from 0 to 1.

        Parameters
        ----------
        answers : int `[n]`, or scores or probabilities `[n, classes]`, of which the highest counts
        labels : int `[n]`

        Raises
        ------
        TypeError, ValueError
            Texts; other shapes, other lengths, values outside the classes.

        Examples
        --------
        >>> from tlhelpers import load_task
        >>> load_task("digits").score([3, 1, 4, 1], [3, 1, 4, 5])
        0.75
        """
        return score(self.metric, answers, labels, len(self.class_names))

    def few(self, labels_per_class: int, seed: int = 0) -> Any:
        """Return a random part of `train` with the same number of labels for every class.

        Parameters
        ----------
        labels_per_class : int
            From 1 to the size of the smallest class in `train`.
        seed : int
            Which draw. Draws are nested: with one seed, 5 labels a class are among the 10.

        Raises
        ------
        TypeError, ValueError
            Not a whole number, or more labels than a class has.
        """
        sizes = np.bincount(self.train.labels, minlength=len(self.class_names))
        smallest = f"The smallest class of {self.name!r} is {self.class_names[sizes.argmin()]}."
        whole_number(labels_per_class, "labels_per_class", 1, int(sizes.min()), smallest)
        rng = np.random.default_rng(seed)
        drawn = [
            rng.permutation(np.flatnonzero(self.train.labels == label))[:labels_per_class]
            for label in range(len(self.class_names))
        ]
        return self.train.take(np.concatenate(drawn))


@dataclass(frozen=True, eq=False)
class Task(_Splits):
    """A backbone, the data to adapt it to, and where both come from.

    Attributes
    ----------
    backbone : str
        Its handle: what it makes of images `[n, *image_shape]` are feature vectors.
    train, validation, test : Split
        Disjoint. Choose on `validation`; look at `test` once.
    source, target, licence : str
        Where the backbone's knowledge and the pictures come from, and their terms.
    report : pandas.DataFrame or None
        For pictures in files: those that could not be used, why, and what was done.
    metric : "accuracy" or "balanced_accuracy"
        What `score` gives; by scikit-learn's names.
    details : pandas.DataFrame or None
        What else is known of each sample; its index is that of the splits.

    Examples
    --------
    >>> from tlhelpers import load_task
    >>> load_task("digits").few(2)
    Split(20 images of [32, 32, 3])
    """

    name: str
    backbone: str
    class_names: tuple[str, ...]
    train: Split = field(repr=False)
    validation: Split = field(repr=False)
    test: Split = field(repr=False)
    source: str = ""
    target: str = ""
    licence: str = ""
    report: pd.DataFrame | None = field(default=None, repr=False)
    metric: str = "accuracy"
    details: pd.DataFrame | None = field(default=None, repr=False)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """`(height, width, 3)` of its images."""
        return self.train.images.shape[1:]

    def layer(self) -> keras.Layer:
        """Return the backbone as a frozen layer: images of this task in, feature vectors out."""
        return backbone_layer(self.backbone, self.image_shape[0])

    def network(self) -> keras.Model:
        """Return the backbone as a Keras model whose inner layers can be reached, free to train."""
        return load_backbone(self.backbone, size=self.image_shape[0])


@dataclass(frozen=True, eq=False)
class TextTask(_Splits):
    """Texts to sort by topic, for `TextEncoder`.

    Attributes
    ----------
    train, validation, test : TextSplit
        Disjoint. Choose on `validation`; look at `test` once.
    source, licence : str
        Where the texts come from, and their terms.

    Examples
    --------
    >>> from tlhelpers import load_task
    >>> load_task("scipy").few(1)
    TextSplit(11 texts)
    """

    name: str
    class_names: tuple[str, ...]
    train: TextSplit = field(repr=False)
    validation: TextSplit = field(repr=False)
    test: TextSplit = field(repr=False)
    source: str = ""
    licence: str = ""
    metric: str = "accuracy"


@dataclass(frozen=True, eq=False)
class AudioTask(_Splits):
    """Recordings of words, and who said them.

    Attributes
    ----------
    train, validation, test : AudioSplit
        Disjoint, by speaker. Choose on `validation`; look at `test` once.
    details : pandas.DataFrame
        Voice, kind ("synthetic" or "recorded"), language and accent of each clip; its index is
        that of the splits.
    source, licence : str
        Where the clips come from, and their terms.

    Examples
    --------
    >>> from tlhelpers import load_task
    >>> load_task("spoken_digits", language="Italian").few(1)
    AudioSplit(10 clips of 19200 samples)
    """

    name: str
    class_names: tuple[str, ...]
    train: AudioSplit = field(repr=False)
    validation: AudioSplit = field(repr=False)
    test: AudioSplit = field(repr=False)
    details: pd.DataFrame = field(repr=False)
    source: str = ""
    licence: str = ""
    metric: str = "accuracy"
