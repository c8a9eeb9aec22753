"""Promises of reading recordings: what a device writes is usable, or a sentence says why."""

import io
import os
import sys
import warnings

import numpy as np
import pytest
import soundfile
from fuzz import times

import tlhelpers as tl
from tlhelpers.speech.read_audio import RATE

RNG = np.random.default_rng(0)


def tone(rate=RATE, seconds=1.0, hertz=440, loud=0.5):
    return (loud * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)).astype("f4")


def file(samples, rate=RATE, kind="WAV", subtype=None):
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format=kind, subtype=subtype)
    return stream.getvalue()


def pitch(audio):
    """The strongest frequency in Hz."""
    return np.abs(np.fft.rfft(audio)).argmax() * RATE / len(audio)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG"])
def test_any_rate_and_format_is_heard_the_same(rate, kind):
    """A second of a tone is a second of the same tone at 16 kHz."""
    audio = tl.read_audio(file(tone(rate), rate, kind))
    assert audio.dtype == np.float32
    assert abs(len(audio) - RATE) <= 1
    assert abs(pitch(audio) - 440) < 2
    assert np.abs(audio).max() == pytest.approx(0.5, abs=0.05)


def test_array_file_and_upload_give_the_same(tmp_path):
    """Samples with their rate, a path, bytes, and what a button for uploads holds."""
    content = file(tone(44100), 44100, "FLAC")
    path = tmp_path / "word.flac"
    path.write_bytes(content)
    want = tl.read_audio(path)
    for source in (str(path), content, ({"name": "word.flac", "content": memoryview(content)},)):
        np.testing.assert_array_equal(tl.read_audio(source), want)
    array = soundfile.read(path, dtype="float64")[0]
    np.testing.assert_allclose(tl.read_audio(array, rate=44100), want, atol=1e-4)


def test_stereo_is_averaged_unless_the_channels_cancel():
    """One channel upside down, as some microphones write it, is no silence."""
    left, right = tone(hertz=440), tone(hertz=880)
    both = tl.read_audio(file(np.stack([left, right], 1)))
    np.testing.assert_allclose(both, (left + right) / 2, atol=1e-3)
    upside_down = tl.read_audio(file(np.stack([left, -left], 1)))
    np.testing.assert_allclose(np.abs(upside_down), np.abs(left), atol=1e-3)


def test_a_silent_recording_is_refused():
    """The sentence asks for what is usually the reason."""
    for samples in (np.zeros(RATE), RNG.normal(0, 1e-4, RATE)):
        with pytest.raises(ValueError, match=r"is silent: its loudest sample is 0.000.. of 1"):
            tl.read_audio(file(samples))


def test_a_clipped_recording_is_used_with_a_warning():
    """What is cut off is said in percent; a peak here and there is nothing to speak of."""
    with pytest.warns(UserWarning, match=r"too loud: \d\d % of its samples are cut off"):
        audio = tl.read_audio(file(np.clip(tone(loud=1) * 4, -1, 1)))
    assert np.abs(audio).max() <= 1
    few = tone()
    few[100] = 1
    assert len(tl.read_audio(file(few))) == RATE


def test_ten_minutes_are_refused_before_they_are_read(tmp_path):
    """The sentence shows how to choose a part, and the part can be read."""
    path = tmp_path / "lecture.flac"
    soundfile.write(path, np.tile(tone(8000), 600), 8000)
    with pytest.raises(ValueError, match=r"lecture.flac lasts 600 s; at most 60 s are read"):
        tl.read_audio(path)
    assert len(tl.read_audio(path, start=599, seconds=2)) == RATE
    with pytest.raises(ValueError, match=r"lasts 600.00 s, of which 0.00 s were asked for"):
        tl.read_audio(path, start=700)


