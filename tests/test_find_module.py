import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
from loopback import Server, archive_of, archive_with, drips, file, raw, redirect, status

import tlhelpers as tl
from tlhelpers.storage import archive as archive_file
from tlhelpers.storage import cache, download, records
from tlhelpers.storage import find_module as find_module_file
from tlhelpers.storage.find_module import find_module

HANDLE = "https://tfhub.dev/google/imagenet/tiny/feature_vector/5"
WHERE = "google/imagenet/tiny/feature_vector/5"
CHUNK = 4096


@pytest.fixture(autouse=True)
def _no_long_pauses(monkeypatch):
    monkeypatch.setattr(download, "FIRST_PAUSE", 0.01)
    monkeypatch.delenv("TFHUB_CACHE_DIR", raising=False)
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def archive(tiny_module):
    """Bytes of the tiny module's archive, padded so that it can be cut in several places."""
    return archive_of(tiny_module, compression="")


@pytest.fixture
def other_cache(tmp_path, monkeypatch):
    """A cache in a place that tests may look into."""
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "modules"


def fetched(server, **options):
    return find_module(f"{server.address}/{WHERE}", progress=False, **options)


def content(folder):
    """Files of a module and their bytes, without our own record."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in paths if p.name[0] != "."}


def leftovers(folder):
    """What lies in the cache beside whole entries and their locks."""
    return [path.name for path in folder.glob("*") if path.suffix not in ("", ".lock")]


def run(code, *arguments, wait=True, **environment):
    """Run Python code in a process of its own."""
    start = "import sys, tlhelpers as tl, resource, signal\n"
    start += "from tlhelpers.storage.find_module import find_module\n"
    process = subprocess.Popen(
        [sys.executable, "-c", start + code, *map(str, arguments)],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if not wait:
        return process
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


# Places, in order -------------------------------------------------------------------------------


def test_embedded_module_is_complete():
    """The embedded handle leads to a SavedModel with its variables, and to the Keras file."""
    path = find_module("embedded:glyphnet")
    assert (path / "saved_model.pb").is_file()
    assert (path / "variables" / "variables.index").is_file()
    assert (find_module_file.data_dir() / "glyphnet.keras").is_file()


def test_folder_as_text_and_as_path(tiny_module):
    """A folder may be given either way."""
    assert find_module(str(tiny_module)) == find_module(tiny_module) == tiny_module


def test_download_is_kept_and_used_again(archive, tiny_module, other_cache):
    """The module arrives whole; the second call asks nobody."""
    with Server(file(archive)) as server:
        folder = fetched(server)
        assert content(folder) == content(tiny_module)
        assert folder.parent == other_cache
        assert fetched(server) == folder
        assert len(server.requests) == 1
        path, headers = server.requests[0]
    assert path == f"/{WHERE}?tf-hub-format=compressed"
    assert headers["Accept-Encoding"] == "identity"
    assert fetched(server) == folder  # and the server is gone
    assert leftovers(other_cache) == []
    assert tl.HubLayer(folder).blocks == ["dense", "norm"]


@pytest.mark.parametrize("suffix", [".tar.gz", ".tgz", ".tar"])
@pytest.mark.parametrize("prefix", ["", "my_model"])
def test_archive_at_any_address(suffix, prefix, tiny_module):
    """An address that ends like an archive is asked as it is; one folder around it is fine."""
    packed = archive_of(tiny_module, compression="" if suffix == ".tar" else "gz", prefix=prefix)
    with Server(file(packed)) as server:
        folder = find_module(f"{server.address}/files/model{suffix}", progress=False)
        assert server.requests[0][0] == f"/files/model{suffix}"
    assert content(folder) == content(tiny_module)


def test_handles_of_kaggle():
    """Kaggle's two forms of one address are one handle; what a browser adds is dropped."""
    short = "https://www.kaggle.com/models/google/nnlm/TensorFlow2/en-dim128/2"
    long = (
        "https://www.kaggle.com/models/google/nnlm/frameworks/TensorFlow2/variations/en-dim128"
        "/versions/2?tfhub-redirect=true"
    )
    assert (
        find_module_file.plain_address(long) == find_module_file.plain_address(short + "/") == short
    )
    assert find_module_file._download_address(short) == short + "?tf-hub-format=compressed"


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_mirror_comes_before_the_internet(kind, tiny_module, tmp_path, monkeypatch):
    """An address is looked up in TLHELPERS_MIRROR first, unpacked or not; nothing is asked."""
    place = tmp_path / "modules" / WHERE
    place.parent.mkdir(parents=True)
    if kind == "folder":
        shutil.copytree(tiny_module, place)
    else:
        place.with_name("5.tar.gz").write_bytes(archive_of(tiny_module))
    monkeypatch.setenv("TLHELPERS_MIRROR", str(tmp_path))
    monkeypatch.setattr(download, "download", lambda *_, **__: pytest.fail("went out"))
    folder = find_module(HANDLE)
    assert content(folder) == content(tiny_module)
    assert (folder == place) == (kind == "folder")
    assert find_module(HANDLE) == folder


