"""Whether something fits into memory, asked before it is made."""

import math
import os


def check_memory(count, shape):
    """Bytes of `count` float32 arrays of this shape; MemoryError if they do not fit."""
    need, free = 4 * count * math.prod(shape), free_memory()
    if need > free:
        raise MemoryError(
            f"{count} activations of shape {list(shape)} need {need / 2**30:.1f} GiB; "
            f"{free / 2**30:.1f} GiB are free. Cut the network later, where activations are "
            "smaller, or train it as it is."
        )
    return need


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
