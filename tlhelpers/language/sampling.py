"""The next token: probabilities out of logits, and a draw."""

import numpy as np


def ranked(
    logits: np.ndarray, temperature: float, top_k: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the likeliest tokens and their probabilities, the likeliest first.

    The probabilities are among all tokens, whether `top_k` leaves some out or not.

    >>> ranked(np.log([0.1, 0.6, 0.3]), temperature=1.0, top_k=2)[1].round(3).tolist()
    [0.6, 0.3]
    """
    scaled = logits.astype(np.float64) / temperature
    shares = np.exp(scaled - scaled.max())
    order = np.argsort(-shares, kind="stable")[:top_k]
    return order, shares[order] / shares.sum()


def choose(
    logits: np.ndarray, temperature: float, top_k: int | None, rng: np.random.Generator
) -> int:
    """Return the next token: the likeliest one at temperature 0, else a draw.

    >>> choose(np.log([0.1, 0.6, 0.3]), 0, None, np.random.default_rng(0))
    1
    """
    if temperature == 0:
        return int(logits.argmax())
    order, shares = ranked(logits, temperature, top_k)
    return int(rng.choice(order, p=shares / shares.sum()))
