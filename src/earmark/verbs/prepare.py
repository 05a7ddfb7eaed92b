"""Making a run ready to work: its identity checked, its tables read where they are and made where they are not."""

from __future__ import annotations

import dataclasses
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from earmark.errors import RunMismatchError
from earmark.planning.identity import audio_sample, data_fingerprint, is_same_audio, num_changed
from earmark.planning.index import MissingAudio, index_source
from earmark.planning.plan import make_plan
from earmark.planning.segmenting import long_utterances
from earmark.recognizers import Recognizer
from earmark.records import StopCheck
from earmark.reports.audit import kept_verdict
from earmark.schema import SEGMENTS
from earmark.sources.base import DistantSource, RestoringSource, Source
from earmark.spec import AS_RECORDED, NOT_ASKED, Asked, AudioSpec, BatchingSpec, DataSpec, RunSpec, SegmentationSpec
from earmark.store import layout
from earmark.store.run import RunStore
from earmark.verbs.events import Observer, nobody
from earmark.verbs.segments import cut_long

_SHARED = ("reference", "speaker", "skip_reason")
"""What drivers that share a run must agree on beside its identity: they score, and pass over, the same."""


@dataclass(frozen=True, kw_only=True)
class PreparedRun:
    """A run that is ready to work. ``audio_root`` is where its relative audio paths start on this machine.

    ``num_changed_audio`` counts the sampled audio files whose bytes are not those of the run's beginning.
    """

    store: RunStore
    spec: RunSpec
    utterances: pa.Table
    plan: pa.Table
    audio_root: str
    num_changed_audio: int
    attempt: str


def default_out(
    recognizer: Recognizer,
    source: Source,
    utterances: pa.Table,
    batching: BatchingSpec,
    segmentation: SegmentationSpec,
    audio: AudioSpec,
) -> str:
    """A folder that the same command finds again: named after the model, the data and what can change the answer."""
    data = DataSpec(name="", fingerprint=data_fingerprint(utterances), audio_sample="", num_utterances=len(utterances))
    spec = RunSpec(
        recognizer=recognizer.spec, data=data, batching=batching, segmentation=segmentation, audio=audio
    )  # fmt: skip
    identity = spec.fingerprint()
    words = (recognizer.spec.name, Path(source.name).stem or "data")
    return str(Path("runs", "_".join([*(re.sub(r"[^\w.-]+", "-", word).strip("-.") for word in words), identity[:6]])))


def indexed(store: RunStore | None, source: Source, *, missing_audio: MissingAudio) -> pa.Table:
    """The table of utterances: the run's own where it was made of this very source, else made now. Writes nothing.

    Raises what indexing raises.
    """
    whole = _facts(source, missing_audio, num_missing=0)
    # Files that were missing may have come, so a table that passed over some is made again.
    if store is not None and store.metadata(layout.UTTERANCES) == whole:
        stored = store.table(layout.UTTERANCES)
        if stored is not None:
            if isinstance(source, RestoringSource):
                source.restore()
            return stored.combine_chunks()
    table = _looked_at(source, missing_audio)
    num_missing = len(table) - table["skip_reason"].null_count
    return table.replace_schema_metadata(_facts(source, missing_audio, num_missing=num_missing))


def _looked_at(source: Source, missing_audio: MissingAudio) -> pa.Table:
    if isinstance(source, DistantSource):
        return source.table
    return index_source(source, missing_audio=missing_audio).combine_chunks()


