"""Say something to the notebook, or upload a recording, and have it as an array."""

import io
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..runtime.checks import whole_number
from ..speech.read_audio import RATE, read_audio
from .page_input import PageInput


class Microphone(PageInput):
    """A button that records from the browser's microphone, and one to upload a file instead.

    Make it the last line of a cell. The sound comes to Python when the recording ends, and can be
    heard in the page. What was recorded or uploaded last counts. Nothing leaves the machine on
    which the notebook runs. A browser without a microphone, or one that may not use it, says so;
    the button for uploads remains, and `tl.read_audio` in a plain cell.

    Parameters
    ----------
    seconds : int
        Length of a recording, from 1 to 10.
    on_audio : function, optional
        Called with each new recording; what it prints or displays appears below the button.

    Attributes
    ----------
    audio : float32 `[samples]` in `[-1, 1]`, at 16 kHz
        The recording. Raises `ValueError` as long as there is none; see `audio_or`.

    Raises
    ------
    ImportError
        ipywidgets or soundfile is not installed.
    TypeError, ValueError
        `seconds` is no whole number from 1 to 10.

    Examples
    --------
    >>> microphone = Microphone(2)
    >>> microphone.audio_or(np.zeros(16000, np.float32)).shape  # nothing was said yet
    (16000,)
    """

    page = Path(__file__).with_name("microphone.html")
    kind, what = "audio/wav", "recording"
    most_characters = 1_000_000  # ten seconds are 430,000
    doing = "Recording in the notebook"
    instead = "Without it, tl.read_audio reads a recording from a file."

    def __init__(
        self, seconds: int = 2, *, on_audio: Callable[[np.ndarray], Any] | None = None
    ) -> None:
        self.seconds = whole_number(seconds, "seconds", 1, 10)
        super().__init__("audio/*", on_audio)

    @property
    def audio(self) -> np.ndarray:
        """Return the recording, float32 `[samples]`; ValueError as long as there is none."""
        if self._value is None:
            raise ValueError(
                "Nothing was recorded yet. Record something, or upload a file, and run this cell "
                "again; microphone.audio_or(other) takes another sound until then."
            )
        return self._value

    def audio_or(self, default: np.ndarray) -> np.ndarray:
        """Return the recording, or another as long as there is none: *Run All* goes on."""
        return default if self._value is None else self._value

    def read(self, source: Any) -> np.ndarray:
        """Return the sound in bytes, a file or an upload, as `read_audio` reads it."""
        return read_audio(source)

    def new_preview(self, widgets: Any) -> Any:
        """Return a player."""
        return widgets.Audio(format="wav", autoplay=False, loop=False)

    def preview(self) -> bytes:
        """Return the recording as a WAV file."""
        stream = io.BytesIO()
        with wave.open(stream, "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes(np.round(self.audio * 32767).astype("<i2").tobytes())
        return stream.getvalue()

    def page_names(self) -> dict[str, str]:
        """Return length and rate of a recording."""
        return {"SECONDS": str(self.seconds), "RATE": str(RATE)}
