"""Promises of reading picture files, each made here."""

import io
import os
import socket
import struct
import subprocess
import sys
import threading
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


def bomb(path, side, bits=1):
    """A black PNG of side x side pixels in grey, in a file of a few kilobytes."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, bits, 0, 0, 0, 0))
    rows = zlib.compress(bytes(side * (1 + -(-side * bits // 8))))
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


def test_a_jpeg_of_many_scans_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    """Each of them costs time for all pixels and a few bytes of the file; ten are usual."""
    whole = save(tmp_path / "a.jpg", "L", 128, progressive=True).read_bytes()
    assert near(decode.read(whole, 8), (128, 128, 128))
    first = whole.index(b"\xff\xda")
    scan = whole[first : whole.index(b"\xff", first + 2)]
    many = whole[:first] + 200 * scan + whole[first:]
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("decoded"))
    with pytest.raises(decode.Unreadable, match=r"a progressive JPEG of 20\d scans, more than 100"):
        decode.read(many, 8)


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


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without pipes in folders")
def test_what_never_ends_is_not_opened(tmp_path):
    """A pipe to which nobody writes, a socket, a device of endless zeros: refused unread."""
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zeros.png").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket.png"))
    for name in ("pipe.png", "zeros.png", "socket.png"):
        for use in (lambda path: decode.read(path, 8), decode.look, decode.digest):
            with pytest.raises(decode.Unreadable, match="a pipe, a socket or a device, not a file"):
                use(tmp_path / name)


def test_names_that_no_system_takes(tmp_path):
    """Links in a circle, a name that is too long, one with a zero in it: each is a reason."""
    (tmp_path / "a.png").symlink_to("b.png")
    (tmp_path / "b.png").symlink_to("a.png")
    for name, reason in (
        ("a.png", "it cannot be read: "),
        ("n" * 5000, "name too long"),
        ("\0", ""),
    ):
        with pytest.raises(decode.Unreadable, match=f"(?i){reason}"):
            decode.read(tmp_path / name, 8)


SCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 40\n%%EndComments\nshowpage\n%%EOF\n"


@pytest.mark.parametrize(
    "content",
    [
        SCRIPT,
        b"\xc5\xd0\xd3\xc6" + struct.pack("<II", 32, len(SCRIPT)) + bytes(20) + SCRIPT,  # of DOS
        b"\xd7\xcd\xc6\x9a" + bytes(100),  # WMF, which Windows draws
        b"\x89HDF\r\n\x1a\n" + bytes(100),
        b"SIMPLE  =                    T" + bytes(100),
        b"GRIB" + bytes(100),
        b"%PDF-1.4\n" + bytes(100),
    ],
    ids=["EPS", "EPS of DOS", "WMF", "HDF5", "FITS", "GRIB", "PDF"],
)
def test_what_starts_programs_is_never_opened(tmp_path, monkeypatch, content):
    """Whatever its name is: a program is not started, whether a file or its bytes are given."""
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a program"))
    (tmp_path / "photo.jpg").write_bytes(content)
    for source in (tmp_path / "photo.jpg", content):
        with pytest.raises(decode.Unreadable, match=r"^not a picture that Pillow knows$"):
            decode.read(source, 8)


def test_only_these_formats_are_opened(tmp_path):
    """Those of photos and data sets; a drawing of Photoshop or an icon of many sizes is none."""
    assert set(decode.FORMATS).isdisjoint({"EPS", "WMF", "PSD", "ICO", "ICNS", "FITS", "IPTC"})
    with pytest.raises(decode.Unreadable, match="not a picture that Pillow knows"):
        decode.read(save(tmp_path / "a.ico", size=(32, 32)), 8)


def test_a_file_of_20_gb_is_refused_unread(tmp_path, monkeypatch):
    """A picture with zeros behind it: neither decoded nor hashed; bytes in memory alike."""
    path = save(tmp_path / "a.png")
    with path.open("r+b") as file:
        file.truncate(20 * 10**9)
    for use in (lambda path: decode.read(path, 8), decode.look, decode.digest):
        with pytest.raises(decode.Unreadable, match=r"^a file of 20,000 MB, more than 537$"):
            use(path)
    monkeypatch.setattr(decode, "MOST_BYTES", 100)
    with pytest.raises(decode.Unreadable, match="a file of 0 MB, more than 0"):
        decode.read(whole(), 8)


def test_the_head_says_what_a_picture_is(tmp_path):
    """Format and sides, as they are stored, and whether it moves; a photo of two views does not."""
    assert decode.look(save(tmp_path / "a.png")) == ("PNG", 40, 30, False)
    for name, moves in (("a.gif", True), ("a.webp", True), ("a.mpo", False), ("a.tif", False)):
        frames = [Image.new("RGB", (10, 12), colour) for colour in (RED, (0, 0, 255))]
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        assert decode.look(tmp_path / name)[1:] == (10, 12, moves), name


def test_values_of_16_bits_keep_their_place(tmp_path):
    """From black to white they rise evenly, also when all are small, and NaN is refused."""
    ramp = np.repeat(np.linspace(0, 65535, 64).astype(np.uint16)[None], 64, 0)
    Image.fromarray(ramp).save(tmp_path / "a.png")
    Image.fromarray(ramp // 65535).save(tmp_path / "mask.png")
    found = decode.read(tmp_path / "a.png", 64)[0, :, 0]
    np.testing.assert_allclose(found, np.linspace(0, 1, 64), atol=0.005)
    assert decode.read(tmp_path / "mask.png", 64)[0, :, 0].tolist() == [0] * 63 + [1]
    holes = np.where(np.arange(64) == 30, np.nan, np.ones((64, 64))).astype(np.float32)
    Image.fromarray(holes).save(tmp_path / "a.tif")
    with pytest.raises(decode.Unreadable, match="its values go from"):
        decode.read(tmp_path / "a.tif", 8)


PEAK = """
import os, sys
os.cpu_count = lambda: 16
from tlhelpers.images import decode
decode.MOST_PIXELS = 30_000_000
decode._pixels = decode._Shared(decode.MOST_PIXELS)
decode.read(sys.argv[1], 8)  # what is loaded once
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
def status(name):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name))
before = status("VmRSS")
results = list(decode.read_many(sys.argv[2:] * 16, 8))
print((status("VmHWM") - before) // 1024, {str(getattr(each, "shape", each)) for each in results})
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read in /proc")
@pytest.mark.parametrize("kind", ["whole", "broken"])
def test_memory_is_bounded_over_all_threads(tmp_path, kind):
    """16 threads, 16 bombs of 5000 x 5000 in 16 bits, whole or cut: the memory of one at a time.

    Each takes 150 MB. Without a bound they took gigabytes, and broken ones stayed in memory.
    """
    path = bomb(tmp_path / "a.png", 5000, bits=16)
    if kind == "broken":
        path.write_bytes(path.read_bytes()[:-2000])
    small = save(tmp_path / "small.png")
    command = [sys.executable, "-c", PEAK, str(small), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=True)
    peak, results = done.stdout.split(maxsplit=1)
    assert ("(8, 8, 3)" in results) == (kind == "whole"), results
    assert int(peak) < 400
    assert done.stderr == ""


def test_what_waits_for_memory_is_read_in_the_end(tmp_path, monkeypatch):
    """Pictures that may only be decoded one by one, in many threads of several calls."""
    monkeypatch.setattr(decode, "_pixels", decode._Shared(40 * 30))
    monkeypatch.setattr(decode, "MOST_PIXELS", 40 * 30)
    paths = [save(tmp_path / f"{i}.webp") for i in range(20)]  # each counts twice: alone
    found = []
    threads = [
        threading.Thread(target=lambda: found.extend(decode.read_many(paths, 8))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 60
    assert all(near(each, RED) for each in found)
