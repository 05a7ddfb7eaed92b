"""``audit``: do batches change what a recognizer says? A sample is transcribed in other company, and compared.

Works as a run does, with one worker and in a folder of its own that is thrown away, so that audio, failures and splits
are those that the run would have.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from earmark.errors import InterruptedRunError, UsageError
from earmark.planning.audit import COMPANION, AuditPlan, Company, padded_to_double, plan_audit
from earmark.planning.index import MissingAudio
from earmark.planning.segmenting import segmentation_of
from earmark.recognizers import Recognizer
from earmark.records import Batch, Shard
from earmark.reports.audit import Audit, AuditedSegment, AuditFacts, Key, audit_report, kept_answer
from earmark.reports.audit_verdict import AGAIN, ALONE, BATCHES, PADDED, SHUFFLED
from earmark.reports.scores import Outcome
from earmark.sources.base import Source
from earmark.spec import OptionValue, SegmenterName
from earmark.store import layout
from earmark.store.folder import LocalFolder
from earmark.store.parts import read_part
from earmark.store.run import RunStore
from earmark.text import load_normalizer
from earmark.text.base import Normalizer
from earmark.verbs.budget import declared_batching, settled_batching
from earmark.verbs.events import AuditBegan, AuditEnded, Observer, StopAsked, nobody
from earmark.verbs.inputs import fetch_options, recognizer_of, source_of, tell_language, tell_loss
from earmark.verbs.interrupt import StopRequest, stop_on_signals
from earmark.verbs.prepare import PreparedRun, indexed, prepare
from earmark.verbs.workforce import EngineName, Workforce
from earmark.worker import Transcription

_CALLS_IN_A_SHARD = 8  # enough to decode ahead, and few to do again after a crash
_READ = ["index", "segment", "batch", "hypothesis", "error_kind", "error", "is_split"]


def audit(
    model: str | Recognizer,
    data: str | os.PathLike[str] | Source,
    *,
    sample: int = 50,
    seed: int | None = None,
    normalizer: str = "basic",
    options: Mapping[str, OptionValue] | None = None,
    trust: bool = False,
    gpu_memory_limit: float | None = None,
    engine: EngineName = "auto",
    audio_root: str | None = None,
    text_column: str | None = None,
    channel: int | None = None,
    language: str | None = None,
    limit: str | int | None = None,
    missing_audio: MissingAudio = "error",
    max_batch_s: float | None = None,
    batch_size: int | None = None,
    segmenter: SegmenterName = "energy",
    offline: bool = False,
    observer: Observer = nobody,
) -> Audit:
    """Transcribe ``sample`` utterances of ``data`` alone, and again in the batches of a run, and compare the texts.

    The batches are those that ``evaluate`` makes of the same arguments: whole ones are drawn until they hold the
    sample. They are transcribed as they are, in another order, and padded to double; and each of the sample once more
    alone, with the model loaded anew. ``seed`` (0) draws the sample; with ``limit`` it chooses the data as well.
    Utterances that a rule leaves out are in no sample.

    Nothing is kept. Where a piece of a long utterance is in the sample, it counts as an utterance.

    Returns what was found; ``Audit.check`` raises AuditFailedError unless no text changed.

    Raises UsageError (and its kinds), RecognizerError, EngineError, InterruptedRunError after Ctrl-C or SIGTERM.
    """
    check_sample(sample)
    fetching = fetch_options(observer, offline=offline)
    recognizer = recognizer_of(
        model, options, fetching=fetching, trust=trust, gpu_memory_limit=gpu_memory_limit, observer=observer
    )
    source = source_of(
        data,
        audio_root=audio_root,
        text_column=text_column,
        channel=channel,
        language=language,
        limit=limit,
        seed=seed,
        fetching=fetching,
    )
    tell_loss(source, observer)
    rules = load_normalizer(normalizer)
    stop = StopRequest(lambda: observer(StopAsked()))
    utterances = indexed(None, source, missing_audio=missing_audio)
    with tempfile.TemporaryDirectory(prefix="earmark-audit-") as folder, stop_on_signals(stop):
        segmentation = segmentation_of(segmenter, recognizer.spec)
        tell_language(model, options, language, recognizer, observer)
        store = RunStore.at(folder)
        worker = Workforce.one(engine)
        batching = declared_batching(recognizer, max_batch_s, batch_size)
        if max_batch_s is None:
            batching = settled_batching(batching, recognizer, None, fetching.folder, worker) or batching
        run = prepare(store, recognizer, source, utterances, batching, segmentation, stop=stop, observer=observer)
        return _audit(run, recognizer, worker, rules, sample=sample, seed=seed or 0, stop=stop, observer=observer)


def audit_once(
    run: PreparedRun,
    recognizer: Recognizer,
    worker: Workforce,
    normalizer: Normalizer,
    *,
    sample: int,
    seed: int | None,
    stop: StopRequest,
    observer: Observer,
) -> None:
    """Audit a run by ``worker`` and keep what was found, unless it is there. Raises like ``audit``, and StoreError.

    What is there answers for the same seed and a sample that is no larger; else it is replaced.
    """
    seed = seed or 0
    verdict = kept_answer(run.store, run.spec.fingerprint(), seed=seed, sample=sample)
    if verdict is None:
        found = _audit(run, recognizer, worker, normalizer, sample=sample, seed=seed, stop=stop, observer=observer)
        run.store.folder.write(layout.AUDIT, found.to_json().encode())
        verdict = found.verdict
    observer(AuditEnded(is_invariant=verdict.kind == "invariant", sentence=verdict.sentence, advice=verdict.advice))


def check_sample(sample: int | None) -> None:
    """Raise UsageError for a sample of nothing; None is no sample."""
    if sample is not None and sample < 1:
        raise UsageError(f"a sample of {sample} utterances shows nothing", hint="50 is a good one")


def _audit(
    run: PreparedRun,
    recognizer: Recognizer,
    worker: Workforce,
    normalizer: Normalizer,
    *,
    sample: int,
    seed: int,
    stop: StopRequest,
    observer: Observer,
) -> Audit:
    plan = plan_audit(run.utterances, run.plan, run.audio_root, sample=sample, seed=seed)
    observer(AuditBegan(num_utterances=len(plan.sample), num_batches=len(plan.batches)))
    with tempfile.TemporaryDirectory(prefix="earmark-audit-") as folder:
        conditions = _Conditions.of(run, plan, Path(folder))
        answers = _transcribe(run, recognizer, worker, conditions, LocalFolder(Path(folder)), stop)
    if stop():
        raise InterruptedRunError(
            0, len(plan.sample), "nothing is kept of half an audit: the same command does it anew"
        )
    spec = run.spec
    facts = AuditFacts(
        model=spec.recognizer.name,
        model_version=spec.recognizer.version,
        data=spec.data.name,
        batching=spec.recognizer.batching,
        spec_fingerprint=spec.fingerprint(),
        seed=seed,
        num_planned=plan.num_drawable,
        num_batches=len(plan.batches),
        largest_batch=plan.largest_batch,
    )
    segments = _audited(run, plan)
    return audit_report(facts, segments, answers.outcomes, conditions.not_done, answers.num_split, normalizer)


@dataclass(frozen=True, slots=True)
class _Conditions:
    """The calls of each condition that is done, in the order of work, and why the others are not."""

    done: dict[str, tuple[Company, ...]]
    not_done: dict[str, str]

    @classmethod
    def of(cls, run: PreparedRun, plan: AuditPlan, folder: Path) -> _Conditions:
        done = {ALONE: plan.alone, BATCHES: plan.batches, SHUFFLED: plan.shuffled, AGAIN: plan.alone}
        not_done = {}
        kind = run.spec.recognizer.batching
        if plan.largest_batch == 1:
            why = f"{run.spec.recognizer.name} is never batched" if kind == "single" else "no batch holds two"
            not_done = {BATCHES: why, PADDED: f"{why}, so nothing is padded"}
        elif kind == "equal_length":
            not_done[PADDED] = "only equal lengths meet in a batch, so nothing is padded"
        elif padded := padded_to_double(plan.batches, run.spec, folder):
            done[PADDED] = padded
        else:
            not_done[PADDED] = "the longest of each batch cannot be decoded, or is as long as the recognizer takes"
        if len(plan.sample) == plan.largest_batch == 1:
            not_done[SHUFFLED] = "one utterance has no other order"
        return cls({name: calls for name, calls in done.items() if name not in not_done}, not_done)


@dataclass(frozen=True, slots=True)
class _Answers:
    outcomes: dict[str, dict[Key, Outcome]]
    num_split: dict[str, int]


def _transcribe(
    run: PreparedRun,
    recognizer: Recognizer,
    worker: Workforce,
    conditions: _Conditions,
    folder: LocalFolder,
    stop: StopRequest,
) -> _Answers:
    """Do the conditions one after the other, with one worker.

    ``again`` has the model loaded anew: then the calls before each are those of ``alone``, and only a recognizer that
    is not deterministic answers otherwise.
    """
    numbers = itertools.count()
    names: list[str] = []
    queues: dict[bool, list[Shard]] = {False: [], True: []}
    for name, calls in conditions.done.items():
        batches = [Batch(next(numbers), call) for call in calls]
        names += [name] * len(batches)
        starts = range(0, len(batches), _CALLS_IN_A_SHARD)
        queues[name == AGAIN] += [Shard(tuple(batches[start : start + _CALLS_IN_A_SHARD])) for start in starts]
    work = Transcription(recognizer, run.spec, folder, run.attempt)
    for queue in queues.values():
        for _ in worker.engine.run(work, iter(queue), stop=stop):
            pass
    return _read(folder, names, conditions.done)


def _read(folder: LocalFolder, names: Sequence[str], done: Mapping[str, object]) -> _Answers:
    """What the parts hold, by the condition of each row's batch. A text beats a failure, as in a run."""
    answers = _Answers({name: {} for name in done}, dict.fromkeys(done, 0))
    for index, segment, batch, hypothesis, kind, error, is_split in _rows(folder):
        if index == COMPANION:
            continue
        found = answers.outcomes[names[batch]]
        if hypothesis is not None or (index, segment) not in found:
            found[index, segment] = Outcome(hypothesis, None if error is None else f"{kind}: {error}")
            answers.num_split[names[batch]] += is_split
    return answers


def _rows(folder: LocalFolder) -> Iterator[tuple[int, int, int, str | None, str | None, str | None, bool]]:
    for part in folder.names(layout.PARTS):
        rows = read_part(folder, part, _READ)
        yield from zip(*(rows[name].to_pylist() for name in _READ), strict=True)


def _audited(run: PreparedRun, plan: AuditPlan) -> list[AuditedSegment]:
    references = run.utterances["reference"].take([segment.index for segment in plan.sample]).to_pylist()
    return [
        AuditedSegment(
            key=(segment.index, segment.segment),
            id=segment.id,
            num_segments=segment.num_segments,
            reference=reference if segment.num_segments == 1 else None,
        )
        for segment, reference in zip(plan.sample, references, strict=True)
    ]