def test_cache_comes_before_the_mirror(archive, tiny_module, tmp_path, monkeypatch):
    """What was downloaded once is used although a mirror has it too."""
    with Server(file(archive)) as server:
        folder = fetched(server)
        shutil.copytree(tiny_module, tmp_path / "modules" / WHERE)
        monkeypatch.setenv("TLHELPERS_MIRROR", str(tmp_path))
        assert fetched(server) == folder


def test_mirror_that_lacks_files_is_passed_over(archive, tiny_module, tmp_path, monkeypatch):
    """A half-copied module in the mirror is not used, and said when nothing else helps."""
    place = tmp_path / "modules" / WHERE
    shutil.copytree(tiny_module, place)
    next((place / "variables").glob("*.data*")).unlink()
    monkeypatch.setenv("TLHELPERS_MIRROR", str(tmp_path))
    with Server(status(404), file(archive)) as server:
        with pytest.raises(ConnectionError, match=r"mirror's copy in .* lacks files"):
            fetched(server)
        assert content(fetched(server)) == content(tiny_module)


def test_cache_dir_follows_the_variables(monkeypatch, tmp_path):
    """TLHELPERS_CACHE decides, and TFHUB_CACHE_DIR for modules; else the system's place."""
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path))
    assert cache.cache_dir() == tmp_path
    assert cache.modules_dir() == tmp_path / "modules"
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "hub"))
    assert cache.modules_dir() == tmp_path / "hub"
    monkeypatch.setenv("TFHUB_CACHE_DIR", "gs://bucket")
    assert cache.modules_dir() == tmp_path / "modules"
    monkeypatch.delenv("TLHELPERS_CACHE")
    assert cache.cache_dir().name == "tlhelpers"


def test_cache_is_shared_with_tensorflow_hub(archive, tmp_path, monkeypatch):
    """What either of the two downloaded, the other finds."""
    import tensorflow_hub

    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    with Server(file(archive)) as server:
        folder = fetched(server)
        assert tensorflow_hub.resolve(f"{server.address}/{WHERE}") == str(folder)
        theirs = tensorflow_hub.resolve(f"{server.address}/other/1")
        assert find_module(f"{server.address}/other/1") == Path(theirs)
        assert len(server.requests) == 2


# Faults of the network --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (404, "there is no such module.*typing mistakes.*version"),
        (403, "wants a sign-in, or consent.*accept the terms.*kagglehub"),
        (401, "wants a sign-in"),
        (400, "the server answers 400"),
    ],
)
def test_answers_that_no_patience_changes(code, message, archive, other_cache):
    """404, 403 and their like are reported at once, with what to do; later it works."""
    with Server(status(code), file(archive)) as server:
        with pytest.raises(ConnectionError, match=message) as error:
            fetched(server)
        assert len(server.requests) == 1
        assert leftovers(other_cache) == []
        for part in (
            WHERE,
            "embedded:glyphnet",
            f"modules/{WHERE}/saved_model.pb",
            "tl.prepare_mirror",
        ):
            assert part in str(error.value)
        assert cache.is_complete(fetched(server))


@pytest.mark.parametrize("code", [500, 502, 503, 504, 429])
def test_answers_that_may_pass(code, archive, tiny_module):
    """A server in trouble is asked again."""
    with Server(status(code), status(code), file(archive)) as server:
        assert content(fetched(server)) == content(tiny_module)
        assert len(server.requests) == 3


def test_giving_up(other_cache):
    """After `retries` attempts more that bring nothing the reason is said."""
    with Server(status(503, "Service Unavailable")) as server:
        with pytest.raises(ConnectionError, match=r"answers 503 \(Service Unavailable\)"):
            fetched(server, retries=2)
        assert len(server.requests) == 3
    assert leftovers(other_cache) == []


def test_pauses_grow(monkeypatch):
    """Each pause is twice as long as the one before, up to half a minute."""
    pauses = []
    monkeypatch.setattr(download.time, "sleep", pauses.append)
    monkeypatch.setattr(download, "FIRST_PAUSE", 1.0)
    with Server(status(500)) as server, pytest.raises(ConnectionError):
        fetched(server, retries=7)
    assert pauses == [1, 2, 4, 8, 16, 30, 30]


def test_redirect(archive, tiny_module):
    """Redirects to another server are followed, as tfhub.dev redirects to Kaggle."""
    with Server(file(archive)) as second, Server(redirect(second.address + "/signed")) as first:
        assert content(fetched(first)) == content(tiny_module)


def test_redirect_loop(other_cache):
    """A circle of redirects is found out."""
    circle = pytest.raises(ConnectionError, match="redirects in a circle")
    with Server(redirect("/again")) as server, circle:
        fetched(server)
    assert leftovers(other_cache) == []


