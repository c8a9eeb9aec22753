"""Sound as a picture: how loud each pitch is at each moment."""

import functools

import numpy as np

from .published import FILTERS, published_graph

WINDOW, STEP = 512, 160  # samples: 32 ms, every 10 ms
BANDS = 32
_DECIBELS = 80  # quieter than this below the loudest moment counts as silence


def log_mel(audio: np.ndarray) -> np.ndarray:
    """Return the log-mel spectrogram that Google's speech embedding expects: `[..., frames, 32]`.

    A frame is 32 ms of sound, every 10 ms. Its power is gathered in 32 bands, which lie closer
    together where people hear finer differences (the mel scale). The logarithm is taken in
    decibels, from 80 below the loudest of a clip on, divided by 10, plus 2: the network was
    trained so.

    Parameters
    ----------
    audio : float32 `[samples]` or `[clips, samples]` in `[-1, 1]`, at 16 kHz

    Raises
    ------
    ValueError
        Samples of another type or shape, or fewer than one window of 512.
    ConnectionError, ImportError
        The published filters are not installed, or onnx is not.

    Examples
    --------
    >>> log_mel(np.zeros(16000, np.float32)).shape
    (97, 32)
    """
    audio = np.asarray(audio)
    if (
        not np.issubdtype(audio.dtype, np.floating)
        or audio.ndim not in (1, 2)
        or audio.shape[-1] < WINDOW
    ):
        raise ValueError(
            f"audio has type {audio.dtype} and shape {list(audio.shape)}; floats [samples] or "
            f"[clips, samples] are expected, {WINDOW} samples at least, as tl.read_audio gives "
            "them."
        )
    real, imaginary, mel = _filters()
    loud = np.asarray(audio, np.float32) * 32767  # as 16-bit integers
    windows = np.lib.stride_tricks.sliding_window_view(loud, WINDOW, axis=-1)[..., ::STEP, :]
    power = ((windows @ real) ** 2 + (windows @ imaginary) ** 2) @ mel
    decibels = 10 * np.log10(np.maximum(power, 1e-10))
    floor = decibels.max(axis=(-2, -1), keepdims=True) - _DECIBELS
    return (np.maximum(decibels, floor) / 10 + 2).astype(np.float32)


@functools.cache
def _filters():
    """Windowed cosines and sines `[512, 257]`, and bands `[257, 32]`."""
    from onnx import numpy_helper

    stored = {t.name: numpy_helper.to_array(t) for t in published_graph(FILTERS).initializer}
    real, imaginary = (stored[f"0.stft.conv_{part}.weight"][:, 0].T for part in ("real", "imag"))
    return real, imaginary, stored["1.melW"]
