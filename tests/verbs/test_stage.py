"""Staging: the same audio in one place, whatever happens on the way, and the same hypotheses from it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import earmark
from earmark.audio.decode import decode
from earmark.errors import (
    DuplicateIdError,
    FolderError,
    InterruptedRunError,
    ManifestError,
    MissingAudioError,
    RunLockedError,
    StagedMismatchError,
    StoreError,
    UsageError,
)
from earmark.recognizers.doubles import Noisy
from earmark.sources import open_source
from earmark.store import layout
from earmark.store.disk import Disk
from earmark.store.folder import LocalFolder
from earmark.store.lock import locked
from earmark.verbs import stage_attempt
from earmark.verbs.evaluate import evaluate
from earmark.verbs.events import RunProgressed, StageBegan
from earmark.verbs.stage import stage
from earmark.verbs.stage_attempt import StageAttempt
from tests.toys import ToySource, sentence, toy_source, write_manifest, write_wav

PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ToySource:
    return toy_source(tmp_path_factory.mktemp("audio"), 12)


def table(folder: Path) -> list[dict]:
    return pq.read_table(folder / "utterances.parquet").to_pylist()


def digests(folder: Path) -> dict[str, str]:
    """Of the table and of every audio file."""
    files = [folder / "utterances.parquet", *sorted((folder / "audio").rglob("*.*"))]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_staged_set_holds_every_utterance(source, tmp_path):
    """In order, with its text, its speaker and 16 kHz mono audio that is the original's; the summary adds up."""
    summary = stage(source, tmp_path / "set")
    rows = table(tmp_path / "set")
    assert (summary.num_utterances, summary.num_staged, summary.num_new, summary.num_exact) == (12, 12, 12, 12)
    assert (summary.num_failed, summary.num_skipped, dict(summary.codings)) == (0, 0, {"WAV/PCM_16": 12})
    assert summary.audio_s == pytest.approx(sum(row["duration"] for row in rows))
    assert summary.size_bytes == sum((tmp_path / "set" / row["path"]).stat().st_size for row in rows)
    assert [row["index"] for row in rows] == list(range(12))
    for row, item in zip(rows, source.items, strict=True):
        assert (row["id"], row["text"], row["speaker"]) == (item.id, item.reference, item.speaker)
        assert (row["sample_rate"], row["num_samples"]) == (16_000, round(row["duration"] * 16_000))
        back = decode(str(tmp_path / "set" / row["path"]), max_decoded_s=60)
        assert np.array_equal(back, decode(f"{source.root}/{item.audio.uri}", max_decoded_s=60))


def test_a_second_call_does_nothing_and_says_so(source, tmp_path):
    """No byte is written, not even a time."""
    stage(source, tmp_path / "set")
    files = [path for path in (tmp_path / "set").rglob("[!.]*.*") if path.name != layout.LOG]
    before = {path: path.stat().st_mtime_ns for path in files}
    events = []
    summary = stage(source, tmp_path / "set", observer=events.append)
    assert (summary.num_new, summary.num_staged) == (0, 12)
    assert next(event for event in events if isinstance(event, StageBegan)).num_segments_done == 12
    assert not [event for event in events if isinstance(event, RunProgressed)]
    assert before == {path: path.stat().st_mtime_ns for path in before}


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_same_bytes_from_any_number_of_workers(source, tmp_path, workers):
    """Table and audio."""
    stage(source, tmp_path / "one")
    stage(source, tmp_path / "other", workers=workers, engine="processes")
    assert digests(tmp_path / "one") == digests(tmp_path / "other")