def test_connection_refused(archive, other_cache):
    """A server that is down is told from one that answers badly; when it is up it works."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ConnectionError, match="refuses the connection"):
        find_module(f"http://127.0.0.1:{port}/{WHERE}", retries=1, progress=False)
    assert leftovers(other_cache) == []


def test_unknown_name(other_cache):
    """Without DNS the message thinks of the missing internet and of typing mistakes."""
    with pytest.raises(ConnectionError, match=r"name is not known here: no internet"):
        find_module("http://no-such-host.invalid/a/1", retries=1, progress=False)
    assert leftovers(other_cache) == []


def test_offline_is_noticed_soon(other_cache, monkeypatch):
    """One attempt more, not four, where not even the name is found."""
    pauses = []
    monkeypatch.setattr(download.time, "sleep", pauses.append)
    with pytest.raises(ConnectionError, match="name is not known"):
        find_module("http://no-such-host.invalid/a/1", retries=4, progress=False)
    assert len(pauses) == 1


def test_an_address_with_resolve_in_it(other_cache):
    """A refused connection is not mistaken for a name that is unknown."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ConnectionError, match="refuses the connection"):
        find_module(f"http://127.0.0.1:{port}/a/resolve/main/1", retries=0, progress=False)


def test_a_bar_leaves_nothing_behind(archive, other_cache, capsys):
    """What a fast download printed is erased again."""
    with Server(file(archive)) as server:
        find_module(f"{server.address}/{WHERE}")
    assert capsys.readouterr().out.rsplit("\r", 1)[-1].strip() == ""


def test_stall(archive, tiny_module, other_cache):
    """A server that goes silent is left after the timeout; what came is not asked again."""
    cut = 4 * CHUNK
    with Server(file(archive, upto=cut, stall=3), file(archive)) as server:
        assert content(fetched(server, timeout=0.3)) == content(tiny_module)
        assert server.requests[1][1]["Range"] == f"bytes={cut}-"
    assert leftovers(other_cache) == []


def test_stall_before_the_first_byte():
    """Silence from the beginning is reported in seconds."""
    silent = pytest.raises(ConnectionError, match=r"no byte came for 0\.2 seconds")
    with Server(lambda handler: time.sleep(1)) as server, silent:
        fetched(server, timeout=0.2, retries=1)


def test_connection_cut_again_and_again(archive, tiny_module):
    """As long as each attempt brings something, no number of cuts ends the download."""
    cuts = [file(archive, upto=k * CHUNK + 10) for k in range(1, 10)]
    with Server(*cuts, file(archive)) as server:
        assert content(fetched(server, retries=1)) == content(tiny_module)
        assert len(server.requests) == 10


def test_cut_download_goes_on_in_the_next_call(archive, tiny_module, other_cache):
    """What came before giving up is kept, said, and completed later."""
    cut = 6 * CHUNK
    with Server(file(archive, upto=cut)) as server:
        with pytest.raises(ConnectionError, match=r"connection was cut.* MB that came are kept"):
            fetched(server, retries=1)
        server.answers = [file(archive)]
        assert content(fetched(server)) == content(tiny_module)
        assert server.requests[-1][1]["Range"] == f"bytes={cut}-"
    assert leftovers(other_cache) == []


@pytest.mark.parametrize("answer", [{"ranges": False}, {"tag": '"v2"'}, {"tag": None}])
def test_file_that_cannot_be_resumed(answer, archive, tiny_module):
    """Without ranges, or when the file changed meanwhile, the download starts anew."""
    with Server(file(archive[::-1], upto=100), file(archive, **answer)) as server:
        assert content(fetched(server)) == content(tiny_module)


def test_part_longer_than_the_file(archive, tiny_module):
    """A part that the server finds too long is dropped."""
    with Server(
        file(archive + b"more", upto=len(archive) + 1), status(416), file(archive)
    ) as server:
        assert content(fetched(server)) == content(tiny_module)


OTHER = {  # what a server sends that does not look whether its file is still the same
    "other version": (("ETag", '"v2"'), ("Content-Range", "bytes {0}-{1}/{2}")),
    "without version": (("Content-Range", "bytes {0}-{1}/{2}"),),
    "other date": (
        ("ETag", '"v1"'),
        ("Last-Modified", "now"),
        ("Content-Range", "bytes {0}-{1}/{2}"),
    ),
    "other size": (("ETag", '"v1"'), ("Content-Range", "bytes {0}-{1}/99999999")),
    "other start": (("ETag", '"v1"'), ("Content-Range", "bytes 0-{1}/{2}")),
    "other end": (("ETag", '"v1"'), ("Content-Range", "bytes {0}-{0}/{2}")),
    "no range": (("ETag", '"v1"'),),
    "no numbers": (("ETag", '"v1"'), ("Content-Range", "bytes x-y/z")),
}


@pytest.mark.parametrize("case", OTHER)
def test_a_part_of_another_version(case, archive, tiny_module):
    """A rest that does not fit to what is here is not put behind it; the file is fetched anew."""
    cut, end = 2 * CHUNK, len(archive)
    values = [(key, value.format(cut, end - 1, end)) for key, value in OTHER[case]]
    rest = raw(bytes(end - cut), ("Content-Length", str(end - cut)), *values, code=206)
    with Server(file(archive, upto=cut), rest, file(archive)) as server:
        assert content(fetched(server)) == content(tiny_module)
        asked = [headers.get("Range") for _, headers in server.requests]
        assert asked == [None, f"bytes={cut}-", None]


