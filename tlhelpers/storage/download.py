"""Download a file, with pauses, and resumption where the connection was cut."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm.auto import tqdm

if TYPE_CHECKING:
    import requests

FIRST_PAUSE = 1.0  # seconds before the second attempt; each next pause is twice as long
LONGEST_PAUSE = 30.0
CHUNK = 4096  # bytes at a time; what came of a chunk is lost when the connection is cut in it
LARGE = 20e6  # bytes from which the size is said before the download
# how the libraries below say that a server's name was not found
UNKNOWN_NAME = ("NameResolutionError", "Failed to resolve", "getaddrinfo failed", "not known")
# status codes that may be gone at the next attempt
AGAIN = frozenset((408, 416, 425, 429, 500, 502, 503, 504))


class Failure(ConnectionError):
    """A download that did not succeed, with the reason in words."""

    def __init__(self, reason: str, *, again: bool = False, offline: bool = False) -> None:
        super().__init__(reason)
        self.again, self.offline = again, offline


def download(
    url: str,
    part: Path,
    name: str,
    *,
    timeout: float = 30.0,
    retries: int = 4,
    progress: bool = True,
) -> None:
    """Download to the file `part`, going on where an earlier call was interrupted.

    Parameters
    ----------
    url : str
        http or https. Proxy variables of the environment are honoured.
    part : pathlib.Path
        What came stays here when the download fails, if the server lets one go on from there.
    name : str
        For the progress bar.
    timeout : float
        Seconds without a byte after which the connection counts as dead.
    retries : int
        How many attempts in a row may bring nothing new before giving up (one, if not even the
        server's name can be found).
    progress : bool
        Show a bar, and the size of a large download before it begins.

    Raises
    ------
    Failure
        Reason in words; `part` is left for the next call.
    OSError
        The file cannot be written (disk full, no rights); `part` is gone.
    """
    failures, most = 0, _size(part)
    while True:
        try:
            return _attempt(url, part, name, timeout, progress)
        except Failure as failure:
            size = _size(part)
            failures = 0 if size > most else failures + 1
            most = max(size, most)
            if not failure.again or failures > (min(1, retries) if failure.offline else retries):
                if not size or _version(part) is None:
                    discard(part)
                raise
        except OSError:
            discard(part)
            raise
        time.sleep(min(FIRST_PAUSE * 2 ** max(failures - 1, 0), LONGEST_PAUSE))


def discard(part: Path) -> None:
    """Remove an unfinished download, and the note that tells which version of the file it is."""
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def _note(part):
    return part.with_name(part.name + ".json")


def _version(part):
    """What the server called this version of the file; None if it has no name for it."""
    try:
        return json.loads(_note(part).read_text(encoding="utf-8"))["version"]
    except (KeyError, OSError, TypeError, ValueError):  # none, or half of one
        return None


def _size(part):
    return part.stat().st_size if part.exists() else 0


def _attempt(url, part, name, timeout, progress):
    import requests

    version = _version(part)
    if version is None:
        discard(part)
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
            discard(part)  # the file has another size by now
        raise _explain(error, timeout) from error


def _write(response, part, have, name, progress):
    """Append what comes to `part`, or begin it anew, with a note that tells its version."""
    kept = have if response.status_code == 206 else 0
    tag, date = (response.headers.get(key) for key in ("ETag", "Last-Modified"))
    strong = tag if tag and not tag.startswith("W/") else None
    size = kept + int(response.headers.get("Content-Length", 0))
    if progress and size >= LARGE:
        print(f"Downloading {name}: {size / 1e6:.0f} MB, {kept / 1e6:.0f} MB are here.")
    bar = tqdm(
        desc=name,
        total=size or None,
        initial=kept,
        unit="B",
        unit_scale=True,
        leave=False,
        delay=1,
        file=sys.stdout,
        disable=not progress,
    )
    with bar, open(part, "ab") as file:
        file.truncate(kept)
        _note(part).write_text(json.dumps({"version": strong or date}))
        for chunk in response.iter_content(CHUNK):
            file.write(chunk)
            bar.update(len(chunk))


def _explain(error: requests.RequestException, timeout: float) -> Failure:
    """The failure behind an error of requests, in words, and whether to try again."""
    import requests

    text = str(error)
    if isinstance(error, requests.TooManyRedirects):
        return Failure("the server redirects in a circle")
    status = getattr(error.response, "status_code", None)
    if status in (401, 403):
        return Failure(
            f"the server answers {status}: it wants a sign-in, or consent to the model's licence. "
            "Open the address in a browser and accept the terms; then download the archive there, "
            "unpack it and give the folder as handle, or let kagglehub sign in: "
            "kagglehub.model_download(...) gives such a folder"
        )
    if status in (404, 410):
        return Failure(
            f"the server answers {status}: there is no such module. Look for typing mistakes, and "
            "for the version at the end of the address"
        )
    if status is not None:
        return Failure(
            f"the server answers {status} ({error.response.reason})", again=status in AGAIN
        )
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
        return Failure(
            "the server's name is not known here: no internet, or a typing mistake",
            again=True,
            offline=True,
        )
    if "refused" in text:
        return Failure("the server refuses the connection", again=True)
    cut = isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError)
    return Failure("the connection was cut" if cut else text, again=cut)
