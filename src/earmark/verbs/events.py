"""What a run tells its caller while it goes on: values, for whoever draws them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBegan:
    """All is checked and planned; the workers are about to start."""

    out: str
    model: str
    model_version: str
    model_place: str | None
    model_architecture: str | None
    data: str
    num_utterances: int
    audio_s: float
    num_segments: int
    num_segments_done: int
    engine: str
    num_workers: int
    num_references: int
    num_changed_audio: int
    damaged_parts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLoading:
    """The workers load the model, which may take minutes; the first RunProgressed comes after it."""

    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataIncomplete:
    """The data were made of other data, and ``loss`` says what of those is not in them."""

    loss: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something that was asked for is not as its words say, and the work goes on."""

    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentingProgressed:
    """Before a run is planned: so many of the utterances that may be too long for the recognizer were looked at."""

    num_utterances: int
    num_done: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgressed:
    """Another part is committed and scored, at ``unix_ms`` milliseconds since 1970.

    ``wer`` is over this attempt's utterances so far; ``num_utterances_done`` counts those of earlier attempts, too.
    ``busy`` is the share of the time that each device computed in this attempt, in [0, 1].
    """

    num_segments: int
    num_segments_done: int
    num_utterances_done: int
    num_failed: int
    remaining_audio_s: float
    audio_s: float
    elapsed_s: float
    unix_ms: int
    wer: float | None
    busy: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """A tracker has all of the run. ``place`` is where a person finds it there, where there is such a place."""

    tracker: str
    place: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareEnded:
    """This driver's share of a run is done, and not yet the run: so many of all segments are left, of other shares.

    None are left where another driver, which is still at its end, makes the summary.
    """

    out: str
    num_segments: int
    num_segments_left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StageBegan:
    """What is to be staged is known; the workers are about to start, if anything is left. A segment is an utterance."""

    target: str
    data: str
    num_utterances: int
    audio_s: float
    num_segments: int
    num_segments_done: int
    audio_format: str
    engine: str
    num_workers: int
    num_sampled_audio: int
    num_changed_audio: int
    damaged_parts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileProgressed:
    """A file is being fetched, maybe by another thread; ``is_done`` comes once. ``total_bytes`` None: nobody said."""

    name: str
    done_bytes: int
    total_bytes: int | None
    is_done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepBegan:
    """Members and puzzles are known; the workers are about to start, if anything is left."""

    out: str
    data: str
    num_items: int
    num_members: int
    num_variants: int
    num_pairs_done: int
    accept: str
    engine: str
    num_workers: int
    damaged_parts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepProgressed:
    """Another part of a sweep is committed. A task is a member in a variant, a batch a piece of the data.

    A batch is done when no puzzle of it needs a further task. ``num_pairs`` counts pairs of task and puzzle.
    """

    num_batches: int
    num_batches_done: int
    num_tasks: int
    num_tasks_done: int
    num_failed_tasks: int
    num_items: int
    num_items_accepted: int
    num_pairs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CellBegan:
    """A model in a variant is next, as a run of its own; ``place`` says which of how many."""

    name: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAsked:
    """The user asked to stop; workers finish their batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuringBegan:
    """It is about to be measured which batches are fastest, by transcribing so much audio, once for a model."""

    audio_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditBegan:
    """A sample is about to be transcribed in several ways."""

    num_utterances: int
    num_batches: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEnded:
    """What the audit of a run comes to, now or when it was made, and what to do about it."""

    is_invariant: bool
    sentence: str
    advice: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataLooked:
    """So many utterances were looked at for a check, and so many of them decoded."""

    num_utterances: int
    num_decoded: int


Event = (
    DataIncomplete
    | Warned
    | RunBegan
    | ModelLoading
    | StageBegan
    | SegmentingProgressed
    | RunProgressed
    | ShareEnded
    | Tracked
    | FileProgressed
    | SweepBegan
    | SweepProgressed
    | CellBegan
    | StopAsked
    | MeasuringBegan
    | AuditBegan
    | AuditEnded
    | DataLooked
)
Observer = Callable[[Event], None]


def nobody(event: Event) -> None:
    """Observe nothing."""
    del event
