"""Download a file, with pauses, and resumption where the connection was cut."""

import json
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import requests
import urllib3
from tqdm.auto import tqdm

from .records import read_note

FIRST_PAUSE = 1.0  # seconds before the second attempt; each next pause is twice as long
LONGEST_PAUSE = 30.0
DEADLINE = 6 * 3600.0  # seconds for all attempts of a call; the next goes on from what came
CHUNK = 65536  # bytes at a time, at most
LARGE = 20e6  # bytes from which the size is said before the download
LARGEST = 20e9  # bytes that a file may have
# how the libraries below say that a server's name was not found
UNKNOWN_NAME = ("NameResolutionError", "Failed to resolve", "getaddrinfo failed", "not known")
AGAIN = frozenset((408, 416, 425, 429, 500, 502, 503, 504))  # status codes that may pass


class Failure(ConnectionError):
    """A download that did not succeed, with the reason in words; `kept` bytes wait for the next."""

    def __init__(self, reason: str, *, again: bool = False, offline: bool = False) -> None:
        super().__init__(reason)
        self.again, self.offline, self.kept = again, offline, 0


@contextmanager
def download(
    url: str,
    target: Path,
    name: str,
    *,
    timeout: float = 30.0,
    retries: int = 4,
    progress: bool = True,
) -> Iterator[Path]:
    """Give a file, downloaded beside `target`, that vanishes afterwards unless it was moved.

    It goes on where an earlier call was interrupted, if the server lets it. A connection is dead
    after `timeout` seconds without a byte; `retries` attempts in a row may bring nothing new (one,
    if not even the server's name can be found), and all end after `DEADLINE` seconds. Raises
    `Failure`, or OSError of the disk.
    """
    part = target.with_name(f"{target.name}.part")
    failures, most, end = 0, _size(part), time.monotonic() + DEADLINE
    while True:
        try:
            _attempt(url, part, name, (timeout, end), progress)
            break
        except Failure as failure:
            size = _size(part)
            failures = 0 if size > most else failures + 1
            most = max(size, most)
            if not failure.again or failures > (min(1, retries) if failure.offline else retries):
                if not size or not _known(part):
                    _discard(part)
                failure.kept = _size(part)
                raise
        except OSError:
            _discard(part)
            raise
        time.sleep(min(FIRST_PAUSE * 2 ** max(min(failures, 9) - 1, 0), LONGEST_PAUSE))
    try:
        yield part
    finally:
        _discard(part)


def _discard(part):
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def _note(part):
    """Return the file that tells which version an unfinished download is of."""
    return part.with_name(f"{part.name}.json")


def _known(part):
    """Return `ETag`, `Last-Modified` and `size` of the version that a part is of, if known."""
    note = read_note(_note(part))
    names = [note.get(key) for key in ("ETag", "Last-Modified")]
    sound = all(isinstance(name, str) and name.isprintable() for name in names)
    return note if sound and any(names) and isinstance(note.get("size"), int | None) else {}


def _size(part):
    return part.stat().st_size if part.exists() else 0


def _attempt(url, part, name, times, progress):
    timeout, end = times
    known = _known(part)
    if not known:
        _discard(part)
    headers = {"Accept-Encoding": "identity"}
    have = _size(part)
    if have:  # If-Range: the server starts anew if its file is another one by now
        version = known["ETag"] or known["Last-Modified"]
        headers |= {"Range": f"bytes={have}-", "If-Range": version}
    try:
        with _ask(url, headers, timeout, end) as response:
            response.raise_for_status()
            _write(response, part, known if have else {}, name, end, progress)
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        if getattr(getattr(error, "response", None), "status_code", None) == 416:
            _discard(part)  # the file has another size by now
        raise _explain(error, timeout) from error


def _ask(url, headers, timeout, end):
    """Return the response to a request; in a thread, since names and headers know no deadline."""
    got = []

    def ask():
        try:
            got.append(requests.get(url, headers=headers, timeout=timeout, stream=True))
        except Exception as error:
            got.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(max(0, end - time.monotonic()))
    if not got:
        raise _too_late()
    if isinstance(got[0], Exception):
        raise got[0]
    return got[0]


def _too_late():
    return Failure(f"it was not finished in {DEADLINE / 3600:g} hours")


