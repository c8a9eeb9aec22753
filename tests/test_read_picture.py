"""Promises of reading one picture of your own."""

import io
import os

import numpy as np
import pytest
from PIL import Image

import tlhelpers as tl

RED = (255, 0, 0)


def content(kind="PNG", mode="RGB", colour=RED, size=(40, 30), **options):
    stream = io.BytesIO()
    Image.new(mode, size, colour).save(stream, kind, **options)
    return stream.getvalue()


def is_colour(picture, colour):
    assert (picture.shape, picture.dtype) == ((24, 24, 3), np.float32)
    np.testing.assert_allclose(
        picture, np.broadcast_to(np.array(colour) / 255, (24, 24, 3)), atol=0.02
    )


@pytest.mark.parametrize(
    ("kind", "mode", "colour", "expected"),
    [
        ("PNG", "RGB", RED, RED),
        ("JPEG", "RGB", RED, (254, 0, 0)),
        ("WEBP", "RGB", RED, RED),
        ("GIF", "P", 0, (0, 0, 0)),
        ("JPEG", "L", 128, (128, 128, 128)),
        ("JPEG", "CMYK", (0, 255, 255, 0), RED),
        ("PNG", "RGBA", (255, 0, 0, 0), (255, 255, 255)),
        ("PNG", "I;16", 65535, (255, 255, 255)),
    ],
)
def test_every_form_becomes_rgb(kind, mode, colour, expected):
    """Palettes, greys, CMYK and transparency come as RGB from 0 to 1, on white."""
    is_colour(tl.read_picture(content(kind, mode, colour), 24), expected)


@pytest.mark.parametrize(
    "form",
    [
        lambda picture: memoryview(picture),
        lambda picture: ({"name": "a.png", "content": memoryview(picture)},),  # ipywidgets 8
        lambda picture: {"a.png": {"metadata": {}, "content": picture}},  # ipywidgets 7
        lambda picture: {"b.png": b"", "a.png": picture},  # Colab
    ],
)
def test_every_form_of_an_upload(form):
    """The last file of what buttons and Colab give."""
    is_colour(tl.read_picture(form(content()), 24), RED)


def test_a_file_and_a_button(tmp_path):
    """A path as text or Path; a widget as it is."""
    ipywidgets = pytest.importorskip("ipywidgets")
    (tmp_path / "a.png").write_bytes(content())
    is_colour(tl.read_picture(tmp_path / "a.png", 24), RED)
    is_colour(tl.read_picture(str(tmp_path / "a.png"), 24), RED)
    with pytest.raises(ValueError, match=r"Nothing was uploaded yet. Choose a picture"):
        tl.read_picture(ipywidgets.FileUpload())


def test_turned_by_its_camera():
    """EXIF's orientation is followed: the red left half is on top."""
    picture = Image.new("RGB", (40, 40))
    picture.paste(RED, (0, 0, 20, 40))
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    picture.save(stream, "JPEG", exif=exif, quality=95)
    red = tl.read_picture(stream.getvalue(), 24)[..., 0]
    assert (red[:8].min() > 0.9, red[-8:].max() < 0.1) == (True, True)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"", "The picture cannot be used: the file is empty. JPEG, PNG, WebP or GIF is expected"),
        (b"just text", "not a picture that Pillow knows. JPEG, PNG, WebP or GIF is expected"),
        (content()[:50], "The picture cannot be used: "),
        (b"\0\0\0\x18ftypheic" + bytes(20), "It is a HEIC file, as iPhones make them: export it"),
        (content(size=(300, 15)), r"it is 300 x 15 pixels; 16 or more on each side are expected"),
        ("nowhere/cat.png", r"cat.png cannot be used: there is no such file. Looked for it as /"),
        (({"name": "notes.txt", "content": b"text"},), "notes.txt cannot be used: not a picture"),
        ((), "Nothing was uploaded yet"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "The picture cannot be used: not a picture that Pillow knows"),
        ("n" * 5000, "cannot be used: it cannot be read: File name too long. Looked for it as /"),
        (3, "Got int; a path, the bytes of a picture or an upload is expected"),
    ],
)
def test_what_cannot_be_used(source, message):
    """The file's name, the reason, and what to do."""
    with pytest.raises(ValueError, match=message):
        tl.read_picture(source, 24)


def test_size_is_checked():
    """A side of zero is refused before anything is read."""
    with pytest.raises(ValueError, match="size is 0; a whole number of at least 1"):
        tl.read_picture(b"", 0)


@pytest.mark.skipif(os.name == "nt", reason="names are texts there, and there are no pipes")
def test_a_name_that_is_no_text_and_a_pipe(tmp_path):
    """It is used, or printed with what is no text escaped; a pipe is not waited for."""
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9\n.png")
    with open(path, "wb") as file:
        file.write(content())
    is_colour(tl.read_picture(path, 24), RED)
    with open(path, "wb") as file:
        file.write(b"nothing")
    with pytest.raises(ValueError, match=r"^caf\\udce9\\n\.png cannot be used: not a") as error:
        tl.read_picture(path)
    assert str(error.value).isprintable()
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ValueError, match=r"pipe.png cannot be used: a pipe, a socket or a device"):
        tl.read_picture(tmp_path / "pipe.png")


def test_a_file_without_rights(tmp_path, monkeypatch):
    """A sentence says so, also when its first bytes are asked for."""
    (tmp_path / "a.png").write_bytes(content())

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", denied)
    monkeypatch.setattr("io.open", denied)
    with pytest.raises(ValueError, match=r"a.png cannot be used: no right to read it. Looked for"):
        tl.read_picture(tmp_path / "a.png")
