"""A manifest that is read by column is the same table, or the same error, as one that is read row by row."""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earmark.errors import EarmarkError
from earmark.formats import jsonl, parquet
from earmark.planning.identity import data_fingerprint
from earmark.planning.index import MissingAudio, index_source
from earmark.records import Utterance
from earmark.sources import open_source
from earmark.sources.base import ColumnSource, LinedSource, Source
from tests.toys import write_wav

COMMON = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

NAMES = ("audio", "id", "text", "start", "offset", "duration", "channel", "lang", "speaker", "snr", "Über", "end")
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=4),
    st.sampled_from(["", "a.wav", "one", "1", "0.5", " 2 ", "nan", "1_0", "-1", 'q"\\', "\u2028", "\x00", "\x7f", "é"]),
)  # fmt: skip
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=2), st.dictionaries(st.text(max_size=2), SCALARS, max_size=2))
GOOD_ROWS = st.fixed_dictionaries(
    {"audio": st.sampled_from(["a.wav", "b.wav", "sub/c.wav", "none.wav"]), "id": st.text("ab\u20acé", min_size=1)},
    optional={
        "text": st.one_of(st.none(), st.text(max_size=5)),
        "duration": st.one_of(st.none(), st.floats(0, 9), st.integers(0, 9)),
        "start": st.floats(0, 9),
        "channel": st.integers(0, 3),
        "lang": st.sampled_from(["", "es", None]),
        "speaker": st.one_of(st.integers(0, 9), st.text(max_size=2)),
        "snr": VALUES,
    },
)
HOSTILE_ROWS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6).map(lambda row: {"audio": "a.wav", **row})
LINES = st.one_of(
    GOOD_ROWS.map(json.dumps),
    GOOD_ROWS.map(lambda row: json.dumps(row, ensure_ascii=False)),
    HOSTILE_ROWS.map(json.dumps),
    st.sampled_from(
        ["", "  ", "\u2003", "\x1c", "[]", "7", "{", '{"audio":"a.wav"},{"audio":"b.wav"}', '{"audio":["a"', '"b"]}',
         '{"audio":[["a"', '"b"]]}', '{"audio":"a.wav"}],[{"audio":"b.wav"}', '{"audio":"a.wav","audio":"b.wav"}',
         '{"audio":"a.wav","text":"\\ud800"}', '{"audio":"a.wav","snr":NaN}', '\ufeff{"audio":"a.wav"}',
         '{"audio":"a', 'b"}', '{"audio": "a.wav", "id": ' + "9" * 5000 + "}", '{"audio":"a.wav"} x', "\r"]
    ),
)  # fmt: skip


@dataclass(frozen=True)
class RowByRow:
    """A source without its columns."""

    source: Source

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def fingerprint(self) -> str:
        return self.source.fingerprint

    @property
    def root(self) -> str:
        return self.source.root

    def utterances(self) -> Iterator[Utterance]:
        return self.source.utterances()

    def lines_with(self, utterance_id: str) -> list[int]:
        assert isinstance(self.source, LinedSource)
        return self.source.lines_with(utterance_id)


def outcome(source: Source, missing_audio: MissingAudio) -> Any:
    """The table with the bits of its numbers, or all that the error says."""
    try:
        table = index_source(source, missing_audio=missing_audio)
    except EarmarkError as error:
        return type(error), str(error), error.cause, error.hint
    return [str(table.schema), data_fingerprint(table), table.to_pydict()]


def require_same(path: Path, missing_audio: MissingAudio, **options: Any) -> None:
    try:
        source = open_source(str(path), **options)
        _ = source.root
    except EarmarkError:
        return  # neither way begins
    assert isinstance(source, ColumnSource)
    assert repr(outcome(source, missing_audio)) == repr(outcome(RowByRow(source), missing_audio))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.wav", "b.wav", "sub/c.wav"):
        write_wav(tmp_path / name, 0.1)
    return tmp_path


MISSING = st.sampled_from(["error", "fail", "skip"])
OPTIONS = st.fixed_dictionaries(
    {}, optional={"text_column": st.sampled_from(["none", "snr"]), "channel": st.just(1), "language": st.just("de")}
)


@COMMON
@given(
    lines=st.lists(LINES, max_size=8),
    has_mark=st.booleans(),
    missing=MISSING,
    options=OPTIONS,
    junk=st.binary(max_size=3),
)
def test_json_lines(folder, lines, has_mark, missing, options, junk):
    """Whatever the lines hold: other types, nulls, names twice, nested values, brackets that span lines, no UTF-8."""
    text = "\n".join(lines).encode("utf-8", errors="surrogatepass")
    (folder / "m.jsonl").write_bytes((codecs.BOM_UTF8 if has_mark else b"") + text + junk)
    require_same(folder / "m.jsonl", missing, **options)


