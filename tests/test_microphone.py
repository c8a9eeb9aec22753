"""Promises of the microphone: what is recorded or uploaded last counts, errors are said there."""

import base64
import io

import numpy as np
import pytest
import soundfile

import tlhelpers as tl


def wav(hertz=440, rate=16000, loud=0.5):
    stream = io.BytesIO()
    tone = loud * np.sin(2 * np.pi * hertz * np.arange(rate) / rate)
    soundfile.write(stream, tone, rate, format="WAV")
    return stream.getvalue()


def url(**options):
    return "data:audio/wav;base64," + base64.b64encode(wav(**options)).decode()


@pytest.fixture
def microphone():
    return tl.Microphone(2)


def test_a_recording_comes_as_an_array(microphone):
    """What the page writes into the hidden field is sound at 16 kHz."""
    microphone._field.value = url(rate=48000)
    assert microphone.audio.dtype == np.float32
    assert abs(len(microphone.audio) - 16000) <= 1


def test_nothing_recorded_yet(microphone):
    """A sentence says what to do; `audio_or` lets a notebook run through."""
    default = np.zeros(16000, np.float32)
    with pytest.raises(ValueError, match=r"Nothing was recorded yet. Record something, or"):
        _ = microphone.audio
    assert microphone.audio_or(default) is default
    microphone._field.value = url()
    assert microphone.audio_or(default) is microphone.audio


def test_an_upload_can_be_heard_in_the_page(microphone):
    """The player below the button holds what was uploaded, until something is recorded."""
    microphone._attempt(({"name": "a.wav", "content": memoryview(wav(rate=8000))},))
    heard, rate = soundfile.read(io.BytesIO(microphone._preview.value))
    assert rate == 16000
    np.testing.assert_allclose(heard, microphone.audio, atol=1e-4)
    assert microphone._preview.layout.display == ""
    microphone._field.value = url()
    assert microphone._preview.layout.display == "none"


def test_what_cannot_be_used_is_said_in_the_page(microphone):
    """A silent recording keeps the one before it, and the page says so."""
    microphone._field.value = url()
    before = microphone.audio
    microphone._attempt(url(loud=0))
    assert "is silent" in microphone._message.value
    assert "The recording before it is kept." in microphone._message.value
    assert microphone.audio is before


def test_each_recording_is_answered():
    """`on_audio` is called with the sound."""
    heard = []
    microphone = tl.Microphone(1, on_audio=heard.append)
    microphone.take(wav())
    assert [len(audio) for audio in heard] == [16000]


@pytest.mark.parametrize(
    ("seconds", "error"), [(0, ValueError), (11, ValueError), (1.5, TypeError)]
)
def test_length_of_a_recording(seconds, error):
    """One to ten seconds."""
    with pytest.raises(error, match=r"seconds is .*; a whole number from 1 to 10 is expected"):
        tl.Microphone(seconds)


def test_each_time_it_is_shown_it_has_a_name_of_its_own(microphone):
    """The page fills the field of its own microphone, also when a cell is run again."""
    first, second = microphone._page(), microphone._page()
    assert first != second
    for page in (first, second):
        assert f".{microphone._name} textarea" in page
        assert "2 s" in page