def prepare(
    store: RunStore,
    recognizer: Recognizer,
    source: Source,
    utterances: pa.Table,
    batching: BatchingSpec,
    segmentation: SegmentationSpec,
    audio: AudioSpec = AS_RECORDED,
    *,
    asked: Asked = NOT_ASKED,
    stop: StopCheck,
    observer: Observer = nobody,
    is_shared: bool = False,
) -> PreparedRun:
    """Bring the folder of ``store`` to the point where only transcribing is left.

    Where the run ``is_shared`` with other drivers, what stands there stays, as they work with it.
    The utterances are written before the spec, and the plan after it, so a kill at any moment leaves a folder that is
    prepared anew or gone on with. Raises RunMismatchError for another run's folder, InterruptedRunError for a stop
    while long audio is cut, and StoreError.
    """
    stored = store.spec()
    sample = source.sample if isinstance(source, DistantSource) else audio_sample(utterances, source.root)
    is_same = stored is not None and is_same_audio(stored.data.audio_sample, sample)
    data = DataSpec(
        name=source.name,
        fingerprint=data_fingerprint(utterances),
        audio_sample=stored.data.audio_sample if stored is not None and is_same else sample,
        num_utterances=len(utterances),
    )
    spec = RunSpec(
        recognizer=recognizer.spec, data=data, batching=batching, segmentation=segmentation, audio=audio, asked=asked
    )
    if stored is not None and (differences := stored.differences(spec) or _other_batches(store, stored, spec)):
        if is_shared or store.folder.names(layout.PARTS):
            raise RunMismatchError(store.url, differences)
        store.clear()  # it came to nothing: a mistyped option, say
    if is_shared and stored is not None:
        _check_same_texts(store, utterances)
    else:
        _write_utterances(store, utterances)
    store.adopt(spec)
    return PreparedRun(
        store=store,
        spec=spec,
        utterances=utterances,
        plan=_plan(store, utterances, source, spec, observer, stop),
        audio_root=source.root,
        num_changed_audio=num_changed(spec.data.audio_sample, sample),
        attempt=secrets.token_hex(4),
    )


def _other_batches(store: RunStore, stored: RunSpec, spec: RunSpec) -> dict[str, tuple[Any, Any]]:
    """The fields of the batching rule that differ, where an audit showed that batches matter to the recognizer.

    It declared that they do not, so the rule is no part of the fingerprint, and the run goes on with its first plan.
    """
    verdict = kept_verdict(store)
    if verdict is None or verdict.kind != "changed" or spec.recognizer.batching == "single":
        return {}
    here, there = dataclasses.asdict(stored.batching), dataclasses.asdict(spec.batching)
    return {f"batching.{name}": (here[name], there[name]) for name in here if here[name] != there[name]}


def _write_utterances(store: RunStore, utterances: pa.Table) -> None:
    """Write the table unless it stands. Where references changed, the exported mistakes go first: they come again."""
    stored = store.metadata(layout.UTTERANCES)
    if stored == utterances.schema.metadata:
        return
    if stored is not None:
        for name in [*store.folder.names(layout.MISTAKES), layout.MERGED]:
            store.folder.remove(name)
    store.write_table(layout.UTTERANCES, utterances)


def _check_same_texts(store: RunStore, utterances: pa.Table) -> None:
    """Raise RunMismatchError where this driver's data have other references than those that the run began with."""
    if store.metadata(layout.UTTERANCES) == utterances.schema.metadata:
        return
    stored = store.read_table(layout.UTTERANCES, [*_SHARED])
    other = {name: ("the first driver's", "others") for name in _SHARED if stored[name] != utterances[name]}
    if other:
        hint = "give every driver the same data; a run without --shard scores anew with corrected references"
        raise RunMismatchError(store.url, other, hint=hint)


def _facts(source: Source, missing_audio: MissingAudio, *, num_missing: int) -> dict[bytes, bytes]:
    """What a table of utterances was made of, to know whether it still holds."""
    facts = {
        "audio_root": source.root,
        "source_fingerprint": source.fingerprint,
        "missing_audio": missing_audio,
        "num_missing": str(num_missing),
    }
    return {name.encode(): value.encode() for name, value in facts.items()}


def _plan(
    store: RunStore, utterances: pa.Table, source: Source, spec: RunSpec, observer: Observer, stop: StopCheck
) -> pa.Table:
    """The plan that is there, or one of the pieces that are there: long audio is cut once, whatever happens after."""
    plan = store.table(layout.PLAN)
    if plan is not None:
        return plan
    segments = store.table(layout.SEGMENTS)
    if segments is None:
        segments = _cut(utterances, source, spec, observer, stop)
        if len(segments):
            store.write_table(layout.SEGMENTS, segments)
    plan = make_plan(utterances, segments, spec)
    store.write_table(layout.PLAN, plan)
    return plan


def _cut(utterances: pa.Table, source: Source, spec: RunSpec, observer: Observer, stop: StopCheck) -> pa.Table:
    """See ``cut_long``; where only workers can read the audio, one of them cuts it."""
    if not isinstance(source, DistantSource):
        return cut_long(utterances, source.root, spec, observer, stop)
    if not len(long_utterances(utterances, spec)):
        return SEGMENTS.empty_table()
    return source.beside_audio(cut_long, utterances, source.root, spec, nobody, _never)


def _never() -> bool:
    return False
