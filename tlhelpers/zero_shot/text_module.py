"""A text module of TF Hub as an encoder."""

from pathlib import Path

import numpy as np

from ..storage.cache import files_digest
from ..storage.find_module import find_module


class TextModule:
    """A text module of TF Hub."""

    def __init__(self, handle: str | Path) -> None:
        import tensorflow as tf

        from ..backbones import saved_model
        from ..backbones.saved_function import read_function

        module, _ = saved_model.load(handle)
        folder = find_module(handle)
        self.fingerprint = files_digest(
            sorted(path for path in folder.rglob("*") if path.is_file())
        )
        self._call = read_function(module, handle).call
        try:
            found = self._call(tf.constant(["text"]))
        except (TypeError, ValueError, tf.errors.OpError) as error:
            raise ValueError(
                f"The module {handle!r} does not take texts [n] as its only input ({error})."
            ) from error
        if not tf.is_tensor(found) or len(found.shape) != 2:
            raise ValueError(
                f"The module {handle!r} gives {type(found).__name__}; one tensor of vectors "
                "[n, d] is expected."
            )

    def __call__(self, texts: list[str]) -> tuple[np.ndarray, int]:
        """Return vectors, and how many texts were cut: none."""
        import tensorflow as tf

        return self._call(tf.constant(texts)).numpy(), 0
