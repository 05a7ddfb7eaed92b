"""An export says what the run holds: of short utterances, of long ones in pieces, and of those that failed."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import earmark
from earmark.cli.main import run
from earmark.errors import FolderError, StoreError, UnknownNameError, UsageError
from earmark.planning import plan
from earmark.recognizers.doubles import Echo, Failing
from earmark.store import layout
from earmark.store.run import RunStore
from earmark.verbs.own_files import check_not_own
from tests.toys import WithTimes, toy_source, write_manifest


class Timed(WithTimes, Echo):
    """Echo that says when."""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Three short utterances, and one of three seconds."""
    return toy_source(tmp_path_factory.mktemp("audio"), durations_s=[0.4, 0.6, 3.0, 0.5])


@pytest.fixture(scope="module")
def timed(tmp_path_factory, source) -> str:
    """A run whose long utterance was done in pieces."""
    out = str(tmp_path_factory.mktemp("runs") / "timed")
    earmark.evaluate(Timed(source.texts, max_audio_s=1.2), source, out=out, engine="inline")
    return out


def exported(run: str, to: str = "jsonl") -> Any:
    stream = io.BytesIO()
    earmark.export(run, to, stream)
    lines = stream.getvalue().decode().splitlines()
    return [json.loads(line) for line in lines] if to == "jsonl" else lines


def test_every_utterance_is_there_with_what_is_known_of_it(timed, source):
    """In the order of the data: texts, counts, words with times and confidences, and the n best."""
    rows = exported(timed)
    assert [row["id"] for row in rows] == [item.id for item in source.items]
    first = rows[0]
    assert first["hypothesis"] == first["reference"] == source.items[0].reference
    assert (first["status"], first["hits"], first["substitutions"]) == ("scored", len(first["words"]), 0)
    assert [word["text"] for word in first["words"]] == first["hypothesis"].split()
    assert first["words"][1] == {"text": first["words"][1]["text"], "start_s": 0.01, "end_s": 0.02, "confidence": 0.5}
    assert [one["text"] for one in first["alternatives"]] == [first["hypothesis"], "x"]


def test_the_pieces_of_a_long_utterance_are_one_again(timed, source):
    """Times are from its start, the confidence is the mean over its words, and the n best of pieces are left out."""
    plan = RunStore.at(timed).read_table(layout.PLAN).to_pylist()
    starts = sorted(row["start_s"] for row in plan if row["index"] == 2)
    assert len(starts) > 1
    row = exported(timed)[2]
    said = source.items[2].reference.split()
    assert [word["text"] for word in row["words"]] == said * len(starts)
    expected = [start + 0.01 * place for start in starts for place in range(len(said))]
    assert [word["start_s"] for word in row["words"]] == pytest.approx(expected)
    sure = [word["confidence"] for word in row["words"]]
    assert row["confidence"] == pytest.approx(sum(sure) / len(sure))
    assert row["alternatives"] == []


@pytest.mark.parametrize("size", [1, 3])
def test_a_run_that_is_larger_than_a_window_is_exported_alike(timed, monkeypatch, size):
    """Rows that are sorted through files, and few Python objects at a time."""
    whole = exported(timed)
    monkeypatch.setattr("earmark.reports.heard.WINDOW", size)
    monkeypatch.setattr("earmark.reports.heard._ROWS_AT_ONCE", size)
    assert exported(timed) == whole


def test_the_hash_of_scores_does_not_know_of_words(tmp_path, source):
    """Two recognizers that say the same texts have the same hash, whatever else they say."""
    summaries = [
        earmark.evaluate(kind(source.texts), source, out=str(tmp_path / kind.__name__), engine="inline")
        for kind in (Echo, Timed)
    ]
    assert summaries[0].scores_hash == summaries[1].scores_hash


