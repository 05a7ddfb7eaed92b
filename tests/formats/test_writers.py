"""Each format that is written is read back as it was, by its own reader, and refuses what it cannot hold."""

from __future__ import annotations

import dataclasses
import io
import json
import re

import pyarrow.parquet as pq
import pytest
import yaml

import earmark
from earmark.cli.main import run as earmark_command
from earmark.errors import ManifestError, UsageError
from earmark.formats import FORMATS, read_transcript
from earmark.formats.exported_run import ExportedRun, Request
from earmark.formats.exports import EXPORTS
from earmark.formats.job_csv import read_requests_csv
from earmark.formats.open_asr import open_asr_name, parse_open_asr_name
from earmark.formats.speechbrain_json import read_speechbrain
from earmark.formats.timed_words import WHO_GIVES_TIMES
from earmark.formats.transcript import Wanted
from earmark.recognizers import RECOGNIZERS
from earmark.records import ScoredUtterance, Word
from earmark.scoring.speechbrain_summary import SpeechBrainSummary

GOOD = ScoredUtterance(
    id="b-1", status="scored", reference="One  two, & <three>", hypothesis="one, two é",
    reference_normalized="one two three", hypothesis_normalized="one two é", hits=2, substitutions=1, deletions=0,
    insertions=0, character_errors=5, reference_characters=13, duration_s=2.5, start_s=1.5, audio="clips/b.wav",
    speaker="ann lee", language="en", rank=1, compute_s=0.125,
    words=(Word("one,", 0.0, 0.5), Word("two", 0.5, 0.9), Word("é", 2.0, 2.25)),
)  # fmt: skip
SILENT = dataclasses.replace(
    GOOD, id="a", hypothesis="", hypothesis_normalized="", words=(), start_s=None, audio="a.wav"
)
UNSCORED = ScoredUtterance(id="c", status="skipped", reason="no reference", hypothesis="heard", duration_s=1.0)
FAILED = ScoredUtterance(id="d", status="failed", reason="unreadable", reference="lost", duration_s=1.0)
ALL = (GOOD, SILENT, UNSCORED, FAILED)


def written(to: str, utterances=ALL, **facts) -> bytes:
    return b"".join(EXPORTS.load(to)(ExportedRun(utterances, **facts)))


def read_back(tmp_path, to: str, name: str, role: str = "hypothesis", utterances=ALL, format_name=None):
    """What the reader of the format finds: ids, references and hypotheses."""
    path = tmp_path / name
    path.write_bytes(written(to, utterances))
    found = read_transcript(str(path), Wanted(role), format_name=format_name)
    heard = [column.to_pylist() for column in found.hypotheses.values()]
    return found.rows["id"].to_pylist(), found.rows["reference"].to_pylist(), *heard


def test_a_manifest_for_nemo_has_its_fields_and_comes_back(tmp_path):
    """Texts as they are; what was not heard has no line, and what there is not has no key."""
    rows = [json.loads(line) for line in written("nemo").splitlines()]
    assert rows[0] == {
        "id": "b-1", "audio_filepath": "clips/b.wav", "offset": 1.5, "duration": 2.5, "text": GOOD.reference,
        "pred_text": GOOD.hypothesis, "speaker": "ann lee", "lang": "en",
    }  # fmt: skip
    ids, said, heard = read_back(tmp_path, "nemo", "x.jsonl", "both")
    assert (ids, said) == (["b-1", "a", "c"], [GOOD.reference, SILENT.reference, None])
    assert heard == [GOOD.hypothesis, "", "heard"]


def test_a_leaderboard_file_has_its_fields_and_its_name(tmp_path):
    """As its scorer looks for it, and takes it apart."""
    rows = [json.loads(line) for line in written("open-asr").splitlines()]
    assert [list(row) for row in rows] == [["audio_filepath", "duration", "time", "text", "pred_text"]] * 2
    assert (rows[0]["time"], rows[0]["text"]) == (0.125, GOOD.reference)
    _, said, heard = read_back(tmp_path, "open-asr", "x.jsonl", "both")
    assert (said, heard) == ([GOOD.reference, SILENT.reference], [GOOD.hypothesis, ""])
    run = ExportedRun([], {"model_place": "hf:openai/whisper-tiny@main", "data": "hf:owner/set@main:test"})
    name = open_asr_name(run)
    assert name == "MODEL_openai-whisper-tiny_DATASET_owner-set__test.jsonl"
    assert parse_open_asr_name(name) == ("openai-whisper-tiny", "owner-set", "test")
    assert parse_open_asr_name("scores.jsonl") is None


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("hf:o/n@abc/en:dev", "o-n_en_dev"),
        ("hf:o/n", "o-n__test"),
        ("/data/x/test.jsonl", "test.jsonl__test"),
        ("hf:o/n/en", "o-n_en_test"),
    ],
)
def test_a_leaderboard_file_says_data_and_split(data, name):
    """Of the hub; a file is only itself."""
    assert open_asr_name(ExportedRun([], {"model": "m", "data": data})) == f"MODEL_m_DATASET_{name}.jsonl"


