"""Outputs from elsewhere become runs, with the same numbers, and everything that works on a run works on them."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
from pathlib import Path

import jiwer
import pyarrow.parquet as pq
import pytest

import earmark
from earmark.errors import FolderError, ManifestError, RunMismatchError, StoreError, UnknownNameError, UsageError
from earmark.recognizers.doubles import Echo
from earmark.store import layout
from tests.toys import toy_source

SCLITE = Path("/usr/lib/sctk/bin/sclite")


def write(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def manifest(tmp_path):
    """40 utterances of four speakers with the outputs of two systems."""
    chance = random.Random(0)
    words = ["a", "b", "c", "d", "e", "f", "g", "h"]
    rows = []
    for number in range(40):
        said = chance.choices(words, k=chance.randrange(1, 9))
        heard = [[chance.choice(words) if chance.random() < rate else word for word in said] for rate in (0.1, 0.3)]
        rows.append(
            {
                "audio_filepath": f"clips/{number}.wav", "duration": 1.0 + number, "text": " ".join(said),
                "pred_text_good": " ".join(heard[0]), "pred_text_bad": " ".join(heard[1]),
                "speaker": f"s{number % 4}", "accent": "north" if number % 2 else "south",
            }
        )  # fmt: skip
    return write(tmp_path / "m.jsonl", rows)


def rows_of(manifest):
    return [json.loads(line) for line in manifest.read_text().splitlines()]


def test_every_system_gets_the_numbers_of_an_independent_scorer(manifest):
    """Totals equal jiwer's on the same texts."""
    scored = earmark.score_files(manifest, normalizer="none")
    rows = rows_of(manifest)
    assert list(scored.summaries) == ["pred_text_good", "pred_text_bad"]
    for system, summary in scored.summaries.items():
        truth = jiwer.process_words([row["text"] for row in rows], [row[system] for row in rows])
        assert summary.wer == pytest.approx(truth.wer)
        assert summary.num_scored == 40


def test_nothing_is_said_about_speed(manifest, tmp_path):
    """Nobody measured it: None, and not 0 or infinity, although the audio is known."""
    summary = earmark.score_files(manifest, out=tmp_path / "run").summaries["pred_text_good"]
    assert json.loads(summary.to_json())["rtfx"] == {"compute": None, "worker": None, "wall": None}
    assert summary.audio_s == sum(1.0 + number for number in range(40))


def test_several_systems_are_kept_each_in_its_folder_and_can_be_compared(manifest, tmp_path):
    """By utterance, with the columns of the file as slices."""
    earmark.score_files(manifest, out=tmp_path / "runs")
    folders = [str(tmp_path / "runs" / name) for name in ("pred_text_bad", "pred_text_good")]
    comparison = earmark.compare(*folders, slices=["accent", "speaker", "duration"])
    assert comparison.pairs[0].verdict == "better"
    assert {one.column for one in comparison.pairs[0].slices} == {"accent", "speaker", "duration"}


def test_a_kept_import_is_scored_again_without_the_file(manifest, tmp_path):
    """And no hypothesis is touched: the texts are those of the file."""
    row = {"id": "1", "text": "Um, HELLO", "pred_text": "hello!"}
    path = write(tmp_path / "one.jsonl", [row])
    first = earmark.score_files(path, out=tmp_path / "run", normalizer="none").summaries["one"]
    path.unlink()
    assert earmark.score(tmp_path / "run", normalizer="whisper-en").wer == 0
    assert earmark.score(tmp_path / "run", normalizer="none").scores_hash == first.scores_hash
    assert pq.read_table(tmp_path / "run" / layout.SCORES)["hypothesis"].to_pylist() == ["hello!"]


def test_the_same_import_again_changes_nothing(manifest, tmp_path):
    """Not a byte of what is kept, the summary included."""
    earmark.score_files(manifest, out=tmp_path / "runs")
    before = {path: path.read_bytes() for path in (tmp_path / "runs").rglob("*") if path.is_file()}
    times = {path: path.stat().st_mtime_ns for path in before if layout.PARTS in path.parts}
    earmark.score_files(manifest, out=tmp_path / "runs")
    assert {path: path.read_bytes() for path in (tmp_path / "runs").rglob("*") if path.is_file()} == before
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_other_hypotheses_are_another_run(manifest, tmp_path):
    """Refused, and the first one stays."""
    kept = earmark.score_files(manifest, out=tmp_path / "runs").summaries["pred_text_good"]
    rows = rows_of(manifest)
    rows[0]["pred_text_good"] += " more"
    with pytest.raises(RunMismatchError, match="holds another run") as raised:
        earmark.score_files(write(manifest, rows), out=tmp_path / "runs")
    assert f"holds pred_text_good of {manifest}; these are other hypotheses" in raised.value.cause
    assert raised.value.hint == "--out ANOTHER_FOLDER"
    assert earmark.score(kept.run).scores_hash == kept.scores_hash


