"""Puts a page together: the files of ``files/``, the data, and a policy that lets nothing else run or be asked for.

One file holds everything. What is too large for that becomes a folder: ``index.html``, and the rows as scripts beside
it, since a page that is opened from a disk may load scripts and may not read files.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from earmark import __version__
from earmark.reports.page.gathered import PageData, packed

SCRIPTS = (
    "dom", "text", "data", "filter", "figures", "charts", "player", "rows", "table", "detail", "overview", "words",
    "versus", "save", "keys", "main",
)  # fmt: skip
"""The modules of the page, each after those that it uses."""
GENERATOR = "earmark"
_NO_CODE = re.compile(r"^[ \t]*(?://.*|/\*.*\*/)?\n|^[ \t]+", re.MULTILINE)


def page(data: PageData) -> Iterator[bytes]:
    """The page as one file, in pieces."""
    blocks = [_block("head", packed(data.head))]
    blocks += [_block(f"rows-{number}", chunk) for number, chunk in enumerate(data.chunks)]
    blocks += [_block(f"clip-{row}", clip) for row, clip in data.audio.clips.items()]
    yield from _document(data, blocks, is_folder=False)


def page_folder(data: PageData) -> Iterator[tuple[str, Iterator[bytes]]]:
    """The page as the files of a folder: each one's name and its pieces, ``index.html`` last."""
    for number, chunk in enumerate(data.chunks):
        name = f"rows-{number}"
        yield f"data/{name}.js", iter([f'earmarkRows("{name}","'.encode(), base64.b64encode(chunk), b'");\n'])
    for row, clip in data.audio.clips.items():
        yield f"clips/{row}.mp3", iter([clip])
    yield "index.html", _document(data, [_block("head", packed(data.head))], is_folder=True)


def size_bytes(data: PageData) -> int:
    """About how large the page is as one file."""
    packed_bytes = sum(map(len, data.chunks)) + sum(map(len, data.audio.clips.values()))
    return packed_bytes * 4 // 3


def _document(data: PageData, blocks: list[bytes], *, is_folder: bool) -> Iterator[bytes]:
    style = _bare("page.css")
    script = f'"use strict";\n(() => {{\n{"".join(_bare(f"{name}.js") for name in SCRIPTS)}\nmain();\n}})();\n'
    values = {
        "title": html.escape(str(data.head["title"])),
        "generator": f"{GENERATOR} {__version__}",
        "policy": html.escape(_policy(script, style, is_folder=is_folder)),
        "mode": "folder" if is_folder else "file",
        "style": style,
        "data": "",
        "script": script,
    }
    before, after = _file("page.html").split("{{data}}")
    yield _filled(before, values).encode()
    yield from blocks
    yield _filled(after, values).encode()


def _policy(script: str, style: str, *, is_folder: bool) -> str:
    """What the page may do: run and look as written here, play what it holds or what lies beside it, and no more.

    In a folder ``strict-dynamic`` lets the page's own script add those that hold its rows.
    """
    rules: Mapping[str, str] = {
        "default-src": "'none'",
        "script-src": _hash(script) + (" 'strict-dynamic'" if is_folder else ""),
        "style-src": _hash(style),
        "media-src": "data: blob: file: 'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _block(name: str, content: bytes) -> bytes:
    opened = f'<script type="application/octet-stream" id="{name}">'.encode()
    return opened + base64.b64encode(content) + b"</script>\n"


def _filled(template: str, values: Mapping[str, Any]) -> str:
    """The template with each ``{{name}}`` filled in, in one pass: a value is never looked at again."""
    first, *others = template.split("{{")
    pieces = [first]
    for other in others:
        name, _, rest = other.partition("}}")
        pieces += [str(values[name]), rest]
    return "".join(pieces)


def _bare(name: str) -> str:
    """The file as it goes into a page: without indentation, empty lines, and lines that are a comment."""
    return _NO_CODE.sub("", _file(name))


def _file(name: str) -> str:
    return (files("earmark.reports.page") / "files" / name).read_text(encoding="utf-8")
