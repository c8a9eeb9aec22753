"""Whether something fits into memory, and what to try when it did not."""

import contextlib
import math
from collections.abc import Iterator, Sequence

import psutil

USABLE = 0.8  # of the free memory; the system ends a process that comes too near to all of it
_CUT = "Cut the network later, where activations are smaller, or train it as it is."


def check_memory(
    count: int, shape: Sequence[int], what: str = "activations", mend: str = _CUT
) -> int:
    """Return the bytes of `count` float32 arrays of this shape, if they leave enough free.

    MemoryError if they do not; it says how much they need, and how to do with less (`mend`).
    """
    need, free = 4 * count * math.prod(shape), free_memory()
    if need > USABLE * free:
        raise MemoryError(
            f"{count} {what} of shape {list(shape)} need {need / 2**30:.1f} GiB; "
            f"{USABLE * free / 2**30:.1f} of the {free / 2**30:.1f} GiB that are free can be used. "
            f"{mend}"
        )
    return need


@contextlib.contextmanager
def batches_fit(
    batch_size: int, beside: str = "", smaller: str = "batch_size={}", otherwise: Sequence[str] = ()
) -> Iterator[None]:
    """Raise MemoryError with what to try where the device, often a GPU, has no room for a batch.

    The message names what is `beside` the batch just now, how a `smaller` one is asked for (at
    batches of one, smaller pictures are advised), and what may be tried `otherwise`.
    """
    import tensorflow as tf

    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        first = smaller.format(batch_size // 2) if batch_size > 1 else "smaller pictures"
        raise MemoryError(
            f"The device has no memory for a batch of {batch_size}{beside}. "
            f"Try {', or '.join([first, *otherwise])}."
        ) from error


def free_memory() -> int:
    """Return the bytes of memory that are free for use, on any system that psutil knows."""
    return psutil.virtual_memory().available
