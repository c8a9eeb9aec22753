"""Samples with labels, and what every task does with its three splits of them."""

import dataclasses
import numbers
from dataclasses import dataclass

import numpy as np

from .images import LazyImages


def check_class_names(class_names):
    """Names of classes as a tuple; ValueError unless they are two or more, all different."""
    names = () if isinstance(class_names, str | None) else tuple(class_names)
    if len(names) < 2 or len(set(names)) < len(names):
        raise ValueError(
            f"class_names are {class_names!r}; two names or more are expected, all different."
        )
    return names


class _Samples:
    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, LazyImages):
                object.__setattr__(self, field.name, np.asarray(value))
        counts = {field.name: len(getattr(self, field.name)) for field in dataclasses.fields(self)}
        if len(set(counts.values())) > 1:
            what = next(iter(counts))
            raise ValueError(
                f"Labels do not match {what}: got "
                + ", ".join(f"{n} {name}" for name, n in counts.items())
                + "; one label and one index a sample is expected."
            )

    def __len__(self):
        return len(self.labels)

    def take(self, positions):
        """The samples at these positions, as a new split."""
        fields = dataclasses.fields(self)
        return type(self)(*(getattr(self, field.name)[positions] for field in fields))


@dataclass(frozen=True, eq=False)
class Split(_Samples):
    """Pictures with their labels.

    Attributes
    ----------
    images : float32 `[n, height, width, 3]` in `[0, 1]`; an array, or LazyImages that are read
        when they are needed
    labels : int64 `[n]`, positions in the task's `class_names`
    index : int64 `[n]`, which samples of the original data set these are
    """

    images: np.ndarray | LazyImages
    labels: np.ndarray
    index: np.ndarray

    def __repr__(self):
        return f"Split({len(self)} images of {list(self.images.shape[1:])})"

    def batches(self, batch_size=32, shuffle=False, seed=0):
        """Images and labels as a `tf.data.Dataset` of batches, for `fit` and `evaluate`.

        Pictures in files are read while the network works on those before, and never all at once.
        With `shuffle` each pass has another order; `seed` fixes the first and all that follow (for
        arrays together with the seed that `tl.setup` sets).
        """
        from .streams import labelled_batches

        return labelled_batches(self.images, self.labels, batch_size, shuffle, seed)


@dataclass(frozen=True, eq=False)
class TextSplit(_Samples):
    """Texts with their labels.

    Attributes
    ----------
    texts : object array `[n]` of str
    labels : int64 `[n]`, positions in the task's `class_names`
    index : int64 `[n]`, which samples of the original data set these are
    """

    texts: np.ndarray
    labels: np.ndarray
    index: np.ndarray

    def __repr__(self):
        return f"TextSplit({len(self)} texts)"


class Splits:
    """What tasks of all kinds share: checks of their splits, and draws of a few labels."""

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
