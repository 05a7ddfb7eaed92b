"""The audit catches what it is for, each in its own words, and passes what is sound."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import earmark
from earmark.errors import AuditFailedError, InterruptedRunError, RunMismatchError, UsageError
from earmark.planning.audit import COMPANION, padded_to_double, plan_audit
from earmark.planning.plan import make_plan
from earmark.recognizers.doubles import Crashing, Echo, Failing, Fickle, Hungry, Leaky, Noisy, Slow, Unmasked
from earmark.records import AudioRef, Hypothesis, Segment, Waveform
from earmark.reports.audit_verdict import Condition, most_affected, verdict_on
from earmark.schema import SEGMENTS
from earmark.scoring.levenshtein import LEVENSHTEIN
from earmark.spec import BatchingSpec, RecognizerSpec
from earmark.store import layout
from earmark.store.run import RunStore
from earmark.verbs.audit import audit
from earmark.verbs.evaluate import evaluate
from earmark.verbs.events import AuditBegan, AuditEnded, RunBegan
from earmark.verbs.prepare import indexed
from earmark.verbs.score import score
from tests.toys import ToySource, toy_source, toy_spec

LENGTHS_S = [0.2 + 0.05 * (number * 7 % 40) for number in range(40)]
PADDING = {"heard_s": 0.1}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ToySource:
    return toy_source(tmp_path_factory.mktemp("audio"), durations_s=LENGTHS_S)


def conditions(found: earmark.Audit) -> dict[str, Condition]:
    return {one.name: one for one in found.conditions}


def seeded(source: ToySource, **changes: object) -> earmark.Audit:
    return audit(Echo(source.texts), source, batch_size=4, **{"sample": 20, **changes})


@pytest.mark.parametrize(
    "make",
    [
        Echo,
        lambda texts: Noisy(texts, error_rate=0.3),
        lambda texts: Slow(texts, seconds=0.0),
        lambda texts: Hungry(texts, most_at_once=100),
        lambda texts: Unmasked(texts, heard_s=100.0),
    ],
)
def test_a_sound_recognizer_passes(source, make):
    """Echo, noisy, slow and hungry, and even padding that is never long enough to be heard."""
    found = audit(make(source.texts), source, sample=20, batch_size=4)
    assert found.verdict.kind == "invariant"
    assert found.verdict.sentence == (
        "no text changed in 20 utterances (5 batches): "
        "with 95 % confidence fewer than 13.9 % of utterances are affected"
    )
    assert all(one.not_done is None and one.num_changed == 0 for one in found.conditions)
    assert found.changed == ()
    found.check()


def test_hearing_the_padding_is_caught(source):
    """Every changed text is listed with its rates, which are those of the texts, and what an independent sum says."""
    found = audit(Unmasked(source.texts, **PADDING), source, sample=20, batch_size=4, normalizer="none")
    batches, padded = conditions(found)["batches"], conditions(found)["padded"]
    assert found.verdict.kind == "changed"
    assert batches.num_changed > 5
    assert padded.num_changed == 20
    assert (conditions(found)["shuffled"].num_changed, conditions(found)["again"].num_changed) == (0, 0)
    listed = [one for one in found.changed if "batches" in one.num_words]
    assert len(listed) == batches.num_changed
    num_words = sum(len(source.texts[one.id].split()) for one in found.changed)  # all twenty: padding changes each
    num_inserted = sum(one.answers["batches"].text.split().count("uh") for one in listed)
    assert (batches.wer_of_other, batches.wer) == (0.0, num_inserted / num_words)
    assert found.verdict.sentence == (
        f"batching changes the text of {batches.num_changed} of 20 utterances: WER 0.00 one at a time, "
        f"{100 * batches.wer:.2f} in batches of up to 4; padding to double changes the text of 20 of 20 utterances: "
        f"WER 0.00 one at a time, {100 * padded.wer:.2f} padded"
    )
    for one in listed:
        text = one.answers["batches"].text
        assert one.answers["batches"].wer == LEVENSHTEIN.counts([source.texts[one.id]], [text]).total().wer
        assert one.answers["alone"].text == one.answers["again"].text == source.texts[one.id]
    with pytest.raises(AuditFailedError, match="did not pass") as failed:
        found.check()
    assert failed.value.exit_code == 4
    assert "--batch-size 1" in failed.value.hint


def test_the_worst_come_first(source):
    """By the words that change in the run's own batches, before those that change when padded to double."""
    found = audit(Unmasked(source.texts, **PADDING), source, sample=20, batch_size=4)
    numbers = [one.num_words.get("batches", -1) for one in found.changed]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[0] > numbers[-1] == -1
    rest = [one.num_words["padded"] for one in found.changed if "batches" not in one.num_words]
    assert rest == sorted(rest, reverse=True)


