"""Load a SavedModel, or say why not."""

import hashlib
import os

import tensorflow as tf

from ..storage.find_module import find_module


def load(
    handle: str | os.PathLike,
    tags: list[str] | None = None,
    options: tf.saved_model.LoadOptions | None = None,
) -> tuple[object, str]:
    """Load the module behind a handle.

    Parameters
    ----------
    handle : str or path
        An embedded handle, a folder or an address; see `find_module`.
    tags : list of str, optional
        Which graph of a SavedModel with several.
    options : tf.saved_model.LoadOptions, optional

    Returns
    -------
    module, fingerprint
        The loaded object, and the SHA-256 of its graph.

    Raises
    ------
    ValueError
        TF1 Hub format; operations of a package that is not imported; no such tags.
    OSError
        The files cannot be read.
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
