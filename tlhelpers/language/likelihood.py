"""How likely a language model finds texts: each read once, with what they share."""

import hashlib
import sys
from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

from .cached_layers import CachedLayers


class Asked(NamedTuple):
    """Tokens of a prompt, and of a continuation whose likelihood is asked for."""

    prompt: list[int]
    targets: list[int]

    @property
    def text(self) -> tuple[int, ...]:
        """What must be read: all but the last token."""
        return (*self.prompt, *self.targets[:-1])


def log_likelihoods(
    layers: CachedLayers, asked: Sequence[Asked], batch_size: int, *, progress: bool
) -> np.ndarray:
    """Return the log-likelihood of each continuation, float32 `[n]`.

    Labels of one token share the pass of their prompt; what all texts begin with is read once.
    """
    questions: dict[tuple[int, ...], list[int]] = {}
    for i, each in enumerate(asked):
        questions.setdefault(each.text, []).append(i)
    texts = sorted(questions, key=len)
    shared = _common([each.prompt[:-1] for each in asked])
    begin = layers.caches(1, shared)
    if shared:
        begin = layers.forward([texts[0][:shared]], begin, 0)[1]
    found = np.zeros(len(asked), np.float32)
    bar = {"leave": False, "delay": 2, "file": sys.stdout, "disable": not progress}
    for first in tqdm(range(0, len(texts), batch_size), "texts", **bar):
        some = texts[first : first + batch_size]
        room = len(some[-1])
        padded = [text[shared:] + (0,) * (room - len(text)) for text in some]
        caches = layers.begun(begin, shared, len(some), room)
        hidden, _ = layers.forward(padded, caches, shared)
        wanted = [
            (i, (row, len(asked[i].prompt) - 1 - shared + j), target)
            for row, text in enumerate(some)
            for i in questions[text]
            for j, target in enumerate(asked[i].targets)
        ]
        of, places, targets = zip(*wanted, strict=True)
        logits = tf.cast(layers.logits(tf.gather_nd(hidden, places)), tf.float32)
        likely = tf.gather(tf.nn.log_softmax(logits), targets, batch_dims=1)
        np.add.at(found, list(of), likely.numpy())
    return found


def digest(fingerprint: str, backbone: keras.Model, asked: Sequence[Asked]) -> str:
    """Return a SHA-256 of the question and of the model as it is: training makes another of it."""
    found = hashlib.sha256(f"{fingerprint} {tf.__version__} {keras.__version__}".encode())
    for weight in backbone.weights:
        found.update(np.ascontiguousarray(weight).data)
    found.update(repr(asked).encode())
    return found.hexdigest()


def _common(texts):
    """How many tokens all texts begin with: the first and the last in order differ soonest."""
    first, last = min(texts), max(texts)
    same = [a == b for a, b in zip(first, last, strict=False)]
    return same.index(False) if False in same else len(same)