def test_a_part_of_the_same_version_without_its_date(archive, tiny_module):
    """A server need not repeat the date, and may leave out the size."""
    cut, end = 2 * CHUNK, len(archive)
    headers = ("ETag", '"v1"'), ("Content-Range", f"bytes {cut}-{end - 1}/*")
    with Server(file(archive, upto=cut), raw(archive[cut:], *headers, code=206)) as server:
        assert content(fetched(server)) == content(tiny_module)
        assert len(server.requests) == 2


def test_a_part_of_a_version_that_has_a_date_alone(archive, tiny_module):
    """A weak ETag tells nothing, a date does; it is asked for, and the rest put behind."""
    cut, end = 2 * CHUNK, len(archive)
    version = ("ETag", 'W/"v"'), ("Last-Modified", "Mon, 02 Nov 2026 10:00:00 GMT")
    begin = raw(archive[:cut], *version, ("Content-Length", str(end)))
    part = ("Content-Range", f"bytes {cut}-{end - 1}/{end}")
    with Server(begin, raw(archive[cut:], *version, part, code=206)) as server:
        assert content(fetched(server)) == content(tiny_module)
        assert server.requests[1][1]["If-Range"] == version[1][1]
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ([("Content-Length", "abc")], "says that the file has 'abc' bytes"),
        ([("Content-Length", "-5")], "says that the file has '-5' bytes"),
        ([("Content-Length", "9" * 30)], "says that the file has '999"),
        ([("Content-Length", "9" * 12)], r"it has 1000\.0 GB, and 20 GB may come at most"),
        ([("Content-Length", "5, 6")], "Content-Length"),
        ([("Content-Encoding", "gzip")], r"packed the file \(gzip\), though asked not to"),
        ([("Content-Encoding", "gzip, gzip, br")], r"packed the file \(gzip, gzip, br\)"),
        ([("Transfer-Encoding", "chunked")], "connection was cut"),
        ([("Content-Range", "bytes 5-9/10")], "it is no archive"),
    ],
)
def test_strange_headers(headers, message, other_cache):
    """Whatever a server says of its file ends in a sentence, and leaves nothing."""
    with (
        Server(raw(b"content", *headers)) as server,
        pytest.raises((ConnectionError, ValueError), match=message),
    ):
        fetched(server, retries=1)
    assert leftovers(other_cache) == []


def test_an_archive_that_a_server_calls_packed(tiny_module):
    """Servers that name the packing of `.tar.gz` itself send it as it is; nothing is unpacked."""
    packed = archive_of(tiny_module)
    with Server(raw(packed, ("Content-Encoding", "x-gzip"))) as server:
        folder = find_module(f"{server.address}/m.tar.gz", progress=False)
        assert content(folder) == content(tiny_module)


def test_a_download_that_does_not_end(monkeypatch, other_cache):
    """A file has a largest size, also where the server does not say one."""
    monkeypatch.setattr(download, "LARGEST", 1e5)
    with (
        Server(raw(bytes(10**6))) as server,
        pytest.raises(ConnectionError, match=r"it does not end, and 0\.0001 GB may come at most"),
    ):
        fetched(server)
    assert leftovers(other_cache) == []


def test_drips(monkeypatch, archive, tiny_module, other_cache):
    """A server that sends a byte now and then is left at the deadline; what came is kept."""
    monkeypatch.setattr(download, "DEADLINE", 0.5)
    with Server(drips(0.02)) as server:
        with pytest.raises(ConnectionError, match=r"not finished in 0\.0001\d* hours.*are kept"):
            fetched(server, timeout=30)
        assert len(server.requests) == 1
        monkeypatch.undo()
        monkeypatch.setenv("TLHELPERS_CACHE", str(other_cache.parent))
        server.answers = [file(archive, tag='"v2"')]
        assert content(fetched(server)) == content(tiny_module)


def test_drips_before_the_first_byte(monkeypatch, other_cache):
    """The deadline holds for headers, too."""
    monkeypatch.setattr(download, "DEADLINE", 0.72)
    with (
        Server(drips(0.05, begin=1000)) as server,
        pytest.raises(ConnectionError, match=r"not finished in 0\.0002 hours"),
    ):
        fetched(server, timeout=30)
    assert leftovers(other_cache) == []


def test_cuts_without_end(monkeypatch):
    """The deadline is one for all attempts, each of which brings something."""
    monkeypatch.setattr(download, "DEADLINE", 1.0)
    monkeypatch.setattr(download, "FIRST_PAUSE", 0.3)
    cuts = [file(bytes(10**6), upto=k * CHUNK) for k in range(1, 200)]
    with Server(*cuts) as server:
        with pytest.raises(ConnectionError, match=r"not finished in 0\.0002\d* hours"):
            fetched(server, retries=1)
        assert len(server.requests) < 20


def test_proxy_variables(archive, tiny_module, monkeypatch):
    """A download goes through the proxy that the environment names."""
    with Server(file(archive)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.address)
        folder = find_module(f"http://far.example/{WHERE}", progress=False)
        assert proxy.requests[0][0] == f"http://far.example/{WHERE}?tf-hub-format=compressed"
    assert content(folder) == content(tiny_module)
    monkeypatch.setenv("http_proxy", proxy.address)  # gone by now
    with pytest.raises(ConnectionError, match="proxy named in http_proxy"):
        find_module("http://far.example/other/1", retries=0, progress=False)