def test_padding_that_the_run_does_not_reach_is_said_so(source):
    """The run's own batches pad little, since they are sorted by length; twice the length shows what they hide."""
    found = audit(Unmasked(source.texts, heard_s=0.7), source, sample=20, batch_size=4)
    assert conditions(found)["batches"].num_changed == 0
    assert found.verdict.sentence.startswith("the run's own batches change no text; padding to double changes the text")
    assert found.verdict.kind == "changed"


def test_batches_of_one_pass_though_padding_is_heard(source):
    """So the advice is worth following; what is not done says why."""
    found = audit(Unmasked(source.texts, **PADDING), source, sample=20, batch_size=1)
    assert found.verdict.kind == "invariant"
    assert "20 utterances (one at a time)" in found.verdict.sentence
    assert conditions(found)["batches"].not_done == "no batch holds two"
    assert conditions(found)["padded"].not_done == "no batch holds two, so nothing is padded"


@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_state_that_leaks_is_caught(source, batch_size):
    """By the order of work, also where nothing is batched; the same calls again are the same texts."""
    found = audit(Leaky(source.texts), source, sample=20, batch_size=batch_size)
    assert found.verdict.kind == "changed"
    assert conditions(found)["shuffled"].num_changed > 10
    assert conditions(found)["again"].num_changed == 0
    share = f"{conditions(found)['shuffled'].num_changed} of 20 utterances"
    place = ", or heeds places in the batch" if batch_size > 1 else ""
    assert found.verdict.sentence.startswith(
        f"the order of work changes the text of {share}: the recognizer keeps something of what it heard before{place}"
    )
    assert "batching changes" not in found.verdict.sentence, "what is due to the order is not blamed on batches"


@pytest.mark.parametrize("engine", ["inline", "processes"])
def test_chance_is_caught_and_nothing_else_is_said(source, engine):
    """In another process chance must not begin at the same point."""
    found = audit(Fickle(source.texts), source, sample=5, batch_size=4, engine=engine)
    assert found.verdict.kind == "unstable"
    assert found.verdict.sentence == (
        "cannot tell: the recognizer gives different texts for the same call (5 of 5 utterances; in batches 5 differ)"
    )
    assert found.verdict.affected_at_most is None


class Accumulating(Echo):
    """Counts what it has heard since it was loaded: a state that grows, and no chance."""

    def __enter__(self):
        self.num_heard = 0
        return self

    def text(self, waveform: Waveform) -> str:
        self.num_heard += 1
        return f"{super().text(waveform)} {self.num_heard}"


def test_a_state_that_grows_is_no_chance(source):
    """The first calls are done again by a model that is loaded anew, so they have the same calls before them."""
    found = audit(Accumulating(source.texts), source, sample=10, batch_size=4)
    assert found.verdict.kind == "changed"
    assert "keeps something of what it heard before" in found.verdict.sentence


class Brittle(Failing):
    """Fails on its utterances, but not where they are alone."""

    def transcribe(self, batch: Sequence[Waveform]) -> list[Hypothesis]:
        if len(batch) > 1:
            return super().transcribe(batch)
        return [Hypothesis(Echo.text(self, waveform)) for waveform in batch]


