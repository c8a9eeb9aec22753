"""Archives that were damaged or made to do harm: the right files come out, or a sentence."""

import gzip
import io
import os
import random
import shutil
import tarfile
import tracemalloc
import zlib

import pytest
from fuzz import times
from loopback import Server, archive_of, file

from tlhelpers.storage import archive, download
from tlhelpers.storage.find_module import find_module

FILES = {
    "saved_model.pb": bytes(range(256)) * 9,
    "variables/variables.index": b"",
    "variables/variables.data-00000-of-00001": random.Random(0).randbytes(1500),
    "assets/" + "long" * 30 + ".txt": b"word\n" * 200,
    "assets/naïve Ω.txt": b"x" * 512,
}
HOSTILE = [
    *("../out", "a/../../out", "/tmp/out", "\\out", "..\\out", "C:out", "C:\\out", "//host/out"),
    *("a/\0b", "a\nb", "con", "a/AUX.txt", "lpt1", "a.", "b ", "a:b", "x" * 256, "a/" * 40 + "b"),
    *("saved_model.pb", "SAVED_MODEL.PB", "saved_model.pb/x", "variables", "", ".", "./", "~/out"),
    *("assets/nai\u0308ve Ω.txt", ".tlhelpers.json", "{x}", "%s", "a" * 20_000),
]
SIZES = [
    b"-1000\0",
    b"77777777777\0",
    b"\xff" * 12,
    b"\x80" + b"\xff" * 11,
    b"",
    b"x",
    b"00000001000\0",
]
TYPES = [bytes([n]) for n in b"01234567ALKSxgXDVMN\0\xff"]


def header(name=b"f", size=b"0", kind=b"0"):
    """A tar header with any size and type, and a valid checksum."""
    block = bytearray(name[:100].ljust(100, b"\0") + b"0000644\0" * 3 + size[:12].ljust(12, b"\0"))
    block += b"0" * 11 + b"\0" + b" " * 8 + kind + bytes(100) + b"ustar\x0000" + bytes(247)
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def member(name, content=b"x", kind=b"0"):
    """A header, what it announces, and the rest of the last block."""
    return header(name, b"%011o" % len(content), kind) + content + bytes(-len(content) % 512)


def pax(**values):
    """A header of the newer format, with these values for the next file."""
    lines = b""
    for key, value in values.items():
        line = f" {key}={value}\n".encode("utf-8", "surrogateescape")
        length = len(line) + len(str(len(line)))
        length = len(line) + len(str(length))
        lines += str(length).encode() + line
    return member(b"pax", lines, b"x")


def whole(rng):
    """A good archive, in one of two formats."""
    stream = io.BytesIO()
    form = rng.choice([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
    with tarfile.open(fileobj=stream, mode="w", format=form) as tar:
        for name, content in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def flips(rng, content):
    content = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 30])):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(content)


def cut(rng, content):
    return content[: rng.randrange(len(content))]


def moved(rng, content):
    """Blocks are doubled, left out, put in or exchanged."""
    blocks = [content[k : k + 512] for k in range(0, len(content), 512)]
    for _ in range(rng.randrange(1, 4)):
        at, other = rng.randrange(len(blocks)), rng.randrange(len(blocks))
        new = rng.choice([[], [blocks[at]] * 2, [bytes(512), blocks[at]], [blocks[other]]])
        blocks[at : at + 1] = new or ([] if len(blocks) > 1 else [blocks[at]])
    return b"".join(blocks)


def rewritten(rng, content):
    """A header says something else, and its checksum is right."""
    starts = [k for k in range(0, len(content), 512) if content[k + 257 : k + 262] == b"ustar"]
    at = rng.choice(starts)
    block = bytearray(content[at : at + 512])
    where, new = rng.choice(
        [
            (0, rng.choice(HOSTILE).encode()[:100]),
            (124, rng.choice(SIZES)),
            (156, rng.choice(TYPES)),
            (345, rng.choice([b"..", b"/", b"x" * 155])),
        ]
    )
    block[where : where + len(new)] = new
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return content[:at] + bytes(block) + content[at + 512 :]