def test_corrected_references_are_scored_anew(manifest, tmp_path):
    """They are no part of the run's identity."""
    first = earmark.score_files(manifest, out=tmp_path / "runs").summaries["pred_text_good"]
    rows = [{**row, "text": row["pred_text_good"]} for row in rows_of(manifest)]
    again = earmark.score_files(write(manifest, rows), out=tmp_path / "runs").summaries["pred_text_good"]
    assert first.wer
    assert again.wer == 0
    assert again.spec_fingerprint == first.spec_fingerprint


def test_an_import_that_was_cut_short_is_completed(manifest, tmp_path):
    """What a kill left out is written by the same call."""
    first = earmark.score_files(manifest, out=tmp_path / "runs").summaries["pred_text_good"]
    for part in (tmp_path / "runs" / "pred_text_good" / layout.PARTS).iterdir():
        part.unlink()
    (tmp_path / "runs" / "pred_text_good" / layout.PLAN).unlink()
    again = earmark.score_files(manifest, out=tmp_path / "runs").summaries["pred_text_good"]
    assert again.scores_hash == first.scores_hash


def test_eval_refuses_the_folder_of_an_import(tmp_path):
    """Its results would be mixed with those of another recognizer."""
    source = toy_source(tmp_path / "data", 3)
    path = write(tmp_path / "m.jsonl", [{"id": "1", "text": "a", "pred_text": "a"}])
    earmark.score_files(path, out=tmp_path / "run")
    with pytest.raises(RunMismatchError, match="holds another run"):
        earmark.evaluate(Echo(source.texts), source, out=tmp_path / "run")


def test_an_import_meets_a_run_of_the_same_manifest(tmp_path):
    """Ids of a NeMo manifest are made alike, so that the two can be compared."""
    source = toy_source(tmp_path / "data", 5)
    rows = [
        {"audio_filepath": one.audio.uri, "duration": one.audio.duration_s, "text": one.reference, "pred_text": "x"}
        for one in source.items
    ]
    path = write(tmp_path / "data" / "m.jsonl", rows)
    earmark.score_files(path, out=tmp_path / "theirs")
    texts = {one.audio.uri.removesuffix(".wav"): one.reference for one in source.items}
    earmark.evaluate(Echo(texts), str(path), out=tmp_path / "ours")
    assert earmark.compare(str(tmp_path / "ours"), str(tmp_path / "theirs")).num_utterances == 5


