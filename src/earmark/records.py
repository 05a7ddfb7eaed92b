"""The values that travel between the floors, all frozen. They know no file format, no recognizer and no engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000
"""The one rate that recognizers see."""

ExtraValue = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class AudioRef:
    """Where an utterance's audio is: a file, and the piece of it.

    ``uri`` is as the source names it; a relative one is relative to the source's ``root``. ``start_s`` is None for a
    whole file: then ``duration_s`` is only what somebody claims of it, good for planning, and all of the file is read.
    A number makes it a piece of ``duration_s`` seconds. ``duration_s`` is None where the source does not say (then the
    file is asked, and a piece reaches to its end). ``channel`` counts from 0; None means the mean of all channels.
    ``sha256`` is hexadecimal, what the file's bytes must be where the source says it; whoever looks at data compares.
    """

    uri: str
    start_s: float | None = None
    duration_s: float | None = None
    channel: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Utterance:
    """One thing said: its audio, and the reference text where there is one."""

    id: str
    audio: AudioRef
    reference: str | None = None
    language: str | None = None
    speaker: str | None = None
    extra: Mapping[str, ExtraValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Waveform:
    """Decoded audio as a recognizer gets it: float32 in [-1, 1], mono, 16 kHz, shape ``(num_samples,)``.

    It carries the utterance's id for messages, and never a reference.
    """

    utterance_id: str
    samples: NDArray[np.float32]

    @property
    def duration_s(self) -> float:
        """Seconds of audio that were decoded."""
        return len(self.samples) / SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class Word:
    """A word as the recognizer spelled it, without white space; ``confidence`` is in [0, 1].

    Times are in seconds from the start of the waveform, and end where it ends. Words stand in the order in which they
    start.
    """

    text: str
    start_s: float
    end_s: float
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Alternative:
    """One of the texts that a search kept, with the model's own score: higher is likelier, the scale is the model's."""

    text: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What calls to a server used, as far as it is known: of one utterance, or added up.

    ``num_calls`` were answered. Some of the answers state seconds of audio (``stated_s`` in all) or tokens; of those
    that state no seconds, ``unstated_s`` is the audio that was sent. A call that was repeated counts again.
    """

    num_calls: int = 0
    num_calls_with_seconds: int = 0
    num_calls_with_tokens: int = 0
    stated_s: float = 0.0
    unstated_s: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        """Both together."""
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in self.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What the user says that a server asks for, by the minute of audio or by the million tokens. It changes no answer.

    ``currency`` is as the user spells it.
    """

    per_minute: float | None = None
    per_million_input_tokens: float | None = None
    per_million_output_tokens: float | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What a recognizer understood. An empty text is an answer (silence), not a failure.

    ``words`` is None where the model gives no times, and empty where it heard none; together they say the text.
    ``confidence`` is of the whole text, in [0, 1]. ``alternatives`` are the n best, the text itself first, and empty
    where none were asked for. ``usage`` is what a server says that it took, and no part of what was understood.
    ``is_unfinished`` says whether the text ended because it may not be longer, and not by itself; None where nobody
    looked.
    """

    text: str
    words: tuple[Word, ...] | None = None
    confidence: float | None = None
    alternatives: tuple[Alternative, ...] = ()
    usage: Usage | None = field(default=None, compare=False)
    is_unfinished: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredUtterance:
    """What a run knows of one utterance, for other programs. ``status`` is scored, failed or skipped, with a reason.

    The counts are of words, and None unless it was scored; ``alignment`` is run-length coded. Times of words are in
    seconds from its start, which is at ``start_s`` of the file ``audio``, as the data name it. Where a long one was
    transcribed in pieces, ``confidence`` is the mean over its words, and there are no alternatives. ``compute_s`` is
    its share of the time inside the recognizer, and ``rank`` the worker's; None where nobody knows.
    """

    id: str
    status: str
    reason: str | None = None
    reference: str | None = None
    hypothesis: str | None = None
    reference_normalized: str | None = None
    hypothesis_normalized: str | None = None
    hits: int | None = None
    substitutions: int | None = None
    deletions: int | None = None
    insertions: int | None = None
    confidence: float | None = None
    duration_s: float = 0.0
    words: tuple[Word, ...] | None = None
    alternatives: tuple[Alternative, ...] = ()
    alignment: str | None = None
    character_errors: int | None = None
    reference_characters: int | None = None
    audio: str = ""
    start_s: float | None = None
    speaker: str | None = None
    language: str | None = None
    rank: int | None = None
    compute_s: float | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A planned piece of work: one utterance, or one piece of a long one.

    ``index`` is the utterance's position in the data, ``segment`` the number of the piece in it, from 0, of
    ``num_segments``.
    """

    index: int
    segment: int
    num_segments: int
    id: str
    audio: AudioRef


@dataclass(frozen=True, slots=True)
class Batch:
    """The segments that meet in one call of the recognizer. Made from the spec alone, never from the workers.

    ``is_split`` says that this is a piece of a planned batch, cut because the whole could not be done.
    """

    id: int
    segments: tuple[Segment, ...]
    is_split: bool = False

    def halves(self) -> tuple[Batch, ...]:
        """The batch in two pieces, or nothing when it holds one segment."""
        middle = len(self.segments) // 2
        if middle == 0:
            return ()
        pieces = (self.segments[:middle], self.segments[middle:])
        return tuple(Batch(self.id, piece, is_split=True) for piece in pieces)


@dataclass(frozen=True, slots=True)
class Shard:
    """A group of whole batches: the unit of work and of commit."""

    batches: tuple[Batch, ...]

    @property
    def num_segments(self) -> int:
        """How many rows its part will have."""
        return sum(len(batch.segments) for batch in self.batches)

    def pieces(self) -> tuple[Shard, ...]:
        """Smaller shards with the same work: one a batch, then halves of the batch, at last nothing."""
        if len(self.batches) > 1:
            return tuple(Shard((batch,)) for batch in self.batches)
        return tuple(Shard((half,)) for batch in self.batches for half in batch.halves())


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a worker says of a part that it committed. It is in the part's metadata, so neither is without the other.

    Seconds are wall-clock. ``compute_s`` is what the worker waited for the recognizer, with the device synchronised:
    the model, and texts that were not there yet; ``wait_s`` is what the recognizer waited for audio and its inputs,
    which others make; ``worker_s`` is the whole shard, both included. ``batches`` are the ones that are whole in the
    part; ``num_piece_rows`` counts the rows of others, which were cut. ``usage`` is that of all rows, None where no
    server was asked.
    """

    part: str
    spec_fingerprint: str
    batches: tuple[int, ...]
    num_piece_rows: int
    num_rows: int
    num_failed: int
    num_splits: int
    audio_s: float
    compute_s: float
    wait_s: float
    worker_s: float
    rank: int
    device: str
    host: str
    attempt: str
    versions: Mapping[str, str]
    usage: Usage | None = None