@pytest.mark.parametrize("hostile", ["../../etc/passwd", "a/b\\c", "..", "\x00", "a\nb"])
def test_no_name_of_data_leads_out_of_the_folder(hostile):
    """A name of anybody's is one name of a file."""
    name = open_asr_name(ExportedRun([], {"model": hostile, "data": hostile}))
    assert re.fullmatch(r"MODEL_[\w.-]+_DATASET_[\w.-]+__test\.jsonl", name)


@pytest.mark.parametrize(
    ("to", "name", "format_name", "texts"),
    [
        ("trn", "x.trn", None, {"b-1": "one two é", "a": ""}),
        ("trn-ref", "x.trn", None, {"b-1": "one two three", "a": "one two three"}),
        ("kaldi", "text", "kaldi", {"a": "", "b-1": "one, two é", "c": "heard"}),
        ("kaldi-ref", "text", "kaldi", {"a": "One two, & <three>", "b-1": "One two, & <three>", "d": "lost"}),
    ],
)
def test_texts_with_ids_come_back(tmp_path, to, name, format_name, texts):
    """Kaldi's sorted by id; an empty text is a line, too."""
    ids, _, heard = read_back(tmp_path, to, name, format_name=format_name)
    assert dict(zip(ids, heard, strict=True)) == texts
    assert ids == list(texts)


def test_both_texts_of_icefall_come_back(tmp_path):
    """As they were scored; a file is told by its name."""
    quoted = dataclasses.replace(GOOD, id="q: x", hypothesis_normalized='it\'s "so" \\n')
    ids, said, heard = read_back(tmp_path, "icefall", "recogs-test.txt", "both", (GOOD, SILENT, quoted))
    assert (ids, said) == (["b-1", "a", "q: x"], ["one two three"] * 3)
    assert heard == ["one two é", "", quoted.hypothesis_normalized]


@pytest.mark.parametrize(
    "line", ["x:\tref=['a'\n", "x:\tref=[1]\n", "x:\tref=[__import__('os')]\n", "x:\thyp=['a']\n", "plain\n"]
)
def test_what_is_no_recogs_file_is_refused(tmp_path, line):
    """With its line; nothing of it is run."""
    path = tmp_path / "recogs-x.txt"
    path.write_text(line)
    with pytest.raises(ManifestError, match=r"recogs-x\.txt:1: "):
        read_transcript(str(path), Wanted("both"))


def test_segments_come_back_at_their_places(tmp_path):
    """A piece of a file at its place, a whole file from 0."""
    found = json.loads(written("seglst"))
    assert [(one["session_id"], one["start_time"], one["end_time"]) for one in found] == [
        ("clips/b.wav", 1.5, 4.0), ("a.wav", 0.0, 2.5), ("c", 0.0, 1.0),
    ]  # fmt: skip
    _, _, heard = read_back(tmp_path, "seglst", "x.json")
    assert heard == ["one, two é", "", "heard"]
    assert json.loads(written("seglst", [FAILED])) == []


def test_reference_segments_go_with_the_words(tmp_path):
    """Segments and words that were exported are scored together; each utterance is a file of its own."""
    plain = dataclasses.replace(GOOD, reference="one, two three")
    for to in ("stm", "ctm"):
        (tmp_path / f"x.{to}").write_bytes(written(to, [plain, SILENT]))
    with pytest.raises(UsageError, match="cannot hold 'b-1'"):
        written("stm", [dataclasses.replace(GOOD, reference="{ a / b }")])
    # Of silence a CTM says nothing.
    found = earmark.score_files(tmp_path / "x.stm", tmp_path / "x.ctm", normalizer="none", missing_hyp="delete")
    [words] = [summary.counts.words for summary in found.summaries.values()]
    assert (words.hits, words.substitutions, words.deletions) == (2, 1, 4)


