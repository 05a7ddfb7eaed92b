"""The main way through: transcribe, score, keep; and go on."""

from __future__ import annotations

import json
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from earmark.errors import (
    DuplicateIdError,
    FolderError,
    InterruptedRunError,
    MissingAudioError,
    RecognizerError,
    RunLockedError,
    RunMismatchError,
    UnknownNameError,
    UsageError,
)
from earmark.recognizers import load_recognizer
from earmark.recognizers.doubles import Crashing, Echo, Failing, Hungry, Noisy, Slow
from earmark.store import layout
from earmark.store.run import RunStore
from earmark.verbs.demo import demo
from earmark.verbs.evaluate import evaluate
from earmark.verbs.events import RunBegan, RunProgressed
from earmark.verbs.merge import merge
from earmark.verbs.score import score
from tests.toys import ToySource, toy_source, write_manifest, write_wav


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ToySource:
    return toy_source(tmp_path_factory.mktemp("audio"), 12)


def noisy(source: ToySource) -> Noisy:
    return Noisy(source.texts, error_rate=0.3)


def run(source, out, recognizer=None, **arguments):
    return evaluate(recognizer or noisy(source), source, out=str(out), normalizer="none", max_batch_s=1.0, **arguments)


class StopAfter:
    """Interrupts this process, as Ctrl-C would, when so many parts are committed."""

    def __init__(self, num_parts: int) -> None:
        self.left = num_parts

    def __call__(self, event):
        if isinstance(event, RunProgressed):
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGINT)


def test_a_perfect_recognizer_has_no_errors(source, tmp_path):
    """Echo says the references: WER, CER and SER are 0, and every utterance is scored."""
    summary = run(source, tmp_path / "run", Echo(source.texts))
    assert (summary.wer, summary.cer, summary.ser) == (0.0, 0.0, 0.0)
    assert (summary.num_scored, summary.num_failed, summary.num_skipped) == (12, 0, 0)


def test_the_summary_equals_an_independent_scorer(source, tmp_path):
    """The corpus WER and CER are jiwer's over the same hypotheses."""
    jiwer = pytest.importorskip("jiwer")
    summary = run(source, tmp_path / "run")
    scores = pd.read_parquet(tmp_path / "run" / layout.SCORES)
    references, hypotheses = scores["reference"].tolist(), scores["hypothesis"].tolist()
    assert summary.wer == jiwer.wer(references, hypotheses)
    assert summary.cer == jiwer.cer(references, hypotheses)


def test_the_files_say_what_the_summary_says(source, tmp_path):
    """summary.json has the agreed fields, and the three kinds of utterances add up."""
    summary = run(source, tmp_path / "run", Failing(source.texts, ids="utt-003"))
    facts = json.loads((tmp_path / "run" / layout.SUMMARY).read_text())
    assert facts["num_utterances"] == facts["num_scored"] + facts["num_failed"] + facts["num_skipped"] == 12
    assert facts["wer"] == summary.wer == 0.0
    words = len(source.items[3].reference.split())
    assert facts["wer_failed_as_deletions"] == words / (facts["num_reference_words"] + words)
    assert set(facts["rtfx"]) == {"compute", "worker", "wall"}
    assert facts["normalizer"]["name"] == "none"
    assert set(facts["normalizer"]) == set(facts["scorer"]) == {"name", "version", "hash"}


def test_a_stopped_run_keeps_what_is_done_and_goes_on(source, tmp_path):
    """After Ctrl-C the error says how far it came; the next start does only the rest."""
    with pytest.raises(InterruptedRunError) as stopped:
        run(source, tmp_path / "run", observer=StopAfter(1))
    assert 0 < stopped.value.num_done < 12
    events = []
    run(source, tmp_path / "run", observer=events.append)
    began = next(event for event in events if isinstance(event, RunBegan))
    assert began.num_segments_done == stopped.value.num_done