def test_a_failure_in_one_condition_is_reported(source, tmp_path):
    """The worker halves a batch until it can be done, as in a run; the rows of split batches are counted."""
    ids = ",".join(source.texts)
    found = audit(Brittle(source.texts, ids=ids), source, sample=10, batch_size=2)
    assert found.verdict.kind == "invariant"
    assert conditions(found)["batches"].num_split == 10


class OnlyAlone(Echo):
    """Gives no text for what is not the first of its process."""

    def text(self, waveform: Waveform) -> str:
        if waveform.utterance_id == "utt-003" and self.num_heard > 40:
            raise ValueError("tired")
        self.num_heard += 1
        return super().text(waveform)

    def __enter__(self):
        self.num_heard = 0
        return self


def test_a_text_that_is_lost_is_a_change(source):
    """It is the worst one, with its reason, and the sentence counts it."""
    found = audit(OnlyAlone(source.texts), source, sample=40, batch_size=4)
    assert found.changed[0].id == "utt-003"
    assert found.changed[0].answers["batches"].text is None or found.changed[0].answers["shuffled"].text is None
    assert any(one.failure == "recognizer: ValueError: tired" for one in found.changed[0].answers.values())
    assert "(1 fail)" in found.verdict.sentence
    assert found.verdict.kind == "changed"


def test_what_fails_everywhere_is_not_compared(tmp_path):
    """Neither counted as the same nor as changed; and where all fail, nothing can be told."""
    source = toy_source(tmp_path, 6)
    some = audit(Failing(source.texts, ids="utt-003,utt-005"), source, batch_size=2)
    assert (some.verdict.kind, some.verdict.num_compared, some.verdict.num_failed) == ("invariant", 4, 2)
    everything = audit(Failing(source.texts, ids=",".join(source.texts)), source, batch_size=2)
    assert everything.verdict.kind == "unknown"
    assert everything.verdict.sentence == "cannot tell: all 6 utterances of the sample failed"
    with pytest.raises(AuditFailedError):
        everything.check()


def test_a_crash_costs_an_utterance_and_not_the_audit(tmp_path):
    """In a process of its own, as in a run."""
    source = toy_source(tmp_path, 1)
    found = audit(Crashing(source.texts, ids="utt-000"), source, engine="processes")
    assert (found.verdict.kind, found.verdict.num_failed) == ("unknown", 1)


def test_all_of_the_data_leaves_no_doubt(source):
    """Then no bound is needed."""
    found = seeded(source, sample=1000)
    assert found.verdict.sentence == "no text changed in any of the 40 utterances"
    assert found.verdict.affected_at_most == 0.0


def test_the_same_seed_draws_the_same_sample(source):
    """To the byte of the result; another seed draws another one."""
    texts = Unmasked(source.texts, **PADDING)
    first, again, other = (
        audit(texts, source, sample=8, batch_size=2, seed=seed).to_json().split('"verdict"')[1] for seed in (1, 1, 2)
    )
    assert first == again != other


def test_without_references_texts_are_compared_all_the_same(source):
    """There is no rate then, and no word of one."""
    silent = ToySource(source.root, tuple(replace(item, reference=None) for item in source.items))
    found = audit(Unmasked(source.texts, **PADDING), silent, sample=20, batch_size=4)
    assert conditions(found)["batches"].wer is None
    assert "WER" not in found.verdict.sentence
    assert found.changed[0].answers["batches"].wer is None


def test_pieces_of_long_audio_are_compared_without_a_rate(tmp_path):
    """A piece counts as an utterance of the sample, and has no reference of its own."""
    source = toy_source(tmp_path, durations_s=[1.0, 0.3, 0.2])
    found = audit(Unmasked(source.texts, **PADDING), source, sample=50)
    assert found.facts.num_planned == 3
    cut = audit(LimitedUnmasked(source.texts), source, sample=50)
    assert cut.facts.num_planned > 3
    pieces = [one for one in cut.changed if one.num_segments > 1]
    assert pieces
    assert all(one.reference is None and one.answers["alone"].wer is None for one in pieces)


