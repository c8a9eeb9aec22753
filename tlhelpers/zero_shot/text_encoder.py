"""Texts to vectors: a frozen sentence encoder, or a text module of TF Hub."""

import hashlib
import sys
import warnings
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

from ..backbones import saved_model
from ..backbones.saved_function import SavedFunction
from ..runtime.checks import whole_number
from ..runtime.texts import list_of_texts
from ..runtime.types import StrPath
from ..storage.features import features_path, read_features, write_features
from .bert import MINILM, NAMES, Bert, Encoded, bert_folder, find_minilm
from .tail import tail_of

MOST_IN_PIECES = 0.35  # of the words: Spanish has 0.37 to 0.48, ImageNet's rare English nouns 0.33


class TextEncoder:
    """Texts as vectors of length 1, so that products of them are cosine similarities.

    Of a BERT the vectors of all tokens are averaged (mean pooling), as it was trained to be used
    (Reimers and Gurevych, "Sentence-BERT", 2019).

    Parameters
    ----------
    source : str or Path
        "all-MiniLM-L6-v2" (Wang et al., "MiniLM", 2020; trained by sentence-transformers), a BERT
        of 22.7 million parameters: installed, from the cache, a mirror or the internet. Or a folder
        with a BERT in the same form (`config.json`, `tokenizer_config.json`, `vocab.txt`,
        `model.safetensors`). Or the folder or address of a text module of TF Hub, texts `[n]`
        to vectors `[n, d]`.
    max_tokens : int, optional
        Of a BERT: longer texts are cut there, and a warning says how many were when they are
        encoded. 256 by default, or as many as the model has positions.
    progress : bool
        Of a download.

    Attributes
    ----------
    dimension : int
        Of the vectors, 384 for MiniLM.

    Raises
    ------
    ConnectionError
        The encoder is nowhere; says in one line how to get it.
    ImportError
        keras_hub, safetensors or what they need is not installed.
    ValueError
        Files other than the published ones; a module that does not take texts.

    Examples
    --------
    >>> encoder = TextEncoder()  # doctest: +SKIP
    >>> a, b = encoder(["A man is eating food.", "A man is eating a piece of bread."])
    ... # doctest: +SKIP
    >>> round(float(a @ b), 3)  # doctest: +SKIP
    0.755
    """

    def __init__(
        self, source: StrPath = MINILM, *, max_tokens: int | None = None, progress: bool = True
    ) -> None:
        if max_tokens is not None:
            whole_number(max_tokens, "max_tokens", 3)
        self.source = str(source)
        published = self.source in NAMES
        folder = find_minilm(progress=progress) if published else bert_folder(self.source)
        self._encode = Bert(folder, max_tokens) if folder else TextModule(source)
        self.dimension = self._encode(["text"]).vectors.shape[1]

    def __call__(
        self,
        texts: Sequence[str],
        *,
        batch_size: int = 32,
        cache: bool = True,
        progress: bool = True,
    ) -> np.ndarray:
        """Return vectors of texts: one pass, remembered on disk.

        Parameters
        ----------
        texts : sequence of n str
        batch_size : int
            Texts a pass; texts of about the same length are taken together, equal ones once.
        cache : bool
            Keep the vectors in the folder `TLHELPERS_CACHE`, by texts and encoder.
        progress : bool
            Show a bar when it takes over two seconds.

        Returns
        -------
        float32 `[n, dimension]`, each of length 1 (of length 0 where a module gives zeros, as
        word vectors do for texts without a known word)

        Warns
        -----
        Texts that are cut; texts of which a BERT reads more than 35 in 100 words in pieces, as
        those of other languages: its vectors mean little there.

        Raises
        ------
        TypeError, ValueError
            One text instead of a list of them; something that is no text; an empty list; an
            encoder that gives numbers that are not finite.
        """
        texts = list_of_texts(texts)
        whole_number(batch_size, "batch_size")
        digests = [hashlib.sha256(text.encode()).digest() for text in texts]
        key = hashlib.sha256(b"".join([self._encode.fingerprint.encode(), *digests]))
        path = features_path(key.hexdigest())
        found = read_features(path, len(texts)) if cache else None
        if found is None:
            found = self._pass(texts, batch_size, progress)
            if cache:
                write_features(path, found)
        return found

    def split_at(self, layer: int) -> tuple[Callable[[Sequence[str]], np.ndarray], keras.Model]:
        """Return trunk and tail of a BERT, cut behind a layer, so that the tail can be fine-tuned.

        The trunk stays frozen: its activations are computed once. The tail holds copies of the
        layers behind it, so training changes nothing in this encoder.

        Parameters
        ----------
        layer : int
            How many layers of attention the trunk keeps, 1 to all but one.

        Returns
        -------
        trunk : function
            n texts to activations, float32 `[n, tokens, width]`, zeros behind a text's end.
        tail : keras.Model
            Activations to vectors `[n, dimension]` of length 1, at first those of the encoder.

        Raises
        ------
        TypeError
            A text module of TF Hub, which is one function; texts as when they are encoded.
        ValueError
            A number of layers that the encoder does not have.

        Examples
        --------
        >>> trunk, tail = TextEncoder().split_at(4)  # doctest: +SKIP
        >>> model = keras.Sequential([tail, keras.layers.Dense(2)])  # doctest: +SKIP
        >>> model.predict(trunk(["good", "bad"])).shape  # doctest: +SKIP
        (2, 2)
        """
        if not isinstance(self._encode, Bert):
            raise TypeError(f"{self.source} is one function and cannot be cut; give a BERT.")
        bert = self._encode
        whole_number(layer, "layer", 1, len(bert.layers()) - 1)
        trunk, tail = bert.trunk(layer), tail_of(bert.layers()[layer:])
        return lambda texts: trunk(list_of_texts(texts)), tail

    def _pass(self, texts, batch_size, progress):
        texts, again = np.unique(np.array(texts, object), return_inverse=True)  # each once
        order = np.argsort([len(text) for text in texts], kind="stable")
        found, counts = np.zeros((len(texts), self.dimension), np.float32), np.zeros(3, int)
        bar = {"leave": False, "delay": 2, "file": sys.stdout, "disable": not progress}
        for start in tqdm(range(0, len(texts), batch_size), "texts", **bar):
            rows = order[start : start + batch_size]
            found[rows], *counted = self._encode([texts[i] for i in rows])
            counts += counted
        cut, words, in_pieces = counts
        if in_pieces >= 3 and in_pieces > MOST_IN_PIECES * words:
            warnings.warn(
                f"{self.source} knows few of these words: {in_pieces} of {words} were read in "
                "pieces, which mean little to it. Is this a language that it was trained on? "
                f"{MINILM} reads English. Translate the texts, or give another encoder.",
                stacklevel=3,
            )
        if cut:
            warnings.warn(
                f"{cut} of {len(texts)} texts are longer than {self._encode.max_tokens} tokens and "
                "were cut there. Give parts of them, or a larger max_tokens.",
                stacklevel=3,
            )
        if not np.isfinite(found).all():
            raise ValueError(f"{self.source} gives numbers that are not finite.")
        return (found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12))[again]


class TextModule:
    """A text module of TF Hub as an encoder."""

    def __init__(self, handle: StrPath) -> None:
        module, digest = saved_model.load(handle)
        self.fingerprint = f"{digest} {tf.__version__}"
        self._call = SavedFunction(module, handle).call
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

    def __call__(self, texts: list[str]) -> Encoded:
        """Return vectors of texts."""
        return Encoded(self._call(tf.constant(texts)).numpy())
