"""Promises of reading picture files, each made here."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from tlhelpers.images import decode

RED = (255, 0, 0)


def near(found, colour, atol=0.02):
    return np.allclose(found, np.array(colour) / 255, atol=atol)


def save(path, mode="RGB", colour=RED, size=(40, 30), **options):
    Image.new(mode, size, colour).save(path, **options)
    return path


@pytest.mark.parametrize(
    ("name", "mode", "colour", "expected"),
    [
        ("a.png", "RGB", RED, RED),
        ("a.jpg", "RGB", RED, RED),
        ("a.jpg", "L", 128, (128, 128, 128)),
        ("a.jpg", "CMYK", (0, 255, 255, 0), RED),
        ("a.png", "I;16", 32768, (128, 128, 128)),
        ("a.png", "P", 0, (0, 0, 0)),
        ("a.png", "RGBA", (255, 0, 0, 0), (255, 255, 255)),
        ("a.png", "RGBA", (255, 0, 0, 255), RED),
        ("a.png", "LA", (0, 0), (255, 255, 255)),
        ("a.png", "1", 1, (255, 255, 255)),
        ("a.tif", "F", 1.0, (255, 255, 255)),
        ("a.gif", "P", 0, (0, 0, 0)),
        ("a.webp", "RGB", RED, RED),
        ("größe 犬.png", "RGB", RED, RED),
        ("a" * 240 + ".png", "RGB", RED, RED),
    ],
)
def test_every_form_becomes_rgb(tmp_path, name, mode, colour, expected):
    """Grey, CMYK, 16 bits, palettes, transparency, odd and long names: float32 RGB in [0, 1]."""
    found = decode.read(save(tmp_path / name, mode, colour), 8)
    assert found.shape == (8, 8, 3)
    assert found.dtype == np.float32
    assert near(found, expected), found[0, 0]


def test_one_pixel(tmp_path):
    """It fills the square."""
    assert near(decode.read(save(tmp_path / "a.png", size=(1, 1)), 8), RED)


def test_turned_by_its_camera(tmp_path):
    """EXIF's orientation is followed: the red left half is on top."""
    image = Image.new("RGB", (40, 40))
    image.paste(RED, (0, 0, 20, 40))
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees to the right
    image.save(tmp_path / "a.jpg", exif=exif, quality=95)
    found = decode.read(tmp_path / "a.jpg", 8)
    assert near(found[1], RED, 0.05)
    assert near(found[6], (0, 0, 0), 0.05)


def test_the_first_frame_of_an_animation(tmp_path):
    """The others are not looked at."""
    frames = [Image.new("RGB", (10, 10), colour) for colour in (RED, (0, 0, 255))]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert near(decode.read(tmp_path / "a.gif", 8), RED)


def test_a_hundred_megapixels(tmp_path):
    """Large but honest pictures are read."""
    found = decode.read(save(tmp_path / "a.jpg", size=(10000, 10000)), 8)
    assert near(found, RED)


def bomb(path, side):
    """A PNG of side x side pixels, black or white, in a file of a few kilobytes."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    rows = zlib.compress(bytes(side * (1 + -(-side // 8))))
    body = head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


@pytest.mark.parametrize(
    ("side", "message"),
    [
        (12_300, "12300 x 12300 pixels, more than 150,000,000"),
        (15_000, "too many pixels: a decompression bomb"),  # Pillow's own limit
    ],
)
@pytest.mark.filterwarnings("ignore:Image size")  # Pillow warns before it refuses
def test_a_bomb_is_refused_before_it_is_decoded(tmp_path, monkeypatch, side, message):
    """By what its head says; the picture is whole, and could be decoded."""
    path = bomb(tmp_path / "a.png", side)
    assert path.stat().st_size < 50_000
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("decoded"))
    with pytest.raises(decode.Unreadable, match=message):
        decode.read(path, 8)


def test_what_makes_a_bomb_is_a_picture_when_small(tmp_path):
    """So it is refused for its size alone."""
    assert near(decode.read(bomb(tmp_path / "a.png", 100), 8), (0, 0, 0))


def whole(kind="png"):
    stream = io.BytesIO()
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)).save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"hello, I am text", "not a picture"),
        (whole()[:3000], "broken"),
        (whole("jpeg")[:1500], "broken"),
        (whole()[:20], "not a picture|broken"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "not a picture|broken"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 100, "not a picture|broken"),
    ],
)
def test_what_is_no_picture_is_refused(tmp_path, content, reason):
    """With the reason, and never with another error."""
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(decode.Unreadable, match=reason):
        decode.read(tmp_path / "a.jpg", 8)


def test_what_is_no_file_is_refused(tmp_path):
    """Nothing, a folder, a link to nothing, a file without rights."""
    with pytest.raises(decode.Unreadable, match="no such file"):
        decode.read(tmp_path / "a.png", 8)
    with pytest.raises(decode.Unreadable, match="folder"):
        decode.read(tmp_path, 8)
    (tmp_path / "link.png").symlink_to(tmp_path / "nothing.png")
    with pytest.raises(decode.Unreadable, match="a link to nothing"):
        decode.read(tmp_path / "link.png", 8)
    if os.geteuid():
        path = save(tmp_path / "closed.png")
        path.chmod(0)
        with pytest.raises(decode.Unreadable, match="no right"):
            decode.read(path, 8)
