"""Which modules a saved model may load while Keras does not trust its file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..runtime.keras_private import in_safe_mode
from ..storage.find_module import is_packaged

_trusted: set[str] = set()


def refuse_in_safe_mode(handle: object) -> None:
    """Raise ValueError if Keras loads in safe mode and the module is not an embedded one.

    A SavedModel is a program: loading it from an address or folder that stands in a file is as
    good as running that file.
    """
    if in_safe_mode() and not is_packaged(handle) and handle not in _trusted:
        raise ValueError(
            f"This model holds the module {handle!r}, and loading a module runs the program that "
            "it is. If you trust that place and who wrote the file, load the model with "
            "keras.models.load_model(path, safe_mode=False), or call "
            "keras.config.enable_unsafe_deserialization() first."
        )


@contextmanager
def trusted(handles: Sequence[str]) -> Iterator[None]:
    """Let modules that this process has in use be loaded in safe mode, for the time being."""
    new = set(handles) - _trusted
    _trusted.update(new)
    try:
        yield
    finally:
        _trusted.difference_update(new)