def test_a_finished_run_does_nothing_again(source, tmp_path):
    """The same call again transcribes nothing, and its old speed is not passed off as new."""
    first = run(source, tmp_path / "run")
    parts = {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / layout.PARTS).iterdir()}
    again = run(source, tmp_path / "run")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / layout.PARTS).iterdir()} == parts
    assert again.scores_hash == first.scores_hash
    assert again.speed.wall_audio_s == first.speed.wall_audio_s
    assert again.speed.wall == first.speed.wall


def test_audio_of_an_earlier_attempt_never_counts_as_speed(source, tmp_path):
    """The wall-clock speed of a resumed run is over what that attempt transcribed itself."""
    with pytest.raises(InterruptedRunError):
        run(source, tmp_path / "run", observer=StopAfter(2))
    summary = run(source, tmp_path / "run")
    assert 0 < summary.speed.wall_audio_s < summary.audio_s


def test_another_normalizer_scores_again_without_transcribing(source, tmp_path):
    """A normalizer is no part of a run's identity."""
    run(source, tmp_path / "run")
    spec = (tmp_path / "run" / layout.SPEC).read_bytes()
    summary = score(str(tmp_path / "run"), normalizer="whisper-en")
    assert summary.normalizer.name == "whisper-en"
    assert (tmp_path / "run" / layout.SPEC).read_bytes() == spec


def test_another_run_in_the_folder_is_refused_with_the_fields_that_differ(source, tmp_path):
    """Another recognizer, other options or other data never mix with what is there."""
    run(source, tmp_path / "run")
    with pytest.raises(RunMismatchError) as refused:
        run(source, tmp_path / "run", Noisy(source.texts, error_rate=0.5))
    assert refused.value.fields == {"recognizer.options.error_rate": (0.3, 0.5)}
    smaller = ToySource(source.root, source.items[:5])
    with pytest.raises(RunMismatchError) as refused:
        run(smaller, tmp_path / "run")
    assert "data.num_utterances" in refused.value.fields


def test_the_same_manifest_over_other_audio_is_another_run(tmp_path):
    """A clean and a noisy version of a test set differ in nothing but their audio, and are told apart."""
    clean = toy_source(tmp_path / "audio", 4)
    run(clean, tmp_path / "run")
    for number, item in enumerate(clean.items):
        write_wav(tmp_path / "audio" / item.audio.uri, item.audio.duration_s, seed=100 + number)
    with pytest.raises(RunMismatchError) as refused:
        run(clean, tmp_path / "run")
    assert list(refused.value.fields) == ["data.audio_sample"]


def test_a_corrected_reference_is_scored_anew_and_not_heard_anew(source, tmp_path):
    """References are no part of a run's identity; the mistakes export follows them."""
    recognizer = Echo(source.texts)
    run(source, tmp_path / "run", recognizer)
    parts = {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / layout.PARTS).iterdir()}
    first = source.items[0]
    corrected = ToySource(source.root, (replace(first, reference=f"{first.reference} and more"), *source.items[1:]))
    summary = run(corrected, tmp_path / "run", recognizer)
    assert summary.counts.words.deletions == 2
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / layout.PARTS).iterdir()} == parts
    merge(str(tmp_path / "run"))
    assert pd.read_parquet(tmp_path / "run" / layout.MERGED)["index"].tolist() == [0]


def test_mended_audio_is_the_same_run_and_its_failure_is_tried_again(tmp_path):
    """A file that did not decode is replaced; retry_failed does that utterance, and the run goes on being itself."""
    source = toy_source(tmp_path / "audio", 4)
    good = (tmp_path / "audio" / "002.wav").read_bytes()
    (tmp_path / "audio" / "002.wav").write_bytes(b"no audio")
    recognizer = Echo(source.texts)
    assert run(source, tmp_path / "run", recognizer).num_failed == 1
    (tmp_path / "audio" / "002.wav").write_bytes(good)
    summary = run(source, tmp_path / "run", recognizer, retry_failed=True)
    assert (summary.num_scored, summary.num_failed) == (4, 0)