def test_without_a_folder_nothing_is_kept(manifest, tmp_path, monkeypatch):
    """Neither where the file is, nor where one works, nor among the temporary files."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "tmp").mkdir()
    monkeypatch.chdir(tmp_path)
    summary = earmark.score_files(manifest).summaries["pred_text_good"]
    assert summary.run == ""
    assert {path.name for path in tmp_path.rglob("*")} == {"tmp", "m.jsonl"}


def test_a_skipped_utterance_counts_by_its_rule(tmp_path):
    """It is left out of the score, and the three numbers add up."""
    write(tmp_path / "r.jsonl", [{"id": str(k), "text": "a b"} for k in range(3)])
    write(tmp_path / "h.jsonl", [{"id": str(k), "text": "a b"} for k in range(2)])
    files = tmp_path / "r.jsonl", tmp_path / "h.jsonl"
    skipped = earmark.score_files(*files, missing_hyp="skip").summaries["h"]
    assert (skipped.num_scored, skipped.num_failed, skipped.num_skipped, skipped.wer) == (2, 0, 1, 0)
    assert skipped.skipped == {"no hypothesis (--missing-hyp skip)": 1}
    assert earmark.score_files(*files, missing_hyp="delete").summaries["h"].wer == pytest.approx(2 / 6)


def test_a_segment_that_is_to_be_ignored_is_skipped_and_counted(tmp_path):
    """With what was heard in it."""
    (tmp_path / "r.stm").write_text("f 1 A 0 1 a\nf 1 A 1 2 ignore_time_segment_in_scoring\n")
    (tmp_path / "h.ctm").write_text("f 1 0.1 0.1 a\nf 1 1.1 0.1 b\n")
    summary = earmark.score_files(tmp_path / "r.stm", tmp_path / "h.ctm").summaries["h"]
    assert (summary.wer, summary.skipped) == (0, {"ignore_time_segment_in_scoring": 1})


@pytest.mark.skipif(not SCLITE.is_file(), reason="sclite is not installed (Debian: sctk)")
@pytest.mark.parametrize("seed", range(5))
def test_words_by_time_are_scored_as_by_sclite(tmp_path, seed):
    """Random words against random segments with gaps: the same errors in the same numbers of words."""
    chance = random.Random(seed)
    vocabulary = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"]
    stm, at = [], 0.0
    for number in range(30):
        at += chance.choice([0, 0, 0.5, 2.0])
        length = chance.uniform(0.5, 3)
        said = chance.choices(vocabulary, k=chance.randrange(1, 6))
        text = "ignore_time_segment_in_scoring" if number % 7 == 3 else " ".join(said)
        stm.append(f"f 1 s{number % 3} {at:.2f} {at + length:.2f} <o> {text}\n")
        at += length
    starts = sorted(chance.uniform(0, at + 3) for _ in range(90))
    ctm = [f"f 1 {start:.3f} 0.150 {chance.choice(vocabulary)} 0.9\n" for start in starts]
    (tmp_path / "r.stm").write_text("".join(stm))
    (tmp_path / "h.ctm").write_text("".join(ctm))
    command = [SCLITE, "-r", "r.stm", "stm", "-h", "h.ctm", "ctm", "-o", "pra", "stdout"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    scores = [list(map(int, line.split(")")[1].split())) for line in said.splitlines() if line.startswith("Scores:")]
    words = earmark.score_files(tmp_path / "r.stm", tmp_path / "h.ctm", scorer="sclite").summaries["h"].counts.words
    assert [words.hits, words.substitutions, words.deletions, words.insertions] == [
        sum(one) for one in zip(*scores, strict=True)
    ]


def test_the_hash_of_the_scores_is_over_their_rows_as_json(tmp_path):
    """As json.dumps writes them, a line each: ids, statuses, hypotheses and counts, nulls and escapes among them."""
    texts = ["a", 'say "x"\\\n', "é\u2028", None, "\x01"]
    path = write(tmp_path / "m.jsonl", [{"id": str(k), "text": "a b", "pred_text": one} for k, one in enumerate(texts)])
    summary = earmark.score_files(path, out=tmp_path / "run", missing_hyp="skip").summaries["m"]
    names = ["id", "status", "hypothesis", "hits", "substitutions", "deletions", "insertions", "character_errors"]
    rows = pq.read_table(tmp_path / "run" / layout.SCORES, columns=names).to_pylist()
    lines = "".join(json.dumps([row[name] for name in names], ensure_ascii=False) + "\n" for row in rows)
    assert summary.scores_hash == hashlib.sha256(lines.encode()).hexdigest()


def test_names_of_systems_are_not_paths(tmp_path):
    """However hostile."""
    names = ["../../up", "/etc/x", "..", "a b", "A B"]
    path = write(tmp_path / "r.jsonl", [{"id": "1", "reference": "a", "hypotheses": dict.fromkeys(names, "a")}])
    scored = earmark.score_files(path, out=tmp_path / "runs")
    assert list(scored.summaries) == names
    kept = sorted(one.parent.relative_to(tmp_path).as_posix() for one in tmp_path.rglob(layout.SPEC))
    assert kept == ["runs/A-B-2", "runs/a-b", "runs/etc-x", "runs/system", "runs/up"]


def test_real_outputs_of_three_systems(data_folder):
    """The totals of the real file equal jiwer's, system by system."""
    path = data_folder / "scoring" / "librispeech-test-clean.jsonl"
    if not path.is_file():
        pytest.skip("no scoring/librispeech-test-clean.jsonl")
    rows = rows_of(path)
    scored = earmark.score_files(path, normalizer="none")
    assert len(scored.summaries) == 3
    for system, summary in scored.summaries.items():
        truth = jiwer.process_words([row["reference"] for row in rows], [row["hypotheses"][system] for row in rows])
        assert summary.wer == truth.wer


