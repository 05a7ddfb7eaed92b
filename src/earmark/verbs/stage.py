"""``stage``: bring data to one folder as 16 kHz mono files with a table, or go on where an earlier attempt stopped.

Knows the order of things: identity first, then audio and parts, then the table, then that it is complete. So a kill at
any moment leaves a folder that the same command goes on with, and that nobody takes for a whole one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from earmark.audio.encode import AudioFormat
from earmark.engines.mounts import Place
from earmark.engines.options import EngineOptions
from earmark.errors import StagedMismatchError, without_secret
from earmark.formats import staged
from earmark.formats.staged import StagedCounts, StagedFacts, StagedIdentity
from earmark.planning.identity import audio_sample, data_fingerprint, is_same_audio, num_changed
from earmark.planning.index import MissingAudio, index_source
from earmark.sources.base import Source
from earmark.spec import AudioSpec
from earmark.store import layout
from earmark.store.run import RunStore
from earmark.verbs.events import Observer, StopAsked, nobody
from earmark.verbs.inputs import check_seed, fetch_options, source_of, tell_loss
from earmark.verbs.interrupt import StopRequest, stop_on_signals
from earmark.verbs.run_log import logged
from earmark.verbs.stage_attempt import StageAttempt
from earmark.verbs.stage_target import (
    check_audio,
    check_target,
    clear,
    has_parts_of,
    kept_facts,
    target_store,
    write_facts,
)
from earmark.verbs.volume_stage import check_places, stage_on_volume
from earmark.verbs.workforce import EngineName, Workforce


@dataclass(frozen=True, kw_only=True)
class StageSummary:
    """What is staged in ``target``, and what this call did for it: nothing, where ``num_new`` is 0.

    ``num_utterances`` is the sum of ``num_staged``, ``num_failed`` and ``num_skipped``; ``num_exact`` of the staged
    files hold the very samples that a run would have decoded from their originals when they were staged, of which, of
    ``num_sampled_audio`` whose first bytes were looked at, ``num_changed_audio`` have others now. ``num_new`` counts
    the utterances that this call staged or found to fail, ``new_audio_s`` their seconds, in ``wall_s``; ``num_damaged``
    the files that were found to be gone or of another size, or with ``verify`` to have other bytes: then
    ``num_verified`` files were read and compared, else 0. ``is_new_table`` says that this call wrote the table.
    """

    target: str
    num_utterances: int
    num_staged: int
    num_failed: int
    num_skipped: int
    num_exact: int
    num_clipped_files: int
    audio_s: float
    size_bytes: int
    codings: Mapping[str, int]
    num_damaged: int
    num_verified: int
    num_sampled_audio: int
    num_changed_audio: int
    is_new_table: bool
    num_new: int
    new_audio_s: float
    wall_s: float

    @property
    def errors(self) -> str:
        """Where the utterances that failed or were left out are listed, each with its reason."""
        return f"{self.target}/{staged.ERRORS}"


def stage(
    data: str | os.PathLike[str] | Source,
    to: str | os.PathLike[str],
    *,
    audio_format: AudioFormat = "wav",
    engine: EngineName = "auto",
    workers: int | None = 1,
    audio_root: str | None = None,
    text_column: str | None = None,
    channel: int | None = None,
    language: str | None = None,
    limit: str | int | None = None,
    seed: int | None = None,
    missing_audio: MissingAudio = "error",
    offline: bool = False,
    retry_failed: bool = False,
    verify: bool = False,
    fresh: bool = False,
    observer: Observer = nobody,
    began: float | None = None,
) -> StageSummary:
    """Decode ``data`` as an evaluation would, and keep them in the folder ``to`` (local, ``s3://`` or ``gs://``).

    The folder is data itself afterwards: ``evaluate(model, to)`` gives the hypotheses that ``evaluate(model, data)``
    gives, bit for bit the same audio in front of the model unless ``audio_format="flac"`` had to round. Called again
    with the same arguments it does what is left, and nothing where nothing is left: it stages anew what is gone or has
    another size. ``verify`` reads every staged file again, and stages those with other bytes as well. The other
    arguments are those of ``evaluate``. With the engine ``modal``, ``to`` is a place on a Volume,
    ``modal:VOLUME/PATH``, and the data are on the hub, at a URL or on a Volume.

    Failed utterances do not raise: they are counted, listed in ``errors.jsonl``, and stay in the table without a file.

    Raises UsageError (and its kinds) before anything is begun, StagedMismatchError where ``to`` holds another staged
    set, RunLockedError if it is in use, StoreError when it cannot be written, EngineError, InterruptedRunError after
    Ctrl-C or SIGTERM.
    """
    began = time.monotonic() if began is None else began
    check_seed(seed, limit)
    workforce = Workforce.of(engine, EngineOptions(num_workers=workers))
    check_places(os.fspath(to), workforce)
    if workforce.name == "modal":
        choice = {
            "audio_format": audio_format,
            "audio_root": audio_root,
            "text_column": text_column,
            "channel": channel,
            "language": language,
            "limit": limit,
            "seed": seed,
            "missing_audio": missing_audio,
            "retry_failed": retry_failed,
            "verify": verify,
            "fresh": fresh,
        }
        found = stage_on_volume(stage_here, data, os.fspath(to), workforce, choice)
        return replace(found, target=Place.of(os.fspath(to)).name)
    source = source_of(
        data,
        audio_root=audio_root,
        text_column=text_column,
        channel=channel,
        language=language,
        limit=limit,
        seed=seed,
        fetching=fetch_options(observer, offline=offline),
    )
    tell_loss(source, observer)
    store = target_store(os.fspath(to))
    _ = source.fingerprint  # it is of the data as they are before anything is removed
    check_target(store.folder, source, audio_root=audio_root, mends=verify or fresh)
    wish = _Wish(audio_format, missing_audio, retry_failed=retry_failed, verify=verify, fresh=fresh)
    return _staged(store, source, wish, workforce, observer, began)


def stage_here(data: str, folder: str, workers: int, **choice: Any) -> StageSummary:  # noqa: ANN401  # as stage takes them
    """Stage ``data`` into ``folder`` of this machine, which a container calls itself."""
    return stage(data, folder, engine="auto", workers=workers, **choice)


@dataclass(frozen=True)
class _Wish:
    """What is to be made of the data, and of what is there already."""

    audio_format: AudioFormat
    missing_audio: MissingAudio
    retry_failed: bool
    verify: bool
    fresh: bool


def _staged(
    store: RunStore, source: Source, wish: _Wish, workforce: Workforce, observer: Observer, began: float
) -> StageSummary:
    # Before the lock, so that data which cannot be used leave no folder behind.
    utterances = index_source(source, missing_audio=wish.missing_audio).combine_chunks()
    stop = StopRequest(lambda: observer(StopAsked()))
    with ExitStack() as stack:
        stack.enter_context(store.locked())
        stack.enter_context(logged(store))
        stack.enter_context(stop_on_signals(stop))
        sample = audio_sample(utterances, source.root)
        facts = _facts(store, source, utterances, wish, sample)
        attempt = StageAttempt(
            store, source, utterances, facts, workforce, verify=wish.verify, observer=observer, began=began
        )
        attempt.num_sampled_audio = len(sample.split())
        attempt.num_changed_audio = num_changed(facts.identity.audio_sample, sample)
        attempt.stage(wish.audio_format, stop, retry_failed=wish.retry_failed)
        counts = attempt.finish()
    return StageSummary(
        target=store.url,
        **{name: getattr(counts, name) for name in StagedCounts.__slots__},
        num_damaged=attempt.num_damaged,
        num_verified=attempt.num_verified,
        num_sampled_audio=attempt.num_sampled_audio,
        num_changed_audio=attempt.num_changed_audio,
        is_new_table=attempt.is_new_table,
        num_new=attempt.num_new,
        new_audio_s=attempt.new_audio_s,
        wall_s=time.monotonic() - began,
    )


def _facts(store: RunStore, source: Source, utterances: pa.Table, wish: _Wish, sample: str) -> StagedFacts:
    """The facts of this staged set: those that are kept, or new ones. Raises StagedMismatchError for another's."""
    kept = kept_facts(store.folder, mends=wish.verify or wish.fresh)
    identity = _identity(utterances, wish, sample, None if wish.fresh else kept)
    new = StagedFacts(
        identity=identity,
        source=without_secret(source.name),
        source_fingerprint=source.fingerprint,
        is_being_verified=wish.verify,
    )
    is_begun = store.folder.has(staged.FACTS) or bool(store.folder.names(layout.PARTS))
    if wish.fresh and is_begun:
        check_audio(store.folder, utterances, source.root)
        clear(store.folder, kept or replace(new, identity=replace(identity, data_fingerprint="unknown")))
    elif kept is not None:
        found = kept
        if not store.folder.names(layout.PARTS):  # nothing was staged of the originals as they were
            kept = replace(kept, identity=replace(kept.identity, audio_sample=sample), counts=None, table_sha256=None)
            identity = replace(identity, audio_sample=sample)
        if differences := kept.identity.differences(identity):
            raise StagedMismatchError(store.url, differences)
        if kept != found:  # before the first part, which is of the originals as they are now
            write_facts(store.folder, kept)
        return kept
    elif is_begun and not has_parts_of(store.folder, identity.fingerprint()):
        raise StagedMismatchError(store.url, {"identity": ("another, by its parts", identity.fingerprint())})
    write_facts(store.folder, new)
    return new


def _identity(utterances: pa.Table, wish: _Wish, sample: str, facts: StagedFacts | None) -> StagedIdentity:
    # A few files that were mended, or came, do not make it another set: with --retry-failed they are staged.
    if facts is not None and is_same_audio(facts.identity.audio_sample, sample):
        sample = facts.identity.audio_sample
    return StagedIdentity(
        data_fingerprint=data_fingerprint(utterances),
        audio_sample=sample,
        num_utterances=len(utterances),
        missing_audio=wish.missing_audio,
        audio_format=wish.audio_format,
        sample_rate_hz=AudioSpec().sample_rate_hz,
        max_decoded_s=AudioSpec().max_decoded_s,
    )
