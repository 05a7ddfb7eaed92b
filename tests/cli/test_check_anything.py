"""Whatever a file holds, a check of it ends in words and in one of the exit codes that are documented."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from earmark.cli.main import run

SUFFIXES = (".jsonl", ".csv", ".tsv", ".parquet", ".json")
NAMES = ("id", "audio", "audio_filepath", "path", "text", "duration", "start", "channel", "language", "speaker", "x")
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just("a.wav"), st.lists(st.integers()),
    st.dictionaries(st.text(), st.none()),
)  # fmt: skip


def checked(name: str, content: bytes, *words: str) -> tuple[int, str, str]:
    """The exit code, stdout and stderr of a check of a file that is called ``name``."""
    out, said = io.StringIO(), io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
            code = run(["check", str(path), *words])
    return code, out.getvalue(), said.getvalue()


def ends_well(name: str, content: bytes) -> None:
    """One exit code for the page and for JSON; no defect, and nothing that speaks to the terminal."""
    code, page, said = checked(name, content)
    assert code in (0, 2, 3)
    assert "a defect of earmark" not in said
    assert (code == 0) == (said == "")
    json_code, text, _ = checked(name, content, "--json")
    assert json_code == code
    assert (text == "") == (page == "")
    if text:
        assert json.loads(text, parse_constant=pytest.fail)["verdict"] == {0: "usable", 2: "refused", 3: "fails"}[code]
    assert not any(ord(one) < 32 and one != "\n" for one in page + said + text)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(SUFFIXES), st.binary(max_size=300))
@example(".csv", b"audio,text\xff\na.wav,x\nb.wav,y\n")
@example(".tsv", b"\xff\nid\taudio\nx\ta.wav\n")
@example(".csv", b'"audio\nid,audio\nx,a.wav\n')
@example(".csv", b'audio,text\na.wav,"x" y\nb.wav,z\n')
@example(".jsonl", b'{"audio": "a.wav", "text": "\\ud800"}\n')
@example(".jsonl", b"[" * 100_000)
@example(".parquet", b"PAR1PAR1")
def test_bytes_of_any_kind(suffix, content):
    """A manifest of bytes that nobody chose."""
    ends_well(f"m{suffix}", content)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(NAMES), VALUES), max_size=5))
@example([{"audio": "a.wav", "text": "x", "duration": float("nan")}])
@example([{"audio": f"{name}.wav", "text": "x", "duration": 1e308} for name in "ab"])
@example([{"audio": "a.wav", "text": "x", "start": float("inf"), "duration": float("inf")}])
@example([{"audio": "a.wav", "text": "x", "channel": 10**30}])
def test_rows_of_any_kind(rows):
    """Rows of JSON whose names are known and whose values nobody chose; Python's NaN and Infinity among them."""
    ends_well("m.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())


@settings(max_examples=15, deadline=None)
@given(st.sampled_from((".csv", ".tsv")), st.text(max_size=60), st.text(max_size=200))
def test_tables_of_any_kind(suffix, header, rows):
    """Below a header that names audio and text, and whatever else."""
    mark = "," if suffix == ".csv" else "\t"
    ends_well(f"m{suffix}", f"audio{mark}text{mark}{header}\n{rows}\n".encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_a_header_that_is_no_utf_8_is_an_error_with_its_place(suffix):
    """The row below it is not taken for the header."""
    mark = "," if suffix == ".csv" else "\t"
    content = f"audio{mark}text\xe9\na.wav{mark}b\nc.wav{mark}d\n".encode("latin-1")
    code, page, said = checked(f"m{suffix}", content)
    assert (code, page) == (2, "")
    assert f"m{suffix}:1:11: not UTF-8" in said
    assert "hint: iconv" in said


def test_a_header_with_an_open_quote_is_an_error_with_its_place():
    """So is a header that is no line of a table."""
    code, page, said = checked("m.csv", b'"audio"x,text\na.wav,b\n')
    assert (code, page) == (2, "")
    assert "m.csv:1: not a table" in said