def test_real_tls_is_checked():
    """A certificate that cannot be verified is no reason to go on without."""
    import requests

    failure = download._explain(requests.exceptions.SSLError("self-signed"), 1.0)
    assert "certificate cannot be verified" in str(failure)
    assert "REQUESTS_CA_BUNDLE" in str(failure)
    assert not failure.again


# Faults of the archive --------------------------------------------------------------------------


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


GOOD = ("saved_model.pb", b"x")
BAD_ARCHIVES = {
    "html": (b"<!DOCTYPE html><html>Please sign in</html>", "a web page came.*sign-in or consent"),
    "html upper": (b"\n <HTML><BODY>Wi-Fi</BODY></HTML>", "a web page came"),
    "text": (b"not found", "no archive .*or a damaged one"),
    "empty": (b"", "no archive"),
    "no module": (archive_with(("readme.txt", b"hi")), "no saved_model.pb.*readme.txt"),
    "dots": (archive_with(GOOD, ("../outside", b"x")), "write outside its folder"),
    "deep dots": (archive_with(GOOD, ("a/../../outside", b"x")), "write outside its folder"),
    "absolute": (archive_with(GOOD, ("/tmp/outside", b"x")), "write outside its folder"),
    "drive": (archive_with(GOOD, ("..\\outside", b"x")), "write outside its folder"),
    "symlink": (archive_with(GOOD, link("l", "/etc"), ("l/outside", b"x")), "is a link"),
    "inner link": (archive_with(GOOD, link("l", "saved_model.pb")), "is a link"),
    "hard link": (archive_with(GOOD, link("l", "../../outside", tarfile.LNKTYPE)), "is a link"),
    "device": (archive_with(GOOD, link("l", "", tarfile.CHRTYPE)), "is a link or a device"),
}


@pytest.mark.parametrize("case", BAD_ARCHIVES)
def test_bad_archives(case, archive, other_cache):
    """Each is refused with the reason, writes nothing anywhere, and does not spoil the cache."""
    bad, message = BAD_ARCHIVES[case]
    with Server(file(bad), file(archive)) as server:
        with pytest.raises(ValueError, match=f"(?s)What came from .*cannot be used: .*{message}"):
            fetched(server)
        kept = [path for path in other_cache.parent.parent.rglob("*") if path.is_file()]
        assert [path.suffix for path in kept] == [".lock"]
        assert not Path("/tmp/outside").exists()
        assert cache.is_complete(fetched(server))