SRT = """\
1
00:00:01,500 --> 00:00:02,400
one, two

2
00:00:03,500 --> 00:00:03,750
é <3>&
"""


@pytest.mark.parametrize("to", ["srt", "vtt"])
def test_subtitles_are_cues_at_their_places_and_are_read_back(tmp_path, to):
    """A pause ends a cue; a sign that WebVTT has a meaning for is spelled out, and read as itself."""
    odd = dataclasses.replace(GOOD, words=(*GOOD.words[:2], Word("é", 2.0, 2.1), Word("<3>&", 2.1, 2.25)))
    text = written(to, [odd]).decode()
    if to == "srt":
        assert text == SRT
    else:
        assert text.startswith("WEBVTT\n\n00:00:01.500 --> 00:00:02.400\none, two\n")
        assert "é &lt;3&gt;&amp;\n" in text
    plain = dataclasses.replace(GOOD, words=(*GOOD.words, Word("a&b", 2.25, 2.3)))
    ids, _, heard = read_back(tmp_path, to, f"x.{to}", utterances=[plain])
    assert (ids, heard) == (["1"], ["one, two é a&b"])


@pytest.mark.parametrize("to", ["srt", "vtt"])
def test_a_word_with_a_sign_in_it_comes_back_from_subtitles(tmp_path, to):
    """What is no tag of SRT is no tag, and what looks like an escape there is none."""
    texts = ["a", "<unk>", "b", "<3", "c>", "&amp;", "&lt;d&gt;", "<br>"]
    words = tuple(Word(text, 0.1 * place, 0.1 * place + 0.1) for place, text in enumerate(texts))
    *_, heard = read_back(tmp_path, to, f"x.{to}", utterances=[dataclasses.replace(GOOD, words=words)])
    assert heard == [" ".join(texts)]


@pytest.mark.parametrize("texts", [["<b>"], ["x</I>y"], ["<font", "color=red>"]])
def test_a_word_that_is_a_tag_of_srt_is_for_vtt(tmp_path, texts):
    """SRT has no other way to write it, so it would be lost; its reader drops what players take for tags."""
    words = tuple(Word(text, 0.1 * place, 0.1 * place + 0.1) for place, text in enumerate(texts))
    with pytest.raises(UsageError, match="SRT file cannot hold the text") as refused:
        written("srt", [dataclasses.replace(GOOD, words=words)])
    assert "--to vtt" in (refused.value.hint or "")
    *_, heard = read_back(tmp_path, "vtt", "x.vtt", utterances=[dataclasses.replace(GOOD, words=words)])
    assert heard == [" ".join(texts)]
    (tmp_path / "x.srt").write_text(SRT.replace("é", f"<i>{' '.join(texts)}é</i>"))
    [heard] = read_transcript(str(tmp_path / "x.srt"), Wanted("hypothesis")).hypotheses.values()
    assert heard.to_pylist() == [f"one, two {'xyé' if 'y' in texts[0] else 'é'} <3>&"]


def test_a_cue_has_two_lines_and_seven_seconds_at_most():
    """Whatever is said."""
    fast = [Word("word", 0.1 * place, 0.1 * place + 0.1) for place in range(60)]
    slow = [Word("slow", 10 + place, 10.5 + place) for place in range(30)]
    cues = written("srt", [dataclasses.replace(GOOD, words=(*fast, *slow))]).decode().split("\n\n")
    for cue in cues:
        _, times, *lines = cue.strip().splitlines()
        start, end = (float(time[6:].replace(",", ".")) + 60 * float(time[3:5]) for time in times.split(" --> "))
        assert 1 <= len(lines) <= 2
        assert all(len(line) <= 42 for line in lines)
        assert end - start <= 7
    assert sum(cue.count("word") + cue.count("slow") for cue in cues) == 90


