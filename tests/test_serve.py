"""Promises of serving: one function answers, and whatever is handed in gets a sentence."""

import io
import re
import sys
import types

import keras
import numpy as np
import pytest
from PIL import Image

import tlhelpers as tl
from tlhelpers.notebook import serve

NAMES = ("red", "green", "blue")


@pytest.fixture(scope="module")
def model():
    """Logits that tell colours apart."""
    made = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.GlobalAveragePooling2D()])
    made.add(keras.layers.Dense(3, kernel_initializer="zeros"))
    made.layers[-1].set_weights([9 * np.eye(3, dtype="float32"), np.zeros(3, "float32")])
    return made


def file_of(picture, form="PNG", **options):
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def colour(name, size=(64, 48), mode="RGB"):
    return Image.new("RGB", size, name).convert(mode)


def ask(model, source, **options):
    return tl.answer_picture(model, NAMES, source, **options)


def test_an_answer_has_names_with_probabilities_best_first(model):
    """Logits become probabilities; the picture is as the model saw it."""
    answer = ask(model, file_of(colour("lime")))
    assert (answer.message, answer.sure) == ("green: 1.00", True)
    assert next(iter(answer.probabilities)) == "green"
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    np.testing.assert_array_equal(answer.picture[0, 0], [0, 1, 0])


def test_probabilities_are_left_as_they_are():
    """A model that ends in a softmax, or any function, is taken at its word."""
    answer = ask(lambda images: [[0.2, 0.5, 0.3]], file_of(colour("red")), size=32)
    assert answer.probabilities == {"green": 0.5, "blue": 0.3, "red": 0.2}


def test_an_unsure_answer_says_so(model):
    """Below the level the two best are named, and a person is asked for."""
    answer = ask(model, file_of(colour("grey")), sure=0.6)
    assert not answer.sure
    assert answer.message == "Not sure. Perhaps red (0.33), or green (0.33). Ask a person."
    assert ask(model, file_of(colour("grey")), sure=0).sure


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK", "P", "1", "LA", "I;16"])
def test_pictures_of_all_modes_get_an_answer(model, mode):
    """Grey, with transparency, of 16 bits: read_picture makes colours of them."""
    if mode == "I;16":
        picture = Image.fromarray(np.full((40, 40), 60000, np.uint16))
    elif mode == "LA":
        picture = colour("white").convert("L").convert("LA")
    else:
        picture = colour("white", mode=mode)
    answer = ask(model, file_of(picture, "TIFF" if mode == "CMYK" else "PNG"))
    assert answer.picture.shape == (32, 32, 3)
    assert answer.picture.min() > 0.9


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, r"Nothing was chosen yet. Choose a picture first."),
        ((), r"Nothing was uploaded yet. Choose a picture"),
        (b"", r"The picture cannot be used: the file is empty"),
        (b"This is a text.", r"The picture cannot be used: not a picture .* JPEG, PNG, WebP or"),
        (file_of(colour("red"))[:70], r"The picture cannot be used: .*JPEG, PNG"),
        (file_of(colour("red", (8, 8))), r"it is 8 x 8 pixels; 16 or more"),
        (file_of(colour("red", (13_000, 12_000), "1")), r"13000 x 12000 pixels, more than 150,"),
        ("nowhere.png", r"nowhere.png cannot be used: there is no such file. Looked for it as"),
        (3, r"Got int; a path, the bytes of a picture or an upload is expected"),
    ],
)
def test_what_is_no_picture_gets_a_sentence(model, source, message):
    """No error, no probabilities: why it cannot be used, and what can."""
    answer = ask(model, source)
    assert (answer.probabilities, answer.sure, answer.picture) == ({}, False, None)
    assert re.search(message, answer.message), answer.message


@pytest.mark.parametrize("sure", [-0.1, 1.5, "high", True])
def test_a_level_that_is_none(model, sure):
    """What is expected is said before any picture."""
    with pytest.raises(ValueError, match=r"sure is .*; a probability from 0 to 1 is expected"):
        ask(model, None, sure=sure)


def test_names_that_do_not_match_the_model(model):
    """What the model gives, and how many numbers are expected."""
    with pytest.raises(ValueError, match=r"of shape \[1, 3\]; finite numbers \[1, 2\]"):
        tl.answer_picture(model, ("a", "b"), file_of(colour("red")))
    with pytest.raises(ValueError, match=r"finite numbers \[1, 3\] are expected"):
        ask(lambda images: [[np.nan, 1, 2]], file_of(colour("red")), size=32)
    with pytest.raises(ValueError, match="class_names are"):
        tl.answer_picture(model, ("a",), None)


def test_a_function_needs_a_size():
    """Nobody can guess it."""
    with pytest.raises(ValueError, match=r"does not say how large its pictures are"):
        ask(lambda images: [[1, 0, 0]], None)


def test_the_panel_answers_the_same(model):
    """An upload of ipywidgets, and what is no picture; nothing of a file's name becomes HTML."""
    panel = tl.serve(model, NAMES, browser=False, title="<Colours>")
    assert panel.answer is None
    upload = [{"name": "a.png", "content": file_of(colour("red"))}]
    panel.take(upload)
    assert panel.answer == ask(model, upload)
    assert "red: 1.00" in panel.shown
    assert panel._picture.layout.display == ""
    assert 'alt="The picture that you chose"' in panel._picture.value
    panel.take([{"name": "<b>.txt", "content": b"no"}])
    assert "&lt;b&gt;.txt cannot be used" in panel.shown
    assert panel._picture.layout.display == "none"


def test_without_gradio_there_is_the_panel(model, monkeypatch):
    """By itself; asked for the page, a sentence says how to install it."""
    monkeypatch.setattr(serve.importlib.util, "find_spec", lambda name: None)
    assert type(tl.serve(model, NAMES)).__name__ == "ServePanel"
    with pytest.raises(ImportError, match=r"python -m pip install 'gradio>=6'.*browser=False"):
        tl.serve(model, NAMES, browser=True)


def test_on_colab_there_is_the_panel(model, monkeypatch):
    """Its browser stands on another machine than the page would."""
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    assert type(tl.serve(model, NAMES)).__name__ == "ServePanel"


@pytest.mark.parametrize("browser", [True, False])
def test_a_wrong_model_is_said_before_the_page_starts(browser):
    """Not at the first picture."""
    with pytest.raises(ValueError, match="does not say how large"):
        tl.serve(lambda images: images, NAMES, browser=browser)


@pytest.mark.slow
def test_the_page_is_for_this_machine_alone(model):
    """On 127.0.0.1, without a public address, until it is closed."""
    pytest.importorskip("gradio")
    page = tl.serve(model, NAMES, browser=True)
    try:
        assert page.url.startswith("http://127.0.0.1:")
        assert page._blocks.share is False
        assert repr(page) == f"A page at {page.url}, for this machine alone. page.close() ends it."
    finally:
        page.close()
