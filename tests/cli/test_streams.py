"""Commands whose words nobody takes, as real processes: a reader that left, a full disk, a closed stream."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from earmark.store import layout
from tests.toys import toy_source, write_manifest

CODES = {"check broken.jsonl": 2, "check broken.jsonl --json": 2, "ls": 0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    manifest = write_manifest(tmp_path / "m.jsonl", toy_source(tmp_path, 3))
    (tmp_path / "broken.jsonl").write_text("{\n" + manifest.read_text())
    return tmp_path


def program(folder: Path, words: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "earmark", *words.split()]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run(command, cwd=folder, text=True, check=False, **options)


@pytest.fixture
def deserted() -> int:
    """The end of a pipe whose reader has left."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.mark.parametrize("words", CODES)
def test_the_exit_code_is_that_of_what_was_found_however_much_is_read(folder, deserted, words):
    """With nobody at the other end of stdout, and not a word about it."""
    said = program(folder, words).stderr
    unread = program(folder, words, stdout=deserted)
    assert (unread.returncode, unread.stderr) == (CODES[words], said)


def test_a_run_outlives_the_reader_of_its_log(folder, deserted):
    """All is transcribed, scored and kept, though neither its progress nor its result can be told."""
    words = "eval echo --data m.jsonl --set texts=m.jsonl --out run"
    assert program(folder, words, stdout=deserted, stderr=deserted).returncode == 0
    assert (folder / "run" / layout.SUMMARY).is_file()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no file here is always full")
def test_a_result_that_cannot_be_written_is_an_error(folder):
    """It is said once, without a traceback; a worse exit code stays."""
    with Path("/dev/full").open("w") as full:
        for words, code in (("ls", 1), ("check broken.jsonl", 2)):
            done = program(folder, words, stdout=full)
            assert done.returncode == code
            assert done.stderr.count("the result cannot be written to stdout") == 1
            assert "Traceback" not in done.stderr


def test_closed_streams_are_as_good_as_none(folder):
    """As a service may start a program."""
    for close in (">&-", ">&- 2>&-"):
        command = ["sh", "-c", f'"$0" -m earmark check broken.jsonl {close}', sys.executable]
        assert subprocess.run(command, cwd=folder, check=False, capture_output=True).returncode == 2


def test_what_a_terminal_cannot_show_is_spelled_out(folder):
    """A page has bars, and data have all letters; an old terminal has neither."""
    done = program(folder, "check m.jsonl", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u2588" in done.stdout
