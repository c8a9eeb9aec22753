"""What libraries of C++ write to the error stream, past Python, is kept back."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet(*, unless_it_fails: bool) -> Iterator[None]:
    """Keep back what is written to file descriptor 2, where TensorFlow's C++ code writes.

    With `unless_it_fails` it is shown whole after an error. Some lines come before any log level
    is read, so there is no other way to be without them.
    """
    sys.stderr.flush()
    kept, failed = os.dup(2), True
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
            failed = False
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            if failed and unless_it_fails:
                caught.seek(0)
                sys.stderr.write(caught.read().decode(errors="replace"))