def test_each_recording_has_its_file_and_no_name_leads_elsewhere():
    """Pieces of a file share one; names that are alike are told apart."""
    whole = dataclasses.replace(GOOD, start_s=None)
    named = [dataclasses.replace(whole, id=name) for name in ("../../x", "x", "..", ".hidden", "a\0b")]
    later = dataclasses.replace(GOOD, id="b-2", start_s=9.0)
    files = dict(EXPORTS.load("srt").files(ExportedRun([GOOD, later, *named])))
    assert list(files) == ["b.wav.srt", "x.srt", "x-2.srt", "recording.srt", "hidden.srt", "a%00b.srt"]
    assert files["b.wav.srt"].count(b"-->") == 4
    with pytest.raises(UsageError, match="there are 6"):
        written("srt", [GOOD, later, *named])


def test_a_recording_without_a_word_has_no_empty_file():
    """Players refuse one; WebVTT has a first line, so its file is never empty."""
    run = ExportedRun([GOOD, SILENT, dataclasses.replace(SILENT, id="z", audio=GOOD.audio, start_s=8.0)])
    assert [name for name, _ in EXPORTS.load("srt").files(run)] == ["b.wav.srt"]
    assert run.left_out == {"without a word": 1}
    files = dict(EXPORTS.load("vtt").files(ExportedRun([SILENT])))
    assert files == {"a.vtt": b"WEBVTT\n\n"}


@pytest.mark.parametrize("out", ["x.srt", "-"])
def test_a_run_without_a_word_is_no_empty_file_either(tmp_path, capfd, out):
    """As a file or on stdout: it is said, and no file is left."""
    (tmp_path / "m.jsonl").write_text(json.dumps({"id": "1", "text": "one", "pred_text": ""}) + "\n")
    earmark.score_files(tmp_path / "m.jsonl", out=tmp_path / "run")
    target = [] if out == "-" else ["--out", str(tmp_path / out)]
    assert earmark_command(["export", str(tmp_path / "run"), "--to", "srt", *target]) == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert "nothing to write as srt" in said.err
    assert "hint: --to jsonl" in said.err
    assert not (tmp_path / "x.srt").exists()


@pytest.mark.parametrize("to", ["ctm", "srt", "vtt"])
def test_what_needs_times_says_who_gives_them(to):
    """The recognizers that have them by name, and what to type."""
    with pytest.raises(UsageError, match="without times") as refused:
        written(to, [dataclasses.replace(GOOD, words=None)])
    assert WHO_GIVES_TIMES in (refused.value.cause or "")
    assert "--set words=true" in (refused.value.hint or "")


def test_those_who_give_times_are_there():
    """Each recognizer that has the option, or always does, is named; and no other."""
    import inspect

    with_option = {
        name
        for name, entry in RECOGNIZERS.entries().items()
        if not entry.summary.startswith("toy") and "words" in inspect.signature(RECOGNIZERS.load(name)).parameters
    }
    assert with_option == {"faster-whisper", "nemo", "transformers"}
    assert all(name in WHO_GIVES_TIMES.lower() for name in (*with_option, "pocketsphinx"))


def test_rows_of_a_job_come_back(tmp_path):
    """Those of workers as they were, those of utterances with their texts, safe to open."""
    requests = {0: Request(num_samples=3, wer=None, rtfx=None, total_time=0.0, total_audio_length=5.0),
                1: Request(num_samples=2, wer=12.5, rtfx=40.0, total_time=0.5, total_audio_length=20.0)}  # fmt: skip
    facts = {"requests": lambda: requests, "summary": {"data": "hf:owner/set:test"}}
    path = tmp_path / "summary.csv"
    path.write_bytes(written("results-summary-csv", **facts))
    assert list(read_requests_csv(str(path))) == list(requests.values())
    path = tmp_path / "results.csv"
    path.write_bytes(written("results-csv", [dataclasses.replace(GOOD, hypothesis="=1+1"), SILENT, FAILED], **facts))
    assert list(read_requests_csv(str(path))) == [requests[1]] * 2
    found = read_transcript(str(path), Wanted("both"))
    assert found.rows["reference"].to_pylist() == [GOOD.reference, SILENT.reference]
    assert [column.to_pylist() for column in found.hypotheses.values()] == [["'=1+1", ""]]
    path.write_text("num_samples\nx\n")
    with pytest.raises(ManifestError, match="no row of a job"):
        list(read_requests_csv(str(path)))


