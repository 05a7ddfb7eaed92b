"""A file that is one JSON value: an array of rows, an object with them in ``data``, and what only looks like it."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from earmark.errors import ManifestError
from earmark.formats import json_arrays
from earmark.formats.json_arrays import array_rows
from earmark.formats.jsonl import jsonl_rows
from earmark.sources import open_source
from earmark.sources.manifest import ManifestSource
from earmark.sources.options import SourceOptions
from earmark.verbs.check import check
from tests.toys import write_wav

ROWS = [{"audio": f"{n}.wav", "text": f"text {n}", "note": "a ] b"} for n in range(3)]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("value", [ROWS, {"data": ROWS}])
@pytest.mark.parametrize("name", ["m.json", "m.jsonl"])
def test_an_array_of_objects_is_read(tmp_path, name, value, indent):
    """On one line or many, bare or as ``data``: the utterances are those of JSON Lines, row by row and in chunks."""
    path = tmp_path / name
    path.write_text(json.dumps(value, indent=indent))
    (tmp_path / "lines.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    expected = list(open_source(str(tmp_path / "lines.jsonl")).utterances())
    assert list(open_source(str(path)).utterances()) == expected
    (chunk,) = ManifestSource(str(path), SourceOptions()).chunks()
    assert chunk == expected


def test_a_row_of_an_array_is_told_with_the_line_it_begins_on(tmp_path):
    """A row without audio, and an element that is no object, are lost alone where data are only looked at."""
    path = tmp_path / "m.json"
    path.write_text('[\n{"audio": "0.wav", "text": "a"},\n7,\n{"text": "b"},\n\n{"audio": "1.wav", "text": "c"}]\n')
    told: list[int | None] = []
    found = ManifestSource(str(path), SourceOptions()).surviving(lambda error: told.append(error.line))
    assert ([one.audio.uri for one in found], told) == (["0.wav", "1.wav"], [3, 4])
    with pytest.raises(ManifestError, match=r"m\.json:3: element 2 of the JSON array is no object"):
        list(open_source(str(path)).utterances())


def test_every_broken_row_of_an_array_on_one_line_is_counted(tmp_path):
    """They share the line, and are not taken for one; nor are those of data without lines."""
    for n in range(2):
        write_wav(tmp_path / f"{n}.wav", 0.1)
    (tmp_path / "m.json").write_text(json.dumps([ROWS[0], {"text": "x"}, {"text": "y"}, ROWS[1], 5]))
    found = check(tmp_path / "m.json")
    assert (found.num_utterances, found.num_bad_rows, found.is_complete) == (2, 3, True)
    rows = {str(n): {"wav": f"{n % 2}.wav", "words": "x", "length": 0.1 if n < 2 else "long"} for n in range(5)}
    (tmp_path / "sb.json").write_text(json.dumps(rows))
    found = check(f"speechbrain:{tmp_path}/sb.json")
    assert (found.num_utterances, found.num_bad_rows) == (2, 3)


@pytest.mark.parametrize(
    ("text", "problem", "line", "column"),
    [
        ('[{"a": 1},\n {"a": 2}', "it is cut short", 2, 10),
        ("[", "it is cut short", 1, 2),
        ('[{"a": 1}\n {"a": 2}]', "a comma, or the end of the array, is expected", 2, 2),
        ('[{"a": 1},\n {"a" 2}]', "expecting ':' delimiter", 2, 7),
        ('[{"a": 1}] x', "more stands behind its end", 1, 12),
        ('[{"a": 1},\n {"a": "\\ud800"}]', "half of a surrogate pair", 2, 2),
        ('[{"a": 1},\n ' + "[" * 100_000, "nested too deep", 2, 2),
        ('[{"a": 1},]', "expecting value", 1, 11),
        ('{"data": [{"a": 1}]', "it is cut short", 1, 20),
        ('{"data": [{"a": 1}] 2}', "the end of the object is expected", 1, 21),
        ('{"data": [{"a": 1}],\n "version": 2}', "holds more than its rows in 'data'", None, None),
    ],
)
def test_what_is_no_whole_array_is_told_with_its_place(tmp_path, text, problem, line, column):
    """The rows before the place come first; then the error, once."""
    path = tmp_path / "m.json"
    path.write_text(text)
    with pytest.raises(ManifestError) as caught:
        list(array_rows(str(path)))
    assert problem in str(caught.value)
    assert (caught.value.line, caught.value.column) == (line, column)
    told: list[str] = []
    rows = list(ManifestSource(str(path), SourceOptions(text_column="none")).surviving(lambda e: told.append(e.what)))
    assert rows == []
    assert sum(problem in one for one in told) == 1


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ('{\n  "version": 1,\n  "rows": [\n{"audio": "a"}]\n}\n', "'.rows[]'"),
        ('{\n  "my-rows": [{"audio": "a"}]\n}\n', """'.["my-rows"][]'"""),
        ('{\n  "audio": "a"\n}\n{\n  "audio": "b"\n}\n', "."),
    ],
)
def test_objects_on_many_lines_are_told_with_what_makes_rows_of_them(tmp_path, text, program):
    """One sentence instead of an error a line, also from whoever looks at data only."""
    path = tmp_path / "m.json"
    path.write_text(text)
    for read in (lambda: list(open_source(str(path)).utterances()), lambda: check(path)):
        with pytest.raises(ManifestError, match="a JSON object on many lines") as caught:
            read()
        assert caught.value.hint == f"jq -c {program} {path} > OTHER.jsonl"


def test_an_array_that_no_memory_holds_is_refused(tmp_path, monkeypatch):
    """The message says how to write it so that it can be read bit by bit."""
    monkeypatch.setattr(json_arrays, "MOST_BYTES", 50)
    for name, value, program in (("m.json", ROWS, "'.[]'"), ("n.json", {"data": ROWS}, "'.data[]'")):
        path = Path(tmp_path, name)
        path.write_text(json.dumps(value))
        with pytest.raises(ManifestError, match="more than 50 bytes") as caught:
            list(open_source(str(path)).utterances())
        assert f"one object a line: jq -c {program}" in str(caught.value.hint)


def test_a_packed_array_has_the_same_largest_size(tmp_path, monkeypatch):
    """It counts what it unpacks to, and no more than that is unpacked."""
    path = tmp_path / "m.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(ROWS).encode()))
    assert [row for _, row in jsonl_rows(str(path))] == ROWS
    monkeypatch.setattr(json_arrays, "MOST_BYTES", len(path.read_bytes()))
    with pytest.raises(ManifestError, match="a JSON array in more than"):
        list(jsonl_rows(str(path)))


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited as Linux does")
def test_a_huge_array_is_refused_before_it_is_read(tmp_path):
    """A sparse file of 8 GiB, on one line, where there is memory for a fraction of it."""
    path = tmp_path / "m.json"
    path.write_text('[{"audio": "a.wav", "text": "x"},')
    os.truncate(path, 8 << 30)
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))\n"
        "from earmark.formats.jsonl import jsonl_rows\n"
        "from earmark.errors import ManifestError\n"
        "try: next(jsonl_rows(sys.argv[1]))\n"
        "except ManifestError as error: print(error.what, error.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert "a JSON array in more than 268,435,456 bytes" in done.stdout
    assert "jq -c '.[]'" in done.stdout


@pytest.mark.parametrize("ending", [', "audio": "0.wav", "text": "a"}', ', "audio": "0.wav", "tags": ["x"]}', "}"])
def test_a_row_with_a_list_of_objects_in_data_is_a_row(tmp_path, ending):
    """``{"data": [...]}`` is an array only where it is all that the file holds; else the lines are rows."""
    path = tmp_path / "m.jsonl"
    first = '{"data": [{"x": 1}]' + ending
    rows = [first, '{"data": [{"x": 2}], "audio": "1.wav", "text": "b"}']
    path.write_text("\n".join(rows) + "\n")
    assert [row for _, row in jsonl_rows(str(path))] == [json.loads(row) for row in rows]
    path.write_text(first + "\n \n")
    expected = [{"x": 1}] if ending == "}" else [json.loads(first)]
    assert [row for _, row in jsonl_rows(str(path))] == expected


@pytest.mark.skipif(sys.platform == "win32", reason="it has no named pipes")
def test_rows_from_a_pipe_are_read_once(tmp_path):
    """A named pipe gives its lines to the first who opens it, so nobody looks into it before."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    program = "import sys; open(sys.argv[1], 'w').write(sys.argv[2])"
    with subprocess.Popen([sys.executable, "-c", program, str(path), lines]) as writer:
        reader = "import sys; from earmark.formats.jsonl import jsonl_rows; print(len(list(jsonl_rows(sys.argv[1]))))"
        command = [sys.executable, "-c", reader, str(path)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        finally:
            writer.kill()
    assert done.stdout == "3\n"