def test_an_evaluation_of_the_staged_set_is_that_of_the_originals(tmp_path):
    """One hash of scores, for audio of any rate and number of channels, pieces and extras."""
    for number, rate_hz in enumerate((8_000, 16_000, 22_050, 48_000)):
        write_wav(tmp_path / f"{number}.wav", 0.8, seed=number, rate_hz=rate_hz)
    rows = [{"id": f"w{n}", "audio": f"{n}.wav", "text": sentence(n), "accent": "north"} for n in range(4)]
    rows += [{"id": f"p{n}", "audio": f"{n}.wav", "start": 0.2, "duration": 0.3, "text": sentence(n)} for n in range(4)]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    texts = {row["id"]: row["text"] for row in rows}
    stage(tmp_path / "m.jsonl", tmp_path / "set")
    hashes = {
        evaluate(Noisy(texts, error_rate=0.4), str(data), out=str(tmp_path / f"run{n}"), normalizer="none").scores_hash
        for n, data in enumerate((tmp_path / "m.jsonl", tmp_path / "set"))
    }
    assert len(hashes) == 1
    there = {u.id: u.extra for u in open_source(str(tmp_path / "set")).utterances()}
    assert there == {u.id: u.extra for u in open_source(str(tmp_path / "m.jsonl")).utterances()}


def test_ids_are_never_paths(source, tmp_path):
    """Whatever an id is, its file lies where the set wants it."""
    ids = ("../../etc/passwd", "/abs", "", "a\\b:c*?", "x" * 5_000, "\u202eright", ".", "con")
    items = tuple(replace(item, id=utterance_id or " ") for item, utterance_id in zip(source.items, ids, strict=False))
    stage(ToySource(source.root, items), tmp_path / "deep" / "set")
    assert [row["id"] for row in table(tmp_path / "deep" / "set")] == [one or " " for one in ids]
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix == ".wav"]
    assert {path.parent for path in files} == {tmp_path / "deep" / "set" / "audio" / "00000"}


def broken(folder: Path) -> ToySource:
    source = toy_source(folder, 6)
    path = folder / "002.wav"
    path.write_bytes(path.read_bytes()[:1_000])
    return source


def test_a_failed_utterance_is_counted_listed_and_never_dropped(tmp_path):
    """It stays in the table without a file, so an evaluation counts it as failed, as that of the originals does."""
    source = broken(tmp_path / "audio")
    summary = stage(source, tmp_path / "set")
    assert (summary.num_staged, summary.num_failed) == (5, 1)
    (line,) = [json.loads(line) for line in (tmp_path / "set" / "errors.jsonl").read_text().splitlines()]
    assert (line["id"], line["status"], line["error_kind"]) == ("utt-002", "failed", "truncated")
    assert "promises" in line["error"]
    row = table(tmp_path / "set")[2]
    assert (row["error_kind"], row["duration"], row["sha256"]) == ("truncated", 0.0, None)
    with pytest.raises(MissingAudioError, match=r"1 of 6 .*not-staged/00000002\.truncated"):
        evaluate(Noisy(source.texts), str(tmp_path / "set"), out=str(tmp_path / "run"))
    evaluated = evaluate(
        Noisy(source.texts), str(tmp_path / "set"), out=str(tmp_path / "run"), missing_audio="fail", normalizer="none"
    )
    original = evaluate(Noisy(source.texts), source, out=str(tmp_path / "run2"), normalizer="none")
    assert evaluated.scores_hash == original.scores_hash
    assert evaluated.num_failed == 1


def test_failed_utterances_are_staged_when_they_are_mended(tmp_path):
    """With ``retry_failed``; without, the second call leaves them."""
    source = broken(tmp_path / "audio")
    stage(source, tmp_path / "set")
    write_wav(tmp_path / "audio" / "002.wav", 0.5, seed=2)
    assert stage(source, tmp_path / "set").num_new == 0
    summary = stage(source, tmp_path / "set", retry_failed=True)
    assert (summary.num_new, summary.num_staged, summary.num_failed) == (1, 6, 0)
    assert not (tmp_path / "set" / "errors.jsonl").exists()
    assert stage(source, tmp_path / "set", retry_failed=True).num_new == 0