def test_a_demo_never_takes_the_place_of_a_real_run(source, tmp_path):
    """Its folder is replaced each time, so it must be a demo's."""
    run(source, tmp_path / "run")
    with pytest.raises(FolderError, match="cannot use"):
        demo(out=str(tmp_path / "run"))
    first = demo(out=str(tmp_path / "demo"))
    assert Path(first.page) == tmp_path / "demo" / layout.REPORT
    assert demo(out=str(tmp_path / "demo")).summary.scores_hash == first.summary.scores_hash
    assert 0 < first.summary.wer < 0.3
    assert first.diffs


def test_fresh_throws_the_old_run_away(source, tmp_path):
    """With it another run may take the folder."""
    run(source, tmp_path / "run")
    summary = run(source, tmp_path / "run", Echo(source.texts), fresh=True)
    assert summary.wer == 0.0


def test_a_second_run_on_the_folder_is_refused_while_the_first_lives(source, tmp_path):
    """Two drivers on one folder would export mistakes twice."""
    refused = []

    def try_again(event):
        if isinstance(event, RunBegan):
            thread = threading.Thread(target=lambda: refused.append(attempt()))
            thread.start()
            thread.join()

    def attempt():
        with pytest.raises(RunLockedError) as error:
            run(source, tmp_path / "run")
        return error.value

    run(source, tmp_path / "run", observer=try_again)
    assert "process" in refused[0].holder
    run(source, tmp_path / "run")


def test_a_worker_that_dies_costs_one_failed_utterance(source, tmp_path):
    """The guilty utterance is found, listed with its reason, and all others are scored."""
    summary = run(source, tmp_path / "run", Crashing(source.texts, ids="utt-005"), workers=2)
    assert (summary.num_scored, summary.num_failed) == (11, 1)
    listed = json.loads((tmp_path / "run" / layout.ERRORS).read_text())
    assert listed == {"index": 5, "id": "utt-005", "reason": "worker_died: 3 workers died of it: was killed by SIGKILL"}


def test_a_batch_that_does_not_fit_is_split_and_said_to_be(source, tmp_path):
    """Out of memory costs no utterance."""
    summary = run(source, tmp_path / "run", Hungry(source.texts, most_at_once=1))
    assert summary.num_scored == 12
    assert summary.num_split_rows > 0


def test_a_failed_piece_fails_its_utterance(tmp_path):
    """A long utterance is never scored without one of its pieces; a retry that mends the piece scores it whole."""
    source = toy_source(tmp_path / "audio", durations_s=[5.0, 0.5])

    class Forgetful(Echo):
        """Fails on its third call while a file is there."""

        num_calls = 0

        def text(self, waveform):
            self.num_calls += 1
            if self.num_calls == 3 and (tmp_path / "bad-mood").exists():
                raise RecognizerError("forgot")
            return super().text(waveform)

    (tmp_path / "bad-mood").touch()
    first = run(source, tmp_path / "run", Forgetful(source.texts, max_audio_s=1.0))
    assert (first.num_scored, first.num_failed) == (1, 1)
    (tmp_path / "bad-mood").unlink()
    again = run(source, tmp_path / "run", Forgetful(source.texts, max_audio_s=1.0), retry_failed=True)
    assert (again.num_scored, again.num_failed) == (2, 0)
    merge(str(tmp_path / "run"))
    assert pd.read_parquet(tmp_path / "run" / layout.MERGED)["index"].tolist() == [0]


@pytest.mark.parametrize("change", [{"language": "es"}, {"channel": 1}], ids=str)
def test_what_is_heard_of_a_file_is_part_of_the_identity(tmp_path, change):
    """Two channels of one file are two data sets, and so are two languages."""
    source = toy_source(tmp_path / "audio", 2)
    manifest = write_manifest(tmp_path / "audio" / "manifest.jsonl", source)
    evaluate("echo", manifest, out=tmp_path / "run")
    with pytest.raises(RunMismatchError) as refused:
        evaluate("echo", manifest, out=tmp_path / "run", **change)
    assert list(refused.value.fields) == ["data.fingerprint"]


