"""Download a file, with pauses, and resumption where the connection was cut."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from tqdm.auto import tqdm

FIRST_PAUSE = 1.0  # seconds before the second attempt; each next pause is twice as long
LONGEST_PAUSE = 30.0
CHUNK = 4096  # bytes at a time; what came of a chunk is lost when the connection is cut in it
LARGE = 20e6  # bytes from which the size is said before the download
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
    if not even the server's name can be found). Raises `Failure`, or OSError of the disk.
    """
    part = target.with_name(f"{target.name}.part")
    failures, most = 0, _size(part)
    while True:
        try:
            _attempt(url, part, name, timeout, progress)
            break
        except Failure as failure:
            size = _size(part)
            failures = 0 if size > most else failures + 1
            most = max(size, most)
            if not failure.again or failures > (min(1, retries) if failure.offline else retries):
                if not size or _version(part) is None:
                    _discard(part)
                failure.kept = _size(part)
                raise
        except OSError:
            _discard(part)
            raise
        time.sleep(min(FIRST_PAUSE * 2 ** max(failures - 1, 0), LONGEST_PAUSE))
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


def _version(part):
    """Return what the server called this version of the file; None if it has no name for it."""
    try:
        return json.loads(_note(part).read_text(encoding="utf-8"))["version"]
    except (KeyError, OSError, TypeError, ValueError):  # none, or half of one
        return None


def _size(part):
    return part.stat().st_size if part.exists() else 0


def _attempt(url, part, name, timeout, progress):
    version = _version(part)
    if version is None:
        _discard(part)
    headers = {"Accept-Encoding": "identity"}
    have = _size(part)
    if have:  # If-Range: the server starts anew if its file is another one by now
        headers |= {"Range": f"bytes={have}-", "If-Range": version}
    try:
        with requests.get(url, headers=headers, timeout=timeout, stream=True) as response:
            response.raise_for_status()
            _write(response, part, have, name, progress)
    except requests.RequestException as error:
        if getattr(error.response, "status_code", None) == 416:
            _discard(part)  # the file has another size by now
        raise _explain(error, timeout) from error


def _write(response, part, have, name, progress):
    """Append what comes to `part`, or begin it anew, with a note that tells its version."""
    kept = have if response.status_code == 206 else 0
    tag, date = (response.headers.get(key) for key in ("ETag", "Last-Modified"))
    strong = tag if tag and not tag.startswith("W/") else None
    size = kept + int(response.headers.get("Content-Length", 0))
    if progress and size >= LARGE:
        print(f"Downloading {name}: {size / 1e6:.0f} MB, {kept / 1e6:.0f} MB are here.")
    look = {"unit": "B", "unit_scale": True, "leave": False, "delay": 1, "file": sys.stdout}
    bar = tqdm(desc=name, total=size or None, initial=kept, disable=not progress, **look)
    with bar, open(part, "ab") as file:
        file.truncate(kept)
        _note(part).write_text(json.dumps({"version": strong or date}))
        for chunk in response.iter_content(CHUNK):
            file.write(chunk)
            bar.update(len(chunk))


def _explain(error: requests.RequestException, timeout: float) -> Failure:
    """Return the failure behind an error of requests, in words, and whether to try again."""
    text, response = str(error), error.response
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
    cut = isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError)
    return Failure("the connection was cut" if cut else text, again=cut)
