"""Promises of reading pictures that somebody damaged, or made to do damage."""

import io
import struct
import sys
import zlib

import numpy as np
import pytest
from fuzz import times
from PIL import Image

from tlhelpers.images import decode
from tlhelpers.tasks import folder_scan

SIDE = 8
BOMB = zlib.compress(bytes(10**7))
STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork")
started = []  # programs, by the events that Python tells of


def _note(event, _):
    if event in STARTS:
        started.append(event)


def seeds():
    """Small pictures of all formats that are read, and of some that are not, by their kind."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (24, 32, 3), np.uint8)
    rgb = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = 6
    two = {"save_all": True, "append_images": [rgb.rotate(180)]}
    wanted = {
        "jpeg": (rgb, {"exif": exif}),
        "progressive": (rgb, {"progressive": True}),
        "mpo": (rgb, two),
        "cmyk": (rgb.convert("CMYK"), {}),
        "png": (rgb, {"exif": exif}),
        "png16": (Image.fromarray(pixels[..., 0].astype(np.uint16) * 257), {}),
        "apng": (rgb, two),
        "palette": (rgb.quantize(16), {"transparency": 3}),
        "gif": (rgb.quantize(16), two),
        "webp": (rgb, two),
        "lossless": (rgb.convert("RGBA"), {"lossless": True}),
        "bmp": (rgb, {}),
        "tiff": (rgb, {"compression": "tiff_lzw"}),
        "tiff_jpeg": (rgb, {"compression": "jpeg"}),
        "tiff_float": (Image.fromarray(pixels[..., 0] / np.float32(255)), {}),
        "ppm": (rgb, {}),
        "avif": (rgb, {"speed": 10}),
        "jp2": (rgb, {}),
        "eps": (rgb, {}),
        "ico": (rgb, {}),
    }
    formats = {"jpeg": "jpeg", "progressive": "jpeg", "cmyk": "jpeg", "png16": "png"}
    formats |= {"apng": "png", "palette": "png", "lossless": "webp", "jp2": "jpeg2000"}
    formats |= {"tiff_jpeg": "tiff", "tiff_float": "tiff"}
    made = {}
    for kind, (picture, options) in wanted.items():
        stream = io.BytesIO()
        try:
            picture.copy().save(stream, formats.get(kind, kind), **options)
        except (OSError, KeyError, ValueError):  # a Pillow without that writer
            continue
        made[kind] = stream.getvalue()
    return made


def chunks(png):
    """The chunks of a PNG, kind and data; None for what is none."""
    found, place = [], 8
    while png[:4] == b"\x89PNG" and place + 12 <= len(png):
        length = int.from_bytes(png[place : place + 4], "big")
        found.append((png[place + 4 : place + 8], png[place + 8 : place + 8 + length]))
        place += 12 + length
    return found


def joined(parts):
    """A PNG of such chunks, whose checksums are right."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def flip(content, rng, _):
    """Some bits, of the head more often than of the rest."""
    damaged = bytearray(content)
    for _ in range(rng.integers(1, 8)):
        reach = min(len(damaged), 64) if rng.random() < 0.5 else len(damaged)
        damaged[rng.integers(reach)] ^= 1 << rng.integers(8)
    return bytes(damaged)


def cut(content, rng, _):
    """The end, or a piece within."""
    first, last = sorted(rng.integers(1, len(content) + 1, 2))
    return content[:first] + content[last:] if rng.random() < 0.5 else content[:first]


def insert(content, rng, _):
    """Bytes by chance, or a piece of itself once more."""
    at, (first, last) = rng.integers(len(content)), sorted(rng.integers(0, len(content), 2))
    piece = rng.bytes(20) if rng.random() < 0.5 else content[first:last]
    return content[:at] + piece + content[at:]


def splice(content, rng, other):
    """The beginning of one format, the end of another."""
    return content[: rng.integers(len(content) + 1)] + other[rng.integers(len(other)) :]


