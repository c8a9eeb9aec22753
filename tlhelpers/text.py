"""Texts to vectors: a frozen sentence encoder, or a text module of TF Hub."""

import hashlib
import numbers
import random
import sys
import unicodedata
import warnings
from collections.abc import Iterable, Mapping, Set
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from . import encoder_files, kept


class TextEncoder:
    """Texts as vectors of length 1, so that products of them are cosine similarities.

    Parameters
    ----------
    source : str or Path
        "all-MiniLM-L6-v2" (Wang et al., "MiniLM", 2020; trained by sentence-transformers), a BERT
        of 22.7 million parameters: installed, from the cache, a mirror or the internet. Or a folder
        with a BERT in the same form (`config.json`, `tokenizer_config.json`, `vocab.txt`,
        `model.safetensors`). Or what `fetch_module` takes: a text module of TF Hub, texts `[n]`
        to vectors `[n, d]`.
    max_tokens : int, optional
        Of a BERT: longer texts are cut there, and a warning says how many were when they are
        encoded. 256 by default, or as many as the model has positions.
    progress : bool
        Show a bar while the encoder is downloaded.

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

    Notes
    -----
    Of a BERT the vectors of all tokens are averaged (mean pooling), as it was trained to be used
    (Reimers and Gurevych, "Sentence-BERT", 2019).

    Examples
    --------
    >>> encoder = TextEncoder()  # doctest: +SKIP
    >>> a, b = encoder(["A man is eating food.", "A man is eating a piece of bread."])
    ... # doctest: +SKIP
    >>> round(float(a @ b), 3)  # doctest: +SKIP
    0.755
    """

    def __init__(self, source=encoder_files.NAME, *, max_tokens=None, progress=True):
        whole = isinstance(max_tokens, numbers.Integral)
        if max_tokens is not None and (not whole or max_tokens < 3):
            raise ValueError(
                f"max_tokens is {max_tokens!r}; a whole number of at least 3 is expected."
            )
        self.source = str(source)
        if self.source in (encoder_files.NAME, encoder_files.REPOSITORY):
            self._encode = _Bert(encoder_files.find_encoder(progress=progress), max_tokens)
        elif folder := _bert_folder(source):
            self._encode = _Bert(folder, max_tokens)
        else:
            self._encode = _Module(source)
        self.dimension = self._encode(["text"])[0].shape[1]

    def __call__(self, texts, batch_size=32, cache=True, progress=True):
        """Vectors of texts: one pass, remembered on disk.

        Parameters
        ----------
        texts : sequence of n str
        batch_size : int
            Texts a pass; texts of about the same length are taken together.
        cache : bool
            Keep the vectors in `tlhelpers.cache.cache_dir()`, under a key made of the texts and
            the encoder.
        progress : bool
            Show a bar when it takes over two seconds.

        Returns
        -------
        float32 `[n, dimension]`, each of length 1 (of length 0 where a module gives zeros, as
        word vectors do for texts without a known word)

        Raises
        ------
        TypeError, ValueError
            One text instead of a list of them; something that is no text; an empty list; an
            encoder that gives numbers that are not finite.
        """
        texts = _checked(texts)
        if not isinstance(batch_size, numbers.Integral) or batch_size < 1:
            raise ValueError(f"batch_size is {batch_size!r}; give a whole number of at least 1.")
        key = hashlib.sha256(self._encode.fingerprint.encode())
        for text in texts:
            key.update(hashlib.sha256(text.encode()).digest())
        path = kept.place(key.hexdigest()) if cache else None
        found = kept.read(path, len(texts)) if cache else None
        if found is None:
            found = self._pass(texts, batch_size, progress)
            if not np.isfinite(found).all():
                raise ValueError(f"{self.source} gives numbers that are not finite.")
            if cache:
                kept.write(path, found)
        return found

    def _pass(self, texts, batch_size, progress):
        order = np.argsort([len(text) for text in texts], kind="stable")
        found, cut = np.zeros((len(texts), self.dimension), np.float32), 0
        starts = range(0, len(texts), batch_size)
        for start in tqdm(
            starts, desc="texts", leave=False, delay=2, file=sys.stdout, disable=not progress
        ):
            rows = order[start : start + batch_size]
            found[rows], too_long = self._encode([texts[i] for i in rows])
            cut += too_long
        if cut:
            warnings.warn(
                f"{cut} of {len(texts)} texts are longer than {self._encode.max_tokens} tokens and "
                "were cut there. Give parts of them, or a larger max_tokens.",
                stacklevel=3,
            )
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)