def test_a_piece_of_a_file_is_timed_from_its_own_start(tmp_path):
    """Not from the file's, which nobody asked for."""
    whole = toy_source(tmp_path / "audio", durations_s=[3.0])
    manifest = tmp_path / "m.jsonl"
    row = {"id": "u", "audio": f"audio/{whole.items[0].audio.uri}", "start": 1.0, "duration": 0.5, "text": "a b"}
    manifest.write_text(json.dumps(row))
    earmark.evaluate(Timed({"u": "a b"}), str(manifest), out=str(tmp_path / "run"), engine="inline")
    [found] = exported(str(tmp_path / "run"))
    assert [word["start_s"] for word in found["words"]] == [0.0, 0.01]


def test_a_ctm_of_the_run_has_its_words(timed):
    """A line each, sorted by id."""
    lines = exported(timed, "ctm")
    assert len(lines) == sum(len(row["words"]) for row in exported(timed))
    assert [line.split()[0] for line in lines] == sorted(line.split()[0] for line in lines)


def test_what_failed_or_has_no_words_says_nothing_of_them(tmp_path, source):
    """A recognizer of texts alone: nulls, and no CTM."""
    out = tmp_path / "run"
    failing = source.items[1].id
    earmark.evaluate(Failing(source.texts, ids=failing), source, out=str(out), engine="inline")
    rows = exported(str(out))
    assert [row["status"] for row in rows] == ["scored", "failed", "scored", "scored"]
    assert rows[1]["hypothesis"] is None
    assert "told to fail" in rows[1]["reason"]
    assert all((row["words"], row["confidence"], row["alternatives"]) == (None, None, []) for row in rows)
    with pytest.raises(UsageError, match="gave none"):
        earmark.export(out, "ctm", tmp_path / "words.ctm")
    assert not (tmp_path / "words.ctm").exists()
    assert list(tmp_path.glob(".tmp-*")) == []


def test_a_file_replaces_an_older_one_or_stays(timed, tmp_path):
    """It is there whole, under its name alone."""
    out = tmp_path / "new" / "scores.csv"
    assert earmark.export(timed, "csv", out) == 4
    assert len(out.read_text().splitlines()) == 5
    assert earmark.export(timed, "jsonl", str(out)) == 4
    assert json.loads(out.read_text().splitlines()[0])["id"] == "utt-000"
    assert [path.name for path in out.parent.iterdir()] == ["scores.csv"]


def test_the_data_of_the_run_are_never_replaced(tmp_path):
    """However their place is spelled: an export that took the manifest's name would lose it."""
    source = toy_source(tmp_path / "audio", durations_s=[1.0])
    manifest = write_manifest(Path(source.root) / "m.jsonl", source)
    earmark.evaluate(Timed(source.texts), str(manifest), out=str(tmp_path / "run"), engine="inline")
    before = manifest.read_bytes()
    (tmp_path / "link").symlink_to(source.root)
    for place in (manifest, tmp_path / "link" / "m.jsonl"):
        with pytest.raises(UsageError, match="what the run's data were read from"):
            earmark.export(tmp_path / "run", "jsonl", place)
    assert manifest.read_bytes() == before


@pytest.mark.parametrize("typed", ["audio/m.jsonl", "./audio/../audio/m.jsonl", "../{here}/audio/m.jsonl"])
def test_data_of_a_relative_path_are_not_replaced_from_another_folder(tmp_path, monkeypatch, typed):
    """Where the path began is not known there, so what ends alike stays; another name is free."""
    source = toy_source(tmp_path / "audio", durations_s=[1.0])
    before = write_manifest(Path(source.root) / "m.jsonl", source).read_bytes()
    monkeypatch.chdir(tmp_path)
    place = typed.format(here=tmp_path.name)
    earmark.evaluate(Timed(source.texts), place, out="run", engine="inline")
    monkeypatch.chdir(tmp_path / "audio")
    Path("link").symlink_to("m.jsonl")
    for name in ("m.jsonl", "link"):
        with pytest.raises(UsageError, match="may be what the run's data were read from"):
            earmark.export("../run", "jsonl", name)
    assert Path("m.jsonl").read_bytes() == before
    for _ in range(2):
        assert earmark.export("../run", "jsonl", "../m.jsonl") == 1