@pytest.mark.parametrize("change", [{"start_s": 0.2}, {"duration_s": 0.4}, {"start_s": None}], ids=str)
def test_another_piece_of_the_same_file_is_another_run(tmp_path, change):
    """Where a piece begins and how long it is decide what is heard; the files and their bytes are the same."""
    source = toy_source(tmp_path / "audio", durations_s=[1.0, 1.0])
    first = replace(source.items[0], audio=replace(source.items[0].audio, start_s=0.1, duration_s=0.5))
    moved = replace(first, audio=replace(first.audio, **change))
    run(ToySource(source.root, (first, source.items[1])), tmp_path / "run")
    with pytest.raises(RunMismatchError) as refused:
        run(ToySource(source.root, (moved, source.items[1])), tmp_path / "run", noisy(source))
    assert list(refused.value.fields) == ["data.fingerprint"]


def test_another_normalizer_on_the_way_writes_the_mistakes_anew(source, tmp_path):
    """One mistakes export never holds the texts of two normalizers."""
    shouting = Echo({name: text.upper() for name, text in source.texts.items()})
    with pytest.raises(InterruptedRunError):
        run(source, tmp_path / "run", shouting, observer=StopAfter(2))
    evaluate(shouting, source, out=tmp_path / "run", normalizer="basic", max_batch_s=1.0)
    merge(str(tmp_path / "run"))
    assert len(pd.read_parquet(tmp_path / "run" / layout.MERGED)) == 0


def test_a_cleanup_that_was_killed_loses_no_row(source, tmp_path):
    """With some of the merged files gone, merging again keeps their rows, and a later start doubles none."""
    run(source, tmp_path / "run", workers=2)
    merge(str(tmp_path / "run"))
    whole = pd.read_parquet(tmp_path / "run" / layout.MERGED).sort_values("index")["index"].tolist()
    min((tmp_path / "run" / layout.MISTAKES).iterdir()).unlink()
    run(source, tmp_path / "run")
    merge(str(tmp_path / "run"), cleanup=True)
    assert pd.read_parquet(tmp_path / "run" / layout.MERGED).sort_values("index")["index"].tolist() == whole


def exported(out: Path) -> list[int]:
    """The utterances in the mistakes files."""
    return sorted(index for path in (out / layout.MISTAKES).iterdir() for index in pd.read_parquet(path)["index"])


def test_the_mistakes_of_a_batch_that_was_cut_are_not_lost_with_their_files(source, tmp_path):
    """A batch that killed its workers is kept in pieces; a kill before their export is made good by the next start."""
    shouting = {name: text.upper() for name, text in source.texts.items()}
    recognizer = Crashing(shouting, ids=max(source.items, key=lambda item: item.audio.duration_s).id)
    summary = evaluate(recognizer, source, out=tmp_path / "run", normalizer="none", max_batch_s=3.0, workers=2)
    assert summary.num_split_rows > 1
    before = exported(tmp_path / "run")
    assert len(before) == summary.num_scored == 11
    for path in (tmp_path / "run" / layout.MISTAKES).iterdir():
        path.unlink()
    evaluate(recognizer, source, out=tmp_path / "run", normalizer="none", max_batch_s=3.0)
    assert exported(tmp_path / "run") == before


def test_progress_counts_this_attempt_and_not_what_an_earlier_one_left_to_export(source, tmp_path):
    """A failure of the earlier attempt is in the summary, and no failure of what goes on now."""
    recognizer = Failing(source.texts, ids=max(source.items, key=lambda item: item.audio.duration_s).id)
    with pytest.raises(InterruptedRunError):
        run(source, tmp_path / "run", recognizer, observer=StopAfter(1))
    events = []
    assert run(source, tmp_path / "run", recognizer, observer=events.append).num_failed == 1
    assert {event.num_failed for event in events if isinstance(event, RunProgressed)} == {0}


