"""``check``: look at data before anything is done with them. It starts nothing and transcribes nothing.

Knows the order of things: every row and every file's header first, then the audio of all or of a sample, then what only
the whole shows. Files are opened in several threads, and few utterances are in hand at a time.
"""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from itertools import compress, islice
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from earmark.audio.probe import probe
from earmark.audio.quality import measure_quality
from earmark.audio.reader import TOLERANCE_S
from earmark.errors import AudioError, ManifestError, UsageError, sentence_of
from earmark.planning.index import MissingAudio
from earmark.records import Utterance
from earmark.reports.data_check import BadRow, DataCheck, Rule
from earmark.reports.data_facts import HeaderFacts, SoundFacts, UtteranceFacts
from earmark.reports.data_fold import DataFold, MissingWeight
from earmark.reports.data_problems import Problem
from earmark.reports.data_tally import Place, digest_of
from earmark.sources.base import DerivedSource, Source
from earmark.spec import AudioSpec
from earmark.text import load_normalizer
from earmark.verbs.events import DataLooked, Observer, nobody
from earmark.verbs.in_order import in_order, num_threads
from earmark.verbs.inputs import fetch_options, source_of, tell_loss

DecodeRule = Literal["auto", "all", "none"]

ALL_UP_TO_S = 600.0
"""So much audio is decoded whole without asking; of more, a sample of about this length."""

_OF_A_DECODER = (OSError, RuntimeError, ValueError, MemoryError)
"""What a hostile file can bring out of a decoder beside an AudioError: that file's problem, and nobody else's."""

_HEADERS_REMEMBERED = 65_536  # many utterances can be pieces of one file
_HEADERS_AT_ONCE = 32
_TOLD_EVERY = 100
_WEIGHTS: dict[MissingAudio, MissingWeight] = {"error": "refuses", "fail": "fails", "skip": "look"}


def check(
    data: str | os.PathLike[str] | Source,
    *,
    audio_root: str | None = None,
    text_column: str | None = None,
    channel: int | None = None,
    language: str | None = None,
    limit: str | int | None = None,
    seed: int | None = None,
    missing_audio: MissingAudio = "error",
    normalizer: str = "basic",
    expected_characters: str | None = None,
    decode: DecodeRule = "auto",
    offline: bool = False,
    observer: Observer = nobody,
) -> DataCheck:
    """Look at ``data``, which is what ``earmark.evaluate`` takes; the arguments mean what they mean there.

    ``decode`` says of which utterances the audio is decoded, to find what headers hide: "all", "none", or "auto": all
    of at most 10 minutes, else a random sample of about 10 minutes, drawn with ``seed`` (0). ``expected_characters``
    are those that references may hold; None guesses them from the script that most letters are in. ``observer`` is told
    of what is fetched, and how far it is.

    Broken rows of a manifest are counted and left out; a source of another kind is read up to the first one. Raises
    UsageError (and its kinds) where there is nothing to look at: no such data, no column with a reference, no usable
    row. In all other cases it returns, whatever is wrong with the data: see ``DataCheck.verdict``.
    """
    rules = load_normalizer(normalizer)
    fold = DataFold(lambda text: not rules(text).strip(), _WEIGHTS[missing_audio], expected_characters)
    rows = _Rows(fold)
    source = source_of(
        data,
        audio_root=audio_root,
        text_column=text_column,
        channel=channel,
        language=language,
        limit=limit,
        seed=seed,
        fetching=fetch_options(observer, offline=offline),
        broken=rows,
    )
    tell_loss(source, observer)
    return _told_why(_found(source, rows, fold, decode, seed or 0, observer), source, missing_audio)


def _found(source: Source, rows: _Rows, fold: DataFold, decode: DecodeRule, seed: int, observer: Observer) -> DataCheck:
    """Everything that the data show: by their rows and headers first, then by what is heard."""
    ranks = _look(source, rows, fold, seed, observer)
    if not len(ranks) and rows.first is not None and not rows.is_complete:
        raise rows.first
    rule, is_asked = _chosen(decode, fold, ranks)
    _listen(source, fold, is_asked, observer)
    return fold.close(source.name, partial(_places, source), rule=rule, is_complete=rows.is_complete)