def test_mistakes_have_the_columns_of_a_run_and_come_back(tmp_path):
    """Rates as fractions; an utterance without an error has no row."""
    right = dataclasses.replace(GOOD, id="r", substitutions=0, hits=3)
    path = tmp_path / "x.parquet"
    path.write_bytes(written("mistakes", [right, GOOD, FAILED], diff=lambda _: "one two [three->é]"))
    [row] = pq.read_table(path).to_pylist()
    assert row == {
        "index": 1, "reference": "one two three", "prediction": "one two é", "diff": "one two [three->é]",
        "sample_wer": 1 / 3, "sample_cer": 5 / 13, "gpu_rank": 1,
    }  # fmt: skip
    [summary] = earmark.score_files(path, normalizer="none").summaries.values()
    assert summary.wer == 1 / 3


def test_the_summary_of_speechbrain_comes_back(tmp_path):
    """Key by key, and as the counts that it is of."""
    counts = SpeechBrainSummary(num_scored_tokens=10, num_scored_sents=2, num_ref_sents=2, insertions=1)
    path = tmp_path / "x.json"
    path.write_bytes(written("speechbrain", speechbrain=counts.facts))
    assert read_speechbrain(str(path)) == counts.facts()
    assert SpeechBrainSummary.read(read_speechbrain(str(path))) == counts
    path.write_text("{}\n{}\n")
    with pytest.raises(ManifestError, match="2 objects"):
        read_speechbrain(str(path))


SUMMARY = {
    "model": "whisper",
    "data": f"hf:owner/set@{'0' * 40}:test",
    "num_scored": 2_620,
    "num_failed": 1,
    "num_reference_words": 52_576,
    "substitutions": 3,
    "deletions": 2,
    "insertions": 1,
    "wer": 0.0205,
    "cer": 0.01,
    "ser": None,
    "wer_interval": {"low": 0.0186, "high": 0.0225},
    "normalizer": {"name": "basic", "version": "1", "hash": "ab" * 32},
    "scorer": {"name": "s", "version": "1", "hash": "cd" * 32},
}


def test_evaluation_results_are_yaml_of_the_hub():
    """The rate in per cent, the data set with its revision, and the rules in the notes."""
    [found] = yaml.safe_load(written("hf-eval-results", summary=SUMMARY))
    assert found["dataset"] == {"id": "owner/set", "task_id": "default", "revision": "0" * 40}
    assert found["value"] == 2.05
    assert all(part in found["notes"] for part in ("split test", "1 failed", "basic@1 sha256:abababab", "2620"))


@pytest.mark.parametrize("facts", [{"data": "manifest.jsonl"}, {"data": "hf:a/b\nvalue: 0"}, {"wer": None}])
def test_what_is_no_result_of_the_hub_is_refused(facts):
    """Data from elsewhere, and no rate."""
    with pytest.raises(UsageError, match=r"hub|no word error rate"):
        written("hf-eval-results", summary={**SUMMARY, **facts})


def test_tables_have_the_numbers_and_their_rules():
    """What Markdown or LaTeX would take for a sign is spelled out."""
    facts = {**SUMMARY, "model": r"a|b_c\d", "data": "x_y & 5 %"}
    head, rule, row, _, method = written("md", summary=facts).decode().splitlines()
    assert head.count("|") == rule.count("|") == row.replace(r"\|", "").count("|") == 14
    assert r"a\|b\_c\\d" in row
    assert "| 2,620 | 52,576 | 2.05 | [1.86, 2.25] | 3 | 2 | 1 | 1.00 | n/a |" in row
    assert method == "normalizer basic@1, scorer s@1"
    latex = written("latex", summary=facts).decode()
    assert r"a|b\_c\textbackslash{}d & x\_y \& 5 \% & 2,620" in latex
    assert latex.count("{tabular}") == 2