def _write(response, part, known, name, end, progress):
    """Append what comes to `part`, or begin it anew, with a note that tells its version."""
    start, size = _what_comes(response, part, known)
    if progress and size and size >= LARGE:
        print(f"Downloading {name}: {size / 1e6:.0f} MB, {start / 1e6:.0f} MB are here.")
    look = {"unit": "B", "unit_scale": True, "leave": False, "delay": 1, "file": sys.stdout}
    bar = tqdm(desc=name, total=size, initial=start, disable=not progress, **look)
    with bar, open(part, "ab") as file:
        file.truncate(start)
        note = {**_version(response), "size": size}
        note["Last-Modified"] = note["Last-Modified"] or known.get("Last-Modified", "")
        _note(part).write_text(json.dumps(note), encoding="utf-8")
        # what came at once, also where that is little; as it was sent, so that nothing swells
        while chunk := response.raw.read1(CHUNK, decode_content=False):
            file.write(chunk)
            bar.update(len(chunk))
            if (start := start + len(chunk)) > LARGEST:
                file.truncate(0)
                raise Failure(f"it does not end, and {LARGEST / 1e9:g} GB may come at most")
            if time.monotonic() > end:
                raise _too_late()
    if size not in (None, start):
        raise Failure("the connection was cut", again=True)


def _version(response):
    """Return what tells this version of a file from others; a weak ETag does not."""
    tag, date = (response.headers.get(key, "") for key in ("ETag", "Last-Modified"))
    return {"ETag": "" if tag.startswith("W/") else tag, "Last-Modified": date}


def _what_comes(response, part, known):
    """Return from which byte on the file comes, and its size (None: not said).

    Failure for a part that does not continue what is here, of another version of the file, say.
    """
    packing = response.headers.get("Content-Encoding", "identity").strip().lower()
    if packing not in ("", "identity") and not urlsplit(response.url).path.endswith(
        (".gz", ".tgz")
    ):
        raise Failure(f"the server packed the file ({packing[:50]}), though asked not to")
    said, have = response.headers.get("Content-Length"), _size(part) if known else 0
    if response.headers.get("Transfer-Encoding"):
        said = None
    if said is not None and not (said.isascii() and said.isdigit() and len(said) < 20):
        raise Failure(f"the server says that the file has {said[:50]!r} bytes")
    if response.status_code != 206:
        start, size = 0, None if said is None else int(said)
    else:
        pattern = r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)"
        found = re.fullmatch(pattern, response.headers.get("Content-Range", ""), re.ASCII)
        start, last, total = found.groups() if found else ("", "", "")
        size = known.get("size") if total == "*" else int(total or 0)
        version = _version(response)
        same = version["ETag"] == known.get("ETag", version["ETag"])
        same &= version["Last-Modified"] in ("", known.get("Last-Modified", ""))
        same &= known.get("size") in (None, size) and start == str(have)
        if not (same and said in (None, str(int(last or 0) - have + 1))):
            _discard(part)
            raise Failure("the part that came is not the rest of what is here", again=True)
        start = have
    if (size or 0) > LARGEST:
        raise Failure(f"it has {size / 1e9:.1f} GB, and {LARGEST / 1e9:g} GB may come at most")
    return start, size


def _explain(
    error: requests.RequestException | urllib3.exceptions.HTTPError, timeout: float
) -> Failure:
    """Return the failure behind an error of requests, in words, and whether to try again."""
    text, response = str(error), getattr(error, "response", None)
    if isinstance(error, requests.TooManyRedirects):
        return Failure("the server redirects in a circle")
    if response is not None:
        status, why = response.status_code, f" ({response.reason})"
        if status in (401, 403):
            why = (
                ": it wants a sign-in, or consent to the model's licence. Open the address in a "
                "browser and accept the terms; then download the archive there, unpack it and give "
                "the folder as handle, or let kagglehub sign in: kagglehub.model_download(...) "
                "gives such a folder"
            )
        elif status in (404, 410):
            why = (
                ": there is no such module. Look for typing mistakes, and for the version at the "
                "end of the address"
            )
        return Failure(f"the server answers {status}{why}", again=status in AGAIN)
    if isinstance(error, requests.exceptions.SSLError):
        return Failure(
            "the server's certificate cannot be verified. Behind a school's or company's proxy, "
            f"REQUESTS_CA_BUNDLE must name its certificate ({text})"
        )
    if isinstance(error, requests.exceptions.ProxyError):
        return Failure("the proxy named in http_proxy or https_proxy does not answer", again=True)
    if isinstance(error, requests.Timeout) or "timed out" in text:
        return Failure(f"no byte came for {timeout:g} seconds", again=True)
    if any(sign in text for sign in UNKNOWN_NAME):
        reason = "the server's name is not known here: no internet, or a typing mistake"
        return Failure(reason, again=True, offline=True)
    if "refused" in text:
        return Failure("the server refuses the connection", again=True)
    cut = isinstance(error, requests.ConnectionError | urllib3.exceptions.ProtocolError)
    return Failure("the connection was cut" if cut else text, again=cut)
