"""The place that data are staged to: never one that would cost the data themselves, nor one that hides a name."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from earmark.errors import FolderError, StagedMismatchError, UsageError
from earmark.sources import open_source
from earmark.verbs import stage as verb
from earmark.verbs.events import StageBegan
from earmark.verbs.stage import stage
from tests.toys import ToySource, toy_source, write_manifest


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ToySource:
    return toy_source(tmp_path_factory.mktemp("audio"), 4)


def bytes_of(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("[!.]*") if path.is_file() and path.name != "run.log"]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("fresh", [False, True])
def test_a_set_is_not_staged_onto_itself(source, tmp_path, fresh):
    """By its path, a link, its table, its audio, a folder of it, a folder around it: refused, and no byte is lost."""
    home = tmp_path / "home"
    there = home / "set"
    stage(source, there)
    (tmp_path / "link").symlink_to(there)
    (there / "sub").mkdir()
    before = bytes_of(home)
    for data, to in [
        (there, there),
        (f"staged:{there}", there),
        (there, tmp_path / "link"),
        (tmp_path / "link", there),
        (there / "utterances.parquet", there),
        (f"folder:{there / 'audio'}", there),
        (there, there / "sub"),
        (there, home),
    ]:
        with pytest.raises(FolderError, match="cannot use"):
            stage(str(data), to, fresh=fresh)
        assert bytes_of(home) == before, (data, to)


def test_audio_in_the_old_set_is_not_thrown_away(source, tmp_path):
    """A manifest elsewhere names files of the set, one by a link."""
    stage(source, tmp_path / "set")
    files = sorted((tmp_path / "set" / "audio").rglob("*.wav"))
    (tmp_path / "link.wav").symlink_to(files[2])
    before = bytes_of(tmp_path / "set")
    for number, audio in enumerate((str(files[0]), "link.wav")):
        manifest = tmp_path / f"{number}.jsonl"
        manifest.write_text(json.dumps({"audio": audio, "text": "a"}) + "\n")
        with pytest.raises(FolderError) as caught:
            stage(manifest, tmp_path / "set", fresh=True)
        assert "holds audio of the data" in caught.value.cause
        assert bytes_of(tmp_path / "set") == before


def test_a_kill_while_an_old_set_is_thrown_away_leaves_no_lie(source, tmp_path, monkeypatch):
    """Nobody takes what is left for a whole set, and the same call goes on."""
    stage(source, tmp_path / "set")

    class KilledError(BaseException):
        pass

    real = verb.clear

    def kill(*arguments):
        real(*arguments)
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(verb, "clear", kill)
        with pytest.raises(KilledError):
            stage(source, tmp_path / "set", audio_format="flac", fresh=True)
    with pytest.raises(UsageError, match="not staged to its end"):
        open_source(str(tmp_path / "set"))
    with pytest.raises(StagedMismatchError):
        stage(source, tmp_path / "set", audio_format="flac")
    assert stage(source, tmp_path / "set", audio_format="flac", fresh=True).num_staged == 4


@pytest.mark.parametrize("to", ["hf:x/y", "librispeech:test-clean", "staged:set", "HF:x/y"])
def test_a_name_of_data_is_no_folder(source, tmp_path, monkeypatch, to):
    """It would hide the data from then on; with ``./`` it may be one."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="is no folder") as caught:
        stage(source, to)
    assert f"./{to}" in caught.value.hint
    assert not list(tmp_path.iterdir())
    assert stage(source, f"./{to}").num_staged == 4


def test_what_is_left_out_is_not_reused(tmp_path):
    """A new folder has nothing that was done before."""
    source = toy_source(tmp_path / "audio", 4)
    (tmp_path / "audio" / "001.wav").unlink()
    events = []
    stage(source, tmp_path / "set", missing_audio="skip", observer=events.append)
    began = next(event for event in events if isinstance(event, StageBegan))
    assert (began.num_utterances, began.num_segments, began.num_segments_done) == (4, 3, 0)


def test_the_lines_of_the_program_are_short_and_whole(tmp_path):
    """The place in full, and but for paths no line above 80 columns; the flag of the hint is one of this verb."""
    source = toy_source(tmp_path / "audio", 4)
    manifest = write_manifest(tmp_path / "audio" / "m.jsonl", source)
    (tmp_path / "audio" / "001.wav").unlink()
    (tmp_path / "audio" / "002.wav").write_bytes(b"RIFF")
    command = [sys.executable, "-m", "earmark", "stage", str(manifest), "--engine", "inline"]
    flags = ["--missing-audio", "skip", "--max-errors", "1"]
    done = subprocess.run([*command, "--to", "set", *flags], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "set") in done.stdout
    assert "of 4 utterances, 1 failed, 1 left out" in done.stdout
    assert "--retry-failed" in done.stderr
    lines = (done.stdout + done.stderr).replace(str(tmp_path), "").splitlines()
    assert not [line for line in lines if len(line) > 80]
    (tmp_path / "file").touch()
    done = subprocess.run(
        [*command, "--to", "file/set", *flags], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 2
    assert "--to" in done.stderr
    assert "--out" not in done.stderr