def test_pairs_in_memory():
    """The numbers of a summary, and nothing on the disk."""
    summary = earmark.score_texts(["a b", "", "c"], ["a x", "y", "c"], ["1", "2", "3"])
    assert (summary.counts.words.errors, summary.wer, summary.num_empty_references) == (2, pytest.approx(2 / 3), 1)


def test_no_pairs_have_no_rate():
    """And raise nothing."""
    summary = earmark.score_texts([], [])
    assert (summary.wer, summary.cer, summary.ser, summary.num_utterances) == (None, None, None, 0)


def test_no_reference_word_means_no_rate():
    """The insertions are counted all the same."""
    summary = earmark.score_texts(["", " "], ["a b", ""])
    assert (summary.wer, summary.counts.words.insertions) == (None, 2)
    assert json.loads(summary.to_json())["wer"] is None


@pytest.mark.parametrize("reference", [None, float("nan"), 3, ["a"]])
def test_a_reference_that_is_no_text_is_left_out(reference):
    """The others are scored."""
    summary = earmark.score_texts([reference, "a"], ["x", "a"])
    assert (summary.num_scored, summary.skipped, summary.wer) == (1, {"no reference": 1}, 0)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((["a"], ["a", "b"]), "1 references, 2 hypotheses"),
        ((["a"], ["a"], ["1", "2"]), "2 ids"),
        ((["a", "b"], ["a", "b"], ["1", "1"]), "the id '1' twice"),
        ((["a", "b"], ["a", None]), "hypothesis 1 is None"),
        ((["a"], [1], ["u"]), "hypothesis u is 1"),
    ],
)
def test_pairs_that_are_none_are_refused(arguments, problem):
    """Never cut to the shorter one."""
    with pytest.raises(UsageError, match=problem):
        earmark.score_texts(*arguments)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({"normalizer": "basics"}, UnknownNameError),
        ({"scorer": "levenstein"}, UnknownNameError),
        ({"format_name": "kalid"}, UnknownNameError),
        ({"missing_hyp": "drop"}, UsageError),
    ],
)
def test_unknown_names_leave_nothing_behind(manifest, tmp_path, arguments, kind):
    """They are said before anything is written."""
    with pytest.raises(kind):
        earmark.score_files(manifest, out=tmp_path / "run", **arguments)
    assert not (tmp_path / "run").exists()


def test_a_broken_file_leaves_nothing_behind(tmp_path):
    """A line that is no JSON shows before the folder is made."""
    (tmp_path / "m.jsonl").write_text('{"id": "1", "text": "a", "pred_text": "a"}\n{\n')
    with pytest.raises(ManifestError):
        earmark.score_files(tmp_path / "m.jsonl", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_with_damaged_pages_loses_only_them(tmp_path):
    """The part is counted as damaged, its utterances as not transcribed, and all others are scored."""
    source = toy_source(tmp_path / "data", 8)
    earmark.evaluate(Echo(source.texts), source, out=tmp_path / "run", batch_size=2)
    part, *others = sorted((tmp_path / "run" / layout.PARTS).iterdir())
    assert others
    num_lost = pq.read_metadata(part).num_rows
    content = bytearray(part.read_bytes())
    content[8:40] = bytes(32)  # a page, and not the footer
    part.write_bytes(content)
    summary = earmark.score(tmp_path / "run")
    assert (summary.num_damaged_parts, summary.num_scored) == (1, 8 - num_lost)
    assert summary.skipped == {"not transcribed yet": num_lost}
    assert summary.damaged_parts == (f"{layout.PARTS}/{part.name}",)
    assert earmark.evaluate(Echo(source.texts), source, out=tmp_path / "run", batch_size=2).num_scored == 8


def test_a_piece_of_audio_that_comes_twice_is_a_duplicate(tmp_path):
    """It would count twice; what differs in the suffix or the offset is another piece."""
    row = {"audio_filepath": "d/a.wav", "offset": 0.5, "duration": 2.0, "text": "a", "pred_text": "a"}
    others = [{**row, "audio_filepath": "d/a.flac"}, {**row, "offset": 3.0}]
    for extra in ({}, {"n": 1}):  # without other columns the file is read in columns, else by rows
        path = write(tmp_path / "m.jsonl", [{**one, **extra} for one in (row, *others)])
        assert earmark.score_files(path).summaries["m"].num_scored == 3
        path = write(tmp_path / "m.jsonl", [{**one, **extra} for one in (row, *others, row)])
        with pytest.raises(UsageError, match="twice, on lines 1 and 4"):
            earmark.score_files(path)


@pytest.mark.parametrize("bad", [float("nan"), -1.0])
def test_a_duration_that_is_none_costs_no_score(tmp_path, bad):
    """It is unknown, which is said with the line."""
    rows = [{"id": str(k), "duration": d, "text": "a", "pred_text": "a"} for k, d in enumerate((1.0, bad))]
    scored = earmark.score_files(write(tmp_path / "m.jsonl", rows))
    assert scored.summaries["m"].num_scored == 2
    assert any("1 rows are no seconds" in note and "line 2" in note for note in scored.notes)


def test_folders_of_others_are_left_alone(manifest, tmp_path):
    """Files that are no run's, a run around runs, and runs inside a run are refused before anything is written."""
    single = write(tmp_path / "one.jsonl", [{"id": "1", "text": "a", "pred_text": "a"}])
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "notes.txt").write_text("mine")
    earmark.score_files(single, out=tmp_path / "run")
    earmark.score_files(manifest, out=tmp_path / "group")
    wrong = [(single, "data"), (manifest, "data"), (single, "group"), (manifest, "run"), (single, "run/inside")]
    for path, folder in wrong:
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(FolderError):
            earmark.score_files(path, out=tmp_path / folder)
        assert sorted(tmp_path.rglob("*")) == before
    earmark.score_files(single, out=tmp_path / "group" / "third")