@COMMON
@given(rows=st.lists(GOOD_ROWS, min_size=1, max_size=6), missing=MISSING, options=OPTIONS)
def test_json_lines_of_one_layout(folder, rows, missing, options):
    """Rows with the same names, which columns can be made of."""
    names = dict.fromkeys(name for row in rows for name in row)
    text = "".join(json.dumps({name: row.get(name) for name in names}) + "\n" for row in rows)
    (folder / "m.jsonl").write_text(text)
    require_same(folder / "m.jsonl", missing, **options)


CELLS = st.sampled_from(["", "a.wav", "b.wav", "x y", "1", "0.5", "-1", "nan", " 2", "é", '"', 'a"b', "\u2028"])


@COMMON
@given(
    header=st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True),
    rows=st.lists(st.lists(CELLS, min_size=1, max_size=6), max_size=6),
    comma=st.sampled_from([",", "\t"]),
    missing=MISSING,
)
def test_delimited(folder, header, rows, comma, missing):
    """Tables whose rows may have too many cells, quotes that do not end, and numbers that are none."""
    path = folder / ("m.csv" if comma == "," else "m.tsv")
    lines = [["audio", *(name for name in header if name != "audio")], *(["a.wav", *row] for row in rows)]
    path.write_text("".join(comma.join(line) + "\n" for line in lines), encoding="utf-8")
    require_same(path, missing, text_column="text" if "text" in header else "none")


KINDS = {
    pa.string(): st.one_of(st.none(), CELLS),
    pa.large_string(): CELLS,
    pa.dictionary(pa.int32(), pa.string()): st.one_of(st.none(), CELLS),
    pa.int64(): st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(0, 5)),
    pa.uint8(): st.integers(0, 200),
    pa.float64(): st.one_of(st.none(), st.floats(), st.floats(0, 5)),
    pa.float32(): st.floats(0, 5, width=32),
    pa.bool_(): st.booleans(),
    pa.binary(): st.binary(max_size=2),
    pa.list_(pa.int8()): st.lists(st.integers(0, 5), max_size=2),
}


@COMMON
@given(data=st.data(), num_rows=st.integers(1, 6), missing=MISSING, options=OPTIONS)
def test_parquet(folder, data, num_rows, missing, options):
    """Columns of any type under any name, in row groups of any size."""
    audio = st.lists(st.sampled_from(["a.wav", "b.wav", "none.wav", "a.wav"]), min_size=num_rows, max_size=num_rows)
    columns = {"audio": pa.array(data.draw(audio))}
    for name in data.draw(st.lists(st.sampled_from(NAMES[1:]), max_size=5, unique=True)):
        kind = data.draw(st.sampled_from(list(KINDS)))
        values = data.draw(st.lists(KINDS[kind], min_size=num_rows, max_size=num_rows))
        columns[name] = pa.array(values, kind)
    size = data.draw(st.integers(1, num_rows))
    pq.write_table(pa.table(columns), folder / "m.parquet", row_group_size=size)
    require_same(folder / "m.parquet", missing, **{"text_column": "none", **options})


def test_a_text_of_parquet_that_is_no_utf8_is_told_the_same_way(folder):
    """Parquet does not look at its texts; both ways do, and name the row."""
    texts = pa.Array.from_buffers(pa.string(), 2, pa.array([b"fine", b"\xff\xfe"]).buffers())
    pq.write_table(pa.table({"audio": ["a.wav", "b.wav"], "text": texts}), folder / "m.parquet")
    require_same(folder / "m.parquet", "error")
    with pytest.raises(EarmarkError, match=r"m\.parquet:1: not UTF-8"):
        index_source(open_source(str(folder / "m.parquet")))


@pytest.mark.parametrize("name", ["m.parquet", "m.jsonl"])
def test_what_is_in_doubt_late_is_read_by_row_and_the_rest_by_column(folder, monkeypatch, name):
    """A single odd row in a later chunk changes neither the others nor the ids that are made, and is told the same."""
    monkeypatch.setattr(parquet, "_ROWS_OF_COLUMNS", 64)
    monkeypatch.setattr(jsonl, "_BYTES_AT_ONCE", 4096)
    monkeypatch.setattr(parquet, "ROWS_AT_ONCE", 16)
    rows = [{"audio": "a.wav", "start": number / 8, "duration": 0.1, "text": "x"} for number in range(400)]
    for odd in (math.nan, 2):
        rows[200] = {"audio": "b.wav", "start": 1, "duration": odd, "text": None}
        rows[300] = {"audio": "a.wav", "start": 1, "duration": None, "text": "a", "lang": [odd]}
        if name == "m.parquet":
            pq.write_table(pa.Table.from_pylist(rows), folder / name)
        else:
            (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        require_same(folder / name, "error")
    rows[300] = rows[200]
    (folder / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:299]))
    chunks = list(open_source(str(folder / "m.jsonl")).chunks())
    assert len(chunks) > 3
    assert not any(isinstance(chunk, list) for chunk in chunks)
