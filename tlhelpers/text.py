"""Texts to vectors: a frozen sentence encoder, or a text module of TF Hub."""

import hashlib
import numbers
import sys
import warnings
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
        with a BERT in the same form (`config.json`, `vocab.txt`, `model.safetensors`). Or what
        `fetch_module` takes: a text module of TF Hub, texts `[n]` to vectors `[n, d]`.
    max_tokens : int
        Of a BERT: longer texts are cut there, and a warning says how many were.

    Attributes
    ----------
    dimension : int
        Of the vectors, 384 for MiniLM.

    Raises
    ------
    ConnectionError
        The encoder is nowhere; says in one line how to get it.
    ImportError
        keras_hub, tensorflow_text or safetensors is not installed.
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

    def __init__(self, source=encoder_files.NAME, *, max_tokens=256):
        if not isinstance(max_tokens, numbers.Integral) or max_tokens < 3:
            raise ValueError(
                f"max_tokens is {max_tokens!r}; a whole number of at least 3 is expected."
            )
        folder = encoder_files.find_encoder() if source == encoder_files.NAME else source
        try:
            is_bert = (Path(folder) / "vocab.txt").is_file()
        except TypeError:
            is_bert = False
        self.source = str(source)
        self._encode = _Bert(Path(folder), max_tokens) if is_bert else _Module(source)
        self.dimension = self._encode(["text"]).shape[1]

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
        float32 `[n, dimension]`, each of length 1 (of length 0 where the encoder knows no word)

        Raises
        ------
        TypeError, ValueError
            One text instead of a list of them; something that is no text; an empty list.
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
            if cache:
                kept.write(path, found)
        return found

    def _pass(self, texts, batch_size, progress):
        order = np.argsort([len(text) for text in texts], kind="stable")
        found = np.zeros((len(texts), self.dimension), np.float32)
        starts = range(0, len(texts), batch_size)
        for start in tqdm(
            starts, desc="texts", leave=False, delay=2, file=sys.stdout, disable=not progress
        ):
            rows = order[start : start + batch_size]
            found[rows] = self._encode([texts[i] for i in rows])
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)


def _checked(texts):
    if isinstance(texts, str):
        raise TypeError("One text came; a list of texts is expected: encoder([text]).")
    texts = list(texts)
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(
                f"texts[{i}] is {text!r:.40}, of type {type(text).__name__}; texts are expected."
            )
    if not texts:
        raise ValueError("There are no texts; one at least is expected.")
    return [str(text) for text in texts]


class _Bert:
    """Tokens of a BERT, averaged."""

    def __init__(self, folder, max_tokens):
        import tensorflow as tf

        try:
            import keras_hub
            import safetensors  # noqa: F401  (keras_hub reads the weights with it)
            import tensorflow_text  # noqa: F401  (and makes its tokens with it)
        except ImportError as error:
            raise ImportError(
                f"A sentence encoder needs keras_hub, tensorflow_text and safetensors ({error}): "
                "python -m pip install keras-hub safetensors, then restart the kernel."
            ) from error
        import pooch

        self.tokenizer = keras_hub.models.BertTokenizer.from_preset(str(folder))
        self.backbone = keras_hub.models.BertBackbone.from_preset(str(folder))
        self.backbone.trainable = False
        self.max_tokens = max_tokens
        weights = pooch.file_hash(str(folder / "model.safetensors"), alg="sha256")
        self.fingerprint = f"{weights} {max_tokens} {tf.__version__} {keras_hub.__version__}"

        @tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32)] * 2)
        def forward(tokens, mask):
            inputs = {"token_ids": tokens, "padding_mask": mask, "segment_ids": 0 * tokens}
            vectors = self.backbone(inputs, training=False)["sequence_output"]
            weights = tf.cast(mask, vectors.dtype)[..., None]
            return tf.reduce_sum(weights * vectors, 1) / tf.reduce_sum(weights, 1)

        self._forward = forward

    def __call__(self, texts):
        start, end = self.tokenizer.cls_token_id, self.tokenizer.sep_token_id
        tokens = [np.asarray(ids, np.int32) for ids in self.tokenizer(texts)]
        room = self.max_tokens - 2
        cut = sum(len(ids) > room for ids in tokens)
        if cut:
            warnings.warn(
                f"{cut} of {len(texts)} texts are longer than {self.max_tokens} tokens and were "
                "cut there. Give parts of them, or a larger max_tokens.",
                stacklevel=4,
            )
        tokens = [[start, *ids[:room], end] for ids in tokens]
        longest = max(map(len, tokens))
        padded = np.full((len(tokens), longest), self.tokenizer.pad_token_id, np.int32)
        mask = np.zeros_like(padded)
        for row, ids in enumerate(tokens):
            padded[row, : len(ids)], mask[row, : len(ids)] = ids, 1
        return self._forward(padded, mask).numpy()


class _Module:
    """A text module of TF Hub."""

    def __init__(self, handle):
        import tensorflow as tf

        from . import saved_model

        module, self.fingerprint = saved_model.load(handle)
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

        return self._call(tf.constant(texts)).numpy()
