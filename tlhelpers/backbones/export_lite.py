"""LiteRT: a model as one file for telephones and small computers, and that file as a function."""

import importlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ..runtime.quiet import quiet
from ..runtime.types import StrPath


def export_lite(module: StrPath, path: StrPath, *, small: bool = False) -> Path:
    """Write a module, as `export_module` made it, as a LiteRT file (formerly TensorFlow Lite).

    Parameters
    ----------
    module : str or path
        The folder of the module.
    path : str or path
        The file to write; its name ends with ".tflite".
    small : bool
        Keep each weight in one byte in place of four (dynamic range quantization). The file is
        about a quarter as large, and answers may differ a little.

    Raises
    ------
    ValueError
        No module in the folder; another ending.
    FileExistsError
        There is such a file.

    Examples
    --------
    >>> import keras, tempfile
    >>> from tlhelpers import export_module
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     module = export_module(model, f"{folder}/module")
    ...     load_lite(export_lite(module, f"{folder}/model.tflite"))(np.ones((3, 4))).shape
    (3, 2)
    """
    module, path = Path(module).expanduser(), Path(path).expanduser()
    if not (module / "saved_model.pb").is_file():
        raise ValueError(
            f"{module.name} holds no saved_model.pb; the folder of a module is expected, as "
            "tl.export_module makes it."
        )
    if path.suffix != ".tflite":
        raise ValueError(f"path is {path.name!r}; a name that ends with .tflite is expected.")
    if path.exists():
        raise FileExistsError(f"{path.name} is there already. Give another name.")
    converter = tf.lite.TFLiteConverter.from_saved_model(str(module))
    converter.optimizations = [tf.lite.Optimize.DEFAULT] if small else []
    with _silence():
        content = converter.convert()
    path.write_bytes(content)
    return path


def load_lite(path: StrPath) -> Callable[[np.ndarray], np.ndarray]:
    """Return a LiteRT file as a function: inputs `[n, ...]` in, one by one, outputs `[n, ...]`.

    It runs with the package `ai-edge-litert` where that is installed, otherwise with TensorFlow's
    own interpreter.

    Raises
    ------
    ValueError
        There is no such file, or none that can be used, or its model has several inputs.

    Examples
    --------
    >>> answer = load_lite("model.tflite")  # doctest: +SKIP
    >>> answer(images).shape  # doctest: +SKIP
    (200, 8)
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise ValueError(f"There is no file {path.name!r}; what export_lite wrote is expected.")
    with _silence():
        try:
            interpreter = _interpreter()(str(path))
            interpreter.allocate_tensors()  # which announces its delegate
            runner = interpreter.get_signature_runner()
        except (RuntimeError, ValueError) as error:
            reason = str(error).split("\n")[0]
            raise ValueError(f"{path.name} is no LiteRT file that can be used: {reason}") from None
    (name, details), *more = runner.get_input_details().items()
    if more:
        raise ValueError(f"{path.name} has {1 + len(more)} inputs; a model with one is expected.")

    def answer(inputs: np.ndarray) -> np.ndarray:
        values = np.asarray(inputs, details["dtype"])
        found = [next(iter(runner(**{name: each[None]}).values())) for each in values]
        return np.concatenate(found)

    return answer


def _interpreter() -> Any:
    try:
        return importlib.import_module("ai_edge_litert.interpreter").Interpreter
    except ImportError:
        return tf.lite.Interpreter


@contextmanager
def _silence() -> Iterator[None]:
    """Without the lines that LiteRT writes past Python, and the notice that it is moving house."""
    with quiet(unless_it_fails=False), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\s*Warning: tf.lite.Interpreter is dep")
        yield
