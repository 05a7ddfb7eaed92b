"""Making a run ready to work: its identity checked, its tables read where they are and made where they are not."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from earmark.errors import RunMismatchError
from earmark.planning.identity import audio_sample, data_fingerprint, is_same_audio
from earmark.planning.index import MissingAudio, index_source
from earmark.planning.plan import make_plan, segment_long
from earmark.recognizers import Recognizer
from earmark.schema import SEGMENTS
from earmark.sources.base import Source
from earmark.spec import BatchingSpec, DataSpec, RunSpec
from earmark.store import layout
from earmark.store.run import RunStore

_SOURCE = "source_fingerprint"


@dataclass(frozen=True, kw_only=True)
class PreparedRun:
    """A run that is ready to work. ``audio_root`` is where its relative audio paths start on this machine."""

    store: RunStore
    spec: RunSpec
    utterances: pa.Table
    plan: pa.Table
    audio_root: str
    attempt: str


def default_out(recognizer: Recognizer, source: Source, utterances: pa.Table) -> str:
    """A folder that the same command finds again: named after the model, the data and what can change the answer."""
    data = DataSpec(name="", fingerprint=data_fingerprint(utterances), audio_sample="", num_utterances=len(utterances))
    identity = RunSpec(recognizer=recognizer.spec, data=data).fingerprint()
    words = (recognizer.spec.name, Path(source.name).stem or "data")
    return str(Path("runs", "_".join([*(re.sub(r"[^\w.-]+", "-", word).strip("-.") for word in words), identity[:6]])))


def indexed(store: RunStore | None, source: Source, *, missing_audio: MissingAudio) -> pa.Table:
    """The table of utterances: the run's own where it was made of this very source, else made now. Writes nothing.

    Raises what indexing raises.
    """
    if store is not None and store.folder.has(layout.UTTERANCES):
        stored = store.read_table(layout.UTTERANCES)
        if _source_of(stored) == source.fingerprint:
            return stored.combine_chunks()
    return index_source(source, missing_audio=missing_audio).combine_chunks()


def prepare(
    store: RunStore, recognizer: Recognizer, source: Source, utterances: pa.Table, batching: BatchingSpec
) -> PreparedRun:
    """Bring the folder of ``store`` to the point where only transcribing is left.

    The utterances are written before the spec, and the plan after it, so a kill at any moment leaves a folder that is
    prepared anew or gone on with. Raises RunMismatchError for another run's folder, and StoreError.
    """
    stored = store.spec()
    spec = RunSpec(recognizer=recognizer.spec, data=_data_spec(source, utterances, stored), batching=batching)
    if stored is not None and (differences := stored.differences(spec)):
        raise RunMismatchError(store.url, differences)
    _write_utterances(store, source, utterances)
    store.adopt(spec)
    return PreparedRun(
        store=store,
        spec=spec,
        utterances=utterances,
        plan=_plan(store, utterances, source.root, spec),
        audio_root=source.root,
        attempt=secrets.token_hex(4),
    )


def _data_spec(source: Source, utterances: pa.Table, stored: RunSpec | None) -> DataSpec:
    sample = audio_sample(utterances, source.root)
    if stored is not None and is_same_audio(stored.data.audio_sample, sample):
        sample = stored.data.audio_sample
    return DataSpec(
        name=source.name,
        fingerprint=data_fingerprint(utterances),
        audio_sample=sample,
        num_utterances=len(utterances),
    )


def _write_utterances(store: RunStore, source: Source, utterances: pa.Table) -> None:
    """Write the table unless it stands. Where references changed, the exported mistakes go first: they come again."""
    if store.folder.has(layout.UTTERANCES):
        if _source_of(store.read_table(layout.UTTERANCES, ["index"])) == source.fingerprint:
            return
        for name in [*store.folder.names(layout.MISTAKES), layout.MERGED]:
            store.folder.remove(name)
    facts = {"audio_root": source.root, _SOURCE: source.fingerprint}
    store.write_table(layout.UTTERANCES, utterances.replace_schema_metadata(facts))


def _source_of(utterances: pa.Table) -> str | None:
    found = (utterances.schema.metadata or {}).get(_SOURCE.encode())
    return found.decode() if found is not None else None


def _plan(store: RunStore, utterances: pa.Table, root: str, spec: RunSpec) -> pa.Table:
    if store.folder.has(layout.PLAN):
        return store.read_table(layout.PLAN)
    segments = SEGMENTS.empty_table()
    if spec.recognizer.max_audio_s is not None:
        segments = segment_long(utterances, root, spec.recognizer.max_audio_s, spec.audio.max_decoded_s)
    if len(segments):
        store.write_table(layout.SEGMENTS, segments)
    plan = make_plan(utterances, segments, spec)
    store.write_table(layout.PLAN, plan)
    return plan