def test_a_merge_waits_for_a_run_that_goes_on(source, tmp_path):
    """It would remove what the run believes to be there."""
    refused = []

    def merge_now(event):
        if isinstance(event, RunBegan):
            with pytest.raises(RunLockedError) as error:
                merge(str(tmp_path / "run"))
            refused.append(error.value)

    run(source, tmp_path / "run", observer=merge_now)
    assert refused


def test_failed_utterances_can_be_done_again(source, tmp_path):
    """With retry_failed only they are transcribed, and a success takes the failure's place."""

    class Moody(Failing):
        """Fails while a file is there; what it is does not depend on that."""

        def text(self, waveform):
            if (tmp_path / "bad-mood").exists():
                return super().text(waveform)
            return Echo.text(self, waveform)

    (tmp_path / "bad-mood").touch()
    moody = Moody(source.texts, ids="utt-002,utt-007")
    assert run(source, tmp_path / "run", moody).num_failed == 2
    (tmp_path / "bad-mood").unlink()
    assert run(source, tmp_path / "run", moody).num_failed == 2
    events = []
    again = run(source, tmp_path / "run", moody, retry_failed=True, observer=events.append)
    assert again.num_failed == 0
    assert again.wer == 0.0
    began = next(event for event in events if isinstance(event, RunBegan))
    assert began.num_segments_done >= 6


def test_a_retry_that_fails_takes_nothing_away(source, tmp_path):
    """A success beats a failure, whichever came first."""
    out = tmp_path / "run"
    failing = Failing(source.texts, ids="utt-002")
    first = run(source, out, failing)
    again = run(source, out, failing, retry_failed=True)
    assert again.scores_hash == first.scores_hash


def test_utterances_without_reference_are_transcribed_and_not_scored(source, tmp_path):
    """They are skipped by a named rule, and a run without any reference has no rate."""
    items = tuple(type(item)(item.id, item.audio) for item in source.items)
    summary = run(ToySource(source.root, items), tmp_path / "run", Echo(source.texts))
    assert summary.wer is None
    assert summary.skipped == {"no reference": 12}
    assert pd.read_parquet(tmp_path / "run" / layout.SCORES)["hypothesis"].notna().all()


def test_long_audio_is_transcribed_in_pieces_and_scored_whole(tmp_path):
    """An utterance longer than the recognizer takes is one row in the scores, its texts joined."""
    source = toy_source(tmp_path / "audio", durations_s=[5.0, 0.5])
    summary = run(source, tmp_path / "run", Echo({"utt-000": "a b", "utt-001": "c"}, max_audio_s=2.0))
    scores = pd.read_parquet(tmp_path / "run" / layout.SCORES)
    pieces = pq.read_table(tmp_path / "run" / layout.SEGMENTS)
    assert len(pieces) >= 3
    assert scores["hypothesis"].tolist() == [" ".join(["a b"] * len(pieces)), "c"]
    assert summary.num_utterances == 2


def test_missing_audio_is_refused_or_failed_or_skipped_as_asked(tmp_path):
    """By default nothing begins; else the one utterance fails, or is left out by a named rule."""
    source = toy_source(tmp_path / "audio", 4)
    (tmp_path / "audio" / "002.wav").unlink()
    with pytest.raises(MissingAudioError) as refused:
        run(source, tmp_path / "run")
    assert (refused.value.num_missing, refused.value.num_utterances) == (1, 4)
    assert refused.value.first.endswith("002.wav")
    assert run(source, tmp_path / "failed", Echo(source.texts), missing_audio="fail").num_failed == 1
    skipped = run(source, tmp_path / "skipped", Echo(source.texts), missing_audio="skip")
    assert skipped.skipped == {"audio file missing (--missing-audio skip)": 1}


