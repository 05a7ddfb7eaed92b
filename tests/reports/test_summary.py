"""What the summary says of a run's speed."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from earmark import schema
from earmark.recognizers.doubles import Echo
from earmark.reports.speed import Attempt, attempts
from earmark.reports.summarize import _HASHED, _hashed_lines
from earmark.store import layout
from earmark.store.run import RunStore
from earmark.verbs.evaluate import evaluate
from earmark.verbs.score import score
from tests.toys import toy_source


def attempt(started: str, *, audio_s: float, wall_s: float, num_rows: int) -> Attempt:
    return Attempt(
        attempt="a",
        started=started,
        wall_s=wall_s,
        audio_s=audio_s,
        num_rows=num_rows,
        engine="inline",
        num_workers=1,
        outcome="finished",
    )


def test_the_wall_clock_speed_is_of_the_latest_attempt_that_did_work(tmp_path: Path):
    """Neither the seconds nor the audio of an earlier one are in it, nor a later one that found nothing to do."""
    source = toy_source(tmp_path / "audio", 3)
    out = tmp_path / "run"
    evaluate(Echo(source.texts), source, out=out)
    for path in (out / layout.ATTEMPTS).iterdir():
        path.unlink()
    store = RunStore.at(str(out))
    attempt("20250103T000000.000000Z", audio_s=0.0, wall_s=5.0, num_rows=0).save(store)
    attempt("20250101T000000.000000Z", audio_s=100.0, wall_s=10.0, num_rows=9).save(store)
    attempt("20250102T000000.000000Z", audio_s=60.0, wall_s=30.0, num_rows=3).save(store)
    assert [each.wall_s for each in attempts(store)] == [10.0, 30.0, 5.0]
    speed = score(out).speed
    assert (speed.wall, speed.wall_s, speed.wall_audio_s) == (2.0, 30.0, 60.0)


HASHED = pa.schema([schema.SCORES.field(name).with_nullable(True) for name in _HASHED])
ROWS = st.fixed_dictionaries(
    {
        field.name: st.none() | (st.text() if field.type == pa.string() else st.integers(0, 2**31 - 1))
        for field in HASHED
    }
)


@given(st.lists(ROWS, max_size=4))
def test_the_hash_of_the_scores_is_over_json(rows):
    """Anyone can make it again from the table, with any JSON library that leaves characters as they are."""
    lines = [json.dumps([row[name] for name in _HASHED], ensure_ascii=False) + "\n" for row in rows]
    assert _hashed_lines(pa.Table.from_pylist(rows, schema=HASHED)) == "".join(lines).encode()
