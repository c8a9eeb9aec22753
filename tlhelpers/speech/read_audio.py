"""One recording of your own: a file, its bytes, or what a button for uploads holds."""

import io
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import resample_poly

from ..runtime.checks import number, whole_number
from ..runtime.load_library import load_library
from ..runtime.quiet import quiet
from ..runtime.texts import printable
from ..runtime.types import StrPath
from ..runtime.uploads import content_of

RATE = 16_000  # samples a second, of everything here
LEAST_RATE, MOST_RATE = 8_000, 192_000
LEAST_SECONDS, MOST_SECONDS = 0.1, 60.0
MOST_CHANNELS = 8
_BEYOND = 2.0  # times full scale: more than MP3 and OGG overshoot
_SILENT = 10 ** (-50 / 20)  # of full scale; the noise of a room is at about -60 dB
_CLIPPED = 0.01  # part of the samples at the limit of what the format holds


def read_audio(
    source: StrPath | bytes | Any,
    *,
    rate: int | None = None,
    start: float = 0.0,
    seconds: float | None = None,
) -> np.ndarray:
    """Return a recording as a network wants it: float32 `[samples]` in `[-1, 1]`, at 16 kHz.

    WAV, FLAC, OGG or MP3 of any rate from 8 to 192 kHz; several channels are averaged.

    Parameters
    ----------
    source : path, bytes, an upload, or an array
        A file, its content, or an upload (see `read_picture`); or samples `[n]` or `[n, channels]`
        in `[-1, 1]`, together with their `rate`.
    rate : int, optional
        Samples a second, of an array. Files say it themselves.
    start, seconds : float
        Which part of the recording; without `seconds`, all that follows. At most 60 s.

    Raises
    ------
    ValueError
        There is no sound in it, it is silent, too short or too long, has too many channels, or is
        no array of samples; the message says why.
    ImportError
        soundfile is not installed.

    Warns
    -----
    UserWarning
        The recording was so loud that its peaks are cut off (clipping).

    Examples
    --------
    >>> tone = np.sin(np.arange(8000) / 10)
    >>> read_audio(tone, rate=8000).shape
    (16000,)
    """
    number(start, "start", 0)
    if seconds is not None:
        number(seconds, "seconds", LEAST_SECONDS, MOST_SECONDS)
    if isinstance(source, np.ndarray):
        name = "The recording"
        samples, rate = _of_array(source, rate)
        first, count = _range(name, len(samples), rate, start, seconds)
        samples = samples[first : first + count]
    elif rate is None:
        name, content = content_of(source, "recording")
        name = printable(name)
        samples, rate = _of_file(name, content, start, seconds)
    else:
        raise ValueError(f"rate is {rate!r}; files say their rate themselves: leave it out.")
    return _resampled(name, _one_channel(samples), rate)


def load_soundfile() -> Any:
    """Return the module `soundfile`; ImportError, which says how to get it, if it is missing."""
    return load_library("soundfile", "Reading sound files")


def _of_array(samples, rate):
    if rate is None:
        raise ValueError("Samples in an array need their rate: read_audio(samples, rate=44100).")
    whole_number(rate, "rate")
    if not np.issubdtype(samples.dtype, np.floating) or samples.ndim not in (1, 2):
        raise ValueError(
            f"Got samples of type {samples.dtype} and shape {list(samples.shape)}; floats in "
            "[-1, 1] of shape [n] or [n, channels] are expected. Divide 16-bit integers by 32768."
        )
    if not np.isfinite(samples).all() or np.abs(samples).max(initial=0) > 1:
        raise ValueError(
            "Samples beyond [-1, 1], or no numbers, are in the array; floats in [-1, 1] are "
            "expected. Divide 16-bit integers by 32768."
        )
    return samples.astype(np.float32), rate