def test_truncated_gzip(tiny_module, other_cache):
    """An archive that ends too early at the server is found out, and not kept."""
    whole = archive_of(tiny_module)
    with Server(file(whole[: len(whole) // 2]), file(whole)) as server:
        with pytest.raises(ValueError, match=r"no archive .*or a damaged one"):
            fetched(server)
        assert leftovers(other_cache) == []
        assert content(fetched(server)) == content(tiny_module)


def test_checksum(archive, other_cache):
    """The right SHA-256 passes, also later from the cache; a wrong one is refused and told."""
    right = hashlib.sha256(archive).hexdigest()
    with Server(file(archive + b"\0"), file(archive)) as server:
        with pytest.raises(ValueError, match=rf"another checksum: SHA-256 \w+, expected {right}"):
            fetched(server, sha256=right)
        assert leftovers(other_cache) == []
        folder = fetched(server, sha256=right.upper())
        for same in (right, right.upper(), f" {right}\n"):
            assert fetched(server, sha256=same) == folder
        assert len(server.requests) == 2
        with pytest.raises(ValueError, match="another checksum"):
            fetched(server, sha256="0" * 64)
        assert fetched(server) == folder  # the one that was right is still there


# Faults of the disk -----------------------------------------------------------------------------


@pytest.mark.parametrize("victim", ["saved_model.pb", "data", "folder"])
def test_cache_entry_that_lost_a_file(victim, archive, tiny_module):
    """A cleaned-up half (the classic "SavedModel file does not exist") is downloaded again."""
    with Server(file(archive)) as server:
        folder = fetched(server)
        if victim == "folder":
            shutil.rmtree(folder / "variables")
        else:
            next(folder.rglob(f"*{victim}*")).unlink()
        assert content(fetched(server)) == content(tiny_module)
        assert len(server.requests) == 2


def test_cache_entry_of_tensorflow_hub_that_lost_a_file(
    archive, tiny_module, monkeypatch, tmp_path
):
    """Also without a record the missing variables are noticed."""
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    with Server(file(archive)) as server:
        folder = fetched(server)
        (folder / records.RECORD).unlink()
        assert fetched(server) == folder
        next(folder.rglob("*.data-*")).unlink()
        assert content(fetched(server)) == content(tiny_module)
        assert len(server.requests) == 2


def test_files_that_changed(archive, tiny_module):
    """A file of the same size with another content is noticed: by its time, or with a checksum."""
    right = hashlib.sha256(archive).hexdigest()
    with Server(file(archive)) as server:
        folder = fetched(server)
        graph = folder / "saved_model.pb"
        before, times = graph.read_bytes(), graph.stat()
        os.utime(graph, ns=(0, 0))  # copied by a program that does not keep times: same content
        assert fetched(server, sha256=right) == fetched(server) == folder
        assert len(server.requests) == 1
        graph.write_bytes(bytes(len(before)))
        os.utime(graph, ns=(0, 0))
        assert content(fetched(server)) == content(tiny_module)
        assert len(server.requests) == 2
        graph.write_bytes(bytes(len(before)))  # as a disk spoils it, without a trace
        os.utime(graph, ns=(times.st_atime_ns, graph.stat().st_mtime_ns))
        record = json.loads((folder / records.RECORD).read_text())
        os.utime(graph, ns=(0, record["files"]["saved_model.pb"][1]))
        assert content(fetched(server)) != content(tiny_module)
        assert content(fetched(server, sha256=right)) == content(tiny_module)
        assert len(server.requests) == 3
        graph.unlink()
        server.answers = [status(404)]
        with pytest.raises(ConnectionError, match=r"cache's copy|answers 404"):
            fetched(server)


def test_a_copy_that_changed_is_named(archive):
    """Where nothing can be downloaded, the message says why the cache's copy was not taken."""
    with Server(file(archive)) as server:
        folder = fetched(server)
        (folder / "saved_model.pb").write_bytes(b"other")
        server.answers = [status(404)]
        with pytest.raises(ConnectionError, match=rf"cache's copy in {folder} lacks files, or has"):
            fetched(server)


def test_a_record_of_an_earlier_version(archive):
    """Records that have sizes alone are still read; they cannot show a checksum."""
    right = hashlib.sha256(archive).hexdigest()
    with Server(file(archive)) as server:
        folder = fetched(server)
        path = folder / records.RECORD
        record = json.loads(path.read_text())
        record["files"] = {name: size for name, (size, _, _) in record["files"].items()}
        path.write_text(json.dumps(record))
        assert fetched(server) == folder
        assert len(server.requests) == 1
        fetched(server, sha256=right)
        assert len(server.requests) == 2


def test_an_archive_with_a_record_of_its_own(tiny_module, tmp_path):
    """A file of the record's name in an archive does not pass for the record."""
    shutil.copytree(tiny_module, tmp_path / "m")
    (tmp_path / "m" / records.RECORD).write_text(
        '{"handle": "x", "sha256": "0", "files": {"a": 1}}'
    )
    with Server(file(archive_of(tmp_path / "m"))) as server:
        folder = fetched(server)
        assert fetched(server) == folder
        assert len(server.requests) == 1


def test_disk_that_is_full_while_downloading(archive, tiny_module, other_cache):
    """The system's error comes with the place and the way out; what was written is removed."""
    code = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
try:
    find_module(sys.argv[1], progress=False)
except OSError as error:
    assert not isinstance(error, ConnectionError)
    print(error)
"""
    with Server(file(archive)) as server:
        said = run(code, f"{server.address}/{WHERE}")
        assert "Cannot write" in said
        assert str(other_cache) in said
        assert "TLHELPERS_CACHE" in said
        assert leftovers(other_cache) == []
        assert content(fetched(server)) == content(tiny_module)


def test_disk_that_is_full_while_unpacking(archive, tiny_module, other_cache, monkeypatch):
    """Room for the module is asked for before unpacking, and an error while doing so cleans up."""
    usage = shutil.disk_usage("/")
    with Server(file(archive)) as server:
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10))
            with pytest.raises(OSError, match=r"Cannot write .*MB are needed, 0 MB are free"):
                fetched(server)
        assert leftovers(other_cache) == []

        def fail(*_, **__):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(archive_file, "open", fail, raising=False)
            with pytest.raises(OSError, match=r"No space left on device.*choose another folder"):
                fetched(server)
        assert leftovers(other_cache) == []
        assert content(fetched(server)) == content(tiny_module)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder where nobody may write")
def test_cache_that_cannot_be_written(archive, monkeypatch):
    """No right to write is said with the folder and the variable to set."""
    with Server(file(archive)) as server:
        with monkeypatch.context() as patch:
            patch.setenv("TLHELPERS_CACHE", "/proc/nowhere")
            with pytest.raises(OSError, match=r"Cannot write .*/proc/nowhere.*TLHELPERS_CACHE"):
                fetched(server)
        assert server.requests == []
        assert cache.is_complete(fetched(server))


def test_read_only_cache_that_has_the_module(archive, other_cache, monkeypatch):
    """An entry that is whole is used without a lock or anything else written."""
    with Server(file(archive)) as server:
        folder = fetched(server)
    before = sorted(other_cache.rglob("*"))
    monkeypatch.setattr(cache, "locked", lambda _: pytest.fail("asked for a lock"))
    assert fetched(server) == folder
    assert sorted(other_cache.rglob("*")) == before


NULL = '{"handle": "x", "sha256": "0", "files": null, "ETag": null, "Last-Modified": 5}'


@pytest.mark.parametrize(
    "note", ["", "{", "[]", "{}", NULL, NULL.replace("null", "[1]"), "[" * 9**5]
)
def test_damaged_notes_are_no_notes(note, archive, tiny_module, other_cache):
    """A note that a crash left half-written costs a download at most."""
    with Server(file(archive, upto=3 * CHUNK)) as server:
        with pytest.raises(ConnectionError):
            fetched(server, retries=0)
        (half,) = other_cache.glob("*.part.json")
        half.write_text(note)
        server.answers = [file(archive)]
        folder = fetched(server)
        assert content(folder) == content(tiny_module)
        (folder / records.RECORD).write_text(note)
        assert fetched(server) == folder


def test_archive_in_a_mirror_with_another_checksum(tiny_module, tmp_path, monkeypatch):
    """It is refused and left where it is: the mirror is not ours to clean."""
    archive = tmp_path / "modules" / f"{WHERE}.tar.gz"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(archive_of(tiny_module))
    monkeypatch.setenv("TLHELPERS_MIRROR", str(tmp_path))
    with pytest.raises(ValueError, match=r"5\.tar\.gz in the mirror has another checksum"):
        find_module(HANDLE, sha256="abc")
    assert archive.is_file()


def test_checksum_that_a_mirror_cannot_show(tiny_module, tmp_path, monkeypatch):
    """An unpacked copy without a record is not used where a checksum is asked for; that is said."""
    shutil.copytree(tiny_module, tmp_path / "modules" / WHERE)
    monkeypatch.setenv("TLHELPERS_MIRROR", str(tmp_path))
    with Server(status(404)) as server:
        assert fetched(server) == tmp_path / "modules" / WHERE
        with pytest.raises(ConnectionError, match="cannot be shown to have the SHA-256 abc"):
            fetched(server, sha256="abc")


# Several processes ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 8])
def test_processes_at_once_download_once(count, archive, tiny_module):
    """All get the same whole module; the server is asked by one of them."""
    code = "print(find_module(sys.argv[1], progress=False))"
    with Server(file(archive, pace=0.02)) as server:
        address = f"{server.address}/{WHERE}"
        processes = [run(code, address, wait=False) for _ in range(count)]
        results = [process.communicate(timeout=120) for process in processes]
        assert [process.returncode for process in processes] == [0] * count, results
        folders = {out.splitlines()[-1] for out, _ in results}
        assert len(folders) == len(server.requests) == 1
    assert content(Path(folders.pop())) == content(tiny_module)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["downloading", "unpacking"])
def test_process_killed_half_way(when, archive, tiny_module, other_cache):
    """After SIGKILL the next call goes on, no lock is left and nothing half-done is used."""
    code = """
import time
from tlhelpers.storage import archive
real = archive.unpack
def slow(*arguments, **options):
    real(*arguments, **options)
    print("unpacked", flush=True)
    time.sleep(60)
archive.unpack = slow
find_module(sys.argv[1], progress=False)
"""
    pace = 0.2 if when == "downloading" else 0
    with Server(file(archive, pace=pace), file(archive)) as server:
        process = run(code, f"{server.address}/{WHERE}", wait=False)
        if when == "unpacking":
            assert process.stdout.readline() == "unpacked\n"
            assert list(other_cache.glob("*.tmp"))
        else:
            while not any(path.stat().st_size > 8000 for path in other_cache.glob("*.part")):
                time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert [p.suffix for p in other_cache.glob("*") if p.is_dir()] == [".tmp"] * (pace == 0)
        assert content(fetched(server)) == content(tiny_module)
        resumed = "Range" in server.requests[-1][1]
        assert resumed
    assert leftovers(other_cache) == []


# Mirrors, sizes, handles ------------------------------------------------------------------------


def test_mirror_is_prepared_and_used(archive, tiny_module, tmp_path, monkeypatch):
    """`tl.prepare_mirror` puts modules where TLHELPERS_MIRROR finds them; again, none changes."""
    with Server(file(archive)) as server:
        handles = [f"{server.address}/{WHERE}", f"{server.address}/files/other.tar.gz"]
        folders = tl.prepare_mirror(handles, tmp_path / "usb", progress=False)
        assert folders == [
            tmp_path / "usb" / "modules" / WHERE,
            tmp_path / "usb" / "modules" / "files" / "other",
        ]
        assert len(server.requests) == 2
        assert tl.prepare_mirror(handles, tmp_path / "usb") == folders
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("TLHELPERS_MIRROR", str(tmp_path / "usb"))
    assert [find_module(handle) for handle in handles] == folders
    assert not (tmp_path / "empty").exists()


def test_mirror_does_not_mix_up_modules(archive, tiny_module, tmp_path, monkeypatch):
    """Two modules of one path are two modules; a module never swallows those below it."""
    other = archive_with(("saved_model.pb", b"x"), ("variables/variables.index", b""))
    with Server(file(archive)) as one, Server(file(other)) as two:
        first, second = (f"{server.address}/g/m/1" for server in (one, two))
        (folder,) = tl.prepare_mirror(first, tmp_path, progress=False)
        with pytest.raises(ConnectionError, match=rf"(?s)1 of 2.*place .* is taken by {first}"):
            tl.prepare_mirror([first, second], tmp_path, progress=False)
        monkeypatch.setenv("TLHELPERS_MIRROR", str(tmp_path))
        assert len(content(find_module(second, progress=False))) == 2
        monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "empty"))
        two.answers = [status(404)]
        with pytest.raises(ConnectionError, match=rf"is another module, from {first}"):
            find_module(second, progress=False)
        with pytest.raises(ConnectionError, match=r"(?s)holds other modules.*nothing was changed"):
            tl.prepare_mirror(f"{one.address}/g", tmp_path, progress=False)
    assert content(folder) == content(tiny_module)


def test_mirror_at_home(archive, tmp_path, monkeypatch):
    """`~` means the home folder everywhere."""
    monkeypatch.setenv("HOME", str(tmp_path))
    with Server(file(archive)) as server:
        (folder,) = tl.prepare_mirror(f"{server.address}/{WHERE}", "~/usb", progress=False)
    assert folder == tmp_path / "usb" / "modules" / WHERE
    for name, place in (
        ("TLHELPERS_CACHE", cache.cache_dir),
        ("TFHUB_CACHE_DIR", cache.modules_dir),
    ):
        monkeypatch.setenv(name, "~/here")
        assert place() == tmp_path / "here"


@pytest.mark.slow
def test_two_mirrors_at_once(archive, tiny_module, tmp_path):
    """Two processes that fill one folder do not disturb each other."""
    code = """
import shutil, time
copy = shutil.copy2
def slow(*arguments, **options):
    time.sleep(0.3)
    return copy(*arguments, **options)
shutil.copytree.__defaults__ = tuple(slow if d is copy else d for d in shutil.copytree.__defaults__)
tl.prepare_mirror(sys.argv[1], sys.argv[2], progress=False)
"""
    with Server(file(archive)) as server:
        address = f"{server.address}/{WHERE}"
        processes = [run(code, address, tmp_path / "usb", wait=False) for _ in range(2)]
        for process in processes:
            assert process.communicate(timeout=120)[1].count("Error") == 0
    assert content(tmp_path / "usb" / "modules" / WHERE) == content(tiny_module)
    assert len(list((tmp_path / "usb" / "modules" / WHERE).parent.iterdir())) == 1


def test_mirror_reports_what_is_missing(archive, tmp_path):
    """One module that fails does not lose the others, and is named."""
    with Server(status(404), file(archive)) as server:
        handles = [f"{server.address}/bad/1", f"{server.address}/good/1"]
        with pytest.raises(ConnectionError, match=r"1 of 2 modules are not .*\n.*bad/1.*404"):
            tl.prepare_mirror(handles, tmp_path, progress=False)
    assert cache.is_complete(tmp_path / "modules" / "good" / "1")
    assert not (tmp_path / "modules" / "bad" / "1").exists()


def test_mirror_takes_addresses_only(tmp_path):
    """The embedded module and folders need no mirror."""
    with pytest.raises(ValueError, match="'embedded:glyphnet' is not an address"):
        tl.prepare_mirror("embedded:glyphnet", tmp_path)


def test_size_is_said_before_a_large_download(archive, monkeypatch, capsys):
    """A large download says its size first; a small one, or a silenced one, says nothing."""
    address = "/".join(WHERE.split("/")[:-1])
    with Server(file(archive)) as server:
        find_module(f"{server.address}/{address}/1")
        assert "Downloading" not in capsys.readouterr().out
        monkeypatch.setattr(download, "LARGE", 1000)
        find_module(f"{server.address}/{address}/2")
        said = capsys.readouterr().out
        assert f"Downloading {address}/2: 0 MB" in said
        find_module(f"{server.address}/{address}/3", progress=False)
        assert capsys.readouterr().out == ""


def test_addresses_are_kept_but_for_what_was_added():
    """Signed addresses keep their query; what TF Hub's own tools add is not doubled."""
    signed = "https://host/m.tar.gz?key&sig=a%2Fb"
    assert find_module_file._download_address(signed) == signed
    assert find_module_file.plain_address(f"{HANDLE}?tf-hub-format=compressed") == HANDLE
    assert find_module_file._download_address("https://host/m/1?v=2") == (
        "https://host/m/1?v=2&tf-hub-format=compressed"
    )


@pytest.mark.parametrize(
    "handle",
    [
        "glyphnet",
        "",
        None,
        5,
        "no/such/folder",
        "ftp://host/file",
        "https://host/",
        "http://[::1/x",
        "https://host/a\\..\\..\\x",
    ],
)
def test_unknown_handle_lists_the_valid_ones(handle):
    """A handle that is none of the kinds gets the list of kinds."""
    with pytest.raises(ValueError, match="Unknown module handle") as error:
        find_module(handle)
    assert "embedded:glyphnet" in str(error.value)
    assert "tfhub.dev" in str(error.value)
    if handle == "no/such/folder":
        assert str(Path.cwd()) in str(error.value)


def test_address_that_leads_out_of_the_mirror(tmp_path, monkeypatch):
    """`..` in an address is refused."""
    monkeypatch.setenv("TLHELPERS_MIRROR", str(tmp_path))
    with pytest.raises(ValueError, match="Unknown module handle"):
        find_module("https://tfhub.dev/../../etc/1")


def test_folder_without_saved_model(tmp_path):
    """A folder of something else is told apart from a folder that is missing."""
    with pytest.raises(FileNotFoundError, match=r"has no saved_model\.pb.*Give the folder"):
        find_module(tmp_path)