class _Rows:
    """Takes broken rows, each once however often the data are read: they come in one order, each time."""

    def __init__(self, fold: DataFold) -> None:
        self._fold = fold
        self._num_met = 0
        self._num_counted = 0
        self.first: ManifestError | None = None
        self.is_complete = True

    def begin(self) -> None:
        """Expect those that were met before."""
        self._num_met = 0

    def rest(self, error: ManifestError) -> None:
        """Count the row, and remember that what is behind it was not read."""
        self.is_complete = False
        self.row(error)

    def row(self, error: ManifestError) -> None:
        """Count the row, unless it was met before."""
        self._num_met += 1
        if self._num_met <= self._num_counted:
            return
        self._num_counted = self._num_met
        self.first = self.first or error
        head = ":".join(str(place) for place in (error.path, error.line, error.column) if place is not None)
        problem = error.what.removeprefix(f"{head}: ")
        self._fold.add_bad_row(BadRow(error.path, error.line, error.column, problem))


def _look(source: Source, rows: _Rows, fold: DataFold, seed: int, observer: Observer) -> NDArray[np.uint64]:
    """Add what each utterance and its header say. Returns a random number for each, which depends on its id and seed.

    Raises UsageError where there is neither an utterance nor a broken row.
    """
    header = lru_cache(maxsize=_HEADERS_REMEMBERED)(_header)
    ranks = array("Q")
    for facts in in_order(
        partial(_facts, source.root, header), source.utterances(), num_threads(), at_once=_HEADERS_AT_ONCE
    ):
        fold.add(facts)
        ranks.append(digest_of(f"{seed}:{facts.id}"))
        if len(ranks) % _TOLD_EVERY == 0:
            observer(DataLooked(num_utterances=len(ranks), num_decoded=0))
    if not ranks and rows.first is None:
        raise UsageError(f"no utterances in {source.name}", hint="earmark needs at least one")
    return np.array(ranks, np.uint64)


Header = HeaderFacts | tuple[str, str] | None


def _header(path: str) -> Header:
    """What the file's header says, or the kind and the sentence of why not; None where there is no file."""
    if not os.path.isfile(path):  # noqa: PTH113  # Path.is_file raises for a name that no file can have
        return None
    try:
        info = probe(path)
    except AudioError as error:
        return error.kind, error.what
    except _OF_A_DECODER as error:
        return "unreadable", sentence_of(error)
    return HeaderFacts(info.duration_s, info.sample_rate_hz, info.num_channels, info.format)


def _facts(root: str, header_of: Callable[[str], Header], utterance: Utterance) -> UtteranceFacts:
    audio = utterance.audio
    header = header_of(os.path.join(root, audio.uri))  # noqa: PTH118  # as in planning.index
    is_piece = audio.start_s is not None
    piece = (os.path.normpath(audio.uri), audio.start_s, audio.duration_s if is_piece else None, audio.channel)
    problem = header if isinstance(header, tuple) else None
    known = header if isinstance(header, HeaderFacts) else None
    return UtteranceFacts(
        id=utterance.id,
        audio=audio.uri,
        piece=repr(piece),
        reference=utterance.reference,
        language=utterance.language,
        speaker=utterance.speaker,
        start_s=audio.start_s,
        stated_s=audio.duration_s,
        has_channel=audio.channel is not None,
        is_there=header is not None,
        header=known,
        problem=problem or (_misfit(utterance, known) if known is not None else None),
    )


def _misfit(utterance: Utterance, header: HeaderFacts) -> tuple[str, str] | None:
    """Why the piece or the channel is not in the file, in the words of AudioError; None where it is."""
    audio = utterance.audio
    if audio.channel is not None and audio.channel >= header.num_channels:
        return "no_channel", f"there is no channel {audio.channel}: the file has {header.num_channels}, from 0"
    if audio.start_s is None or not header.duration_s:
        return None
    if audio.start_s >= header.duration_s:
        return "past_the_end", f"it starts at {audio.start_s:.2f} s, the file ends at {header.duration_s:.2f} s"
    end_s = audio.start_s + (audio.duration_s or 0.0)
    if end_s > header.duration_s + TOLERANCE_S:
        return "truncated", f"it ends at {end_s:.2f} s, the file at {header.duration_s:.2f} s"
    return None


