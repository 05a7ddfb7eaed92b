"""``evaluate``: transcribe, score and summarize, or go on where an earlier attempt stopped."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence

from earmark.engines.options import EngineOptions
from earmark.errors import UsageError
from earmark.planning.index import MissingAudio
from earmark.planning.segmenting import segmentation_of
from earmark.recognizers import Recognizer
from earmark.reports.summary import RunSummary
from earmark.scoring import DEFAULT_SCORER, load_scorer
from earmark.sources.base import Source
from earmark.spec import OptionValue, SegmenterName
from earmark.store.run import RunStore
from earmark.text import load_normalizer
from earmark.verbs.audit import check_sample
from earmark.verbs.budget import declared_batching
from earmark.verbs.evaluation import Evaluation
from earmark.verbs.events import Observer, StopAsked, nobody
from earmark.verbs.inputs import check_on_gpu, check_seed, fetch_options, recognizer_of, tell_language, tell_loss
from earmark.verbs.interrupt import StopRequest
from earmark.verbs.metering import Meter
from earmark.verbs.prepare import default_out, indexed
from earmark.verbs.ranks import summary_of_rank_0
from earmark.verbs.requests import check_job_id
from earmark.verbs.segments import check_fits
from earmark.verbs.share import Share, selector_of
from earmark.verbs.tracking import check_trackers
from earmark.verbs.volume_data import data_for
from earmark.verbs.whole import Whole
from earmark.verbs.workforce import EngineName, Workforce


def evaluate(
    model: str | Recognizer,
    data: str | os.PathLike[str] | Source,
    *,
    out: str | os.PathLike[str] | None = None,
    normalizer: str = "basic",
    scorer: str = DEFAULT_SCORER,
    options: Mapping[str, OptionValue] | None = None,
    trust: bool = False,
    gpu_memory_limit: float | None = None,
    engine: EngineName = "auto",
    workers: int | None = 1,
    gpus: str | None = None,
    shard_timeout_s: float | None = None,
    address: str | None = None,
    runtime_env: str | None = None,
    gpu: str | None = None,
    shard: str | None = None,
    job_id: str | None = None,
    budget: float | None = None,
    audio_root: str | None = None,
    text_column: str | None = None,
    channel: int | None = None,
    language: str | None = None,
    limit: str | int | None = None,
    seed: int | None = None,
    missing_audio: MissingAudio = "error",
    max_batch_s: float | None = None,
    batch_size: int | None = None,
    segmenter: SegmenterName = "energy",
    audit: int | None = None,
    offline: bool = False,
    retry_failed: bool = False,
    fresh: bool = False,
    auto_merge: bool = False,
    cleanup: bool = False,
    track: Sequence[str] = (),
    track_texts: bool = False,
    observer: Observer = nobody,
    began: float | None = None,
) -> RunSummary:
    """Transcribe ``data`` with ``model``, score it, and keep everything in the folder ``out``.

    Called again with the same arguments it does what is left, and nothing where nothing is left. ``model`` is a
    recognizer's name or an object with earmark's Recognizer contract; ``data`` is what ``earmark.open_source`` takes,
    or a Source. ``workers`` is the number of processes (with more than one, call this under ``if __name__ ==
    "__main__":``, since they are spawned; None: the engine's own choice). ``gpus``, ``shard_timeout_s``, ``address``,
    ``runtime_env`` and ``gpu`` are asked of the engine: see EngineOptions. ``shard`` is ``3/16`` for the third of
    sixteen calls, on any machines, that do a run together in one folder, in any order; each returns the summary as far
    as the run is, and the one that finds nothing left writes it there. ``out`` defaults to a folder under ``runs/``
    that is named after the model, the data and what can change the answer. ``trust`` lets code run that the model
    brings, and ``gpu_memory_limit`` is the share of a GPU's memory for each worker. ``max_batch_s`` of padded audio
    meet in a batch (None: what the run began with, else what is fastest as far as this machine knows). ``segmenter``
    cuts audio that is longer than the model takes: ``energy``, ``vad`` (long silences are left out) or ``none`` (it
    fails). ``audit`` is the size of a sample that is audited before the run, as ``earmark.audit`` does; an answer that
    is kept stands for the same draw. ``budget`` is the sum at which the run stops, all its attempts together, in the
    currency of the price of its device. ``job_id`` names two CSV files of what each worker did (with the engine
    ``modal``, they always come). ``offline`` fetches nothing: of what is not here, what is kept of it is used.
    ``track`` names trackers that are sent the numbers as they come, and ``track_texts`` the references and hypotheses
    of the worst utterances, too: what a tracker does or fails to do is told to the observer, and is no error of the
    run. ``began`` is the ``time.monotonic()`` that the wall time counts from (now).

    Returns the summary, which is also in ``out``. Failed utterances do not raise: see ``RunSummary.num_failed``.

    Raises UsageError (and its kinds, such as BudgetSpentError) before anything is begun, RunLockedError if the folder
    is in use, StoreError when results cannot be written, EngineError, InterruptedRunError after Ctrl-C or SIGTERM, and
    its kind BudgetReachedError.
    """
    began = time.monotonic() if began is None else began
    asked = EngineOptions(
        num_workers=workers, gpus=gpus, shard_timeout_s=shard_timeout_s,
        address=address, runtime_env=runtime_env, gpu=gpu,
    )  # fmt: skip
    workforce = Workforce.of(engine, asked)
    selector = selector_of(
        shard, workforce, fresh=fresh, audit=audit, budget=budget, auto_merge=auto_merge, track=track
    )
    if workforce.is_follower:
        return summary_of_rank_0(workforce)
    with workforce.leading() as announce:
        _check_together(auto_merge=auto_merge, cleanup=cleanup, limit=limit, seed=seed, audit=audit)
        check_job_id(job_id)
        track = check_trackers(track)
        rules, counting = load_normalizer(normalizer), load_scorer(scorer)
        fetching = fetch_options(observer, offline=offline)
        recognizer = recognizer_of(
            model, options, fetching=fetching, trust=trust, gpu_memory_limit=gpu_memory_limit, observer=observer
        )
        source = data_for(
            workforce, data, missing_audio=missing_audio, audit=audit, audio_root=audio_root, text_column=text_column,
            channel=channel, language=language, limit=limit, seed=seed, fetching=fetching,
        )  # fmt: skip
        tell_loss(source, observer)
        check_on_gpu(recognizer, gpus)
        meter = Meter.of(recognizer, workforce, budget, observer)
        # Before the lock, so that data which cannot be used leave no folder behind.
        kept = RunStore.at(os.fspath(out)) if out is not None and not fresh else None
        utterances = indexed(kept, source, missing_audio=missing_audio)
        _ = recognizer.spec  # where its files are elsewhere, they are fetched now: before the lock, too
        tell_language(model, options, language, recognizer, observer)
        batching = declared_batching(recognizer, max_batch_s, batch_size)
        segmentation = segmentation_of(segmenter, recognizer.spec)
        check_fits(utterances, recognizer.spec, segmentation)
        evaluation = Evaluation(
            recognizer=recognizer, source=source, utterances=utterances,
            batching=batching, is_batching_said=max_batch_s is not None, segmentation=segmentation,
            normalizer=rules, scorer=counting, workforce=workforce, meter=meter, cache=fetching.folder,
            retry_failed=retry_failed, began=began, stop=StopRequest(lambda: observer(StopAsked())), observer=observer,
        )  # fmt: skip
        whole = Whole(
            fresh=fresh, audit=audit, seed=seed, track=track, track_texts=track_texts,
            auto_merge=auto_merge, cleanup=cleanup, job_id=job_id,
        )  # fmt: skip
        place = default_out(recognizer, source, utterances, batching, segmentation) if out is None else os.fspath(out)
        summary = (whole if selector is None else Share(selector)).evaluate(evaluation, RunStore.at(place))
        announce(summary)
    return summary


def _check_together(
    *, auto_merge: bool, cleanup: bool, limit: str | int | None, seed: int | None, audit: int | None
) -> None:
    """Raise UsageError for arguments that mean nothing without another."""
    if cleanup and not auto_merge:
        raise UsageError("--cleanup removes what was merged, and nothing is merged", hint="--auto-merge --cleanup")
    if audit is None:
        check_seed(seed, limit)
    check_sample(audit)