@pytest.mark.parametrize(
    ("to", "broken"),
    [
        ("trn", {"id": "a b"}), ("trn", {"id": "a(b)"}), ("trn", {"hypothesis_normalized": "{ a / b }"}),
        ("trn", {"hypothesis_normalized": ";; x"}), ("kaldi", {"id": "a b"}), ("stm", {"duration_s": 0.0}),
        ("stm", {"id": ";;x"}), ("seglst", {"duration_s": 0.0}), ("icefall", {"id": "a\tb"}),
    ],
)  # fmt: skip
def test_what_a_format_cannot_hold_is_refused(to, broken):
    """An id or a text that would be read as something else, and a time that nobody knows; with another way out."""
    with pytest.raises(UsageError) as refused:
        written(to, [dataclasses.replace(GOOD, **broken)])
    assert "--to jsonl" in (refused.value.hint or "")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run of the worker's own, of texts with ids."""
    folder = tmp_path_factory.mktemp("made")
    rows = [
        {"id": f"u{place}", "text": f"one two {place}", "pred_text": f"one too {place}", "duration": 1.5}
        for place in range(3)
    ]
    (folder / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    earmark.score_files(folder / "m.jsonl", out=folder / "run")
    return folder / "run"


def test_every_format_is_exported_or_says_why_not(made, tmp_path):
    """Of a real run: only times and the hub's data are missing."""
    for name in EXPORTS.entries():
        if name in ("ctm", "srt", "vtt", "hf-eval-results"):
            with pytest.raises(UsageError):
                earmark.export(made, name, tmp_path / name)
            assert not (tmp_path / name).exists()
        else:
            assert earmark.export(made, name, tmp_path / name) == 3, name
            assert (tmp_path / name).stat().st_size > 20, name


def test_a_convention_names_the_file_in_a_folder(made, tmp_path):
    """Of another format a folder is refused."""
    earmark.export(made, "open-asr", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["MODEL_m_DATASET_m.jsonl__test.jsonl"]
    with pytest.raises(UsageError, match="is a folder"):
        earmark.export(made, "md", tmp_path)


def test_what_is_left_out_is_said(tmp_path, capsys):
    """And not counted as exported."""
    rows = [{"id": "a", "text": "one", "pred_text": "one"}, {"id": "b", "text": None, "pred_text": "two"}]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    earmark.score_files(tmp_path / "m.jsonl", out=tmp_path / "run")
    assert earmark_command(["export", str(tmp_path / "run"), "--to", "trn"]) == 0
    out, said = capsys.readouterr()
    assert out == "one (a)\n"
    assert said == "note: trn has no place for what was not scored or not heard: 1 skipped\nexported 1 utterance\n"
    assert earmark.export(tmp_path / "run", "kaldi", io.BytesIO()) == 2


@pytest.mark.parametrize(("to", "left"), [("ctm", {"failed": 1}), ("stm", {"failed": 1, "skipped": 1})])
def test_a_ctm_and_its_segments_say_whom_they_leave_out(to, left):
    """Words are of what was heard, references of what was scored."""
    heard = dataclasses.replace(UNSCORED, reference="", words=(Word("heard", 0.0, 1.0),))
    run = ExportedRun([GOOD, heard, FAILED])
    lines = b"".join(EXPORTS.load(to)(run)).decode().splitlines()
    assert {line.split()[0] for line in lines} == ({"b-1", "c"} if to == "ctm" else {"b-1"})
    assert run.left_out == left


def test_a_failed_utterance_is_no_empty_text_in_a_csv(tmp_path):
    """It is refused as in JSON Lines, or left out; silence stays the empty text. Of others' tables nothing changes."""
    found = []
    for name in ("x.jsonl", "x.csv"):
        (tmp_path / name).write_bytes(written(name[2:], [GOOD, SILENT, FAILED]))
        with pytest.raises(UsageError, match=r"1 reference has no hypothesis \(first: 'd'\)"):
            earmark.score_files(tmp_path / name)
        [summary] = earmark.score_files(tmp_path / name, missing_hyp="skip").summaries.values()
        found.append((summary.num_scored, summary.wer))
    assert found[0] == found[1] == (2, 6 / 8)
    _, _, heard = read_back(tmp_path, "csv", "x.csv", "both", [GOOD, SILENT, FAILED])
    assert heard == [GOOD.hypothesis, "", None]
    (tmp_path / "y.csv").write_text("id,status,text,hyp\na,done,one,\nb,failed,,two\n")
    theirs = read_transcript(str(tmp_path / "y.csv"), Wanted("both"))
    assert theirs.rows["reference"].to_pylist() == ["one", None]
    assert [column.to_pylist() for column in theirs.hypotheses.values()] == [["", "two"]]


def test_every_reader_of_both_texts_is_listed():
    """``earmark ls formats`` names them, and none is loaded for that."""
    assert {"pra", "icefall", "srt", "vtt"} <= FORMATS.entries().keys()