class LimitedUnmasked(Unmasked):
    """Takes 0.4 s at most."""

    def __init__(self, texts) -> None:
        super().__init__(texts, heard_s=0.01)
        self._max_audio_s = 0.4


# What is drawn, and the company


def drawn(source: ToySource, batch_size: int, sample: int, seed: int = 0):
    spec = toy_spec(len(source.items), batching=BatchingSpec(max_batch_size=batch_size))
    utterances = indexed(None, source, missing_audio="error")
    plan = make_plan(utterances, SEGMENTS.empty_table(), spec)
    return plan, plan_audit(utterances, plan, source.root, sample=sample, seed=seed), spec


@pytest.mark.parametrize(("batch_size", "sample"), [(1, 7), (3, 7), (4, 40), (4, 1), (16, 100), (40, 10)])
def test_batches_are_whole_and_the_runs_own(source, batch_size, sample):
    """Each that is drawn is a batch of the plan; shuffled, the same segments meet in another order."""
    plan, found, _ = drawn(source, batch_size, sample)
    of_plan = {}
    for index, batch in zip(plan["index"].to_pylist(), plan["batch"].to_pylist(), strict=True):
        of_plan.setdefault(batch, []).append(index)
    batches = [[segment.index for segment in batch] for batch in found.batches]
    assert all(batch in of_plan.values() for batch in batches)
    assert len(found.sample) == min(sample, len(source.items))
    assert {one.index for one in found.sample} <= {index for batch in batches for index in batch}
    shuffled = [[segment.index for segment in batch] for batch in found.shuffled]
    assert sorted(map(sorted, shuffled)) == sorted(map(sorted, batches))
    assert shuffled != batches
    num_needed = sum(map(len, batches)) - max(map(len, batches))
    assert num_needed < sample or len(batches) <= min(5, sample), "no more than what the sample needs, or five"


def test_a_sample_is_spread_over_five_batches_at_least(source):
    """One large batch would show one padding only."""
    _, found, _ = drawn(source, 8, 6)
    assert len(found.batches) == 5
    assert len(found.sample) == 6


def test_every_batch_is_as_likely(source):
    """Over many seeds each is drawn about as often."""
    counts = np.zeros(40)
    plan, _, _ = drawn(source, 1, 10)
    utterances = indexed(None, source, missing_audio="error")
    for seed in range(200):
        found = plan_audit(utterances, plan, source.root, sample=10, seed=seed)
        counts[[segment.index for batch in found.batches for segment in batch]] += 1
    assert counts.sum() == 2000
    assert 20 < counts.min() <= counts.max() < 85


def test_a_companion_is_twice_as_long_as_the_longest(source, tmp_path):
    """Each half of a batch has its own, so that padding costs little more memory than the batch; nothing is lost."""
    _, found, spec = drawn(source, 8, 40)
    padded = padded_to_double(found.batches, spec, tmp_path)
    assert all(call[0].index == COMPANION and len(call) <= 5 for call in padded)
    members = [segment for call in padded for segment in call[1:]]
    assert sorted(one.index for one in members) == list(range(40))
    for companion, *others in padded:
        longest = max(LENGTHS_S[one.index] for one in others)
        assert wav_duration_s(companion) == pytest.approx(2 * longest, abs=1e-3)


def wav_duration_s(segment: Segment) -> float:
    from earmark.audio.probe import probe

    return probe(segment.audio.uri).duration_s


