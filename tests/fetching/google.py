"""As much of Google's object store as its client asks for, on loopback: its JSON interface, and its uploads."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit
from urllib.request import urlopen

_TEST = "/of-the-test"
_OBJECT = re.compile(r"/(?:download/)?storage/v1/b/([^/]+)/o/(.+)")
_LIST = re.compile(r"/storage/v1/b/([^/]+)/o")
_BUCKET = re.compile(r"/storage/v1/b/([^/]+)")
_UPLOAD = re.compile(r"/upload/storage/v1/b/([^/]+)/o")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_WRITTEN = re.compile(r"bytes (\d+)-\d+/(\d+|\*)|bytes \*/(\d+)")


@dataclass
class Blob:
    """An object: its bytes, and the number of its version."""

    body: bytes
    generation: int


@dataclass
class _Store:
    """What the server's process holds: objects by bucket and key, uploads that are not done, and what was asked."""

    endpoint: str = ""
    buckets: dict[str, dict[str, Blob]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    uploads: dict[str, tuple[str, str, bytearray, dict[str, str]]] = field(default_factory=dict)
    num_written: int = 0

    def put(self, bucket: str, key: str, body: bytes) -> None:
        self.num_written += 1
        self.buckets.setdefault(bucket, {})[key] = Blob(body, self.num_written)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store: _Store

    def log_message(self, *_: Any) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(ConnectionResetError):  # a client ends with its process
            super().handle()

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.store.asked.append(f"{self.command} {self.path} {self.headers.get('Range', '')}".rstrip())
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # a reader may have had enough
            self._route(parts.path, body)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  # names of the library

    def _route(self, path: str, body: bytes) -> None:
        if path == _TEST:
            return self._of_test(body)
        found = next(((kind, match) for kind in _KINDS if (match := kind[0].fullmatch(path))), None)
        if found is None:
            return self._refuse(501, f"the test store does not know {self.command} {path}")
        (_, name), match = found
        bucket, *rest = map(unquote, match.groups())
        if bucket not in self.store.buckets:
            return self._refuse(404, "The specified bucket does not exist.")
        return getattr(self, name)(bucket, *rest, *([body] if name == "_upload" else []))

    def _of_test(self, body: bytes) -> None:
        """What a test wants: to put an object there (its key empty: only the bucket), or to know what was asked."""
        if self.command == "GET":
            asked, self.store.asked = self.store.asked[:-1], []
            return self._json(asked)
        if self.query["key"]:
            self.store.put(self.query["bucket"], self.query["key"], body)
        else:
            self.store.buckets.setdefault(self.query["bucket"], {})
        return self._json([])

    def _bucket(self, bucket: str) -> None:
        self._json({"kind": "storage#bucket", "id": bucket, "name": bucket, "location": "US"})

    def _list(self, bucket: str) -> None:
        prefix, delimiter = self.query.get("prefix", ""), self.query.get("delimiter", "")
        items, prefixes = [], set()
        for key in sorted(self.store.buckets[bucket]):
            rest = key.removeprefix(prefix)
            if not key.startswith(prefix):
                continue
            if delimiter and delimiter in rest:
                prefixes.add(f"{prefix}{rest.partition(delimiter)[0]}{delimiter}")
            else:
                items.append(self._facts(bucket, key))
        size = int(self.query.get("maxResults") or 3)  # few, so that there are pages
        start = int(self.query.get("pageToken") or 0)
        more = {"nextPageToken": str(start + size)} if start + size < len(items) else {}
        self._json(
            {
                "kind": "storage#objects",
                "items": items[start : start + size],
                "prefixes": sorted(prefixes),
                **more,
            }
        )

    def _object(self, bucket: str, key: str) -> None:
        blob = self.store.buckets[bucket].get(key)
        if blob is None:
            return self._refuse(404, f"No such object: {bucket}/{key}")
        if self.command == "DELETE":
            del self.store.buckets[bucket][key]
            return self._answer(204, b"")
        if self.query.get("alt") == "media":
            return self._media(blob)
        return self._json(self._facts(bucket, key))

    def _media(self, blob: Blob) -> None:
        told = {
            "x-goog-generation": str(blob.generation),
            "x-goog-hash": f"md5={_md5(blob.body)}",
            "x-goog-stored-content-length": str(len(blob.body)),
        }
        match = _RANGE.fullmatch(self.headers.get("Range", ""))
        if match is None:
            return self._answer(200, blob.body, **told)
        start = int(match[1])
        end = min(int(match[2] or len(blob.body) - 1), len(blob.body) - 1)
        if start >= len(blob.body):
            return self._refuse(416, "The requested range cannot be satisfied.")
        return self._answer(
            206, blob.body[start : end + 1], **{"Content-Range": f"bytes {start}-{end}/{len(blob.body)}"}, **told
        )

    def _upload(self, bucket: str, body: bytes) -> None:
        kind = self.query.get("uploadType")
        if self.command == "POST" and kind == "resumable":
            facts = json.loads(body or b"{}")
            name = str(len(self.store.uploads))
            key = self.query.get("name") or facts["name"]
            self.store.uploads[name] = (bucket, key, bytearray(), self.query)
            there = f"http://{self.store.endpoint}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={name}"
            return self._answer(200, b"", Location=there)
        if self.command == "PUT":
            return self._piece(*self.store.uploads[self.query["upload_id"]], body)
        if kind == "multipart":
            boundary = self.headers["Content-Type"].partition("boundary=")[2].strip("\"'").encode()
            _, about, content, *_ = body.split(b"--" + boundary)
            key = self.query.get("name") or json.loads(about.partition(b"\r\n\r\n")[2])["name"]
            return self._written(bucket, key, content.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n"), self.query)
        return self._written(bucket, self.query["name"], body, self.query)

    def _piece(self, bucket: str, key: str, done: bytearray, query: dict[str, str], body: bytes) -> None:
        match = _WRITTEN.fullmatch(self.headers.get("Content-Range", ""))
        done += body
        total = (match[2] or match[3]) if match else str(len(done))
        if total == "*" or int(total) > len(done):
            return self._answer(308, b"", **({"Range": f"bytes=0-{len(done) - 1}"} if done else {}))
        return self._written(bucket, key, bytes(done), query)

    def _written(self, bucket: str, key: str, body: bytes, query: dict[str, str]) -> None:
        known = self.store.buckets[bucket].get(key)
        wanted = query.get("ifGenerationMatch")
        if wanted is not None and int(wanted) != (known.generation if known else 0):
            return self._refuse(412, "At least one of the pre-conditions you specified did not hold.")
        self.store.put(bucket, key, body)
        return self._json(self._facts(bucket, key))

    def _facts(self, bucket: str, key: str) -> dict[str, Any]:
        blob = self.store.buckets[bucket][key]
        return {
            "kind": "storage#object",
            "id": f"{bucket}/{key}/{blob.generation}",
            "name": key,
            "bucket": bucket,
            "generation": str(blob.generation),
            "metageneration": "1",
            "size": str(len(blob.body)),
            "etag": base64.b64encode(b"%d" % blob.generation).decode(),
            "md5Hash": _md5(blob.body),
            "timeCreated": "2026-01-01T00:00:00.000Z",
            "updated": "2026-01-01T00:00:00.000Z",
        }

    def _json(self, facts: Any) -> None:
        self._answer(200, json.dumps(facts).encode(), **{"Content-Type": "application/json; charset=UTF-8"})

    def _refuse(self, status: int, message: str) -> None:
        facts = {"error": {"code": status, "message": message}}
        self._answer(status, json.dumps(facts).encode(), **{"Content-Type": "application/json; charset=UTF-8"})

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


_KINDS = ((_OBJECT, "_object"), (_LIST, "_list"), (_BUCKET, "_bucket"), (_UPLOAD, "_upload"))


def _md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


@dataclass(frozen=True)
class Google:
    """What a test sees of the store."""

    endpoint: str

    def put(self, bucket: str, key: str, body: bytes) -> None:
        query = urlencode({"bucket": bucket, "key": key})
        with urlopen(f"http://{self.endpoint}{_TEST}?{query}", data=body):
            pass

    def asked(self) -> list[str]:
        """Every request since the last look: its method, its path, and the range that it wants."""
        with urlopen(f"http://{self.endpoint}{_TEST}") as answer:
            found: list[str] = json.load(answer)
        return found

    def url(self, bucket: str, key: str) -> str:
        """What a user types for an object here."""
        return f"gs://anonymous@{bucket}/{quote(key)}?endpoint_override={self.endpoint}&scheme=http"


@contextlib.contextmanager
def google() -> Iterator[Google]:
    """The store for the length of the block, in another process: its client holds Python's lock while it waits."""
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-m", __name__], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Google(process.stdout.readline().strip())
        finally:
            process.stdin.close()  # by which it ends


def _main() -> None:
    store = _Store()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"store": store}))
    server.daemon_threads = True
    store.endpoint = f"127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(store.endpoint, flush=True)  # noqa: T201  # to the test
    sys.stdin.read()


if __name__ == "__main__":
    _main()