def test_data_named_without_a_folder_are_not_replaced_from_another(tmp_path, monkeypatch):
    """Whatever folder has a file of that name."""
    source = toy_source(tmp_path / "audio", durations_s=[1.0])
    before = write_manifest(Path(source.root) / "m.jsonl", source).read_bytes()
    monkeypatch.chdir(tmp_path / "audio")
    earmark.evaluate(Timed(source.texts), "m.jsonl", out="../run", engine="inline")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="may be what"):
        earmark.export("run", "jsonl", "audio/m.jsonl")
    assert Path("audio/m.jsonl").read_bytes() == before


def test_scores_that_are_not_those_of_the_parts_are_not_exported(tmp_path, source):
    """An attempt that was killed after a retry has new texts and old counts: they must not stand in one line."""
    out = tmp_path / "run"
    earmark.evaluate(Timed(source.texts), source, out=str(out), engine="inline")
    store = RunStore.at(str(out))
    scores = store.read_table(layout.SCORES)
    place = scores.schema.get_field_index("hypothesis")
    store.write_table(layout.SCORES, scores.set_column(place, scores.schema.field(place), [["other"] * 4]))
    with pytest.raises(StoreError, match="older") as refused:
        exported(str(out))
    assert "earmark score" in (refused.value.hint or "")
    earmark.score(str(out))
    assert len(exported(str(out))) == 4


def test_what_cannot_be_exported_says_why(timed, tmp_path):
    """No run, no scores, no such format, no file."""
    with pytest.raises(FolderError, match="cannot use"):
        earmark.export(tmp_path, "csv", io.BytesIO())
    with pytest.raises(UnknownNameError, match="export format"):
        earmark.export(timed, "xls", io.BytesIO())
    for folder in (tmp_path, f"{tmp_path}/", "..", "s3://bucket/"):
        with pytest.raises(UsageError, match="is a folder"):
            earmark.export(timed, "csv", folder)
    with pytest.raises(UsageError, match="--out is empty"):
        earmark.export(timed, "csv", "")
    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / layout.SPEC).write_bytes(Path(timed, layout.SPEC).read_bytes())
    with pytest.raises(FolderError) as refused:
        earmark.export(begun, "csv", io.BytesIO())
    assert "transcribed yet" in (refused.value.cause or "")


def test_the_command_writes_to_stdout_and_says_the_rest_on_stderr(timed, tmp_path, capsys):
    """The result alone can be piped."""
    assert run(["export", timed, "--to", "csv"]) == 0
    out, said = capsys.readouterr()
    assert out.startswith('"id","status"')
    assert said == "exported 4 utterances\n"
    assert run(["export", timed, "--to", "ctm", "-o", str(tmp_path / "words.ctm")]) == 0
    out, said = capsys.readouterr()
    assert (out, said) == ("", f"exported 4 utterances: {tmp_path / 'words.ctm'}\n")
    assert run(["export", timed, "--to", "xls"]) == 2


def test_what_is_exported_scores_the_same(timed, tmp_path):
    """``earmark score`` reads the tables as anybody's outputs, with the same errors."""
    for name in ("jsonl", "csv"):
        out = tmp_path / f"x.{name}"
        earmark.export(timed, name, out)
        [found] = earmark.score_files(out).summaries.values()
        assert found.wer == json.loads(Path(timed, layout.SUMMARY).read_text())["wer"]


@pytest.mark.parametrize("content", [None, b"", b"{", b"{}", b"[]", b"\xff"])
def test_a_run_whose_summary_is_lost_is_no_result_of_zeros(tmp_path, source, capsys, content):
    """Nor is it compared or reported by rules that nobody chose: the run is named, and what makes its summary anew."""
    runs = [tmp_path / name for name in ("a", "b")]
    for out in runs:
        earmark.evaluate(Echo(source.texts), source, out=str(out), engine="inline", normalizer="none")
    summary = runs[1] / layout.SUMMARY
    if content is None:
        summary.unlink()
    else:
        summary.write_bytes(content)
    a, b = map(str, runs)
    by_its_rules = [] if content is None else [["compare", a, b], ["compare", b, a], ["report", b]]
    for words in (["export", b, "--to", "md"], ["show", b], *by_its_rules):
        assert run(words) == 1, words
        out, said = capsys.readouterr()
        assert not out
        problem = "missing" if content is None else "damaged"
        assert f"summary.json in {b} is {problem}" in said
        assert f"earmark score {b}" in said
    assert run(["score", b, "--normalizer", "none"]) == 0
    assert run(["export", b, "--to", "md"]) == 0


