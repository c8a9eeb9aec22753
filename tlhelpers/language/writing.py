"""What is written after a prompt: tokens one by one, and the text that they make."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from .cached_layers import CachedLayers

ROOM = 256  # tokens by which a cache grows: the step of each size is compiled once


class State(NamedTuple):
    """What was read: logits of the next token `[vocabulary]`, caches, and how many tokens."""

    logits: np.ndarray
    caches: Sequence[tf.Tensor]
    tokens: int


def read(layers: CachedLayers, tokens: Sequence[int], more: int = 0) -> State:
    """Return the state behind a prompt, with room for more tokens."""
    room = -(-(len(tokens) + more) // ROOM) * ROOM
    hidden, caches = layers.forward([tokens], layers.caches(1, room), 0)
    return State(layers.logits(hidden[0, -1]).numpy(), caches, len(tokens))


def tokens_after(
    layers: CachedLayers, state: State, choose: Callable[[np.ndarray], int]
) -> Iterator[int]:
    """Give one token after the other; `choose` takes each from its logits."""
    (logits, caches, at), step = state, layers.step()
    while True:
        yield (token := choose(logits))
        found, caches = step(tf.constant([[token]]), list(caches), tf.constant(at))
        logits, at = found.numpy(), at + 1


def text_of(
    tokens: Iterable[int], decode: Callable[[Sequence[int]], str], stops: Sequence[str]
) -> Iterator[str]:
    """Give the text of tokens in whole characters, up to the first of the texts that stop it."""
    written: list[int] = []
    text, shown = "", 0
    for token in tokens:
        written.append(token)
        text = decode(written)
        ends = [at for stop in stops if (at := text.find(stop)) >= 0]
        if ends:
            text = text[: min(ends)]
            break
        sure = _sure(text, stops)
        if sure > shown:
            yield text[shown:sure]
            shown = sure
    if len(text) > shown:
        yield text[shown:]


def _sure(text, stops):
    """How much of a text stays as it is: half a letter and the beginning of a stop may not."""
    text = text.rstrip("\ufffd")
    begun = [n for stop in stops for n in range(1, len(stop)) if text.endswith(stop[:n])]
    return len(text) - max(begun, default=0)
