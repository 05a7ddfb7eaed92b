from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

import earmark
from earmark.errors import ManifestError, MissingColumnError, UsageError
from earmark.verbs import check as verb
from tests.toys import toy_source, write_manifest, write_wav


def kinds(found: earmark.DataCheck) -> dict[str, int]:
    return {problem.kind: problem.number for problem in found.problems}


def first(found: earmark.DataCheck, kind: str) -> str:
    return next(problem.first_id for problem in found.problems if problem.kind == kind)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Real files of many kinds, and rows that are wrong in many ways."""
    rows = []

    def row(utterance_id: str, audio: str, text: str = "", **more: object) -> None:
        text = text or f"this is the natural sentence of {utterance_id}"
        rows.append(json.dumps({"id": utterance_id, "audio": audio, "text": text, **more}))

    rng = np.random.default_rng(0)
    for name, rate_hz in (("a.wav", 16_000), ("b.flac", 22_050), ("c.mp3", 44_100), ("d.ogg", 48_000)):
        soundfile.write(tmp_path / name, rng.normal(scale=0.05, size=3 * rate_hz), rate_hz)
        row(name[0], name)
    soundfile.write(tmp_path / "stereo.flac", rng.normal(scale=0.05, size=(48_000, 2)), 16_000)
    row("stereo", "stereo.flac")
    soundfile.write(tmp_path / "loud.wav", rng.normal(size=48_000).clip(-1, 1), 16_000)
    row("loud", "loud.wav")
    soundfile.write(tmp_path / "silent.wav", np.zeros(48_000), 16_000)
    row("silent", "silent.wav")
    soundfile.write(tmp_path / "offset.wav", rng.normal(scale=0.05, size=48_000) + 0.1, 16_000)
    row("offset", "offset.wav")
    whole = write_wav(tmp_path / "whole.wav", 3.0).read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[:20_000])
    row("cut", "cut.wav")
    (tmp_path / "junk.flac").write_bytes(b"no audio at all")
    row("junk", "junk.flac")
    (tmp_path / "copy.wav").write_bytes((tmp_path / "a.wav").read_bytes())
    row("copy", "copy.wav")
    row("gone", "gone.wav")
    row("late", "whole.wav", start=2.5, duration=2.0)
    row("after", "whole.wav", start=5.0, duration=1.0)
    row("b", "./b.flac")
    rows.insert(2, '{"id": "x", "audio"')
    rows.append('{"id": "no audio", "text": "x"}')
    (tmp_path / "m.jsonl").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_every_trouble_of_real_files_is_found(folder):
    """In one call, whatever else is wrong."""
    found = earmark.check(folder / "m.jsonl")
    assert kinds(found) == {
        "bad_row": 2, "duplicate_id": 1, "missing_audio": 1, "unreadable": 1, "truncated": 2, "past_the_end": 1,
        "doubled_audio": 1, "doubled_content": 1, "doubled_text": 1, "several_channels": 1, "clipped": 1, "silent": 1,
        "offset": 1,
    }  # fmt: skip
    assert {kind: first(found, kind) for kind in ("truncated", "past_the_end", "doubled_content", "clipped")} == {
        "truncated": "late", "past_the_end": "after", "doubled_content": "copy", "clipped": "loud",
    }  # fmt: skip
    assert [(row.line, row.column) for row in found.bad_rows] == [(3, 21), (17, None)]
    assert found.exit_code == 2
    assert found.num_utterances == 15
    assert {one.value: one.num_utterances for one in found.formats}["MP3/MPEG_LAYER_III"] == 1
    assert {one.value for one in found.sample_rates_hz} == {16_000, 22_050, 44_100, 48_000}


def test_without_decoding_only_headers_are_read(folder):
    """What only decoding tells is not told, and it is said that nothing was decoded."""
    found = earmark.check(folder / "m.jsonl", decode="none")
    assert found.decoded.rule == "none"
    assert found.decoded.num_asked == 0
    assert not kinds(found).keys() & {"doubled_content", "clipped", "silent", "offset"}
    assert kinds(found)["truncated"] == 1  # the piece; of the file that was cut the header tells nothing


def test_a_check_agrees_with_an_evaluation_on_what_fails(folder, tmp_path):
    """Of the rows that an evaluation takes, the same utterances fail, for reasons of the same kinds."""
    lines = [json.loads(line) for line in (folder / "m.jsonl").read_text().splitlines()[3:-2]]
    usable = folder / "usable.jsonl"
    usable.write_text("".join(json.dumps(row) + "\n" for row in lines))
    found = earmark.check(usable, missing_audio="fail")
    assert found.exit_code == 3
    out = tmp_path / "run"
    options = {"texts": str(usable)}
    summary = earmark.evaluate(
        "echo", usable, out=out, options=options, missing_audio="fail", engine="inline", workers=1
    )
    failed = [json.loads(line) for line in (out / "errors.jsonl").read_text().splitlines()]
    weights = {problem.kind: problem.number for problem in found.problems if problem.weight == "fails"}
    assert sum(weights.values()) == summary.num_failed == len(failed)
    assert {row["id"] for row in failed} == {"cut", "junk", "gone", "late", "after"}


def test_more_than_ten_minutes_are_sampled_and_the_sample_depends_on_the_seed_alone(tmp_path, monkeypatch):
    """Not on the order of the data; all of it is decoded where that is asked for."""
    monkeypatch.setattr(verb, "ALL_UP_TO_S", 2.0)
    source = toy_source(tmp_path, 12)
    manifest = write_manifest(tmp_path / "m.jsonl", source)
    found = earmark.check(manifest)
    assert found.decoded.rule == "sample"
    assert 0 < found.decoded.num_utterances < 12
    assert 2.0 <= found.decoded.audio_s < 2.0 + max(item.audio.duration_s for item in source.items)
    manifest.write_text("".join(reversed(manifest.read_text().splitlines(keepends=True))))
    assert earmark.check(manifest).decoded == found.decoded
    assert earmark.check(manifest, seed=1).decoded != found.decoded
    assert earmark.check(manifest, decode="all").decoded.num_utterances == 12


def test_a_limit_means_what_it_means_in_an_evaluation(tmp_path):
    """The first ones, or a random share; a source that is made already is looked at as it is."""
    source = toy_source(tmp_path, 12)
    manifest = write_manifest(tmp_path / "m.jsonl", source)
    assert earmark.check(manifest, limit=3).num_utterances == 3
    assert earmark.check(manifest, limit="50%", seed=4).num_utterances == 6
    assert earmark.check(source).num_utterances == 12


def test_a_broken_row_is_counted_once_however_often_data_are_read(tmp_path):
    """A random sample reads them three times."""
    source = toy_source(tmp_path, 6)
    manifest = write_manifest(tmp_path / "m.jsonl", source)
    manifest.write_text("{\n" + manifest.read_text() + "}\n")
    found = earmark.check(manifest, limit=3, seed=0)
    assert [row.line for row in found.bad_rows] == [1, 8]
    assert found.num_bad_rows == 2


def test_a_source_without_rows_is_read_up_to_its_first_error(tmp_path):
    """That there is more is said; where the first utterance is broken, nothing is known but why."""
    whole = toy_source(tmp_path, 3)

    class Torn:
        name, root, fingerprint = whole.name, whole.root, whole.fingerprint
        num_whole = 2

        def utterances(self):
            yield from itertools.islice(whole.utterances(), self.num_whole)
            raise ManifestError("cuts", "cannot be read", line=3)

    found = earmark.check(Torn())
    assert not found.is_complete
    assert (found.num_utterances, found.num_bad_rows, found.bad_rows[0].line) == (2, 1, 3)
    Torn.num_whole = 0
    with pytest.raises(ManifestError, match="cuts:3: cannot be read"):
        earmark.check(Torn())


def test_the_broken_rows_of_a_common_voice_table_are_counted(tmp_path):
    """It is made of rows, too, and the language is that of its folder."""
    write_wav(tmp_path / "es" / "clips" / "a.wav", 1.0)
    table = "client_id\tpath\tsentence\nc\ta.wav\tuna frase de prueba\nc\ta.wav\nc\ta.wav\totra frase\n"
    (tmp_path / "es" / "test.tsv").write_text(table)
    found = earmark.check(f"common-voice:{tmp_path / 'es'}:test")
    assert (found.num_utterances, found.num_bad_rows, found.bad_rows[0].line) == (2, 1, 3)
    assert [one.value for one in found.languages] == ["es"]


def test_where_there_is_nothing_to_look_at_an_error_says_why(tmp_path):
    """No rows, no column with a text, no such data; but rows that are all broken are all listed."""
    manifest = tmp_path / "m.jsonl"
    manifest.write_text("")
    with pytest.raises(UsageError, match="no utterances"):
        earmark.check(manifest)
    manifest.write_text('{"audio": "a.wav", "words": "x"}\n')
    with pytest.raises(MissingColumnError):
        earmark.check(manifest)
    with pytest.raises(UsageError):
        earmark.check(tmp_path / "gone.jsonl")
    manifest.write_text("{\n" * 3)
    assert [row.line for row in earmark.check(manifest).bad_rows] == [1, 2, 3]


def test_hostile_names_are_names(tmp_path):
    """A name with a null, one that is too long, a folder, and one that leads out: none of them stops the others."""
    (tmp_path / "folder.wav").mkdir()
    names = ["a\0b.wav", "x" * 5000 + ".wav", "folder.wav", "../../../etc/hostname", "ok.wav"]
    write_wav(tmp_path / "ok.wav", 1.0)
    manifest = tmp_path / "m.jsonl"
    manifest.write_text("".join(json.dumps({"audio": name, "text": "x y z"}) + "\n" for name in names))
    found = earmark.check(manifest)
    assert found.num_utterances == 5
    assert found.decoded.num_utterances == 1
    assert sum(kinds(found).get(kind, 0) for kind in ("missing_audio", "unreadable")) == 4


def test_nothing_is_written(folder, tmp_path_factory, monkeypatch):
    """Neither beside the data nor in the working folder."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    before = sorted(folder.iterdir())
    earmark.check(folder / "m.jsonl")
    assert sorted(folder.iterdir()) == before
    assert list(elsewhere.iterdir()) == []


def test_the_real_speech_is_as_its_documentation_says(open_data):
    """74 utterances, 9.1 minutes, three rates, one stereo file, nothing that would stop an evaluation."""
    found = earmark.check(open_data / "manifest.jsonl")
    assert found.num_utterances == 74
    assert found.audio_s / 60 == pytest.approx(9.1, abs=0.05)
    assert found.decoded.num_utterances == 74
    assert {one.value: one.num_utterances for one in found.sample_rates_hz} == {16_000: 57, 22_050: 16, 44_100: 1}
    assert kinds(found) == {"several_channels": 1}
    assert first(found, "several_channels") == "jfk"
    assert found.verdict == "usable"