def enlarged(rng, content):
    """Something hostile stands before all."""
    name = rng.choice(HOSTILE)
    raw = name.encode()[:90]
    first = rng.choice(
        [
            member(raw, b"x", rng.choice(TYPES)),
            pax(path=name) + member(b"f"),
            pax(size=rng.choice(["-512", "9" * 30, "x", "1e9", " 5"])) + member(b"f"),
            pax(**{"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}) + member(b"f", b"9\n" * 9),
            pax(hdrcharset="BINARY", path="\udcff") + member(b"f"),
            member(b"x", rng.randbytes(rng.randrange(2000)), rng.choice([b"x", b"g", b"L", b"K"])),
            member(b"L", name.encode() + b"\0", b"L") + member(b"f"),
            pax(path="a") * rng.choice([1, 2000]),
            header(b"f", rng.choice(SIZES), rng.choice(TYPES)),
        ]
    )
    return first + content


@pytest.fixture
def folder(tmp_path):
    """A folder with another beside it, in which nothing may change."""
    (tmp_path / "beside").mkdir()
    (tmp_path / "into").mkdir()
    return tmp_path / "into"


def outcome(content, folder, module=True):
    """What unpacking gives: the files by name, or the message."""
    packed = folder.parent / "beside" / "packed"
    packed.write_bytes(content)
    folder.mkdir(exist_ok=True)
    try:
        archive.unpack(packed, folder, "The archive", module=module)
    except (OSError, ValueError) as error:
        said = str(error)
        assert said.startswith("The archive cannot be used: ") or "MB are needed" in said, said
        assert len(said) < 600, said
        found = said
    else:
        paths = [path for path in folder.rglob("*") if not path.is_dir()]
        assert not any(path.is_symlink() for path in folder.rglob("*"))
        found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        assert sum(map(len, found.values())) <= 10**6
    assert sorted(path.name for path in folder.parent.iterdir()) == ["beside", "into"]
    assert [path.name for path in (folder.parent / "beside").iterdir()] == ["packed"]
    shutil.rmtree(folder)
    return found


@pytest.mark.slow
def test_five_hundred_archives(folder):
    """Files inside of the folder or a sentence; the right ones where that can be known."""
    right = wrong = 0
    for seed in range(times(500)):
        rng = random.Random(seed)
        content = whole(rng)
        change = rng.choice([flips, cut, moved, rewritten, enlarged])
        order = rng.choice(["plain", "inside", "outside", "twice"])
        if order == "outside":
            content = rng.choice([flips, cut])(rng, gzip.compress(content, 6, mtime=0))
        else:
            content = change(rng, content)
            if order != "plain":
                content = gzip.compress(content, 1, mtime=0)
            if order == "twice":
                content = gzip.compress(content, 1, mtime=0)
        found = outcome(content, folder)
        if order == "twice":
            assert "it is no archive" in found, seed
        if isinstance(found, str):
            wrong += 1
            continue
        right += 1
        assert "saved_model.pb" in found, seed
        if order == "outside" or change is cut:
            assert found == FILES, seed
    assert right >= 5
    assert wrong >= 300


def test_every_bit_of_a_gzip_is_compared(folder):
    """60 of 60 flipped bits of what was packed are noticed, or change nothing."""
    packed = bytearray(gzip.compress(whole(random.Random(1)), mtime=0))
    spots = random.Random(0).sample(range(10, len(packed)), times(60))
    for spot in [*spots, *range(len(packed) - 8, len(packed))]:
        changed = packed.copy()
        changed[spot] ^= 1
        found = outcome(bytes(changed), folder)
        told = ("damaged", "not UTF-8", "is a name that not every system can write; refused")
        assert found == FILES or any(each in found for each in told), spot


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("by", ["header", "pax", "gnu"])
def test_hostile_names(name, by, folder):
    """Each ends in a sentence, or in a file inside of the folder."""
    before = {
        "header": lambda: member(name.encode()[:100]),
        "pax": lambda: pax(path=name) + member(b"f"),
        "gnu": lambda: member(b"L", name.encode() + b"\0", b"L") + member(b"f"),
    }[by]()
    found = outcome(before + whole(random.Random(0)), folder, module=False)
    is_good = name in ("~/out", "{x}", "%s", ".tlhelpers.json")
    is_good |= by != "pax" and "\0" in name  # which ends it there
    is_good |= by == "header" and len(name) > 100
    assert isinstance(found, dict) == is_good, found


BOMBS = {
    "zeros": (lambda: header(b"f", b"%011o" % 10**9, b"0"), 5 * 10**7, "20 MB would come out"),
    "pax header": (
        lambda: header(b"p", b"%011o" % (2 * 10**8), b"x"),
        10**7,
        "has a header of",
    ),
    "long name": (lambda: header(b"p", b"%011o" % (2 * 10**8), b"L"), 10**7, "has a header of"),
    "negative": (lambda: header(b"f", b"\xff" * 10 + b"\xfe\0") * 9, 0, "has a size of -512"),
    "negative by pax": (lambda: pax(size=-512) + header(b"f"), 0, "has a size of -512"),
    "negative header": (lambda: header(b"f", b"\xff" * 10 + b"\xfe\0", b"x"), 0, "has a header of"),
    "digits": (lambda: member(b"p", b"1" * 60_000, b"x"), 0, "header without its lines"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs(bomb, folder, monkeypatch):
    """Small archives that want much memory, disk or time are refused before they get it."""
    begin, zeros, message = BOMBS[bomb]
    monkeypatch.setattr(archive, "UNSUSPICIOUS", 20e6)
    press = zlib.compressobj(wbits=31)
    packed = press.compress(begin())
    for _ in range(0, zeros, 10**7):
        packed += press.compress(bytes(10**7))
    packed += press.flush()
    monkeypatch.setattr(archive, "EXPANSION", 10)
    tracemalloc.start()
    try:
        assert message in outcome(packed, folder)
        assert tracemalloc.get_traced_memory()[1] < 30e6
    finally:
        tracemalloc.stop()


def test_zeros_that_are_not_announced(folder, monkeypatch):
    """What follows the end of an archive counts as well."""
    monkeypatch.setattr(archive, "UNSUSPICIOUS", 20e6)
    monkeypatch.setattr(archive, "EXPANSION", 10)
    packed = gzip.compress(whole(random.Random(0)) + bytes(5 * 10**7))
    assert "damaged" in outcome(packed, folder)


def test_many_members(folder, monkeypatch):
    """Their number has a limit, and what to do stands in the message; folders count."""
    monkeypatch.setattr(archive, "MOST", 50)
    found = outcome(b"".join(member(b"d%d/f" % k) for k in range(26)) + bytes(1024), folder)
    assert "more than 50 files and folders" in found
    assert "unpack it yourself and give the folder" in found


def test_a_folder_in_a_folder_of_its_name(folder):
    """`m/m/readme` is unpacked like everything else."""
    tree = {b"m/m/m": b"1", b"m/m/readme": b"2", b"m/readme/x": b"3"}
    content = b"".join(member(name, text) for name, text in tree.items()) + bytes(1024)
    found = outcome(content, folder, module=False)
    assert found == {"m/m": b"1", "m/readme": b"2", "readme/x": b"3"}
    graph = member(b"m/saved_model.pb") + member(b"m/m/readme") + member(b"readme") + bytes(1024)
    assert outcome(graph, folder) == {"saved_model.pb": b"x", "m/readme": b"x"}


def test_a_dozen_by_download(tmp_path, monkeypatch):
    """The same through the entrance of users: the module or a sentence, and nothing is left."""
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "FIRST_PAUSE", 0.01)
    with Server() as server:
        for seed in range(times(12)):
            rng = random.Random(seed)
            change = rng.choice([flips, cut, moved, rewritten, enlarged])
            server.answers = [file(gzip.compress(change(rng, whole(rng)), mtime=0))]
            address = f"{server.address}/{seed}"
            try:
                folder = find_module(address, progress=False)
            except ValueError as error:
                assert f"What came from {address} cannot be used" in str(error)  # noqa: PT017
            else:
                assert (folder / "saved_model.pb").is_file()
        (tmp_path / "good").mkdir()
        for name, content in FILES.items():
            (tmp_path / "good" / name).parent.mkdir(exist_ok=True)
            (tmp_path / "good" / name).write_bytes(content)
        server.answers = [file(archive_of(tmp_path / "good"))]
        folder = find_module(f"{server.address}/good", progress=False)
        assert all((folder / name).read_bytes() == content for name, content in FILES.items())
    inside = os.listdir(tmp_path / "cache" / "modules")
    assert not [name for name in inside if name.endswith((".part", ".json", ".tmp"))]