def test_a_file_that_was_missing_and_came_is_transcribed_when_asked_for(tmp_path):
    """What was skipped is no decision for ever: with the file there it is failed, and retry_failed does it."""
    source = toy_source(tmp_path / "audio", 4)
    audio = (tmp_path / "audio" / "002.wav").read_bytes()
    (tmp_path / "audio" / "002.wav").unlink()
    recognizer = Echo(source.texts)
    assert run(source, tmp_path / "run", recognizer, missing_audio="skip").num_skipped == 1
    assert run(source, tmp_path / "run", recognizer, missing_audio="fail").num_failed == 1
    with pytest.raises(MissingAudioError):
        run(source, tmp_path / "run", recognizer)
    (tmp_path / "audio" / "002.wav").write_bytes(audio)
    summary = run(source, tmp_path / "run", recognizer, retry_failed=True)
    assert (summary.num_scored, summary.num_failed, summary.num_skipped) == (4, 0, 0)


@pytest.mark.parametrize("name", [layout.PLAN, layout.UTTERANCES])
@pytest.mark.parametrize("is_removed", [False, True])
def test_a_damaged_or_missing_table_is_made_again(source, tmp_path, name, is_removed):
    """The plan and the utterances follow from the data and the spec."""
    truth = run(source, tmp_path / "run")
    path = tmp_path / "run" / name
    path.unlink() if is_removed else path.write_bytes(path.read_bytes()[:50])
    assert run(source, tmp_path / "run").scores_hash == truth.scores_hash


def test_a_run_that_came_to_nothing_gives_its_folder_up(source, tmp_path):
    """A mistyped option that fails at loading must not stand in the way of the right one."""

    class Unloadable(Echo):
        name = "unloadable"

        def __enter__(self):
            raise ValueError("no such model")

    with pytest.raises(RecognizerError, match="cannot load"):
        run(source, tmp_path / "run", Unloadable(source.texts))
    assert run(source, tmp_path / "run", Echo(source.texts)).wer == 0.0


@pytest.mark.parametrize(
    "arguments",
    [{"cleanup": True}, {"seed": 1}, {"channel": -1}, {"workers": 0}, {"max_batch_s": 0.0}],
    ids=str,
)
def test_arguments_that_mean_nothing_are_refused(source, tmp_path, arguments):
    """Before a folder is made."""
    with pytest.raises(UsageError):
        evaluate(Echo(source.texts), source, out=tmp_path / "run", **arguments)
    assert not (tmp_path / "run").exists()


def test_things_that_are_no_recognizer_and_no_data_are_refused(source, tmp_path):
    """In words, and by our own error."""
    with pytest.raises(UsageError, match="a recognizer"):
        evaluate(Echo, source, out=tmp_path / "run")
    with pytest.raises(UsageError, match="a Source"):
        evaluate(Echo(source.texts), [{"id": "a"}], out=tmp_path / "run")


@pytest.mark.parametrize(("option", "value"), [("fwdflat", "no"), ("topn", "abc"), ("topn", True), ("ds", 0)])
def test_an_option_of_another_kind_is_refused(option, value):
    """Any text would count as true for a decoder."""
    with pytest.raises(UsageError, match=option):
        load_recognizer("pocketsphinx", {option: value})


def test_a_score_keeps_the_normalizer_of_the_run(source, tmp_path):
    """Unless another one is named."""
    run(source, tmp_path / "run")
    score(tmp_path / "run", normalizer="whisper-en")
    assert score(tmp_path / "run").normalizer.name == "whisper-en"


def test_duplicate_ids_are_refused(tmp_path):
    """Results are matched by id."""
    source = toy_source(tmp_path / "audio", 3)
    twice = ToySource(source.root, (*source.items, source.items[1]))
    with pytest.raises(DuplicateIdError, match="'utt-001'"):
        run(twice, tmp_path / "run")


