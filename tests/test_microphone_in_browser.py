"""The microphone in a real browser: what was said comes to Python, and who has none is told so."""

import numpy as np
import pytest
import soundfile
from browser import chromium

import tlhelpers as tl

pytestmark = pytest.mark.slow
HERE, ELSEWHERE = "http://localhost/", "http://notebook.invalid/"  # the second is not trusted


def shown(browser, microphone, address):
    """A tab with the microphone, and the hidden field that ipywidgets would show."""
    field = f'<div class="{microphone._name}"><textarea></textarea></div>'
    body = f"<!doctype html><html><body>{microphone._page()}{field}</body></html>"
    tab = browser.new_page()
    tab.route("**/*", lambda route: route.fulfill(body=body, content_type="text/html"))
    tab.goto(address)
    return tab


def test_what_was_said_comes_to_python(tmp_path):
    """A tone at the microphone arrives as that tone, at 16 kHz, as long as was asked for."""
    path = tmp_path / "tone.wav"
    soundfile.write(path, 0.4 * np.sin(2 * np.pi * 440 * np.arange(48000) / 48000), 48000)
    microphone = tl.Microphone(1)
    fake = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
    with chromium(
        tmp_path / "profile", *fake, f"--use-file-for-fake-audio-capture={path}"
    ) as browser:
        tab = shown(browser, microphone, HERE)
        tab.get_by_role("button", name="Record 1 s").click()
        tab.get_by_text("Recorded. Listen to it, or record again.").wait_for()
        microphone.take(tab.locator("textarea").input_value())
        assert tab.locator("audio").get_attribute("src").startswith("data:audio/wav;base64,")
    assert 0.5 < len(microphone.audio) / 16000 < 3  # a busy machine may stop late
    loud = microphone.audio[np.abs(microphone.audio) > 0.05]
    assert len(loud) > 4000
    spectrum = np.abs(np.fft.rfft(microphone.audio * np.hanning(len(microphone.audio))))
    assert abs(spectrum.argmax() * 16000 / len(microphone.audio) - 440) < 15


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        (HERE, r"No microphone was found. Connect one, and record again. Or upload a recording"),
        (
            ELSEWHERE,
            r"to pages of this machine (localhost) and to https alone. Or upload a recording",
        ),
    ],
    ids=["no microphone", "not trusted"],
)
def test_a_browser_without_a_microphone_says_what_to_do(tmp_path, address, sentence):
    """The reason, and the button for uploads."""
    with chromium(tmp_path / "profile") as browser:
        tab = shown(browser, tl.Microphone(1), address)
        if address == HERE:
            tab.get_by_role("button", name="Record 1 s").click()
        tab.get_by_text(sentence).wait_for()


def test_a_browser_that_may_not_use_it_says_how_to_allow_it(tmp_path):
    """Permission was denied: where to allow it, or upload."""
    with chromium(tmp_path / "profile", "--use-fake-device-for-media-stream") as browser:
        tab = shown(browser, tl.Microphone(1), HERE)
        tab.evaluate(
            "() => { navigator.mediaDevices.getUserMedia = () => "
            "Promise.reject(new DOMException('denied', 'NotAllowedError')); }"
        )
        tab.get_by_role("button", name="Record 1 s").click()
        tab.get_by_text("The browser may not use the microphone. Allow it").wait_for()