def test_a_companion_is_no_longer_than_the_recognizer_takes(source, tmp_path):
    """Where there is no room for more padding the batch is left out."""
    _, found, spec = drawn(source, 40, 40)
    limited = replace(spec, recognizer=RecognizerSpec(name="echo", version="1", max_audio_s=2.5))
    durations = [wav_duration_s(call[0]) for call in padded_to_double(found.batches, limited, tmp_path)]
    assert durations == pytest.approx([2.5, 2.2 + 0.2], abs=0.2)
    full = replace(spec, recognizer=RecognizerSpec(name="echo", version="1", max_audio_s=1.0))
    assert len(padded_to_double(found.batches, full, tmp_path)) < 2


def test_a_batch_that_cannot_be_decoded_gets_no_companion(tmp_path):
    """Its rows will say why."""
    lost = tuple(Segment(number, 0, 1, f"u{number}", AudioRef(str(tmp_path / "no.wav"))) for number in range(2))
    assert padded_to_double([lost], toy_spec(), tmp_path) == ()


def test_equal_lengths_are_not_padded(tmp_path):
    """A recognizer that takes only equal lengths together is not asked for more, and the rest is done."""

    class Equal(Echo):
        batching = "equal_length"

        def transcribe(self, batch):
            assert len({len(one.samples) for one in batch}) == 1
            return super().transcribe(batch)

    source = toy_source(tmp_path, durations_s=[0.3] * 6 + [0.5] * 3)
    found = audit(Equal(source.texts), source, sample=9)
    assert found.verdict.kind == "invariant"
    assert found.verdict.num_compared == 9
    assert conditions(found)["padded"].not_done == "only equal lengths meet in a batch, so nothing is padded"


def test_one_utterance_has_no_other_order(tmp_path):
    """Everything but the same call again is left out, each with its reason."""
    found = audit(Echo(), toy_source(tmp_path, 1))
    assert found.verdict.sentence == "no text changed in any of the 1 utterances"
    assert [one.name for one in found.conditions if one.not_done is None] == ["alone", "again"]


# The bound


@pytest.mark.parametrize("num_compared", [1, 10, 50, 300])
def test_the_bound_is_that_of_clopper_and_pearson(num_compared):
    """With such a share none is affected in a sample with a chance of 5 %; and the rule of three is near."""
    bound = most_affected(num_compared, 10**6)
    assert (1 - bound) ** num_compared == pytest.approx(0.05)
    assert bound <= 3 / num_compared


def test_the_issue_sentence_is_said():
    """The numbers of the seed, in the words of the audit."""
    rows = [
        Condition(name="alone", num_compared=50),
        Condition(name="batches", num_compared=50, num_changed=12, wer_of_other=0.0414, wer=0.0708),
        Condition(name="shuffled", num_compared=50),
        Condition(name="padded", not_done="why"),
        Condition(name="again", num_compared=50),
    ]
    facts = {"num_failed": 0, "num_planned": 2620, "num_batches": 7, "largest_batch": 8}
    found = verdict_on(rows, num_answered=50, num_changed=12, **facts)
    assert found.sentence == (
        "batching changes the text of 12 of 50 utterances: WER 4.14 one at a time, 7.08 in batches of up to 8"
    )
    same = [replace(one, num_changed=0) for one in rows]
    assert "fewer than 5.8 % of" in verdict_on(same, num_answered=50, num_changed=0, **facts).sentence


# Before a run


def run(source, out, recognizer=None, **arguments):
    chosen = recognizer or Unmasked(source.texts, **PADDING)
    return evaluate(chosen, source, out=str(out), **{"batch_size": 4, "audit": 20, **arguments})


def test_a_run_keeps_the_verdict_and_goes_on(source, tmp_path):
    """In audit.json and in the summary; a score of the same run shows it again; texts are those of the batches."""
    summary = run(source, tmp_path / "run")
    kept = json.loads((tmp_path / "run" / layout.AUDIT).read_text())
    assert kept["verdict"]["kind"] == summary.audit.kind == "changed"
    assert kept["changed"][0]["answers"]["alone"]["text"]
    assert json.loads((tmp_path / "run" / layout.SUMMARY).read_text())["audit"] == kept["verdict"]
    assert summary.num_scored == 40
    assert summary.wer > 0
    assert score(tmp_path / "run", normalizer="none").audit == summary.audit


