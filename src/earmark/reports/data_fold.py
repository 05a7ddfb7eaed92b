"""Folds what is learned of each utterance into a ``DataCheck``. It reads nothing, and keeps about 100 bytes for each.

First every utterance comes with what the data and its file's header say (``add``), then some of them with how they
sound (``hear``), then ``close`` adds what only the whole shows.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from earmark.reports.data_check import MOST_LISTED, BadRow, Bin, DataCheck, Decoded, Rule
from earmark.reports.data_facts import (
    CLIPPED_SHARE,
    LENGTH_EDGES_S,
    OFFSET_SHARE,
    SILENT_DBFS,
    STATED_TOLERANCE_S,
    STATED_TOLERANCE_SHARE,
    SoundFacts,
    UtteranceFacts,
)
from earmark.reports.data_tally import Place, Repeats, Troubles, digest_of, shares, spread
from earmark.reports.data_texts import Texts

MissingWeight = Literal["refuses", "fails", "look"]


class DataFold:
    """The facts of some data, added up.

    ``is_blank`` says of a reference whether nothing is left of it once normalized; ``missing`` is what an audio file
    that is not there does to an evaluation; ``expected`` are characters that references may hold (None: guessed).
    """

    def __init__(self, is_blank: Callable[[str], bool], missing: MissingWeight, expected: str | None) -> None:
        self._is_blank = is_blank
        self._troubles = Troubles({"missing_audio": missing})
        self._texts = Texts(expected)
        self._repeats = {
            name: Repeats() for name in ("duplicate_id", "doubled_audio", "doubled_text", "doubled_content")
        }
        self._counters: dict[str, Counter[Hashable]] = {
            name: Counter() for name in ("sample_rate_hz", "num_channels", "format", "language", "speaker")
        }
        self._durations_s = array("d")
        self._is_lost = array("B")
        self._levels_dbfs = array("d")
        self._heard_s = 0.0
        self._num_asked = 0
        self._bad_rows: list[BadRow] = []
        self.num_bad_rows = 0

    @property
    def durations_s(self) -> Sequence[float]:
        """Of each utterance so far; 0 is unknown."""
        return self._durations_s

    def is_lost(self, index: int) -> bool:
        """Whether the audio of the utterance at ``index`` is known to be unusable already."""
        return bool(self._is_lost[index])

    def add_bad_row(self, row: BadRow) -> None:
        """A row of the data that is no utterance."""
        self.num_bad_rows += 1
        if len(self._bad_rows) < MOST_LISTED:
            self._bad_rows.append(row)
        self._troubles.note("bad_row", Place("", f"{row.path}:{row.line}" if row.line else row.path), row.problem)

    def add(self, facts: UtteranceFacts) -> None:
        """The next utterance, in the order of the data."""
        index = len(self._durations_s)
        place = Place(facts.id, facts.audio)
        self._durations_s.append(facts.duration_s)
        self._repeats["duplicate_id"].add(index, digest_of(facts.id))
        self._repeats["doubled_audio"].add(index, digest_of(facts.piece))
        self._count(facts)
        self._add_audio(facts, place)
        self._texts.add(place, facts.reference, facts.duration_s)
        self._add_text(index, facts.reference, place)

    def _count(self, facts: UtteranceFacts) -> None:
        self._counters["language"][facts.language] += 1
        if facts.speaker is not None:
            self._counters["speaker"][facts.speaker] += 1
        if facts.header is not None:
            for name in ("sample_rate_hz", "num_channels", "format"):
                self._counters[name][getattr(facts.header, name)] += 1

    def _add_audio(self, facts: UtteranceFacts, place: Place) -> None:
        if not facts.is_there:
            self._troubles.note("missing_audio", place)
        if facts.problem is not None:
            self._troubles.note(facts.problem[0], place, facts.problem[1])
        self._is_lost.append(not facts.is_there or facts.problem is not None)
        if facts.header is None:
            return
        if facts.header.num_channels > 1 and not facts.has_channel:
            self._troubles.note("several_channels", place, f"{facts.header.num_channels} channels")
        header_s, stated_s = facts.header.duration_s, facts.stated_s
        if facts.start_s is None and stated_s is not None and header_s:
            tolerance_s = STATED_TOLERANCE_S + STATED_TOLERANCE_SHARE * header_s
            if abs(stated_s - header_s) > tolerance_s:
                self._troubles.note("stated_duration", place, f"stated {stated_s:.2f} s, the header {header_s:.2f} s")

    def _add_text(self, index: int, reference: str | None, place: Place) -> None:
        if reference is None:
            self._troubles.note("no_reference", place)
        elif not reference.strip():
            self._troubles.note("empty_reference", place)
        else:
            self._repeats["doubled_text"].add(index, digest_of(" ".join(reference.split())))
            if self._is_blank(reference):
                self._troubles.note("empty_when_normalized", place, f"{reference[:60]!r}")

    @cached_property
    def _is_copy(self) -> NDArray[np.bool_]:
        is_copy = np.zeros(len(self._durations_s), np.bool_)
        is_copy[self._repeats["doubled_audio"].copies()] = True
        return is_copy

    def hear(self, index: int, place: Place, heard: SoundFacts | tuple[str, str]) -> None:
        """How the utterance at ``index`` sounds, or the kind and the sentence of why it cannot be decoded."""
        self._num_asked += 1
        if not isinstance(heard, SoundFacts):
            self._troubles.note(heard[0], place, heard[1])
            self._is_lost[index] = 1
            return
        self._heard_s += heard.duration_s
        self._levels_dbfs.append(heard.level_dbfs)
        if not self._is_copy[index]:  # what is doubled by name is told once
            self._repeats["doubled_content"].add(index, int.from_bytes(heard.content, "little"))
        if heard.is_changed:
            self._troubles.note("changed_audio", place, "its SHA-256 is not the one that the data state")
        self._add_level(heard, place)

    def _add_level(self, heard: SoundFacts, place: Place) -> None:
        if heard.beyond_share > CLIPPED_SHARE:  # which is why it is clipped, so that is not told as well
            share = f"{heard.beyond_share:.1%} of its samples".replace("%", " %")
            self._troubles.note("beyond_full_scale", place, f"{share}, the largest at {heard.peak_dbfs:+.1f} dBFS")
        elif heard.clipped_share > CLIPPED_SHARE:
            self._troubles.note("clipped", place, f"{heard.clipped_share:.1%} of its samples".replace("%", " %"))
        if heard.level_dbfs < SILENT_DBFS:
            self._troubles.note("silent", place, f"{heard.level_dbfs:.0f} dBFS")
        if abs(heard.offset) > OFFSET_SHARE:
            self._troubles.note("offset", place, f"{heard.offset:+.1%} of full scale".replace("%", " %"))

    def close(
        self,
        data: str,
        place_of: Callable[[set[int]], dict[int, Place]],
        *,
        rule: Rule,
        is_complete: bool,
    ) -> DataCheck:
        """Everything. ``place_of`` finds the utterances at some indices again, to name the first of the repeats."""
        self._note_late(place_of)
        self._note_strange()
        counters = self._counters
        return DataCheck(
            data=data,
            is_complete=is_complete,
            **self._lengths(),
            sample_rates_hz=shares(counters["sample_rate_hz"]),
            num_channels=shares(counters["num_channels"]),
            formats=shares(counters["format"]),
            languages=shares(counters["language"]),
            num_speakers=len(counters["speaker"]),
            speakers=shares(counters["speaker"]),
            references=self._texts.references(),
            characters=self._texts.characters(),
            decoded=self._decoded(rule),
            problems=self._troubles.problems(),
            num_bad_rows=self.num_bad_rows,
            bad_rows=tuple(self._bad_rows),
        )

    def _lengths(self) -> dict[str, Any]:
        """The fields of ``DataCheck`` that are about durations."""
        durations_s = np.array(self._durations_s)
        known_s = durations_s[durations_s > 0]
        return {
            "num_utterances": len(durations_s),
            "audio_s": float(durations_s.sum()),
            "duration_s": spread(known_s),
            "num_unknown_durations": len(durations_s) - len(known_s),
            "durations": _bins(known_s),
        }

    def _decoded(self, rule: Rule) -> Decoded:
        return Decoded(
            rule=rule,
            num_asked=self._num_asked,
            num_utterances=len(self._levels_dbfs),
            audio_s=self._heard_s,
            level_dbfs=spread(np.array(self._levels_dbfs)),
        )

    def _note_strange(self) -> None:
        """Note the characters that are not expected, in two kinds."""
        for controls, kind in ((True, "control_character"), (False, "unexpected_character")):
            if (strange := self._texts.strange(controls=controls)) is not None:
                number, place, name = strange
                self._troubles.note(kind, place, name, number)

    def _note_late(self, place_of: Callable[[set[int]], dict[int, Place]]) -> None:
        """Note what only the whole shows, with the names of the first ones."""
        repeats = {kind: found for kind, one in self._repeats.items() if (found := one.found()) is not None}
        is_lost = np.array(self._is_lost, np.bool_)
        rates = {
            kind: misfit
            for kind, fast in (("too_fast", True), ("too_slow", False))
            if (misfit := self._texts.mismatched(is_lost, fast=fast)) is not None
        }
        wanted = {index for _, *pair in repeats.values() for index in pair} | {index for _, index, _ in rates.values()}
        places = place_of(wanted) if wanted else {}
        for kind, (number, again, first) in repeats.items():
            like = places[first]
            self._troubles.note(kind, places[again], f"like {like.id} ({like.audio})", number)
        for kind, (number, index, detail) in rates.items():
            self._troubles.note(kind, places[index], detail, number)


def _bins(durations_s: NDArray[np.float64]) -> tuple[Bin, ...]:
    edges = [*LENGTH_EDGES_S, np.inf]
    counts, _ = np.histogram(durations_s, edges)
    return tuple(
        Bin(low, None if high == np.inf else high, int(number))
        for (low, high), number in zip(pairwise(edges), counts, strict=True)
    )
