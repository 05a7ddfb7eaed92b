"""Files of transcripts, written and brought together."""

from __future__ import annotations

import json

import pytest

from earmark.formats import read_transcript
from earmark.formats.matching import matched
from earmark.formats.transcript import Wanted


@pytest.fixture
def put(tmp_path):
    """Writes a file, text or bytes or rows of JSON, and gives its path."""

    def put(name: str, content: str | bytes | list) -> str:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if isinstance(content, list):
            content = "".join(json.dumps(row) + "\n" for row in content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return put


@pytest.fixture
def pair(put):
    """Writes two or more files and matches them: the first is of references."""

    def pair(*files: tuple[str, str | list], missing: str = "error", **columns):
        roles = ["reference", *["hypothesis"] * (len(files) - 1)]
        read = [
            read_transcript(put(name, content), Wanted(role, **columns))
            for (name, content), role in zip(files, roles, strict=True)
        ]
        return matched(read[0], read[1:], missing)

    return pair
