"""What a careless user does: each mistake is said in three lines at most, and loses nothing."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.cli.main import run
from earmark.store import layout
from tests.toys import toy_source, write_manifest, write_wav


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return write_manifest(tmp_path / "data" / "manifest.jsonl", toy_source(tmp_path / "data", 4))


def rows_of(manifest: Path) -> list[dict]:
    return [json.loads(line) for line in manifest.read_text().splitlines()]


def write_rows(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def earmark(tmp_path, capsys, monkeypatch):
    """Runs a command line in an empty folder and gives its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def command(*words: str) -> tuple[int, str, str]:
        code = run([str(word) for word in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def test_a_missing_manifest_is_said_with_the_near_one(earmark, manifest):
    """A typing error in the path."""
    code, _, said = earmark("eval", "echo", "--data", manifest.with_name("manifst.jsonl"))
    assert code == 2
    assert "there is no such file" in said
    assert f"did you mean {manifest}?" in said


def test_a_broken_line_is_shown_with_a_caret(earmark, manifest):
    """File, line, column, and the place."""
    manifest.write_text(manifest.read_text() + '{"id": "x" "audio": "a.wav"}\n')
    code, _, said = earmark("eval", "echo", "--data", manifest)
    assert code == 2
    assert f"error: {manifest}:5:12: not valid JSON" in said
    shown, caret = said.splitlines()[1:3]
    assert shown.index('"audio"') == caret.index("^")


def test_no_text_column_lists_the_columns(earmark, tmp_path):
    """And the flag that names one."""
    (tmp_path / "cv.csv").write_text("path,sentence_txt,age\na.wav,hello,3\n")
    code, _, said = earmark("eval", "echo", "--data", "cv.csv")
    assert code == 2
    assert "path, sentence_txt, age" in said
    assert "hint: --text-column sentence_txt" in said


def test_duplicate_ids_are_named(earmark, manifest):
    """How many, and the first."""
    rows = rows_of(manifest)
    write_rows(manifest, [*rows, rows[2]])
    code, _, said = earmark("eval", "echo", "--data", manifest)
    assert code == 2
    assert "1 duplicate id in" in said
    assert "'utt-002'" in said


def test_one_piece_twice_without_ids_is_told_as_that(earmark, manifest):
    """There is no column that could be left out."""
    rows = [{name: value for name, value in row.items() if name != "id"} for row in rows_of(manifest)]
    write_rows(manifest, [*rows, rows[2]])
    code, _, said = earmark("eval", "echo", "--data", manifest)
    assert code == 2
    assert "1 duplicate id in" in said
    assert "cause: the same file and time are there twice" in said
    assert "leave the column out" not in said


def test_missing_audio_says_how_many_the_first_and_audio_root(earmark, manifest, tmp_path):
    """Nothing is begun, and no folder is left behind."""
    elsewhere = write_rows(tmp_path / "elsewhere.jsonl", rows_of(manifest))
    code, _, said = earmark("eval", "echo", "--data", elsewhere)
    assert code == 2
    assert "4 of 4 utterances" in said
    assert "000.wav" in said
    assert "--audio-root" in said
    assert not (tmp_path / "runs").exists()
    code, _, _ = earmark(
        "eval", "echo", "--data", elsewhere, "--audio-root", manifest.parent, "--set", f"texts={manifest}"
    )
    assert code == 0


def test_unknown_names_list_the_near_ones(earmark, manifest):
    """A model, a normalizer, an option of the model."""
    for words, near in (
        (["eval", "pocketsphin", "--data", manifest], "did you mean pocketsphinx?"),
        (["eval", "echo", "--data", manifest, "--normalizer", "whisper-eng"], "did you mean whisper-en?"),
        (["eval", "echo", "--data", manifest, "--set", "text=x"], "did you mean texts?"),
        (["evl", "echo"], 'Did you mean "eval"?'),
    ):
        code, _, said = earmark(*words)
        assert code == 2
        assert near in said


@pytest.mark.parametrize(
    "words",
    [
        ["--workers", "0"],
        ["--workers", "many"],
        ["--max-errors", "x"],
        ["--limit", "0"],
        ["--limit", "120%"],
        ["--set", "texts"],
        ["--engine", "rya"],
        ["--missing-audio", "ignore"],
        ["--no-such-flag"],
        ["--engine", "inline", "--workers", "2"],
        ["--batch-size", "0"],
        ["--max-batch-seconds", "-1"],
    ],
    ids=" ".join,
)
def test_a_flag_that_means_nothing_is_bad_usage(earmark, manifest, words):
    """Exit code 2, in words, without a traceback."""
    code, _, said = earmark("eval", "echo", "--data", manifest, *words)
    assert code == 2
    assert said.startswith("error: ")
    assert "Traceback" not in said


def test_another_run_in_the_folder_names_the_fields_that_differ(earmark, manifest):
    """And says how to keep both."""
    earmark("eval", "noisy", "--data", manifest, "--out", "run")
    code, _, said = earmark("eval", "noisy", "--data", manifest, "--out", "run", "--set", "error_rate=0.5")
    assert code == 2
    assert "recognizer.options.error_rate was 0.1, is now 0.5" in said
    assert "--out OTHER_FOLDER" in said


def bad_audio(folder: Path) -> dict[str, str]:
    """File name to the kind of failure that it must give; '' for one that is fine."""
    samples = np.random.default_rng(0).normal(scale=0.1, size=16_000).astype(np.float32)
    whole = write_wav(folder / "whole.wav", 1.0).read_bytes()
    (folder / "zero_bytes.wav").write_bytes(b"")
    (folder / "half.wav").write_bytes(whole[: len(whole) // 2])
    soundfile.write(folder / "nothing.wav", samples[:0], 16_000)
    soundfile.write(folder / "nan.wav", np.append(samples, np.float32("nan")), 16_000, subtype="FLOAT")
    soundfile.write(folder / "telephone.wav", samples[:8_000], 8_000)
    soundfile.write(folder / "studio.wav", np.repeat(samples, 3), 48_000)
    soundfile.write(folder / "stereo.wav", np.stack([samples, -samples / 2], axis=1), 16_000)
    soundfile.write(folder / "flac.wav", samples, 16_000, format="FLAC")
    (folder / "text.wav").write_text("this is no audio")
    flac = (folder / "flac.wav").read_bytes()
    (folder / "cut.flac").write_bytes(flac[: len(flac) // 2])
    # A header that claims 37 hours, with a tenth of a second behind it.
    claimed = 37 * 3600 * 16_000 * 2
    header = (
        b"RIFF"
        + struct.pack("<I", claimed + 36)
        + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16)
    )
    (folder / "liar.wav").write_bytes(header + b"data" + struct.pack("<I", claimed) + whole[44:3_244])
    return {
        "whole.wav": "", "telephone.wav": "", "studio.wav": "", "stereo.wav": "", "flac.wav": "",
        "zero_bytes.wav": "empty", "nothing.wav": "empty", "half.wav": "truncated", "liar.wav": "truncated",
        "cut.flac": "", "nan.wav": "not_finite", "text.wav": "unreadable",
    }  # fmt: skip


def test_one_bad_file_never_ends_a_run(earmark, tmp_path):
    """Each kind of bad audio is a failed row with its reason; the good ones are scored; exit code 3."""
    folder = tmp_path / "bad"
    folder.mkdir()
    kinds = bad_audio(folder)
    del kinds["cut.flac"]  # see below
    rows = [{"id": name, "audio": name, "text": "a b", "duration": 1.0} for name in kinds]
    manifest = write_rows(folder / "manifest.jsonl", rows)
    code, out, said = earmark("eval", "echo", "-d", manifest, "--set", f"texts={texts(folder, rows)}", "--out", "run")
    failures = {row["id"]: row["reason"].split(":")[0] for row in read_errors(tmp_path / "run")}
    assert failures == {name: kind for name, kind in kinds.items() if kind}
    assert code == 3
    assert "6 of 11 utterances failed, more than --max-errors 0" in said
    assert "%WER 0.00 [ 0 / 10, 0 ins, 0 del, 0 sub ]" in out
    code, _, _ = earmark(
        "eval", "echo", "-d", manifest, "--set", f"texts={texts(folder, rows)}", "--out", "run", "--max-errors", "60%"
    )
    assert code == 0


def texts(folder: Path, rows: list[dict]) -> Path:
    return write_rows(folder / "texts.jsonl", [{"id": row["id"], "text": row["text"]} for row in rows])


def read_errors(run_folder: Path) -> list[dict]:
    return [json.loads(line) for line in (run_folder / layout.ERRORS).read_text().splitlines()]


def test_a_truncated_flac_fails_with_its_reason(earmark, tmp_path):
    """Half a file is not passed off as an utterance."""
    folder = tmp_path / "bad"
    folder.mkdir()
    bad_audio(folder)
    manifest = write_rows(folder / "m.jsonl", [{"id": "x", "audio": "cut.flac", "text": "a", "duration": 1.0}])
    code, _, _ = earmark("eval", "echo", "-d", manifest, "--out", "run")
    assert code == 3
    assert read_errors(tmp_path / "run")[0]["reason"].split(":")[0] in ("truncated", "unreadable")


def test_results_go_to_stdout_and_all_else_to_stderr(earmark, manifest):
    """So that a pipe gets the result alone."""
    code, out, said = earmark("eval", "echo", "-d", manifest, "--set", f"texts={manifest}", "--format", "json")
    assert code == 0
    assert json.loads(out)["wer"] == 0.0
    assert "run    runs/" in said


def test_a_traceback_is_shown_only_when_asked_for(manifest, tmp_path):
    """-vv shows where; the log of the run has it in any case."""
    broken = tmp_path / "run"
    command = [sys.executable, "-m", "earmark", "eval", "echo", "-d", str(manifest), "--out", str(broken)]
    subprocess.run(command, check=True, capture_output=True)
    (broken / layout.SCORES).unlink()
    (broken / layout.SCORES).mkdir()  # which no file can be renamed to
    quiet = subprocess.run(command, capture_output=True, text=True, check=False)
    loud = subprocess.run([*command, "-vv"], capture_output=True, text=True, check=False)
    assert quiet.returncode == loud.returncode == 1
    assert "Traceback" not in quiet.stderr
    assert "Traceback" in loud.stderr
    assert "Traceback" in (broken / layout.LOG).read_text()


def test_environment_twins_set_flags(earmark, manifest, monkeypatch):
    """EARMARK_NORMALIZER is --normalizer; the command line wins."""
    monkeypatch.setenv("EARMARK_NORMALIZER", "none")
    _, out, _ = earmark("eval", "echo", "-d", manifest, "--set", f"texts={manifest}", "--format", "json")
    assert json.loads(out)["normalizer"]["name"] == "none"
    _, out, _ = earmark("score", json.loads(out)["run"], "--normalizer", "basic", "--format", "json")
    assert json.loads(out)["normalizer"]["name"] == "basic"


def test_no_colour_where_it_is_not_wanted(manifest, tmp_path):
    """Not in a pipe; FORCE_COLOR asks for it; NO_COLOR forbids it."""
    command = [sys.executable, "-m", "earmark", "eval", "nothing", "-d", str(manifest)]
    for environment, is_coloured in (
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ):
        done = subprocess.run(command, capture_output=True, text=True, env={"PATH": "", **environment}, check=False)
        assert ("\x1b[" in done.stderr) == is_coloured