def test_an_audit_is_no_part_of_a_runs_wall_time(source, tmp_path):
    """What it took, and here what its observer took, is not in it."""

    def slow(event):
        time.sleep(0.5 if isinstance(event, AuditBegan) else 0)

    began = time.monotonic()
    summary = run(source, tmp_path / "run", observer=slow)
    assert time.monotonic() - began - summary.speed.wall_s >= 0.5


def test_a_run_without_an_audit_says_so(source, tmp_path):
    """The field is there, and null."""
    summary = run(source, tmp_path / "run", audit=None)
    assert summary.audit is None
    assert json.loads((tmp_path / "run" / layout.SUMMARY).read_text())["audit"] is None
    assert not (tmp_path / "run" / layout.AUDIT).exists()


def test_a_run_is_audited_once(source, tmp_path):
    """Before its work; the same command again says the verdict that was kept; a fresh run is audited anew."""
    events = []
    run(source, tmp_path / "run", observer=events.append)
    kinds = [type(event) for event in events]
    assert kinds[:3] == [AuditBegan, AuditEnded, RunBegan]
    before = (tmp_path / "run" / layout.AUDIT).stat().st_mtime_ns
    again = []
    run(source, tmp_path / "run", observer=again.append)
    assert [type(event) for event in again][:2] == [AuditEnded, RunBegan]
    assert again[0] == events[1]
    assert (tmp_path / "run" / layout.AUDIT).stat().st_mtime_ns == before
    run(source, tmp_path / "run", audit=None, fresh=True)
    assert not (tmp_path / "run" / layout.AUDIT).exists()


def test_a_verdict_that_cannot_be_read_is_none(source, tmp_path):
    """The run can be scored, and is audited again where that is asked for."""
    run(source, tmp_path / "run", audit=2)
    for content in (b"", b"{", b"[]", b'{"verdict": {}}', b'{"verdict": 3}', b'{"verdict": {"kind": 3}}', b"\xff"):
        (tmp_path / "run" / layout.AUDIT).write_bytes(content)
        assert score(tmp_path / "run").audit is None
    assert run(source, tmp_path / "run").audit.kind == "changed"


def test_other_batches_are_another_run_once_an_audit_showed_it(source, tmp_path):
    """Though the recognizer declares that they do not matter; one whose audit passed, or that had none, goes on."""
    run(source, tmp_path / "changed")
    with pytest.raises(RunMismatchError) as refused:
        run(source, tmp_path / "changed", batch_size=1)
    assert refused.value.fields == {"batching.max_batch_size": (4, 1)}
    run(source, tmp_path / "changed")
    run(source, tmp_path / "sound", Echo(source.texts))
    run(source, tmp_path / "sound", Echo(source.texts), batch_size=1)
    run(source, tmp_path / "none", audit=None)
    run(source, tmp_path / "none", audit=None, batch_size=1)


def test_other_batches_may_be_tried_before_anything_is_transcribed(source, tmp_path):
    """The audit is then made of the new batches."""
    out = tmp_path / "run"

    def stop(event):
        if isinstance(event, RunBegan):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(InterruptedRunError):
        run(source, out, observer=stop)
    assert not (out / layout.PARTS).exists()
    summary = run(source, out, batch_size=1)
    assert summary.audit.kind == "invariant"
    assert summary.wer == 0.0


@pytest.mark.parametrize("is_run", [True, False])
def test_a_stopped_audit_leaves_nothing(source, tmp_path, is_run):
    """Exit 130; the next start does it anew."""

    def stop(event):
        if isinstance(event, AuditBegan):
            os.kill(os.getpid(), signal.SIGINT)

    def start():
        if is_run:
            run(source, tmp_path / "run", observer=stop)
        else:
            audit(Echo(source.texts), source, sample=20, observer=stop)

    with pytest.raises(InterruptedRunError, match="0 of 20") as stopped:
        start()
    assert "does it anew" in stopped.value.hint
    assert kept_files(tmp_path / "run") <= {layout.SPEC, layout.UTTERANCES, layout.PLAN, layout.LOG}
    assert run(source, tmp_path / "run").audit.kind == "changed"


