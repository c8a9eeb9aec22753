"""Whether something fits into memory, and what to try when it did not."""

import contextlib
import math
import os

USABLE = 0.8  # of the free memory; the system ends a process that comes too near to all of it
_CUT = "Cut the network later, where activations are smaller, or train it as it is."


def check_memory(count, shape, what="activations", mend=_CUT):
    """Bytes of `count` float32 arrays of this shape; MemoryError if they leave too little free."""
    need, free = 4 * count * math.prod(shape), free_memory()
    if need > USABLE * free:
        raise MemoryError(
            f"{count} {what} of shape {list(shape)} need {need / 2**30:.1f} GiB; "
            f"{USABLE * free / 2**30:.1f} of the {free / 2**30:.1f} GiB that are free can be used. "
            f"{mend}"
        )
    return need


@contextlib.contextmanager
def batches_fit(size, beside="", smaller="batch_size={}", otherwise=()):
    """Raise MemoryError with what to try where the device, often a GPU, has no room for a batch.

    Parameters
    ----------
    size : int
        Of the batch.
    beside : str
        What else takes room just now.
    smaller : str
        How a batch of `{}` is asked for; with batches of one, smaller pictures are advised.
    otherwise : sequence of str
        What may be tried instead.
    """
    import tensorflow as tf

    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        first = smaller.format(size // 2) if size > 1 else "smaller pictures"
        raise MemoryError(
            f"The device has no memory for a batch of {size}{beside}. "
            f"Try {', or '.join([first, *otherwise])}."
        ) from error


def free_memory():
    """Bytes of memory that are free; without limit where the system does not tell."""
    try:
        with open("/proc/meminfo") as file:
            lines = dict(line.split(":") for line in file)
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (KeyError, OSError, ValueError):
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return math.inf
