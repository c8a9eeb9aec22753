"""Letters in colours: a small world in which each picture has a caption."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import to_rgb

from .glyphs import FONTS, render


def coloured_letters(
    pairs: Sequence[tuple[str, str]], seed: int = 0, *, size: int = 32
) -> np.ndarray:
    """Return a picture of each pair of a colour and a letter: float32 `[n, size, size, 3]`.

    The letter stands on white, in one of eight fonts, moved by up to a tenth of the size, under a
    little noise. Colours have the names of matplotlib.

    Raises
    ------
    ValueError
        A colour or a letter that is not known; no pairs.

    Examples
    --------
    >>> coloured_letters([("red", "A"), ("blue", "B")]).shape
    (2, 32, 32, 3)
    """
    pairs = list(pairs)
    if not pairs:
        raise ValueError("There are no pairs; a list of (colour, letter) is expected.")
    rng, far = np.random.default_rng(seed), max(1, size // 10)
    colours = np.array([to_rgb(colour) for colour, _ in pairs])
    letters = sorted({letter for _, letter in pairs})
    inks = np.stack([render(letters, font, size=size, margin=far) for font in FONTS[:8]])
    places = [letters.index(letter) for _, letter in pairs]
    inks = inks[rng.integers(len(inks), size=len(pairs)), places]
    moves = rng.integers(-far, far + 1, (len(pairs), 2))
    inks = np.stack([np.roll(i, move, (0, 1)) for i, move in zip(inks, moves, strict=True)])
    images = 1 - inks[..., None] * (1 - colours[:, None, None])
    noisy = images + rng.normal(0, 0.05, images.shape)
    return np.clip(noisy, 0, 1).astype(np.float32)