def kept_files(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("[!.]*")}


def test_an_audit_does_not_change_what_a_run_says(source, tmp_path):
    """The scores are the same bytes with and without."""
    for name, size in (("with", 20), ("without", None)):
        run(source, tmp_path / name, audit=size)
    assert (tmp_path / "with" / layout.SCORES).read_bytes() == (tmp_path / "without" / layout.SCORES).read_bytes()


def test_a_kept_verdict_survives_the_clearing_order(source, tmp_path):
    """A cleared folder holds no verdict of the run that it was."""
    run(source, tmp_path / "run")
    RunStore.at(str(tmp_path / "run")).clear()
    assert layout.AUDIT not in kept_files(tmp_path / "run")


@pytest.mark.parametrize("arguments", [{"sample": 0}, {"sample": -1}, {"batch_size": 0}, {"channel": 1}])
def test_bad_arguments_are_refused(source, arguments):
    """Before anything is transcribed."""
    with pytest.raises(UsageError):
        audit(Echo(), source, **arguments)


def test_an_audit_of_nothing_before_a_run_leaves_no_folder(source, tmp_path):
    """It is bad usage."""
    with pytest.raises(UsageError, match="shows nothing"):
        run(source, tmp_path / "run", audit=0)
    assert not (tmp_path / "run").exists()


@pytest.mark.soak
def test_real_recognition_passes_on_real_speech(open_data):
    """PocketSphinx is reset before each utterance, so neither order nor company matters."""
    found = audit(
        "pocketsphinx",
        str(open_data / "manifest.jsonl"),
        sample=2,
        limit=6,
        options={"fwdflat": False, "bestpath": False, "maxhmmpf": 1_000, "ds": 3},
    )
    assert found.verdict.kind == "invariant"
    assert found.verdict.num_compared == 2


def test_a_kept_audit_answers_for_no_more_than_was_asked(source, tmp_path):
    """A larger sample, another seed and a file that is not ours are audited anew; less is answered by what is there."""

    def began(**chosen: object) -> bool:
        events: list[object] = []
        run(source, tmp_path / "run", observer=events.append, **chosen)
        assert any(isinstance(event, AuditEnded) for event in events)
        return any(isinstance(event, AuditBegan) for event in events)

    assert began(audit=2)
    assert not began(audit=2)
    assert not began(audit=1)
    assert began(audit=12)
    assert not began(audit=2)
    assert began(audit=12, seed=7)
    assert began(audit=400, seed=7)
    assert not began(audit=500, seed=7)
    kept = tmp_path / "run" / layout.AUDIT
    facts = json.loads(kept.read_text())
    for spoilt in ("[" * 100_000, "[]", json.dumps(facts | {"verdict": facts["verdict"] | {"sentence": [1]}})):
        kept.write_text(spoilt)
        assert score(tmp_path / "run").audit is None
        assert began(audit=2, seed=7)


def test_what_a_rule_leaves_out_is_in_no_sample(tmp_path):
    """Missing audio that is skipped says nothing about batches; where all is skipped, nothing can be asked."""
    some = toy_source(tmp_path / "audio", 6)
    missing = sorted(Path(some.root).rglob("*.wav"))
    for path in missing[:4]:
        path.unlink()
    found = audit(Echo(some.texts), some, sample=50, missing_audio="skip", batch_size=3)
    assert (found.verdict.kind, found.verdict.num_failed, found.facts.num_planned) == ("invariant", 0, 2)
    for path in missing[4:]:
        path.unlink()
    with pytest.raises(UsageError, match="nothing to audit"):
        audit(Echo(some.texts), some, missing_audio="skip")
