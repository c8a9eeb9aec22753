"""A language model: what it writes, and how likely it finds what others wrote."""

import itertools
import numbers
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np

from ..runtime.checks import whole_number
from ..runtime.texts import list_of_texts, some_text, valid_text
from ..storage.features import features_path, read_features, write_features
from .cached_layers import CachedLayers
from .likelihood import Asked, digest, log_likelihoods
from .sampling import choose, ranked
from .tail import Trunk, tail_of
from .writing import read, text_of, tokens_after


class LanguageModel:
    """A causal Transformer with its tokenizer; made by `load_language_model`.

    Attributes
    ----------
    backbone : keras.Model
        KerasHub's Llama. Whatever trains it changes what is written here.
    context : int
        How many tokens it may read and write at most.
    """

    def __init__(
        self,
        backbone: keras.Model,
        tokenizer: Any,
        *,
        context: int,
        stop: Sequence[int],
        fingerprint: str,
    ) -> None:
        self.backbone, self.context = backbone, context
        self._tokenizer, self._stop, self._fingerprint = tokenizer, frozenset(stop), fingerprint
        self._layers = CachedLayers(backbone)

    def encode(self, text: str) -> list[int]:
        """Return a text's tokens."""
        return self._tokenizer.encode(valid_text(text, "text"), add_special_tokens=False).ids

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens."""
        return self._tokenizer.decode([int(token) for token in tokens], skip_special_tokens=False)

    def chat(self, question: str) -> str:
        """Return a question in the form in which the model was taught to answer."""
        return f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"

    def next_tokens(
        self, prompt: str, count: int = 10, *, temperature: float = 1.0
    ) -> dict[str, float]:
        """Return the likeliest next tokens of a prompt, the likeliest first.

        Parameters
        ----------
        prompt : str
        count : int
        temperature : float
            Over 0. Below 1 likely tokens get more, above 1 unlikely ones do.

        Returns
        -------
        dict from the token's text to its probability among all tokens

        Raises
        ------
        TypeError, ValueError
            As for `generate`.
        """
        whole_number(count, "count", 1, self.backbone.vocabulary_size)
        if not isinstance(temperature, numbers.Real) or not temperature > 0:
            raise ValueError(f"temperature is {temperature!r}; a number over 0 is expected.")
        logits = read(self._layers, self._prompt(prompt, 0)).logits
        order, shares = ranked(logits, temperature, count)
        return {self.decode([token]): float(p) for token, p in zip(order, shares, strict=True)}

    def generate(
        self,
        prompt: str,
        *,
        max_tokens: int = 50,
        temperature: float = 0.0,
        top_k: int | None = None,
        stop: str | Sequence[str] = (),
        seed: int = 0,
    ) -> str:
        """Return what the model writes after a prompt, token by token.

        Parameters
        ----------
        prompt : str
            Goes on from its very last character: end without a space.
        max_tokens : int
            It stops there, or where it ends the text itself.
        temperature : float
            0 always takes the likeliest token; 1 draws by the probabilities; between them the
            likely ones are preferred.
        top_k : int, optional
            Draw from this many of the likeliest tokens only.
        stop : str or sequence of str
            Ends before the first of these.
        seed : int
            The same seed writes the same text.

        Raises
        ------
        TypeError, ValueError
            An empty prompt, or one that is no text; prompt and `max_tokens` together longer than
            `context`; a temperature below 0.
        """
        return "".join(
            self.stream(
                prompt,
                max_tokens=max_tokens,
                temperature=temperature,
                top_k=top_k,
                stop=stop,
                seed=seed,
            )
        )

    def stream(
        self,
        prompt: str,
        *,
        max_tokens: int = 50,
        temperature: float = 0.0,
        top_k: int | None = None,
        stop: str | Sequence[str] = (),
        seed: int = 0,
    ) -> Iterator[str]:
        """Give the text of `generate` piece by piece, as it is written; same arguments.

        Examples
        --------
        >>> for piece in language_model.stream("Once upon a time"):  # doctest: +SKIP
        ...     print(piece, end="", flush=True)
        """
        whole_number(max_tokens, "max_tokens")
        if top_k is not None:
            whole_number(top_k, "top_k", 1, self.backbone.vocabulary_size)
        if not isinstance(temperature, numbers.Real) or not temperature >= 0:
            raise ValueError(f"temperature is {temperature!r}; a number of at least 0 is expected.")
        stops = [stop] if isinstance(stop, str) else [*stop]
        for each in stops:
            some_text(each, "stop")
        tokens = self._prompt(prompt, max_tokens)
        draw = partial(
            choose, temperature=temperature, top_k=top_k, rng=np.random.default_rng(seed)
        )
        written = tokens_after(self._layers, read(self._layers, tokens, max_tokens), draw)
        own = itertools.takewhile(lambda token: token not in self._stop, written)
        return text_of(itertools.islice(own, max_tokens), self.decode, stops)

    def log_likelihood(
        self,
        prompts: Sequence[str],
        continuations: Sequence[str],
        *,
        batch_size: int = 8,
        cache: bool = True,
        progress: bool = True,
    ) -> np.ndarray:
        """Return how likely the model finds each continuation after each prompt, as a logarithm.

        Equal beginnings of all prompts are read once; the results are remembered on disk.

        Parameters
        ----------
        prompts : sequence of n str
        continuations : sequence of k str
            Such as labels; most begin with a space, as words do inside of a text.
        batch_size : int
            Texts a pass; texts of about the same length are taken together.
        cache : bool
            Keep the results in the folder `TLHELPERS_CACHE`, by model, weights and texts.
        progress : bool
            Show a bar when it takes over two seconds.

        Returns
        -------
        float32 `[n, k]`
            Sums over the tokens of a continuation, in nats: long ones get less. Prompt and
        continuation are cut into tokens each by itself.

        Raises
        ------
        TypeError, ValueError
            One text instead of a list; an empty list or text; a prompt and continuation that are
            longer than `context`.
        """
        whole_number(batch_size, "batch_size")
        before = list_of_texts(prompts, "prompts")
        after = list_of_texts(continuations, "continuations")
        for name, texts in (("prompts", before), ("continuations", after)):
            for i, text in enumerate(texts):
                some_text(text, f"{name}[{i}]")
        ends = [self.encode(text) for text in after]
        asked = []
        for tokens in map(self.encode, before):
            self._fits(len(tokens) + max(map(len, ends)), 0)
            asked += [Asked(tokens, end) for end in ends]
        path = features_path(digest(self._fingerprint, self.backbone, asked)) if cache else None
        found = read_features(path, len(asked)) if path else None
        if found is None:
            found = log_likelihoods(self._layers, asked, batch_size, progress=progress)
            if path:
                write_features(path, found)
        return found.reshape(len(before), len(after))

    def split_at(self, layer: int) -> tuple[Trunk, keras.Model]:
        """Return trunk and tail, cut behind a layer, so that the tail can be fine-tuned.

        Parameters
        ----------
        layer : int
            How many layers the trunk keeps, 1 to all but one.

        Returns
        -------
        trunk : function
            Tokens, int `[n, t]`, to activations, float32 `[n, t, width]`.
        tail : keras.Model
            Activations to logits of the next tokens, `[n, t, vocabulary]`; the model's own layers.
        """
        whole_number(layer, "layer", 1, len(self.backbone.transformer_layers) - 1)
        return Trunk(self.backbone, layer), tail_of(self.backbone, layer)

    def _prompt(self, prompt, more):
        tokens = self.encode(some_text(prompt, "prompt"))
        self._fits(len(tokens), more)
        return tokens

    def _fits(self, tokens, more):
        if tokens + more > self.context:
            asked = f" and max_tokens is {more}" if more else ""
            raise ValueError(
                f"The prompt has {tokens:,} tokens{asked}; this model reads and writes "
                f"{self.context:,} at most. Shorten the prompt{' or max_tokens' if more else ''}."
            )
