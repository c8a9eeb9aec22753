"""Sounds as pictures, side by side."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from ..speech.log_mel import STEP
from ..speech.read_audio import RATE
from .alternative_text import describe
from .styles import new_axes


def log_mels(frames: np.ndarray, titles: Sequence[str], ax: Axes | None = None) -> Axes:
    """Draw log-mel spectrograms side by side: time to the right, high tones above, loud is dark.

    Parameters
    ----------
    frames : float `[n, frames, bands]`, as of `log_mel`
    titles : sequence of n str

    Raises
    ------
    ValueError
        Another shape, or not one title for each sound.

    Examples
    --------
    >>> ax = log_mels(np.zeros((1, 97, 32)), ["silence"])
    """
    frames = np.asarray(frames, float)
    if frames.ndim != 3 or len(frames) != len(titles):
        raise ValueError(
            f"frames have shape {list(frames.shape)} and there are {len(titles)} titles; "
            "[n, frames, bands] and n titles are expected. For one sound: frames[None]."
        )
    count, length, bands = frames.shape
    ax = new_axes(ax, 2.1 * count + 0.7, 2.3)
    seconds, gap = length * STEP / RATE, 0.08 * length * STEP / RATE
    for place, (picture, title) in enumerate(zip(frames, titles, strict=True)):
        left = place * (seconds + gap)
        where = (left, left + seconds, 0, bands)
        ax.imshow(picture.T, origin="lower", aspect="auto", cmap="Greys", extent=where)
        ax.text(left + seconds / 2, bands + 0.6, title, ha="center", va="bottom", fontsize=9)
    ax.set(xlim=(0, count * (seconds + gap) - gap), ylim=(0, bands))
    ax.set(xlabel=f"time ({seconds:.1f} s each)", ylabel=f"frequency ({bands} bands)")
    ax.set_xticks([])
    ax.set_yticks([0, bands - 1], ["low", "high"])
    for spine in ax.spines.values():
        spine.set_visible(False)
    loudest = frames.mean(axis=1).argmax(axis=1) + 1
    louder = [f"{t}: loudest in band {n}" for t, n in zip(titles, loudest, strict=True)]
    describe(
        ax, f"{count} sounds as pictures, time to the right, high tones above. {'; '.join(louder)}."
    )
    return ax