@pytest.mark.parametrize(
    ("source", "options", "sentence"),
    [
        (file(tone(seconds=0.05)), {}, r"it lasts 0.05 s, .* 0.1 s or more are expected"),
        (
            file(tone(200_000), 200_000),
            {},
            "has 200000 samples a second; 192000 at most are expected",
        ),
        (file(np.zeros((RATE, 9))), {}, "it has 9 channels; 8 at most are expected"),
        (file(tone() * 8, subtype="FLOAT"), {}, "its samples go up to 4; from -1 to 1 is expected"),
        (file(tone() * np.nan, subtype="FLOAT"), {}, "its samples go up to nan; from -1 to 1"),
        ("n" * 5000, {}, "cannot be used: there is no file"),
        (file(tone(4000), 4000), {}, "it has 4000 samples a second; 8000 or more are expected"),
        (b"", {}, "WAV, FLAC, OGG or MP3 is expected"),
        (b"\x1aE\xdf\xa3 webm", {}, r"recordings of telephones \(M4A\) and of browsers \(WebM\)"),
        (file(tone())[:30], {}, "The recording cannot be used"),
        ("nowhere.wav", {}, r"nowhere.wav cannot be used: there is no file .*nowhere.wav"),
        ((), {}, "Nothing was uploaded yet. Choose a recording with the button first"),
        (3, {}, "Got int; a path, the bytes of a recording or an upload is expected"),
        (tone(), {}, r"need their rate: read_audio\(samples, rate=44100\)"),
        (file(tone()), {"rate": 16000}, "files say their rate themselves: leave it out"),
        ((32767 * tone()).astype("i2"), {"rate": 16000}, r"type int16 .* by 32768"),
        (tone() * 3, {"rate": 16000}, r"Samples beyond \[-1, 1\], or no numbers"),
        (tone() * np.nan, {"rate": 16000}, r"Samples beyond \[-1, 1\], or no numbers"),
        (tone().reshape(1, 1, -1), {"rate": 16000}, r"shape \[1, 1, 16000\]"),
        (file(tone()), {"start": -1}, "start is -1; a number of at least 0 is expected"),
        (file(tone()), {"seconds": 90}, "seconds is 90; a number from 0.1 to 60 is expected"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(source, options, sentence):
    """What came, what was expected, how to mend it."""
    with pytest.raises(ValueError, match=sentence):
        tl.read_audio(source, **options)


def test_without_soundfile(monkeypatch):
    """One line says how to install it."""
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(ImportError, match="python -m pip install soundfile"):
        tl.read_audio(b"...")


def test_peaks_of_a_lossy_format_are_cut():
    """A little beyond full scale, as decoders of MP3 overshoot: it stays in [-1, 1]."""
    with pytest.warns(UserWarning, match="too loud"):
        audio = tl.read_audio(file(tone() * 2.5, subtype="FLOAT"))
    assert np.abs(audio).max() == 1


@pytest.mark.skipif(os.name == "nt", reason="names are texts there")
def test_what_is_no_sound_file(tmp_path):
    """A name that is no text is read, and printed escaped; raw samples and pipes are refused."""
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav")
    with open(path, "wb") as stream:
        stream.write(file(tone()))
    assert len(tl.read_audio(path)) == RATE
    with open(path, "wb") as stream:
        stream.write(b"nothing")
    with pytest.raises(ValueError, match=r"^caf\\udce9\.wav cannot be used") as error:
        tl.read_audio(path)
    assert str(error.value).isprintable()
    (tmp_path / "a.raw").write_bytes(file(tone()))
    with pytest.raises(ValueError, match=r"a.raw cannot be used: .* WAV, FLAC, OGG or MP3 is"):
        tl.read_audio(tmp_path / "a.raw")
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "zeros.wav").symlink_to("/dev/zero")
    for name in ("pipe.wav", "zeros.wav"):
        with pytest.raises(ValueError, match="there is no file"):
            tl.read_audio(tmp_path / name)


def test_a_padded_file_is_read_as_far_as_it_is_sound(tmp_path):
    """20 GB of zeros behind a second of sound are not read."""
    (tmp_path / "a.wav").write_bytes(file(tone()))
    os.truncate(tmp_path / "a.wav", 20 * 10**9)
    assert len(tl.read_audio(tmp_path / "a.wav")) == RATE


def test_a_damaged_recording_is_samples_or_a_sentence(capfd):
    """300 of them: samples in [-1, 1], or a ValueError that names it; nothing printed."""
    rng, sound = np.random.default_rng(0), tone(seconds=0.5)
    kinds = ("WAV", "FLAC", "OGG", "MP3", "AIFF", "W64")
    seeds = [file(sound, kind=kind) for kind in kinds if kind in soundfile.available_formats()]
    read = 0
    for _ in range(times(300)):
        content = bytearray(seeds[rng.integers(len(seeds))])
        for _ in range(rng.integers(1, 6)):
            at = rng.integers(min(len(content), 60))
            match rng.integers(4):
                case 0:
                    content[rng.integers(min(len(content), 100))] ^= 1 << rng.integers(8)
                case 1:
                    content[rng.integers(len(content))] ^= 1 << rng.integers(8)
                case 2:
                    del content[1 + rng.integers(len(content)) :]
                case _:
                    content[at : at + 4] = (2 ** rng.integers(33) - 1).astype("<u8").tobytes()[:4]
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="The recording is too loud")
                audio = tl.read_audio(bytes(content))
        except ValueError as error:
            assert str(error).startswith("The recording ")  # noqa: PT017
        else:
            read += 1
            assert (audio.ndim, audio.dtype) == (1, np.float32)
            assert np.abs(audio).max() <= 1
    assert read > times(300) / 20
    assert capfd.readouterr() == ("", "")
