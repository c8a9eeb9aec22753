"""Load a SavedModel, or say why not; which ones Keras may load from a file it does not trust."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from ..runtime.keras_private import in_call, in_safe_mode
from ..runtime.types import StrPath
from ..storage.cache import files_digest, modules_dir
from ..storage.find_module import find_module, is_packaged

_trusted: set[str] = set()
_loaded: set[str] = set()  # handles that this process was asked for, not by a file


def load(handle: StrPath, tags: list[str] | None = None, options: Any = None) -> tuple[Any, str]:
    """Return the module behind a handle (see `find_module`), and the SHA-256 of its files.

    ValueError for TF1 Hub format, operations of a package that is not imported, other tags, or a
    file that Keras loads in safe mode; OSError for files that cannot be read.
    """
    if in_safe_mode() or in_call():  # whichever way a file led here
        refuse_in_safe_mode(handle)
    path = find_module(handle)
    if (path / "tfhub_module.pb").exists():
        raise ValueError(
            f"The module {handle!r} is in the TF1 Hub format, which TensorFlow 2 can neither train "
            "nor call by itself. Use its TF2 version: often a higher number at the end of the "
            "address, or the variation TensorFlow2 on its page at Kaggle."
        )
    try:
        module = tf.saved_model.load(str(path), tags=tags, options=options)
    except Exception as error:  # files that are damaged make TensorFlow raise errors of any kind
        if isinstance(error, ValueError) and "`tags`" in str(error):
            raise
        if found := re.search("Op type not registered '(.+?)'", str(error)):
            raise ValueError(
                f"The module {handle!r} needs the operation {found[1]!r}, which TensorFlow itself "
                "does not have. If it is a text module: pip install tensorflow-text, in the "
                f"version of your TensorFlow ({tf.__version__}), and `import tensorflow_text` "
                "before loading; or use a model of KerasHub, whose tokenizers come with it."
            ) from error
        mend = "If files are missing, copy or download it again"
        if path.parent == modules_dir():
            mend = f'tl.clear_cache("{handle}") removes it; the next call downloads it again'
        why = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise OSError(
            f"The SavedModel {handle!r} in {path} cannot be read: {why.rstrip('.')}. {mend}."
        ) from error
    _loaded.add(str(handle))
    files = (each for each in sorted(path.rglob("*")) if each.is_file())
    return module, files_digest(each for each in files if not each.name.startswith("."))


def refuse_in_safe_mode(handle: Any) -> None:
    """Raise ValueError if what stands in a file would load a module that nobody asked for.

    A SavedModel is a program: loading it from an address or folder that stands in a file is as
    good as running that file. Embedded ones are known. Where Keras does not say whether it is told
    to trust (`clone_model`, old formats, a function that a layer calls), what this process
    loaded before may be loaded again.
    """
    safe = in_safe_mode()
    known = isinstance(handle, str) and (
        is_packaged(handle) or handle in _trusted or (safe is None and handle in _loaded)
    )
    if safe is not False and not known:
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
