"""A summary counts the flags of its utterances, and prints the first of each with where to look."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

import earmark
from earmark.audio.level import QUIETEST_DBFS
from earmark.cli.main import run as command
from earmark.recognizers.doubles import Echo
from earmark.records import AudioRef, Utterance
from earmark.store.parts import read_part
from earmark.store.run import RunStore
from tests.toys import ToySource, toy_source, write_wav

HEARD = {
    "fine": "turn off the light",
    "loops": "turn off" + " the" * 9,
    "silent": "thank you for watching",
    "deaf": "",
    "broken": "unheard",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> str:
    """Five utterances: digital silence, a broken file, and three noises."""
    folder: Path = tmp_path_factory.mktemp("run")
    items = []
    for name in HEARD:
        path = write_wav(folder / f"{name}.wav", 2.0)
        if name == "silent":
            soundfile.write(path, np.zeros(32_000, np.float32), 16_000)
        if name == "broken":
            path.write_bytes(b"RIFF")
        items.append(Utterance(name, AudioRef(path.name, duration_s=2.0), "turn off the light"))
    earmark.evaluate(Echo(HEARD), ToySource(str(folder), tuple(items)), out=str(folder / "run"))
    return str(folder / "run")


def test_flags_are_in_the_scores_and_counted_in_the_summary(run):
    """A list for each utterance, and all numbers, those that are 0 too."""
    rows = RunStore.at(run).read_table("scores.parquet", ["id", "flags"]).to_pylist()
    assert {row["id"]: row["flags"] for row in rows} == {
        "fine": [],
        "loops": ["loop"],
        "silent": ["over_silence"],
        "deaf": ["empty"],
        "broken": [],
    }
    facts = json.loads(Path(run, "summary.json").read_text())
    assert facts["flags"] == {
        "loop": 1, "too_long": 0, "too_short": 0, "stopped_early": 0, "over_silence": 1, "empty": 1
    }  # fmt: skip
    assert facts["first_flagged"] == {"loop": ["loops"], "over_silence": ["silent"], "empty": ["deaf"]}
    assert facts["guards"]["name"] == "earmark"


def test_flags_are_printed_with_the_first_ids(run, capsys):
    """On stderr, with what each means and where all of them are."""
    assert command(["score", run]) == 0
    said = capsys.readouterr().err.splitlines()
    assert "note: loop: 1 (a phrase over and over): loops" in said
    assert "note: empty: 1 (nothing was heard): deaf" in said
    assert f"      all of them: the column flags of {run}/scores.parquet" in said
    assert not any("too_long" in line for line in said)


def test_the_worker_records_the_level_of_what_it_decoded(run):
    """Null where the row failed; digital silence is a number."""
    store = RunStore.at(run)
    parts = [read_part(store.folder, name) for name in store.progress(store.spec()).part_names]
    level = {row["id"]: row["level_dbfs"] for part in parts for row in part.to_pylist()}
    assert level["broken"] is None
    assert level["silent"] == QUIETEST_DBFS
    assert level["fine"] == pytest.approx(-20, abs=0.2)


def test_parts_of_an_earlier_version_are_read_without_their_level(run, tmp_path):
    """They have no such column: what depends on it is not flagged, and the hash of the scores is the same."""
    summary = earmark.score(run)
    old = tmp_path / "old"
    for path in Path(run).rglob("*"):
        if path.is_file():
            (old / path.relative_to(run)).parent.mkdir(parents=True, exist_ok=True)
            (old / path.relative_to(run)).write_bytes(path.read_bytes())
    for path in (old / "parts").iterdir():
        table = pq.read_table(path)
        pq.write_table(table.drop_columns("level_dbfs"), path)
    again = earmark.score(str(old))
    assert again.scores_hash == summary.scores_hash
    assert (again.num_damaged_parts, again.counts) == (0, summary.counts)
    assert again.flags["over_silence"].number == 0
    assert again.flags["loop"] == summary.flags["loop"]


def test_flags_do_not_depend_on_the_windows(tmp_path, monkeypatch):
    """The same whether a run is looked at whole or three utterances at a time."""
    source = toy_source(tmp_path / "data", 10)
    texts = {id_: text if number % 2 else "no " * 9 for number, (id_, text) in enumerate(source.texts.items())}
    whole = earmark.evaluate(Echo(texts), source, out=str(tmp_path / "run"))
    monkeypatch.setattr("earmark.reports.summarize.WINDOW", 3)
    assert earmark.score(str(tmp_path / "run")).flags == whole.flags
    assert whole.flags["loop"].number == 5


def test_confusions_and_slices_are_printed_as_tables(tmp_path, capsys, monkeypatch):
    """Within 80 columns, with no space at a line's end, and no word of the data speaks to the terminal."""
    items = tuple(
        Utterance(one.id, one.audio, "the \x1b[31mred[/] light", speaker="[b]\x1b")
        for one in toy_source(tmp_path / "data", 3).items
    )
    earmark.evaluate(
        Echo({one.id: "a light" for one in items}), ToySource(str(tmp_path / "data"), items), out=str(tmp_path / "run")
    )
    capsys.readouterr()
    monkeypatch.setenv("COLUMNS", "80")
    words = ["score", str(tmp_path / "run"), "--slices", "speaker,duration", "--confusions", "3"]
    assert command([*words, "--normalizer", "none"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "speaker [b]\\x1b*" in out
    assert "duration 0-5 s*" in out
    assert "by slice (* fewer than 30 utterances: says little; -: fewer than 6)" in out
    table = out.split("%WER")[0].splitlines()[1:]
    assert all(line == line.rstrip() and len(line) <= 80 for line in table)
    assert "\\x1b[31mred[/]" in out


def test_confusions_are_in_the_summary_only_when_asked_for(run):
    """They cost time; without them the summary says null."""
    assert json.loads(earmark.score(run).to_json())["confusions"] is None
    facts = json.loads(earmark.score(run, num_confusions=2).to_json())["confusions"]
    assert facts["insertions"] == [["the", 7]]
    assert set(facts) == {"substitutions", "deletions", "insertions", "undercount"}


def test_a_negative_number_of_confusions_is_refused(run, capsys):
    """With exit code 2."""
    assert command(["score", run, "--confusions", "-1"]) == 2
    assert "--confusions -1" in capsys.readouterr().err


def test_the_column_of_flags_is_a_list_that_is_never_null(run):
    """An empty list where there is nothing to say."""
    flags = RunStore.at(run).read_table("scores.parquet", ["flags"])["flags"]
    assert flags.type.value_type == pa.string()
    assert flags.null_count == 0