def test_a_damaged_part_is_named_and_its_work_done_again(source, tmp_path):
    """Nothing else is lost, and the scores are the same."""
    truth = run(source, tmp_path / "run")
    part = min((tmp_path / "run" / layout.PARTS).iterdir())
    part.write_bytes(part.read_bytes()[:-20])
    events = []
    again = run(source, tmp_path / "run", observer=events.append)
    began = next(event for event in events if isinstance(event, RunBegan))
    assert began.damaged_parts == (f"{layout.PARTS}/{part.name}",)
    assert again.scores_hash == truth.scores_hash


def test_a_part_of_another_run_counts_for_nothing(source, tmp_path):
    """Copying parts between folders cannot mix their answers."""
    run(source, tmp_path / "one", Noisy(source.texts, error_rate=0.9))
    truth = run(source, tmp_path / "two")
    for path in (tmp_path / "one" / layout.PARTS).iterdir():
        (tmp_path / "two" / layout.PARTS / path.name).write_bytes(path.read_bytes())
    assert score(str(tmp_path / "two"), normalizer="none").scores_hash == truth.scores_hash


def test_unknown_names_list_the_near_ones(source, tmp_path):
    """A model, a normalizer, an option."""
    with pytest.raises(UnknownNameError) as unknown:
        evaluate("pocketsphin", source, out=str(tmp_path / "run"))
    assert unknown.value.near == ["pocketsphinx"]
    with pytest.raises(UnknownNameError) as unknown:
        evaluate(Echo(source.texts), source, out=str(tmp_path / "run"), normalizer="wisper-en")
    assert unknown.value.near[0] == "whisper-en"
    with pytest.raises(UnknownNameError):
        evaluate("echo", source, out=str(tmp_path / "run"), options={"max_audio": 3})
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_written_is_said_so(source):
    """Before anything is begun."""
    with pytest.raises(FolderError) as refused:
        run(source, Path("/proc/nothing/here"))
    assert refused.value.exit_code == 2


def test_mistakes_are_exported_while_it_runs_and_merge_into_one_file(source, tmp_path):
    """A file for each rank, and every utterance with an error exactly once."""
    run(source, tmp_path / "run", workers=2)
    names = [path.name for path in (tmp_path / "run" / layout.MISTAKES).iterdir()]
    assert all("_rank" in name for name in names)
    merge(str(tmp_path / "run"))
    merged = pd.read_parquet(tmp_path / "run" / layout.MERGED)
    scores = pd.read_parquet(tmp_path / "run" / layout.SCORES)
    wrong = scores[scores["substitutions"] + scores["deletions"] + scores["insertions"] > 0]
    assert sorted(merged["index"]) == sorted(wrong["index"])


def test_auto_merge_cleans_up_when_asked(source, tmp_path):
    """The merged file stays, the small ones go, and a finished run does not make them again."""
    run(source, tmp_path / "run", auto_merge=True, cleanup=True)
    assert (tmp_path / "run" / layout.MERGED).exists()
    assert not list((tmp_path / "run" / layout.MISTAKES).iterdir())
    run(source, tmp_path / "run")
    assert not list((tmp_path / "run" / layout.MISTAKES).iterdir())


def test_names_and_paths_from_python_are_enough(tmp_path, monkeypatch):
    """A recognizer's name and a manifest's path do the same as objects; the folder is found again without --out."""
    source = toy_source(tmp_path / "audio", 3)
    manifest = write_manifest(tmp_path / "audio" / "manifest.jsonl", source)
    monkeypatch.chdir(tmp_path)
    first = evaluate("echo", str(manifest), options={"texts": str(manifest)})
    assert first.wer == 0.0
    assert Path(first.run).parent == Path("runs")
    assert evaluate("echo", str(manifest), options={"texts": str(manifest)}).run == first.run


def test_a_slow_recognizer_reports_its_speed(source, tmp_path):
    """Compute is inside the recognizer; worker adds decoding and waiting, so it is never faster."""
    summary = run(source, tmp_path / "run", Slow(source.texts, seconds=0.01))
    assert summary.speed.compute >= summary.speed.worker > 0
    assert RunStore.at(str(tmp_path / "run")).spec() is not None
