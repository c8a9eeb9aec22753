"""Where Google's speech embedding lies: two files of an installed package."""

from pathlib import Path
from typing import Any

from ..storage.find import Published, find_files

PACKAGE = "openwakeword==0.4.0"  # two of its files are read, its code is never imported
NETWORK, FILTERS = "embedding_model.onnx", "melspectrogram.onnx"
PUBLISHED = Published(
    name="speech embedding of Google",
    files={
        NETWORK: "ba754db3cd768a524c655ea90655ee5e6055a43b8dfd29366a11e93716ae9e51",
        FILTERS: "ba2b0e0f8b7b875369a2c89cb13360ff53bac436f2895cced9f479fa65eb176f",
    },
    address=None,  # in this form it is published inside the package alone
    place="modules/google/speech_embedding",
    package=PACKAGE,
    inside="openwakeword/resources/models",
    megabytes=9,
)


def read_onnx(path: Path) -> Any:
    """Return the graph of an ONNX file; ImportError if onnx is missing, ValueError if broken."""
    try:
        import onnx
    except ImportError as error:
        raise ImportError(
            f"The speech embedding needs onnx ({error}): python -m pip install onnx, then restart "
            "the kernel."
        ) from error
    return onnx.load(path).graph


def published_graph(file: str) -> Any:
    """Return the graph of one of the two published files; errors as of `find_files`."""
    return read_onnx(find_files(PUBLISHED) / file)