StopCheck = Callable[[], bool]
"""Answers whether the user asked to stop: the worker then finishes its batch, commits and returns."""

Probe = Callable[[], str | None]
"""Asked on a worker, says why results of it would not meet the driver's; None where they would. It is picklable."""


class Work(Protocol):
    """What an engine is given: entered once in each worker, called for each shard, picklable before it is entered."""

    def __enter__(self) -> Self:
        """Load what every shard needs (the recognizer)."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release it."""

    def __call__(self, shard: Shard, *, rank: int, stop: StopCheck) -> Receipt | None:
        """Do the shard and commit its part. None if a stop came before the first batch was done."""

    def give_up(self, shard: Shard, *, rank: int, reason: str) -> Receipt:
        """Commit the shard's rows as failed, for ``reason``. Needs no entering."""

    def probing(self) -> AbstractContextManager[Probe]:
        """What to ask other machines within the block, before any work. Needs no entering."""


class Engine(Protocol):
    """Decides where work runs. Knows processes, devices and hosts, and nothing about speech."""

    @property
    def num_workers(self) -> int:
        """How many work at once, as far as it is known: shards are cut for so many."""

    def run(self, work: Work, shards: Iterator[Shard], *, stop: StopCheck) -> Iterator[Receipt]:
        """Do all shards, in any order, each at least once, and yield the receipts as they come.

        A worker that dies is replaced and its shard is done again. After a stop no new shard begins.
        """