@pytest.mark.parametrize("rule", ["error", "fail", "skip"])
def test_missing_audio_is_refused_failed_or_left_out(tmp_path, rule):
    """As in an evaluation; what is left out is counted and listed with the rule."""
    source = toy_source(tmp_path / "audio", 4)
    (tmp_path / "audio" / "001.wav").unlink()
    if rule == "error":
        with pytest.raises(MissingAudioError):
            stage(source, tmp_path / "set")
        assert not (tmp_path / "set").exists()
        return
    summary = stage(source, tmp_path / "set", missing_audio=rule)
    assert (summary.num_staged, summary.num_failed, summary.num_skipped) == (3, rule == "fail", rule == "skip")
    assert len(table(tmp_path / "set")) == (4 if rule == "fail" else 3)
    (line,) = [json.loads(line) for line in (tmp_path / "set" / "errors.jsonl").read_text().splitlines()]
    assert (line["id"], line["status"]) == ("utt-001", "failed" if rule == "fail" else "skipped")
    assert stage(source, tmp_path / "set", missing_audio=rule).num_new == 0


def test_a_changed_reference_is_a_new_table_and_no_new_audio(tmp_path):
    """Only what was said of the audio is written again."""
    source = toy_source(tmp_path / "audio", 3)
    stage(source, tmp_path / "set")
    changed = ToySource(source.root, (replace(source.items[0], reference="something else"), *source.items[1:]))
    assert stage(changed, tmp_path / "set").num_new == 0
    assert table(tmp_path / "set")[0]["text"] == "something else"
    assert next(open_source(str(tmp_path / "set")).utterances()).reference == "something else"


def test_a_mended_original_is_warned_of(tmp_path):
    """What was staged of it stays, and is said: only ``fresh`` stages it again."""
    source = toy_source(tmp_path / "audio", 8)
    stage(source, tmp_path / "set")
    write_wav(tmp_path / "audio" / "000.wav", 0.5, seed=99)
    events = []
    assert stage(source, tmp_path / "set", observer=events.append).num_new == 0
    assert (events[0].num_changed_audio, events[0].num_sampled_audio) == (1, 8)


def test_originals_that_changed_before_anything_was_staged_are_not_warned_of(tmp_path):
    """The set is of the originals as they are now: nothing was reused, in this call or in a later one."""
    source = toy_source(tmp_path / "audio", 8)
    stage(source, tmp_path / "set")
    for part in (tmp_path / "set" / "parts").iterdir():
        part.unlink()
    for number in range(8):
        write_wav(tmp_path / "audio" / f"{number:03}.wav", 0.5, seed=99 + number)
    first, again = (stage(source, tmp_path / "set") for _ in range(2))
    assert (first.num_new, first.num_changed_audio) == (8, 0)
    assert (again.num_new, again.num_changed_audio) == (0, 0)


class _Killed(BaseException):
    """As a kill: nothing catches it."""


@pytest.mark.parametrize(
    ("step", "num_changed"), [("first part", 8), ("last part", 8), ("last part", 1), ("table", 1), ("facts", 8)]
)
def test_two_kills_around_changed_originals_lose_nothing(tmp_path, monkeypatch, step, num_changed):
    """The first one before any part; the second at each step of the set of the originals as they are now."""
    source = toy_source(tmp_path / "audio", 8)

    def killed(*_args, **_named):
        raise _Killed

    def killed_after(real):
        return lambda *args, **named: killed(real(*args, **named))

    works = StageAttempt._engine_works
    steps = {
        "first part": (StageAttempt, "_engine_works", killed),
        "last part": (StageAttempt, "_engine_works", killed_after(works)),
        "table": (stage_attempt, "write_table", killed),
        "facts": (stage_attempt, "write_table", killed_after(stage_attempt.write_table)),
    }
    for index, kill in enumerate(["first part", step]):
        with monkeypatch.context() as patch:
            patch.setattr(*steps[kill])
            with pytest.raises(_Killed):
                stage(source, tmp_path / "set")
        for number in range(num_changed if index == 0 else 0):
            write_wav(tmp_path / "audio" / f"{number:03}.wav", 0.5, seed=99 + number)
    found = stage(source, tmp_path / "set")
    assert (found.num_new, found.num_staged) == (8 if step == "first part" else 0, 8)
    assert found.num_changed_audio == 0


