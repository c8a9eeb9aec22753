"""A web server on this machine that speaks TF Hub's protocol, and fails on demand."""

import io
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def archive_of(folder, compression="gz", prefix=""):
    """Bytes of a tar archive of a folder."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=f"w:{compression}") as tar:
        tar.add(folder, arcname=prefix or ".")
    return file.getvalue()


def archive_with(*members):
    """Bytes of a tar.gz of given members: (name, content) or a TarInfo."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))
    return file.getvalue()


class Server:
    """Answers each request with the next of `answers` (the last one again and again).

    An answer is a function of the request handler: see below. `requests` lists what was asked.
    """

    def __init__(self, *answers):
        self.answers, self.requests = list(answers), []
        outer, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                with lock:
                    outer.requests.append((self.path, dict(self.headers)))
                    several = len(outer.answers) > 1
                    answer = outer.answers.pop(0) if several else outer.answers[0]
                answer(self)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.http.server_port}"

    def __enter__(self):
        serve = {"target": self.http.serve_forever, "args": (0.01,), "daemon": True}
        threading.Thread(**serve).start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()


def file(content, upto=None, stall=0, ranges=True, tag='"v1"', kind="application/gzip", pace=0):
    """Answer with a file: whole, or only up to some byte, after which it stalls or is cut."""

    def answer(handler):
        start, status = 0, 200
        wanted, condition = handler.headers.get("Range"), handler.headers.get("If-Range")
        if ranges and wanted and condition == tag:
            start, status = int(wanted.removeprefix("bytes=").rstrip("-")), 206
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(content) - start))
        handler.send_header("Content-Type", kind)
        if tag:
            handler.send_header("ETag", tag)
        if status == 206:
            last = len(content) - 1
            handler.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
        handler.end_headers()
        end = len(content) if upto is None else max(upto, start)
        step = 4096 if pace else max(1, end - start)
        try:
            for first in range(start, end, step):
                handler.wfile.write(content[first : min(first + step, end)])
                handler.wfile.flush()
                time.sleep(pace)
            time.sleep(stall)
        except OSError:
            pass  # the other side has gone
        if upto is not None:
            handler.close_connection = True

    return answer


def status(code, reason=None):
    """Answer with a status and no file."""

    def answer(handler):
        handler.send_response(code, reason)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def redirect(to):
    """Send to another path or address."""

    def answer(handler):
        handler.send_response(302)
        handler.send_header("Location", to)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def raw(content, *headers, code=200):
    """Answer with these bytes and headers, whatever they say, and close the connection."""

    def answer(handler):
        handler.send_response(code)
        for name, value in headers:
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)
        handler.close_connection = True

    return answer


def drips(pace, size=10**6, *, begin=0):
    """Answer with a byte each `pace` seconds, so that no connection ever seems dead.

    The first `begin` of them are of a header.
    """

    def answer(handler):
        handler.send_response(200)
        try:
            handler.flush_headers()
            for _ in range(begin):
                handler.wfile.write(b"x")
                handler.wfile.flush()
                time.sleep(pace)
        except OSError:
            return
        handler.send_header("Content-Length", str(size))
        handler.send_header("ETag", '"v1"')
        handler.end_headers()
        try:
            for _ in range(size):
                handler.wfile.write(b"x")
                handler.wfile.flush()
                time.sleep(pace)
        except OSError:
            pass  # the other side has gone

    return answer
