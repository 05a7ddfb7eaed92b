"""What is asked of an evaluation, and how it is understood: the same for one that runs, and for one that is forecast.

It makes an ``Evaluation`` and checks everything that can be checked before a folder is touched. It writes nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from earmark.engines.options import EngineOptions
from earmark.errors import UsageError, without_secret
from earmark.planning.index import MissingAudio
from earmark.planning.segmenting import segmentation_of
from earmark.planning.selector import Selector
from earmark.recognizers import Recognizer
from earmark.scoring import DEFAULT_SCORER, load_scorer
from earmark.sources.base import Source
from earmark.spec import AS_RECORDED, Asked, AudioSpec, OptionValue, SegmenterName
from earmark.store.run import RunStore
from earmark.text import load_normalizer
from earmark.verbs.audit import check_sample
from earmark.verbs.budget import declared_batching
from earmark.verbs.evaluation import Evaluation
from earmark.verbs.events import Observer, StopAsked, nobody
from earmark.verbs.inputs import check_on_gpu, check_seed, fetch_options, recognizer_of, tell_language, tell_loss
from earmark.verbs.interrupt import StopRequest
from earmark.verbs.metering import Meter
from earmark.verbs.out_folder import check_run
from earmark.verbs.prepare import default_out, indexed
from earmark.verbs.requests import check_job_id
from earmark.verbs.segments import check_fits
from earmark.verbs.share import selector_of
from earmark.verbs.tracking import check_trackers
from earmark.verbs.volume_data import data_for
from earmark.verbs.workforce import EngineName, Workforce, check_launcher


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """The arguments of ``evaluate``, which says what each is."""

    model: str | Recognizer
    data: str | os.PathLike[str] | Source
    out: str | os.PathLike[str] | None = None
    normalizer: str = "basic"
    scorer: str = DEFAULT_SCORER
    options: Mapping[str, OptionValue] | None = None
    trust: bool = False
    gpu_memory_limit: float | None = None
    engine: EngineName = "auto"
    workers: int | None = 1
    gpus: str | None = None
    shard_timeout_s: float | None = None
    address: str | None = None
    runtime_env: str | None = None
    gpu: str | None = None
    shard: str | None = None
    job_id: str | None = None
    budget: float | None = None
    audio_root: str | None = None
    text_column: str | None = None
    channel: int | None = None
    language: str | None = None
    limit: str | int | None = None
    seed: int | None = None
    missing_audio: MissingAudio = "error"
    max_batch_s: float | None = None
    batch_size: int | None = None
    segmenter: SegmenterName = "energy"
    audio: AudioSpec = AS_RECORDED
    audit: int | None = None
    offline: bool = False
    retry_failed: bool = False
    fresh: bool = False
    auto_merge: bool = False
    cleanup: bool = False
    track: Sequence[str] = ()
    track_texts: bool = False
    observer: Observer = nobody
    began: float = field(default_factory=time.monotonic)

    def workforce(self) -> Workforce:
        """The engine with its workers. Raises UsageError."""
        check_launcher(self.engine)
        asked = EngineOptions(
            num_workers=self.workers, gpus=self.gpus, shard_timeout_s=self.shard_timeout_s,
            address=self.address, runtime_env=self.runtime_env, gpu=self.gpu,
        )  # fmt: skip
        return Workforce.of(self.engine, asked)

    def selector(self, workforce: Workforce) -> Selector | None:
        """The share that is asked for. Raises UsageError."""
        return selector_of(
            self.shard, workforce, fresh=self.fresh, audit=self.audit, budget=self.budget,
            auto_merge=self.auto_merge, track=self.track,
        )  # fmt: skip

    def understood(self, workforce: Workforce) -> Evaluation:
        """The evaluation that these ask for. Nothing of it is begun. Raises UsageError (and its kinds)."""
        self._check_together()
        if self.out is not None:  # before anything is fetched for a folder that may not be written
            check_run(RunStore.at(os.fspath(self.out)))
        rules, counting = load_normalizer(self.normalizer), load_scorer(self.scorer)
        fetching = fetch_options(self.observer, offline=self.offline)
        recognizer = recognizer_of(
            self.model, self.options, fetching=fetching, trust=self.trust, gpu_memory_limit=self.gpu_memory_limit,
            observer=self.observer,
        )  # fmt: skip
        source = data_for(
            workforce, self.data, missing_audio=self.missing_audio, audit=self.audit, audio_root=self.audio_root,
            text_column=self.text_column, channel=self.channel, language=self.language, limit=self.limit,
            seed=self.seed, fetching=fetching,
        )  # fmt: skip
        tell_loss(source, self.observer)
        check_on_gpu(recognizer, workforce)
        meter = Meter.of(recognizer, workforce, self.budget, self.observer)
        # Before the lock, so that data which cannot be used leave no folder behind.
        kept = RunStore.at(os.fspath(self.out)) if self.out is not None and not self.fresh else None
        utterances = indexed(kept, source, missing_audio=self.missing_audio)
        _ = recognizer.spec  # where its files are elsewhere, they are fetched now: before the lock, too
        tell_language(self.model, self.options, self.language, recognizer, self.observer)
        batching = declared_batching(recognizer, self.max_batch_s, self.batch_size)
        segmentation = segmentation_of(self.segmenter, recognizer.spec)
        check_fits(utterances, recognizer.spec, segmentation)
        return Evaluation(
            recognizer=recognizer, source=source, utterances=utterances,
            batching=batching, is_batching_said=self.max_batch_s is not None, segmentation=segmentation,
            audio=self.audio, asked=self._asked(), normalizer=rules, scorer=counting, workforce=workforce, meter=meter,
            cache=fetching.folder, retry_failed=self.retry_failed, began=self.began,
            stop=StopRequest(lambda: self.observer(StopAsked())), observer=self.observer,
        )  # fmt: skip

    def store(self, evaluation: Evaluation) -> RunStore:
        """The folder of the run: the one that was said, or the one under ``runs/`` of its own. Raises FolderError."""
        if self.out is not None:
            return RunStore.at(os.fspath(self.out))
        one = evaluation
        store = RunStore.at(
            default_out(one.recognizer, one.source, one.utterances, one.batching, one.segmentation, one.audio)
        )  # fmt: skip
        check_run(store)
        return store

    def _asked(self) -> Asked:
        """What of these says which utterances the model hears, how, and how they are counted against which texts."""
        options = self.options or {}
        are_plain = all(value is None or isinstance(value, str | int | float) for value in options.values())
        can_name_model = are_plain and all(map(_can_be_shown, (self.model, *options.values())))
        audio_root = None if self.audio_root is None else os.fspath(self.audio_root)
        data = os.fspath(self.data) if isinstance(self.data, str | os.PathLike) else None
        return Asked(
            model=self.model if isinstance(self.model, str) and can_name_model else None,
            data=data if _can_be_shown(data) and _can_be_shown(audio_root) else None,
            options={name: _shown(value) for name, value in options.items()} if are_plain else {},
            trust=self.trust,
            audio_root=None if audio_root is None else without_secret(audio_root),
            text_column=self.text_column,
            channel=self.channel,
            language=self.language,
            limit=None if self.limit is None else str(self.limit),
            seed=None if self.limit is None else self.seed,
            missing_audio=self.missing_audio,
            normalizer=self.normalizer,
            scorer=self.scorer,
        )

    def _check_together(self) -> None:
        """Raise UsageError for arguments that mean nothing by themselves, or nothing without another."""
        if self.cleanup and not self.auto_merge:
            raise UsageError("--cleanup removes what was merged, and nothing is merged", hint="--auto-merge --cleanup")
        if self.audit is None:
            check_seed(self.seed, self.limit)
        check_sample(self.audit)
        check_job_id(self.job_id)
        check_trackers(self.track)


def _shown(value: OptionValue) -> OptionValue:
    return without_secret(value) if isinstance(value, str) else value


def _can_be_shown(value: object) -> bool:
    """Whether there is no secret in it: with a part of it hidden, nobody could type it."""
    return not isinstance(value, str) or without_secret(value) == value
