"""How long machine-made attacks go on: short in the suite, `make fuzz` for a long time."""

import os

from hypothesis import settings

FACTOR = int(os.environ.get("TLHELPERS_FUZZ", "1"))


def times(count: int) -> int:
    """Return how many cases to try, where the suite tries `count`."""
    return count * FACTOR


def some(count: int) -> settings:
    """Return settings for hypothesis: the same examples each time, as many as `times` says."""
    return settings(max_examples=times(count), derandomize=True, deadline=None, database=None)