def test_one_text_is_no_sequence_of_texts():
    """Its letters would be scored as utterances."""
    with pytest.raises(UsageError, match="one text"):
        earmark.score_texts("abc", "abd")


@pytest.mark.parametrize(
    ("systems", "expected"),
    [
        (["a b", "a/b", "a-b-2"], ["a-b", "a-b-2", "a-b-2-2"]),
        (["a-b-2", "a b", "a/b"], ["a-b-2", "a-b", "a-b-3"]),
        (["Straße", "STRASSE"], ["Straße", "STRASSE-2"]),
    ],
)
def test_no_two_systems_share_a_folder(tmp_path, systems, expected):
    """Whatever names are given, each system's run is kept with its own texts."""
    path = write(tmp_path / "r.jsonl", [{"id": "1", "reference": "a", "hypotheses": {one: one for one in systems}}])
    earmark.score_files(path, out=tmp_path / "runs")
    assert sorted(one.name for one in (tmp_path / "runs").iterdir()) == sorted(expected)


def test_a_long_name_of_a_system_is_cut(tmp_path):
    """No file system takes 300 characters, or 100 that are three bytes each."""
    names = ["x" * 300, "x" * 301, "語" * 100]
    path = write(tmp_path / "r.jsonl", [{"id": "1", "reference": "a", "hypotheses": dict.fromkeys(names, "a")}])
    assert list(earmark.score_files(path, out=tmp_path / "runs").summaries) == names
    assert len(list((tmp_path / "runs").iterdir())) == 3


def test_a_rule_that_comes_or_goes_with_the_references_counts_at_once(tmp_path):
    """What is not to be scored is no part of the hypotheses: the same ones again, with corrected references."""
    hypotheses = tmp_path / "h.stm"
    hypotheses.write_text("f 1 A 0 1 a\nf 1 A 1 2 b\n")
    ignored = {"ignore_time_segment_in_scoring": 1}
    found = []
    for last in ("c", "ignore_time_segment_in_scoring", "b"):
        (tmp_path / "r.stm").write_text(f"f 1 A 0 1 a\nf 1 A 1 2 {last}\n")
        [summary] = earmark.score_files(tmp_path / "r.stm", hypotheses, out=tmp_path / "run").summaries.values()
        again = earmark.score(tmp_path / "run")
        assert (again.wer, again.skipped) == (summary.wer, summary.skipped)
        found.append((summary.wer, summary.skipped))
    assert found == [(0.5, {}), (0, ignored), (0, {})]


@pytest.mark.parametrize(
    ("references", "hypotheses", "ids", "problem"),
    [
        (["a"], ["a"], [1], "id 0 is 1, and no text"),
        (["a"], ["\ud800"], None, "hypothesis 0 holds half of a surrogate pair"),
        (["\ud800"], ["a"], None, "reference 0 holds half"),
        (["a"], ["a"], ["\ud800"], "id 0 holds half"),
    ],
)
def test_texts_that_no_file_can_hold_are_refused(references, hypotheses, ids, problem):
    """In words of ours."""
    with pytest.raises(UsageError, match=problem):
        earmark.score_texts(references, hypotheses, ids)


