"""One spoken word out of a recording, without the silence around it."""

import numpy as np

from .read_audio import RATE

HEIGHT = 0.5  # of the highest sample
SECONDS = 1.2  # of the slot that every word gets
SAMPLES = round(SECONDS * RATE)
_WINDOW = RATE // 40  # 25 ms, over which loudness is measured
_QUIET = 10 ** (-30 / 10)  # of the loudest moment's power


def one_word(audio: np.ndarray) -> np.ndarray:
    """Return the loudest word of a recording in the middle of 1.2 s: float32 `[19200]`.

    Silence before and after it is cut, what is longer is cut around its loudest part, and the word
    is scaled so that its highest sample is one half. What is left of the 1.2 s is zeros.

    Parameters
    ----------
    audio : float32 `[samples]` in `[-1, 1]`, at 16 kHz, as of `read_audio`

    Raises
    ------
    ValueError
        No samples in one row, or nothing but zeros.

    Examples
    --------
    >>> one_word(np.concatenate([np.zeros(9000), np.ones(100)])).shape
    (19200,)
    """
    audio = np.asarray(audio, np.float32)
    if audio.ndim != 1 or not audio.any() or not np.isfinite(audio).all():
        raise ValueError(
            f"audio has shape {list(audio.shape)}; samples [n] with a sound in them are expected, "
            "as tl.read_audio gives them."
        )
    power = np.convolve(audio**2, np.ones(_WINDOW) / _WINDOW, "same")
    loud = np.flatnonzero(power > power.max() * _QUIET)
    word = audio[loud[0] : loud[-1] + 1]
    if len(word) > SAMPLES:
        energy = np.cumsum(np.concatenate([[0], word.astype(np.float64) ** 2]))
        first = int(np.argmax(energy[SAMPLES:] - energy[:-SAMPLES]))
        word = word[first : first + SAMPLES]
    slot = np.zeros(SAMPLES, np.float32)
    first = (SAMPLES - len(word)) // 2
    slot[first : first + len(word)] = word * (HEIGHT / np.abs(word).max())
    return slot
