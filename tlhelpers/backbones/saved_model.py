"""Load a SavedModel, or say why not; which ones Keras may load from a file it does not trust."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from ..runtime.keras_private import in_safe_mode
from ..runtime.types import StrPath
from ..storage.find_module import find_module, is_packaged

_trusted: set[str] = set()


def load(handle: StrPath, tags: list[str] | None = None, options: Any = None) -> tuple[Any, str]:
    """Return the module behind a handle (see `find_module`), and the SHA-256 of its graph.

    ValueError for TF1 Hub format, operations of a package that is not imported, or other tags;
    OSError for files that cannot be read.
    """
    path = find_module(handle)
    if (path / "tfhub_module.pb").exists():
        raise ValueError(
            f"The module {handle!r} is in the TF1 Hub format, which TensorFlow 2 can neither train "
            "nor call by itself. Use its TF2 version: often a higher number at the end of the "
            "address, or the variation TensorFlow2 on its page at Kaggle."
        )
    try:
        module = tf.saved_model.load(str(path), tags=tags, options=options)
    except (OSError, RuntimeError, tf.errors.OpError) as error:
        if "Op type not registered" in str(error):
            name = str(error).split("'")[1]
            raise ValueError(
                f"The module {handle!r} needs the operation {name!r}, which TensorFlow itself does "
                "not have. If it is a text module: pip install tensorflow-text, in the version of "
                f"your TensorFlow ({tf.__version__}), and `import tensorflow_text` before loading; "
                "or use a model of KerasHub, whose tokenizers come with it."
            ) from error
        raise OSError(
            f"The SavedModel {handle!r} in {path} cannot be read: {error}. If files are missing, "
            "copy or download it again."
        ) from error
    graph = min(path.glob("saved_model.pb*"))  # .pb, or .pbtxt where there is only that
    return module, hashlib.sha256(graph.read_bytes()).hexdigest()


def refuse_in_safe_mode(handle: Any) -> None:
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
def trusted(handles: Iterable[Any]) -> Iterator[None]:
    """Let modules that this process has in use be loaded in safe mode, for the time being."""
    new = set(handles) - _trusted
    _trusted.update(new)
    try:
        yield
    finally:
        _trusted.difference_update(new)
