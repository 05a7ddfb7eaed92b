"""A file that is one JSON value: an array of rows, an object with them in ``data``, and what only looks like it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from earmark.errors import ManifestError
from earmark.formats import json_arrays
from earmark.formats.json_arrays import array_rows
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
        ('{"data": [{"a": 1}]', "it is cut short", 1, 20),
        ('{"data": [{"a": 1}] 2}', "the end of the object is expected", 1, 21),
        ('{"data": [{"a": 1}], "version": 2}', "holds more than its rows in 'data'", None, None),
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
    monkeypatch.setattr(json_arrays, "MOST_CHARACTERS", 50)
    path = Path(tmp_path, "m.json")
    path.write_text(json.dumps(ROWS))
    with pytest.raises(ManifestError, match="more than 50 characters") as caught:
        list(open_source(str(path)).utterances())
    assert "one object a line" in str(caught.value.hint)
