"""The page in a real browser: a picture gets an answer, anything else a sentence."""

import io
import re

import keras
import numpy as np
import pytest
from browser import PATIENCE, chromium, new_tab
from PIL import Image

import tlhelpers as tl

pytest.importorskip("gradio", reason="the extra `serve` is not installed")
sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

pytestmark = pytest.mark.slow


def png(colour):
    stream = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(stream, "PNG")
    return {"name": f"{colour}.png", "mimeType": "image/png", "buffer": stream.getvalue()}


TEXT = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"This is no picture."}
SHORT = {**png("red"), "name": "cut.png", "buffer": png("red")["buffer"][:60]}


@pytest.fixture(scope="module")
def served():
    """A page that knows red from green, and is unsure of grey."""
    model = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.GlobalAveragePooling2D()])
    model.add(keras.layers.Dense(2, kernel_initializer="zeros"))
    model.layers[-1].set_weights([np.float32([[9, 0], [0, 9], [0, 0]]), np.zeros(2, "float32")])
    page = tl.serve(model, ("red", "green"), sure=0.9, title="Red or green?", browser=True)
    yield page
    page.close()


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    """Chromium with a profile of its own."""
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(context, served):
    """The page, opened once; `elsewhere` has the addresses of other machines that it asked for."""
    tab = new_tab(context, served.url)
    tab.goto(served.url)
    tab.locator("#file input[type=file]").first.wait_for(state="attached")
    return tab


def answer_to(page, file, pattern):
    """What the page says after a file was chosen; waits until it says something like that."""
    button = page.locator("#file").get_by_label("Clear").first
    if button.count():
        button.click()
    field = page.locator("#file input[type=file]").first
    field.wait_for(state="attached")
    field.set_input_files([file])
    box = page.locator("#answer textarea")
    sync_api.expect(box).to_have_value(re.compile(pattern), timeout=PATIENCE)
    return box.input_value()


def test_a_picture_gets_an_answer(page):
    """The name and its probability stand on the page."""
    assert answer_to(page, png("red"), "^red") == "red: 1.00"


def test_an_unsure_model_says_so(page):
    """Below the level it names two, and asks for a person."""
    said = answer_to(page, png("grey"), "^Not sure")
    assert said.endswith("Ask a person.")


@pytest.mark.parametrize("file", [TEXT, SHORT], ids=["text", "half a picture"])
def test_what_is_no_picture_gets_a_sentence(page, file):
    """The file's name, and what is expected."""
    said = answer_to(page, file, f"^{file['name']}")
    assert "cannot be used" in said
    assert said.endswith("JPEG, PNG, WebP or GIF is expected.")


def test_a_browser_without_a_camera(page):
    """The tab of the camera says what to do instead."""
    page.get_by_role("tab", name="the camera").click()
    note = page.locator("#no-camera")
    note.get_by_text("This browser has no camera for the page. Choose a file instead.").wait_for()
    page.get_by_role("tab", name="a file").click()


def test_nothing_is_asked_of_other_machines(page):
    """Neither fonts nor statistics: what is shown stays here."""
    assert page.elsewhere == []
