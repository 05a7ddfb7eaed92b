"""``evaluate``: transcribe, score and summarize, or go on where an earlier attempt stopped."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence

from earmark.planning.index import MissingAudio
from earmark.recognizers import Recognizer
from earmark.reports.summary import RunSummary
from earmark.scoring import DEFAULT_SCORER
from earmark.sources.base import Source
from earmark.spec import AS_RECORDED, AudioSpec, OptionValue, SegmenterName
from earmark.verbs.arguments import Arguments
from earmark.verbs.events import Observer, nobody
from earmark.verbs.following import summary_of_rank_0
from earmark.verbs.share import Share
from earmark.verbs.tracking import check_trackers
from earmark.verbs.whole import Whole
from earmark.verbs.workforce import EngineName


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
    audio: AudioSpec = AS_RECORDED,
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
    fails). ``audio`` may change what the model hears on purpose, as a sweep does. ``audit`` is the size of a sample
    that is audited before the run, as ``earmark.audit`` does; an answer that is kept stands for the same draw.
    ``budget`` is the sum at which the run stops, all its attempts together, in the currency of the price of its device.
    ``job_id`` names two CSV files of what each worker did (with the engine ``modal``, they always come). ``offline``
    fetches nothing: of what is not here, what is kept of it is used.
    ``track`` names trackers that are sent the numbers as they come, and ``track_texts`` the references and hypotheses
    of the worst utterances, too: what a tracker does or fails to do is told to the observer, and is no error of the
    run. ``began`` is the ``time.monotonic()`` that the wall time counts from (now).

    Returns the summary, which is also in ``out``. Failed utterances do not raise: see ``RunSummary.num_failed``.

    Raises UsageError (and its kinds, such as BudgetSpentError) before anything is begun, RunLockedError if the folder
    is in use, StoreError when results cannot be written, EngineError, InterruptedRunError after Ctrl-C or SIGTERM, and
    its kind BudgetReachedError.
    """
    asked = Arguments(
        model=model, data=data, out=out, normalizer=normalizer, scorer=scorer, options=options, trust=trust,
        gpu_memory_limit=gpu_memory_limit, engine=engine, workers=workers, gpus=gpus,
        shard_timeout_s=shard_timeout_s, address=address, runtime_env=runtime_env, gpu=gpu, shard=shard,
        job_id=job_id, budget=budget, audio_root=audio_root, text_column=text_column, channel=channel,
        language=language, limit=limit, seed=seed, missing_audio=missing_audio, max_batch_s=max_batch_s,
        batch_size=batch_size, segmenter=segmenter, audio=audio, audit=audit, offline=offline,
        retry_failed=retry_failed, fresh=fresh, auto_merge=auto_merge, cleanup=cleanup, track=track,
        track_texts=track_texts, observer=observer, began=time.monotonic() if began is None else began,
    )  # fmt: skip
    workforce = asked.workforce()
    selector = asked.selector(workforce)
    if workforce.is_follower:
        return summary_of_rank_0(workforce, RunSummary)
    with workforce.leading() as announce:
        evaluation = asked.understood(workforce)
        whole = Whole(
            fresh=fresh, audit=audit, seed=seed, track=check_trackers(track), track_texts=track_texts,
            auto_merge=auto_merge, cleanup=cleanup, job_id=job_id,
        )  # fmt: skip
        task = whole if selector is None else Share(selector, job_id)
        summary = task.evaluate(evaluation, asked.store(evaluation))
        announce(summary)
    return summary
