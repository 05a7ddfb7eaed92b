"""A web server on loopback that serves a folder, but nothing called denied, and counts what is asked of it."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class _Handler(SimpleHTTPRequestHandler):
    timeout = 10

    def __init__(self, *args, asked: Counter[str], at: str, **options) -> None:
        self._asked = asked
        self._at = at
        super().__init__(*args, **options)

    def do_GET(self) -> None:
        self._asked[self.path] += 1
        self.path = self.path.removeprefix(self._at)
        if "denied" in self.path:
            self.send_error(403)
            return
        super().do_GET()

    def log_message(self, *args: object) -> None:
        pass


@contextlib.contextmanager
def serving(folder: Path, *, at: str = "") -> Iterator[tuple[str, Counter[str]]]:
    """The server's URL, and how often each path was asked for. The folder begins at the path ``at``."""
    asked: Counter[str] = Counter()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, asked=asked, at=at, directory=str(folder)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