def _checked(texts):
    if isinstance(texts, str | bytes):
        raise TypeError("One text came; a list of texts is expected: encoder([text]).")
    if isinstance(texts, Mapping | Set) or hasattr(texts, "columns"):
        raise TypeError(
            f"A {type(texts).__name__} came; a list of texts is expected, such as one column of a "
            'table: encoder(table["text"]).'
        )
    if not isinstance(texts, Iterable) or getattr(texts, "ndim", 1) != 1:
        raise TypeError(f"{type(texts).__name__} came; a list of texts is expected.")
    texts = list(texts)
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(
                f"texts[{i}] is {text!r:.40}, of type {type(text).__name__}; texts are expected."
            )
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"texts[{i}] is no valid text ({error}).") from None
    if not texts:
        raise ValueError("There are no texts; one at least is expected.")
    return [str(text) for text in texts]


def _bert_folder(source):
    """The folder of a BERT, when the source is one."""
    try:
        folder = Path(source).expanduser()
        if not (folder / "config.json").is_file() and not (folder / "vocab.txt").is_file():
            return None
    except (TypeError, OSError):
        return None
    if lacks := encoder_files.missing(folder):
        raise ValueError(f"{folder} looks like a BERT, but lacks {', '.join(lacks)}.")
    return folder


class _Bert:
    """Tokens of a BERT, averaged."""

    def __init__(self, folder, max_tokens):
        import tensorflow as tf

        state = random.getstate()  # from_preset draws from it, which would change later runs
        try:
            import keras_hub
            import safetensors  # noqa: F401  (keras_hub reads the weights with it)

            published = keras_hub.models.BertTokenizer.from_preset(str(folder))
            words = published.get_vocabulary()
            self.tokenizer = keras_hub.models.BertTokenizer(words, lowercase=False)
            self.backbone = keras_hub.models.BertBackbone.from_preset(str(folder), dtype="float32")
        except (ImportError, tf.errors.NotFoundError) as error:
            raise ImportError(
                "A sentence encoder needs keras_hub and safetensors, in versions that go with the "
                f"installed TensorFlow ({error}): python -m pip install keras-hub safetensors, "
                "then restart the kernel."
            ) from error
        finally:
            random.setstate(state)
        self.backbone.trainable = False
        limit = self.backbone.max_sequence_length
        if max_tokens is not None and max_tokens > limit:
            raise ValueError(
                f"max_tokens is {max_tokens}; this model has {limit} positions: give 3 to {limit}."
            )
        self.max_tokens = max_tokens or min(256, limit)
        self.lower = published.lowercase
        version = f"{self.max_tokens} {tf.__version__} {keras_hub.__version__}"
        self.fingerprint = f"{_contents(folder / name for name in encoder_files.FILES)} {version}"

        def forward(tokens, mask):
            inputs = {"token_ids": tokens, "padding_mask": mask, "segment_ids": 0 * tokens}
            vectors = self.backbone(inputs, training=False)["sequence_output"]
            weights = tf.cast(mask, vectors.dtype)[..., None]
            return tf.reduce_sum(weights * vectors, 1) / tf.reduce_sum(weights, 1)

        numbers_of = [tf.TensorSpec((None, None), tf.int32)] * 2
        self._forward = tf.function(forward).get_concrete_function(*numbers_of)

    def __call__(self, texts):
        """Vectors, and how many texts were cut."""
        start, end = self.tokenizer.cls_token_id, self.tokenizer.sep_token_id
        plain = [_as_bert_reads(text, self.lower) for text in texts]
        tokens = [np.asarray(ids, np.int32) for ids in self.tokenizer(plain)]
        room = self.max_tokens - 2
        cut = sum(len(ids) > room for ids in tokens)
        tokens = [[start, *ids[:room], end] for ids in tokens]
        longest = max(map(len, tokens))
        padded = np.full((len(tokens), longest), self.tokenizer.pad_token_id, np.int32)
        mask = np.zeros_like(padded)
        for row, ids in enumerate(tokens):
            padded[row, : len(ids)], mask[row, : len(ids)] = ids, 1
        return self._forward(tokens=padded, mask=mask).numpy(), cut


def _as_bert_reads(text, lower):
    """Spaces for all that separates, no control characters; in lower case without accents.

    The published tokenizer does so; KerasHub's leaves accents and takes other letters for "ß".
    """
    text = " ".join(text.split())
    text = "".join(c for c in text if c == " " or unicodedata.category(c)[0] != "C")
    if not lower:
        return text
    decomposed = unicodedata.normalize("NFD", text.lower())
    return "".join(c for c in decomposed if unicodedata.category(c) != "Mn")


def _contents(files):
    """SHA-256 of what stands in files."""
    import pooch

    sums = [pooch.file_hash(str(path), alg="sha256") for path in files]
    return hashlib.sha256(" ".join(sums).encode()).hexdigest()


class _Module:
    """A text module of TF Hub."""

    def __init__(self, handle):
        import tensorflow as tf

        from . import fetch, saved_model

        module, _ = saved_model.load(handle)
        folder = fetch.fetch_module(handle)
        self.fingerprint = _contents(sorted(path for path in folder.rglob("*") if path.is_file()))
        self._call = saved_model.read_function(module, handle).call
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

    def __call__(self, texts):
        import tensorflow as tf

        return self._call(tf.constant(texts)).numpy(), 0