def resize(content, rng, _):
    """Other sides in the head: numbers that are written like the true ones, large ones as well."""
    side = int(rng.choice([0, 1, 31, 4000, 12_000, 65_535, 2**31 - 1]))
    old = int(rng.choice([24, 32]))
    forms = [form for form in (">I", "<I", ">H", "<H") if side < 2 ** (8 * struct.calcsize(form))]
    form = str(rng.choice(forms))
    parts = chunks(content)
    if parts:
        kind, head = parts[0]
        new = struct.pack(">I", side)
        head = new + head[4:] if rng.random() < 0.5 else head[:4] + new + head[8:]
        return joined([(kind, head), *parts[1:]])
    if content[:2] == b"P6":
        return content.replace(str(old).encode(), str(side).encode(), 1)
    return content.replace(struct.pack(form, old), struct.pack(form, side), 1)


def shuffle(content, rng, _):
    """Chunks of a PNG twice, or in another order, or new ones that unfold; else bytes swapped."""
    parts = chunks(content)
    if not parts:
        return flip(content[::-1], rng, None)[::-1]
    new = [(b"zTXt", b"a\0\0" + BOMB), (b"iCCP", b"a\0\0" + BOMB), (b"eXIf", rng.bytes(50))]
    parts.insert(int(rng.integers(1, max(2, len(parts)))), new[rng.integers(3)])
    parts.insert(int(rng.integers(1, len(parts))), parts[rng.integers(len(parts))])
    return joined(parts)


WAYS = (flip, cut, insert, splice, resize, shuffle)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    """Files in two folders of classes, beside them three whole ones each, and the seeds."""
    folder = tmp_path_factory.mktemp("fuzz")
    whole, rng = seeds(), np.random.default_rng(2026)
    kinds = list(whole)
    for name in ("cat", "dog"):
        (folder / name).mkdir()
    for i in range(times(500)):
        kind, other = rng.choice(kinds, 2)
        content = whole[kind]
        for way in rng.choice(len(WAYS), rng.integers(1, 3)):
            content = WAYS[way](content, rng, whole[other]) or b"\0"
        path = folder / ("cat", "dog")[i % 2] / f"{i:06d}_{kind}.jpg"
        path.write_bytes(content)
    return folder


def test_seeds_are_pictures():
    """Each format that is read is among them, and what is none of these is refused."""
    found = set()
    for kind, content in seeds().items():
        if kind in ("eps", "ico"):
            with pytest.raises(decode.Unreadable, match="not a picture that Pillow knows"):
                decode.read(content, SIDE)
        else:
            assert decode.read(content, SIDE).std() > 0.01, kind
            found.add(decode.look(content).kind)
    assert found >= {"JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM"}


def test_a_damaged_picture_is_pixels_or_a_line(damaged, capfd, recwarn):
    """500 of them: pixels in [0, 1], or one line of reason; nothing printed, no program started."""
    sys.addaudithook(_note)  # which cannot be taken away again
    started.clear()
    paths = sorted(damaged.rglob("*.jpg"))
    results = list(decode.read_many(paths, SIDE))
    assert len(results) == len(paths) == times(500)
    read = [one for one in results if not isinstance(one, decode.Unreadable)]
    assert len(read) > len(paths) / 20
    for one in read:
        assert (one.shape, one.dtype) == ((SIDE, SIDE, 3), np.float32)
        assert one.min() >= 0
        assert one.max() <= 1
    for reason in results:
        if isinstance(reason, decode.Unreadable):
            said = str(reason)
            assert 0 < len(said) < 300
            assert said.isprintable(), repr(said)
            assert str(damaged) not in said
    found, report = folder_scan.scan(damaged, progress=False)
    left_out = report[report["done"] == "left out"]
    assert len(found) + len(left_out) == len(paths)
    assert not left_out["name"].duplicated().any()
    assert started == []
    assert not recwarn.list, [str(each.message) for each in recwarn.list]
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read in /proc")
def test_damaged_pictures_take_little_memory(damaged):
    """Neither on the way, for all threads together, nor afterwards, when read once more."""
    paths = sorted(damaged.rglob("*.jpg"))

    def megabytes(what):
        with open("/proc/self/status", encoding="ascii") as file:
            return next(int(line.split()[1]) / 1024 for line in file if line.startswith(what))

    for most in (1000, 200):  # at first, what is loaded once belongs to it
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")  # the highest so far is forgotten
        before = megabytes("VmRSS")
        list(decode.read_many(paths, SIDE))
        assert megabytes("VmHWM") - before < 1000
        assert megabytes("VmRSS") - before < most
