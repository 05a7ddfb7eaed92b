"""Servers on loopback: one that serves files, honestly or by a trick, and one that answers as the hub does."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]


@dataclass
class Server:
    """What a test sees of a server: where it is, what was asked, and what it does with each path."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    tricks: dict[str, Callable[[Handler, int], None]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    release: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def asked(self, path: str, method: str = "GET") -> list[Request]:
        return [one for one in self.requests if one.path == path and one.method == method]

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0


class Handler(BaseHTTPRequestHandler):
    """Serves a server's files with ETags and ranges, unless a path has a trick."""

    protocol_version = "HTTP/1.1"
    state: Server

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.handle_one()

    def do_GET(self) -> None:
        self.handle_one()

    def do_POST(self) -> None:
        self.handle_one()

    def handle_one(self) -> None:
        path = unquote(self.path)
        with self.state.lock:
            self.state.requests.append(Request(self.command, path, {k.lower(): v for k, v in self.headers.items()}))
            number = len(self.state.asked(path, self.command))
        self.close_connection = True
        try:
            if path in self.state.tricks:
                self.state.tricks[path](self, number)
            elif path in self.state.files:
                self.file(self.state.files[path])
            else:
                self.answer(404)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """An honest answer."""
        self.head(status, {"Content-Length": str(len(body)), **{k.replace("_", "-"): v for k, v in headers.items()}})
        if self.command != "HEAD":
            self.wfile.write(body)

    def head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, value in {"Date": formatdate(usegmt=True), "Connection": "close", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def file(self, body: bytes, *, etag: str | None = None, **headers: str) -> None:
        """A file, a range of it, or that it did not change."""
        etag = etag or etag_of(body)
        if self.headers.get("If-None-Match") == etag:
            return self.answer(304, ETag=etag)
        start = self.asked_start(etag)
        if start is None:
            return self.answer(200, body, ETag=etag, Accept_Ranges="bytes", **headers)
        if start >= len(body):
            return self.answer(416, Content_Range=f"bytes */{len(body)}")
        there = f"bytes {start}-{len(body) - 1}/{len(body)}"
        return self.answer(206, body[start:], ETag=etag, Content_Range=there, **headers)

    def asked_start(self, etag: str | None = None) -> int | None:
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        condition = self.headers.get("If-Range")
        return int(match[1]) if match and (condition is None or condition == etag) else None

    def hang_up_after(self, body: bytes, num_bytes: int, **headers: str) -> None:
        """Promise all of the body, and send the beginning."""
        told = {k.replace("_", "-"): v for k, v in headers.items()}
        self.head(200, {"Content-Length": str(len(body)), "ETag": etag_of(body), **told})
        self.wfile.write(body[:num_bytes])
        self.wfile.flush()


def etag_of(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:16]}"'


@contextlib.contextmanager
def serving(handler: type[Handler] = Handler) -> Iterator[Server]:
    """A server on loopback for the length of the block."""
    state = Server()
    kind = type("Bound", (handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        state.release.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Repository:
    """A repository of the hub: its files by commit, and what its branches name."""

    commits: dict[str, dict[str, bytes]]
    branches: dict[str, str]
    is_gated: bool = False


class HubHandler(Handler):
    """As much of the hub as its client asks for: a repository's facts, its paths, and its files."""

    repositories: dict[str, Repository]

    def handle_one(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.state.lock:
            self.state.requests.append(
                Request(self.command, unquote(self.path), {k.lower(): v for k, v in self.headers.items()})
            )
        self.close_connection = True
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.route(urlsplit(unquote(self.path)).path)

    def route(self, path: str) -> None:
        if path.startswith("/api/") and path in self.state.tricks:
            return self.state.tricks[path](self, 1)
        api = re.fullmatch(
            r"/api/(models|datasets)/([^/]+/[^/]+)(?:/(revision|paths-info|tree)/(refs/convert/[^/]+|[^/]+))?", path
        )
        file = re.fullmatch(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        kind = (api[1] if api else "datasets" if file and file[1] else "models") if api or file else ""
        name = f"{kind}/{api[2] if api else file[2]}" if api or file else ""  # type: ignore[index]
        repository = self.repositories.get(name)
        if repository is None:
            return self.answer(404, X_Error_Code="RepoNotFound")
        if repository.is_gated and not self.headers.get("Authorization"):
            return self.answer(403, X_Error_Code="GatedRepo", X_Error_Message="Access is restricted")
        revision = (api[4] if api else file[3]) or "main"  # type: ignore[index]
        commit = repository.branches.get(revision, revision)
        files = repository.commits.get(commit)
        if files is None:
            return self.answer(404, X_Error_Code="RevisionNotFound")
        if api:
            return self.facts(api[2], commit, files, view=api[3])
        return self.one_file(files.get(file[4]), commit)  # type: ignore[index]

    def facts(self, name: str, commit: str, files: dict[str, bytes], *, view: str | None) -> None:
        if view in ("paths-info", "tree"):
            asked = json.loads(self.body)["paths"] if self.body.startswith(b"{") else self.form_paths()
            asked = list(files) if view == "tree" else asked
            rows: Any = [
                {
                    "type": "file",
                    "path": path,
                    "size": len(files[path]),
                    "oid": blob_id(files[path]),
                    **lfs(files[path]),
                }
                for path in asked
                if path in files
            ]
        else:
            siblings = [
                {"rfilename": path, "size": len(body), "blobId": blob_id(body), **lfs(body)}
                for path, body in files.items()
            ]
            rows = {"id": name, "sha": commit, "siblings": siblings, "private": False, "tags": []}
        self.answer(200, json.dumps(rows).encode(), Content_Type="application/json")

    def form_paths(self) -> list[str]:
        from urllib.parse import parse_qs

        return parse_qs(self.body.decode()).get("paths", [])

    def one_file(self, body: bytes | None, commit: str) -> None:
        if body is None:
            return self.answer(404, X_Error_Code="EntryNotFound")
        etag = f'"{lfs(body)["lfs"]["sha256"] if lfs(body) else blob_id(body)}"'
        start = self.asked_start(etag)
        trick = self.state.tricks.get(urlsplit(unquote(self.path)).path)
        if trick is not None:
            return trick(self, len(self.state.asked(unquote(self.path))))
        told = {"ETag": etag, "X_Repo_Commit": commit, "Accept_Ranges": "bytes"}
        if start is not None and self.command == "GET":
            there = f"bytes {start}-{len(body) - 1}/{len(body)}"
            return self.answer(206, body[start:], Content_Range=there, **told)
        return self.answer(200, body, **told)


LARGE = 10_000
"""From so many bytes on a file of the test hub is a large one, whose SHA-256 it states."""


def lfs(body: bytes) -> dict[str, Any]:
    sha256 = hashlib.sha256(body).hexdigest()
    facts = {"sha256": sha256, "oid": sha256, "size": len(body), "pointerSize": 130}
    return {"lfs": facts} if len(body) >= LARGE else {}


def blob_id(body: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()


@contextlib.contextmanager
def hub(repositories: dict[str, Repository]) -> Iterator[Server]:
    """A hub on loopback for the length of the block; names are ``models/owner/name`` or ``datasets/owner/name``."""
    with serving(type("Hub", (HubHandler,), {"repositories": repositories})) as server:
        yield server


def packed(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


def put_in(folder: Path, files: dict[str, bytes]) -> None:
    for name, body in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)