def _of_file(name, content, start, seconds):
    soundfile = load_soundfile()
    if isinstance(content, Path) and not os.path.isfile(content):
        absolute = printable(str(content.absolute()))
        raise ValueError(f"{name} cannot be used: there is no file {absolute}.")
    if isinstance(content, bytes):
        content = _Stream(content)
    elif os.name == "posix":
        content = os.fsencode(content)  # its name may be no text
    try:
        # the reader of MP3 prints what it finds damaged
        with quiet(unless_it_fails=False), soundfile.SoundFile(content) as file:
            rate = file.samplerate
            if file.channels > MOST_CHANNELS:
                raise ValueError(
                    f"{name} cannot be used: it has {file.channels} channels; {MOST_CHANNELS} at "
                    "most are expected."
                )
            first, count = _range(name, file.frames, rate, start, seconds)
            file.seek(first)
            samples = file.read(count, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError, TypeError) as error:  # TypeError: a file *.raw
        said = getattr(error, "error_string", f"{error}.")
        raise ValueError(
            f"{name} cannot be used: {said} WAV, FLAC, OGG or MP3 is "
            "expected; export recordings of telephones (M4A) and of browsers (WebM) as WAV."
        ) from None
    if len(samples) < LEAST_SECONDS * rate:  # fewer than its head says
        raise ValueError(
            f"{name} cannot be used: it breaks off after {len(samples) / rate:.2f} s of the part "
            "asked for. Copy or record it again."
        )
    return samples, rate


class _Stream(io.BytesIO):
    """Bytes as a file in which readers may look for places that a damaged head invents."""

    def seek(self, offset, whence=0):
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):  # soundfile would print it
            return -1


def _range(name, frames, rate, start, seconds):
    """First sample and number of samples; ValueError, with lengths, for what cannot be used."""
    if rate < LEAST_RATE:
        raise ValueError(
            f"{name} cannot be used: it has {rate} samples a second; {LEAST_RATE} or more are "
            "expected, because speech cannot be told apart with fewer."
        )
    if rate > MOST_RATE:
        raise ValueError(
            f"{name} cannot be used: it has {rate} samples a second; {MOST_RATE} at most are "
            "expected."
        )
    first = round(start * rate)
    count = frames - first if seconds is None else min(round(seconds * rate), frames - first)
    if count < LEAST_SECONDS * rate:
        raise ValueError(
            f"{name} cannot be used: it lasts {frames / rate:.2f} s, of which "
            f"{max(count, 0) / rate:.2f} s were asked for; {LEAST_SECONDS} s or more are expected."
        )
    if count > MOST_SECONDS * rate:
        raise ValueError(
            f"{name} lasts {frames / rate:.0f} s; at most {MOST_SECONDS:.0f} s are read at once. "
            "Choose a part of it: read_audio(source, start=30, seconds=2)."
        )
    return first, count


def _one_channel(samples):
    if samples.ndim == 1:
        return samples
    mean = samples.mean(axis=1)
    # Some microphones write one channel upside down: the mean of both would be silence.
    loudest = np.abs(samples).max(axis=0)
    return samples[:, loudest.argmax()] if np.abs(mean).max() < 0.1 * loudest.max() else mean


def _resampled(name, samples, rate):
    loudest = float(np.abs(samples).max())
    if not loudest <= _BEYOND:
        raise ValueError(
            f"{name} cannot be used: its samples go up to {loudest:.3g}; from -1 to 1 is expected. "
            "Export it as WAV of 16 bits."
        )
    if loudest < _SILENT:
        raise ValueError(
            f"{name} is silent: its loudest sample is {loudest:.5f} of 1. Is the right microphone "
            "chosen and switched on, and may the browser use it?"
        )
    limit = np.abs(samples) > 0.999
    if limit.mean() > _CLIPPED:
        warnings.warn(
            f"{name} is too loud: {100 * limit.mean():.0f} % of its samples are cut off at the "
            "limit (clipping), so it may be understood wrongly. Record it again, further from the "
            "microphone.",
            stacklevel=3,
        )
    if rate == RATE:
        return np.clip(samples, -1, 1).astype(np.float32)
    common = np.gcd(rate, RATE)
    resampled = resample_poly(samples.astype(np.float64), RATE // common, rate // common)
    return np.clip(resampled, -1, 1).astype(np.float32)
