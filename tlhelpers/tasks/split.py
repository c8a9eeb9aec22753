"""Samples with labels: pictures, texts or recordings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..images.lazy_images import Images, as_images

if TYPE_CHECKING:
    import tensorflow as tf


class _Samples:
    labels: np.ndarray

    def __post_init__(self):
        for name, value in vars(self).items():
            object.__setattr__(self, name, as_images(value, name.capitalize()))
        counts = {name: len(value) for name, value in vars(self).items()}
        if len(set(counts.values())) > 1:
            what = next(iter(counts))
            raise ValueError(
                f"Labels do not match {what}: got "
                + ", ".join(f"{n} {name}" for name, n in counts.items())
                + "; one label and one index a sample is expected."
            )

    def __len__(self):
        return len(self.labels)

    def take(self, positions: np.ndarray) -> Self:
        """Return the samples at these positions, as a new split."""
        return type(self)(*(value[positions] for value in vars(self).values()))


@dataclass(frozen=True, eq=False)
class Split(_Samples):
    """Pictures with their labels.

    Attributes
    ----------
    images : float32 `[n, height, width, 3]` in `[0, 1]`; an array, or LazyImages that are read
        when they are needed
    labels : int64 `[n]`, positions in the task's `class_names`
    index : int64 `[n]`, which samples of the original data set these are

    Examples
    --------
    >>> Split(np.zeros((2, 8, 8, 3)), [0, 1], [0, 1])
    Split(2 images of [8, 8, 3])
    """

    images: Images
    labels: np.ndarray
    index: np.ndarray

    def __repr__(self):
        return f"Split({len(self)} images of {list(self.images.shape[1:])})"

    def batches(
        self, batch_size: int = 32, *, shuffle: bool = False, seed: int = 0
    ) -> tf.data.Dataset:
        """Return images and labels as a `tf.data.Dataset` of batches, for `fit` and `evaluate`.

        Pictures in files are read while the network works on those before, and never all at once.
        With `shuffle` each pass has another order; `seed` fixes the first and all that follow (for
        arrays together with the seed that `tl.setup` sets).
        """
        from ..images.batches import labelled_batches

        return labelled_batches(self.images, self.labels, batch_size, shuffle=shuffle, seed=seed)


def in_splits(everything: Split, names: Any) -> tuple[Split, Split, Split]:
    """Return train, validation and test: the samples that `names` gives to each of them."""
    names = np.asarray(names)
    train, validation, test = (
        everything.take(np.flatnonzero(names == part)) for part in ("train", "validation", "test")
    )
    return train, validation, test


@dataclass(frozen=True, eq=False)
class TextSplit(_Samples):
    """Texts with their labels.

    Attributes
    ----------
    texts : object array `[n]` of str
    labels : int64 `[n]`, positions in the task's `class_names`
    index : int64 `[n]`, which samples of the original data set these are
    names : object array `[n]` of str, what each text is about; empty where texts have no names

    Examples
    --------
    >>> TextSplit(np.array(["a", "b"], object), [0, 1], [0, 1])
    TextSplit(2 texts)
    """

    texts: np.ndarray
    labels: np.ndarray
    index: np.ndarray
    names: np.ndarray | None = None

    def __post_init__(self):
        if self.names is None:
            object.__setattr__(self, "names", np.full(len(self.labels), "", object))
        super().__post_init__()

    def __repr__(self):
        return f"TextSplit({len(self)} texts)"


@dataclass(frozen=True, eq=False)
class AudioSplit(_Samples):
    """Recordings with their labels.

    Attributes
    ----------
    clips : float32 `[n, samples]` in `[-1, 1]`, at 16 kHz
    labels : int64 `[n]`, positions in the task's `class_names`
    index : int64 `[n]`, which samples of the original data set these are

    Examples
    --------
    >>> AudioSplit(np.zeros((2, 16000), np.float32), [0, 1], [0, 1])
    AudioSplit(2 clips of 16000 samples)
    """

    clips: np.ndarray
    labels: np.ndarray
    index: np.ndarray

    def __repr__(self):
        return f"AudioSplit({len(self)} clips of {self.clips.shape[1]} samples)"