def _chosen(decode: DecodeRule, fold: DataFold, ranks: NDArray[np.uint64]) -> tuple[Rule, NDArray[np.bool_]]:
    """What to decode: the rule, and of each utterance whether it is asked for."""
    durations_s = np.array(fold.durations_s)
    if decode == "none":
        return "none", np.zeros(len(durations_s), np.bool_)
    if decode == "all" or durations_s.sum() <= ALL_UP_TO_S:
        return "all", np.ones(len(durations_s), np.bool_)
    order = np.argsort(ranks, kind="stable")
    is_asked = np.zeros(len(durations_s), np.bool_)
    # What says nothing of its length counts as a second, so that many such files are not all decoded.
    counted_s = np.where(durations_s > 0, durations_s, 1.0)[order]
    before_s = np.cumsum(counted_s) - counted_s
    is_asked[order[before_s < ALL_UP_TO_S]] = True
    return "sample", is_asked


def _listen(source: Source, fold: DataFold, is_asked: NDArray[np.bool_], observer: Observer) -> None:
    """Decode the utterances that are asked for, but those that are known not to decode."""
    if not is_asked.any():
        return
    numbered = compress(enumerate(source.utterances()), map(bool, is_asked))
    known = ((index, one) for index, one in numbered if not fold.is_lost(index))
    answers = in_order(partial(_heard, source.root), known, num_threads())
    for number, (index, place, heard) in enumerate(answers, start=1):
        fold.hear(index, place, heard)
        observer(DataLooked(num_utterances=len(is_asked), num_decoded=number))


def _heard(root: str, numbered: tuple[int, Utterance]) -> tuple[int, Place, SoundFacts | tuple[str, str]]:
    index, utterance = numbered
    audio = utterance.audio
    place = Place(utterance.id, audio.uri)
    try:
        quality = measure_quality(
            os.path.join(root, audio.uri),  # noqa: PTH118  # as in planning.index
            start_s=audio.start_s or 0.0,
            duration_s=audio.duration_s if audio.start_s is not None else None,
            channel=audio.channel,
            max_decoded_s=AudioSpec().max_decoded_s,
        )
    except AudioError as error:
        return index, place, (error.kind, error.what)
    except _OF_A_DECODER as error:
        return index, place, ("unreadable", sentence_of(error))
    return (
        index,
        place,
        SoundFacts(
            quality.duration_s,
            quality.level_dbfs,
            quality.offset,
            quality.clipped_share,
            quality.content,
            is_changed=audio.sha256 is not None and _sha256(os.path.join(root, audio.uri)) != audio.sha256,  # noqa: PTH118
            beyond_share=quality.beyond_share,
            peak_dbfs=quality.peak_dbfs,
        ),
    )


def _sha256(path: str) -> str:
    with open(path, "rb") as file:  # noqa: PTH123  # as in planning.index
        return hashlib.file_digest(file, "sha256").hexdigest()


def _told_why(found: DataCheck, source: Source, missing_audio: MissingAudio) -> DataCheck:
    """``found`` with what the source knows of its missing and changed files, and what to type for them."""
    return replace(found, problems=tuple(_told(one, source, missing_audio) for one in found.problems))


def _told(problem: Problem, source: Source, missing_audio: MissingAudio) -> Problem:
    if problem.kind not in ("missing_audio", "changed_audio"):
        return problem
    why = source.why_missing(problem.first_at) if isinstance(source, DerivedSource) else None
    detail, todo = why or (problem.detail, problem.todo)
    if problem.kind == "changed_audio":
        return replace(problem, todo=todo)
    if missing_audio == "error":
        todo += "; --missing-audio fail or skip goes on without them"
    return replace(problem, detail=detail, todo=todo)


def _places(source: Source, indices: set[int]) -> dict[int, Place]:
    """Find some utterances again."""
    first_ones = enumerate(islice(source.utterances(), max(indices) + 1))
    return {index: Place(one.id, one.audio.uri) for index, one in first_ones if index in indices}