def test_less_than_no_confusions_are_refused_for_files_too(manifest, tmp_path):
    """Before anything is kept."""
    with pytest.raises(UsageError, match="--confusions -1"):
        earmark.score_files(manifest, out=tmp_path / "run", num_confusions=-1)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("content", ["[" * 100_000, '{"normalizer": {"name": 7}, "wer": "x"}', "[]", "\x00"])
def test_a_summary_that_is_not_ours_says_nothing(tmp_path, content):
    """The run is compared with no other by rules that nobody chose; scored again, it is by the defaults."""
    path = write(tmp_path / "r.jsonl", [{"id": "1", "reference": "a", "hypotheses": {"x": "a"}}])
    earmark.score_files(path, out=tmp_path / "run", normalizer="none")
    (tmp_path / "run" / layout.SUMMARY).write_text(content)
    other = shutil.copytree(tmp_path / "run", tmp_path / "other")
    with pytest.raises(StoreError, match="is damaged"):
        earmark.compare(str(tmp_path / "run"), str(other))
    assert earmark.score(tmp_path / "run").normalizer.name == "basic"


def two_systems(path, **changes):
    """A file of two systems, the second with other hypotheses where ``changes`` say so."""
    row = {"id": "1", "text": "a b", "pred_text_x": "a b", "pred_text_y": "a"}
    return write(path, [row | changes])


def test_an_import_that_one_system_refuses_changes_none(tmp_path):
    """All are checked before any is written."""
    earmark.score_files(two_systems(tmp_path / "r.jsonl"), out=tmp_path / "runs")
    before = {path: path.read_bytes() for path in sorted((tmp_path / "runs").rglob("*.*"))}
    with pytest.raises(RunMismatchError):
        earmark.score_files(two_systems(tmp_path / "r.jsonl", text="a c", pred_text_y="b"), out=tmp_path / "runs")
    assert before == {path: path.read_bytes() for path in sorted((tmp_path / "runs").rglob("*.*"))}


def test_results_without_parts_are_still_results(tmp_path):
    """An import does not take their place."""
    path = write(tmp_path / "r.jsonl", [{"id": "1", "text": "a b", "pred_text": "a b"}])
    earmark.score_files(path, out=tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / layout.PARTS)
    write(tmp_path / "r.jsonl", [{"id": "1", "text": "a b", "pred_text": "a"}])
    with pytest.raises(RunMismatchError, match="holds another run"):
        earmark.score_files(path, out=tmp_path / "run")
    assert (tmp_path / "run" / layout.SUMMARY).exists()


def test_a_refused_import_says_what_is_other(tmp_path):
    """The utterances, the hypotheses, or both."""
    row = {"id": "1", "text": "a b", "pred_text": "a b", "duration": 1.0}
    path = write(tmp_path / "r.jsonl", [row])
    earmark.score_files(path, out=tmp_path / "run")
    for change, other in (
        ({"duration": 2.0}, "these are other utterances"),
        ({"pred_text": "a"}, "these are other hypotheses"),
    ):
        write(tmp_path / "r.jsonl", [row | change])
        with pytest.raises(RunMismatchError) as caught:
            earmark.score_files(path, out=tmp_path / "run")
        assert caught.value.cause.endswith(other)


def test_an_imported_run_has_no_batches_to_explain_by(tmp_path):
    """Its parts are blocks of rows, which nobody transcribed together."""
    from earmark.reports.outputs import read_outputs
    from earmark.reports.settings import Settings
    from earmark.store.run import RunStore

    earmark.score_files(two_systems(tmp_path / "r.jsonl"), out=tmp_path / "runs")
    store = RunStore.at(str(tmp_path / "runs" / "pred_text_x"))
    [one] = read_outputs(store, store.spec(), "x", Settings()).outputs
    assert (one.batch, one.rank) == (None, None)


def test_a_speaker_called_none_is_a_speaker(tmp_path):
    """Slices add up to the whole, whatever values are called."""
    rows = [
        {"id": str(n), "text": "a", "pred_text": "a", "speaker": name}
        for n, name in enumerate(["(none)", None, "(others)"])
    ]
    path = write(tmp_path / "r.jsonl", rows)
    [summary] = earmark.score_files(path, slices=["speaker"]).summaries.values()
    assert sum(one.num_utterances for one in summary.slices) == 3