def test_a_folder_without_a_name_is_refused(source, monkeypatch, tmp_path):
    """An empty shell variable is not the working folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("", " "):
        with pytest.raises(UsageError, match="--to names no folder"):
            stage(source, name)
    assert not list(tmp_path.iterdir())


def test_the_folder_is_told_by_its_plain_path(source, tmp_path):
    """Without two dots; behind a link they lead to the folder above the one that is linked."""
    (tmp_path / "deep" / "er").mkdir(parents=True)
    assert stage(source, tmp_path / "deep" / ".." / "set").target == str(tmp_path / "set")
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "er")
    assert stage(source, tmp_path / "link" / ".." / "two").target == str(tmp_path / "deep" / "two")


def test_verifying_says_how_much_it_read(source, tmp_path):
    """All files that are staged; without it none."""
    assert stage(source, tmp_path / "set").num_verified == 0
    assert stage(source, tmp_path / "set", verify=True).num_verified == 12
    assert stage(source, tmp_path / "set").num_verified == 0


def test_another_set_is_refused_and_the_fields_named(source, tmp_path):
    """Other utterances, other audio, another format; ``fresh`` throws the old one away."""
    stage(source, tmp_path / "set")
    with pytest.raises(StagedMismatchError, match="holds another staged set") as caught:
        stage(source, tmp_path / "set", audio_format="flac")
    assert caught.value.cause == "audio_format was 'wav', is now 'flac'"
    fewer = ToySource(source.root, source.items[:5])
    with pytest.raises(StagedMismatchError) as caught:
        stage(fewer, tmp_path / "set")
    assert set(caught.value.fields) >= {"num_utterances", "data_fingerprint"}
    assert caught.value.cause == "num_utterances was 12, is now 5; so the data, or --limit, are others"
    other = toy_source(tmp_path / "other", 12, durations_s=[0.31] * 12)
    noisy = ToySource(
        other.root, tuple(replace(o, audio=s.audio) for o, s in zip(other.items, source.items, strict=True))
    )
    with pytest.raises(StagedMismatchError) as caught:
        stage(noisy, tmp_path / "set")
    assert set(caught.value.fields) == {"audio_sample"}
    summary = stage(fewer, tmp_path / "set", fresh=True, audio_format="flac")
    assert (summary.num_new, dict(summary.codings)) == (5, {"FLAC/PCM_16": 5})
    assert len(list((tmp_path / "set" / "audio").rglob("*.*"))) == 5


def test_a_set_of_another_time_can_be_read(source, tmp_path):
    """Its format is one that nobody can ask for now: it is data all the same, and to go on with it is refused."""
    stage(source, tmp_path / "set")
    path = tmp_path / "set" / "staged.json"
    facts = json.loads(path.read_text())
    facts["identity"]["audio_format"] = "auto"
    del facts["is_being_verified"]
    path.write_text(json.dumps(facts))
    assert evaluate(Noisy(source.texts), str(tmp_path / "set"), out=str(tmp_path / "run")).num_scored == 12
    with pytest.raises(StagedMismatchError) as caught:
        stage(source, tmp_path / "set")
    assert caught.value.cause == "audio_format was 'auto', is now 'wav'"


def test_a_seed_without_a_size_is_refused(source, tmp_path):
    """As an evaluation refuses it."""
    with pytest.raises(UsageError, match="nothing says of what size"):
        stage(str(write_manifest(tmp_path / "m.jsonl", source)), tmp_path / "set", seed=5)
    assert not (tmp_path / "set").exists()


def test_the_table_tells_no_secret(source, tmp_path):
    """Data without a name of their own are called by the place that they came from."""

    class Bucket(ToySource):
        name = "s3://AKIAKEY:hunter2@bucket/x:hunter3@y"

    stage(Bucket(source.root, source.items), tmp_path / "set")
    assert not [row for row in table(tmp_path / "set") if "hunter" in row["dataset"]]


def test_a_place_that_is_not_for_staging_is_refused(source, tmp_path):
    """A file, a folder of something else, a run, and a folder inside the data that are walked."""
    (tmp_path / "file").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    evaluate(Noisy(source.texts), source, out=str(tmp_path / "run"))
    shutil.copytree(source.root, tmp_path / "clips")
    for data, to, why in [
        (source, "file", "it is a file"),
        (source, "full", r"no staged set \(thesis.tex\)"),
        (source, "run", "holds a run"),
        (str(tmp_path / "clips"), "clips/staged", "inside the data"),
        (f"folder:{tmp_path / 'clips'}", "clips", "inside the data"),
    ]:
        with pytest.raises(FolderError) as caught:
            stage(data, tmp_path / to)
        assert re.search(why, caught.value.cause), (to, caught.value.cause)
    (tmp_path / "run" / "staged.json").write_text("{}")
    with pytest.raises(FolderError, match="cannot use"):
        stage(source, tmp_path / "run")


def test_data_that_cannot_be_used_leave_no_folder(source, tmp_path):
    """They are looked at before anything is made."""
    double = ToySource(source.root, (source.items[0], source.items[0]))
    with pytest.raises(DuplicateIdError):
        stage(double, tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_one_at_a_time(source, tmp_path):
    """A second process that stages into the folder is refused."""
    with locked(LocalFolder(tmp_path / "set")), pytest.raises(RunLockedError):
        stage(source, tmp_path / "set")


def test_damaged_files_are_found_and_mended(source, tmp_path):
    """With ``verify``: one changed bit, one file that is gone. Without, only what is gone is found."""
    stage(source, tmp_path / "set")
    before = digests(tmp_path / "set")
    paths = [tmp_path / "set" / row["path"] for row in table(tmp_path / "set")]
    data = bytearray(paths[3].read_bytes())
    data[-5] ^= 1
    paths[3].write_bytes(data)
    paths[7].unlink()
    assert stage(source, tmp_path / "set").num_new == 1
    assert stage(source, tmp_path / "set", verify=True).num_new == 1
    assert digests(tmp_path / "set") == before
    assert stage(source, tmp_path / "set", verify=True).num_new == 0


def test_a_damaged_part_is_done_again(source, tmp_path):
    """And said."""
    stage(source, tmp_path / "set")
    before = digests(tmp_path / "set")
    part = next((tmp_path / "set" / "parts").iterdir())
    part.write_bytes(part.read_bytes()[:-30])
    events = []
    assert stage(source, tmp_path / "set", observer=events.append).num_new > 0
    assert events[0].damaged_parts == (f"parts/{part.name}",)
    assert digests(tmp_path / "set") == before


@pytest.mark.parametrize("room", [0, 1, 4, 13, 14, 15])
def test_a_disk_that_fills_half_way_loses_nothing_that_was_committed(source, tmp_path, monkeypatch, room):
    """The error says to free space; nobody takes the set for whole; the same call then finishes it."""
    with monkeypatch.context() as patch:
        patch.setattr(Disk, "write", full_write(room))
        with pytest.raises(StoreError) as caught:
            stage(source, tmp_path / "set")
    assert "free some space" in caught.value.hint
    if (tmp_path / "set" / "staged.json").exists():
        with pytest.raises(ManifestError, match="not staged to its end"):
            open_source(str(tmp_path / "set"))
    stage(source, tmp_path / "whole")
    stage(source, tmp_path / "set")
    assert digests(tmp_path / "set") == digests(tmp_path / "whole")


def full_write(room: int):
    left = room
    real = Disk.write

    def write(self, file, data):
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(28, "No space left on device")
        real(self, file, data)

    return write


class StopAfter:
    """Interrupts this process, as Ctrl-C would, when so many parts are committed."""

    def __init__(self, num_parts: int) -> None:
        self.left = num_parts

    def __call__(self, event):
        if isinstance(event, RunProgressed):
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGINT)


def test_a_stop_keeps_what_is_done(source, tmp_path):
    """The set is not opened as whole, and the same call ends with the bytes of one that never stopped."""
    with pytest.raises(InterruptedRunError) as caught:
        stage(source, tmp_path / "set", observer=StopAfter(2))
    assert 0 < caught.value.num_done < 12
    with pytest.raises(ManifestError, match="not staged to its end"):
        open_source(str(tmp_path / "set"))
    assert stage(source, tmp_path / "set").num_new == 12 - caught.value.num_done
    stage(source, tmp_path / "whole")
    assert digests(tmp_path / "set") == digests(tmp_path / "whole")


def start(manifest: Path, to: Path, workers: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "earmark", "stage", str(manifest), "--to", str(to), "--workers", str(workers)]
    return subprocess.Popen(
        [*command, "--progress", "none"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


@contextlib.contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def parts_of(folder: Path) -> int:
    return len(list((folder / "parts").glob("[!.]*.parquet")))


def test_kill_9_in_the_middle_and_another_number_of_workers(tmp_path):
    """Two workers and their driver are killed, then one process goes on: the bytes of a set that was never killed."""
    folder = tmp_path / "audio"
    manifest = write_manifest(tmp_path / "m.jsonl", toy_source(folder, 40))
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    many = [{**row, "id": f"{row['id']}-{n}", "audio": f"audio/{row['audio']}"} for n in range(25) for row in rows]
    manifest.write_text("".join(json.dumps(row) + "\n" for row in many))
    with ended(start(manifest, tmp_path / "set", 2)) as process:
        deadline = time.monotonic() + PATIENCE_S
        while parts_of(tmp_path / "set") < 2:
            assert process.poll() is None, process.communicate()[1].decode()
            assert time.monotonic() < deadline
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
    assert parts_of(tmp_path / "set") >= 2
    assert not (tmp_path / "set" / "utterances.parquet").exists(), "it was killed too late to prove anything"
    summary = stage(manifest, tmp_path / "set")
    assert 0 < summary.num_new < 1_000
    assert summary.num_staged == 1_000
    stage(manifest, tmp_path / "whole")
    assert digests(tmp_path / "set") == digests(tmp_path / "whole")


def test_the_program_says_what_it_did(tmp_path):
    """Counts, hours, bytes and speed on stdout; what to type next on stderr; exit code 3 where too many fail."""
    source = broken(tmp_path / "audio")
    manifest = write_manifest(tmp_path / "audio" / "m.jsonl", source)
    command = [sys.executable, "-m", "earmark", "stage", str(manifest), "--to", str(tmp_path / "set")]
    first = subprocess.run([*command, "--engine", "inline"], capture_output=True, text=True, check=False)
    assert first.returncode == 3, first.stderr
    assert "staged 5 of 6 utterances, 1 failed, 0 left out" in first.stdout
    assert "s of audio a second" in first.stdout
    assert f"next: earmark eval pocketsphinx --data {tmp_path / 'set'} --missing-audio fail" in first.stderr
    assert "1 of 6 utterances failed, more than --max-errors 0" in first.stderr
    second = subprocess.run([*command, "--max-errors", "1"], capture_output=True, text=True, check=False)
    assert second.returncode == 0, second.stderr
    assert "there was nothing to do" in second.stdout


def test_the_public_name(source, tmp_path):
    """``earmark.stage`` is this."""
    assert earmark.stage(data=source, to=tmp_path / "set").num_staged == 12


@pytest.mark.soak
def test_real_speech_is_understood_alike(open_data, tmp_path):
    """The first four of the real utterances, staged and not, by a real recognizer."""
    stage(open_data / "manifest.jsonl", tmp_path / "set", limit=4)
    staged = evaluate("pocketsphinx", tmp_path / "set", out=tmp_path / "staged")
    original = evaluate("pocketsphinx", open_data / "manifest.jsonl", out=tmp_path / "original", limit=4)
    assert staged.scores_hash == original.scores_hash
    assert staged.num_scored == 4
