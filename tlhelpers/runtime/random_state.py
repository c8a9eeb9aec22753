"""Python's random numbers, left as they were by what builds a network."""

import random
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Set Python's random state back at the end, also after an error.

    Layers draw their seeds from it: a network that is loaded would change all later runs.

    >>> random.seed(0)
    >>> first = random.random()
    >>> random.seed(0)
    >>> with random_state_kept():
    ...     _ = random.random()
    >>> random.random() == first
    True
    """
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)