@pytest.mark.parametrize(
    "name", ["summary.json", "spec.json", "scores.parquet", "parts/x.csv", "parts/", "../timed/plan.parquet"]
)
def test_nothing_is_written_over_what_a_run_is_made_of(timed, capsys, monkeypatch, name):
    """By an export or by a page, however the path is spelled; beside it they may lie."""
    before = {path: path.read_bytes() for path in Path(timed).rglob("*") if path.is_file()}
    monkeypatch.chdir(Path(timed).parent)
    for words in (["export", "timed", "--to", "csv"], ["report", "timed"]):
        for out in (f"{timed}/{name}", f"timed/{name}"):
            assert run([*words, "-o", out]) == 2
            assert "is a file of the run" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in Path(timed).rglob("*") if path.is_file()} == before
    assert run(["export", "timed", "--to", "csv", "-o", "timed/texts.csv"]) == 0
    Path(timed, "texts.csv").unlink()


def test_a_run_in_an_object_store_is_not_written_over_either():
    """By its address alone."""
    with pytest.raises(UsageError, match="of the run"):
        check_not_own(["s3://bucket/run/"], "s3://bucket/run/summary.json")
    check_not_own(["s3://bucket/run"], "s3://bucket/run-2/summary.json")


@pytest.fixture(scope="module")
def partial(tmp_path_factory, source) -> str:
    """A run of four utterances: one failed, and one whose part is gone."""
    out = tmp_path_factory.mktemp("runs") / "partial"
    failing = Failing(source.texts, ids=source.items[1].id)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "_MOST_SHARD_S", (0.1, 0.1))
        earmark.evaluate(failing, source, out=str(out), engine="inline", batch_size=1)
    for path in sorted((out / layout.PARTS).iterdir()):
        if pq.read_table(path, columns=["id"])["id"].to_pylist() == [source.items[2].id]:
            path.unlink()
    earmark.score(str(out))
    return str(out)


def test_a_table_says_what_its_rates_are_not_of(partial, timed, capsys):
    """How many failed, the rate that counts them, and how many are not transcribed yet; else no word of it."""
    counted = json.loads(Path(partial, layout.SUMMARY).read_text())["wer_failed_as_deletions"]
    assert counted > 0
    head, _, row, *_ = exported(partial, "md")
    assert head.endswith("| failed | WER %, failed as del | not transcribed yet |")
    assert row.endswith(f"| 1 | {100 * counted:.2f} | 1 of 4 |")
    latex = "\n".join(exported(partial, "latex"))
    assert r"failed & WER \%, failed as del & not transcribed yet \\" in latex.replace("\n", " ")
    assert rf"& 1 & {100 * counted:.2f} & 1 of 4 \\" in latex
    assert run(["score", partial, "--format", "md"]) == 0
    said = f"1 of 4 utterances failed; with their words as deletions the WER is {100 * counted:.2f} %; "
    assert f"{said}1 of 4 utterances not transcribed yet\n" in capsys.readouterr().out
    assert "failed" not in "".join(exported(timed, "md") + exported(timed, "latex"))
    assert run(["score", timed, "--format", "md"]) == 0
    assert "failed" not in capsys.readouterr().out


def test_a_listing_says_how_much_of_the_run_it_is_of(partial, capsys):
    """Not only what was scored."""
    assert run(["show", partial, "--grep", "."]) == 0
    assert capsys.readouterr().out.startswith(f"{partial}: the worst 2 of 2 utterances, 2 scored of 4 in the run\n")
