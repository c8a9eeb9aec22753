"""Promises of the pad: what is drawn or uploaded last counts, errors are said where one looks."""

import base64
import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import tlhelpers as tl
from tlhelpers.notebook import page_input

WHITE, RED = (255, 255, 255), (255, 0, 0)


def png(colour=RED, side=280):
    stream = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(stream, "PNG")
    return stream.getvalue()


def url(colour=RED):
    return "data:image/png;base64," + base64.b64encode(png(colour)).decode()


@pytest.fixture
def pad():
    return tl.DrawingPad(32)


def test_a_line_drawn_comes_as_an_array(pad):
    """What the canvas writes into the hidden field is the picture, from 0 to 1, in colour."""
    pad._field.value = url()
    assert (pad.image.shape, pad.image.dtype) == ((32, 32, 3), np.float32)
    np.testing.assert_allclose(pad.image, np.ones((32, 32, 1)) * [1, 0, 0])
    pad._field.value = url(WHITE)
    assert pad.image.min() == 1


def test_nothing_drawn_yet(pad):
    """A sentence says what to do; `image_or` lets a notebook run through; clearing is like new."""
    default = np.zeros((32, 32, 3), np.float32)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"Nothing was drawn yet. Draw on the pad, or upload"):
            _ = pad.image
        assert pad.image_or(default) is default
        pad._field.value = url()
        assert pad.image_or(default) is pad.image
        pad._field.value = ""


def test_an_upload_takes_the_place_of_what_was_drawn(pad):
    """The button's file is shown below it, until something is drawn again."""
    pad._field.value = url()
    pad._attempt(({"name": "a.png", "content": memoryview(png(WHITE))},))
    assert pad.image.min() == 1
    assert pad._preview.layout.display == ""
    assert Image.open(io.BytesIO(pad._preview.value)).size == (32, 32)
    pad._field.value = url((0, 0, 255))
    assert pad.image[0, 0].tolist() == [0, 0, 1]
    assert pad._preview.layout.display == "none"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"<a>.txt": {"content": b"text"}}, "&lt;a>.txt cannot be used: not a picture"),
        ("data:text/html;base64,AAAA", "begins with 'data:text/html;base64,'; a data URL of the"),
        ("data:image/png;base64,###", "what follows the comma is not base64"),
        ("data:image/png;base64,AAAA", "The picture cannot be used: not a picture"),
        ("data:image/png;base64," + "A" * 4_000_000, "a data URL of the type image/png is"),
    ],
)
def test_what_cannot_be_used_is_said(pad, source, message):
    """The picture before it is kept; the next good one takes the message away."""
    pad.take(url())
    pad._attempt(source)
    assert message in pad._message.value
    assert pad._message.value.endswith("The picture before it is kept.</b>")
    assert pad.image[0, 0].tolist() == [1, 0, 0]
    pad._attempt(url())
    assert pad._message.value == ""


def test_take_raises(pad, tmp_path):
    """From a cell, errors are errors; paths and bytes are taken as well."""
    with pytest.raises(ValueError, match=r"cat.png cannot be used: there is no such file"):
        pad.take(tmp_path / "cat.png")
    (tmp_path / "cat.png").write_bytes(png())
    pad.take(tmp_path / "cat.png")
    assert pad.image[0, 0].tolist() == [1, 0, 0]


def test_each_picture_is_handed_on():
    """`on_picture` gets every picture; nothing is handed on when the pad was cleared."""
    seen = []
    pad = tl.DrawingPad(16, on_picture=seen.append)
    for source in (url(), "", url(WHITE)):
        pad._field.value = source
    assert [picture[0, 0, 1] for picture in seen] == [0, 1]


def test_the_page_names_the_field(pad):
    """The canvas finds its own field, also when it is shown twice; nothing is fetched."""
    (name,) = pad._field._dom_classes
    first, second = pad._page(), pad._page()
    assert f'".{name} textarea"' in first
    assert first.split('id="')[1][:22] != second.split('id="')[1][:22]
    assert "$" not in first.replace("`$", "")
    assert "http" not in first
    assert "run this cell. Or upload" in " ".join(first.split())  # where no script runs


def test_it_is_shown_as_canvas_and_widgets(pad, monkeypatch):
    """The canvas comes first, then the button."""
    shown = []
    monkeypatch.setattr(page_input, "display", shown.append)
    pad._ipython_display_()
    assert "<canvas" in shown[0].data
    assert shown[1] is pad._box


def test_size_is_checked():
    """A side that is no whole number is refused."""
    with pytest.raises(TypeError, match=r"size is 2.5"):
        tl.DrawingPad(2.5)


def test_without_ipywidgets_a_sentence_says_what_to_do():
    """Where widgets are missing, the pad says how to get them, and what does without."""
    code = "import sys; sys.modules['ipywidgets'] = None; import tlhelpers as tl; tl.DrawingPad()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "Drawing in the notebook needs ipywidgets" in done.stderr
    assert "tl.read_picture reads a picture from a file" in done.stderr
