"""Which column of a table is the id, the reference, and each system's hypothesis: by name, or as the user says.

What cannot be told is refused, with the columns that it could be. It reads no file.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from earmark.errors import UsageError
from earmark.formats.cells import (
    AUDIO,
    CHANNEL,
    DURATION,
    END,
    LANGUAGE,
    SPEAKER,
    START,
    TEXT,
    by_lower_case,
)
from earmark.formats.chunks import CHUNK, PARENT
from earmark.formats.transcript import Wanted

ID = ("id", "utt_id", "utterance_id", "uttid", "utt", "key", "segment_id")
REFERENCE = (*TEXT, "ref", "ground_truth")
HYPOTHESIS = ("hypothesis", "hyp", "prediction", "predicted_text", "transcribed_text")
PREDICTED = "pred_text"
SEVERAL = "hypotheses"
NONE = "none"


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of a table's columns by what they hold; None where there is none."""

    id: str | None
    audio: str | None
    text: str | None
    hypotheses: tuple[str, ...]
    start: str | None
    duration: str | None
    channel: str | None
    language: str | None
    speaker: str | None

    @classmethod
    def find(cls, path: str, row: Mapping[str, Any], wanted: Wanted) -> Columns:
        """Find the columns of the first row. Raises UsageError where one that is needed is not there."""
        names = list(row)
        known = by_lower_case(names)
        others = _other_texts(row)

        def first(*candidates: str) -> str | None:
            return next((known[name] for name in candidates if name in known), None)

        _check_given(path, names, others, wanted)
        text = hyps = None
        if wanted.role != "hypothesis":
            text = wanted.text_column or first(*REFERENCE)
            if text is None or text == NONE:
                raise _missing_column(path, names, "no reference text", "--text-column", others)
        if wanted.role != "reference":
            hyps = wanted.hyp_columns or _hypothesis_columns(known, first, wanted)
            if not hyps:
                raise _missing_column(path, names, "no hypothesis text", "--hyp-column", others)
        _check_two_texts(path, text, hyps or (), others)
        return cls(
            id=wanted.id_column or first(*ID),
            audio=first(*(name for name in AUDIO if known.get(name) not in (text, *(hyps or ())))),
            text=text,
            hypotheses=tuple(hyps or ()),
            start=first(*START),
            duration=first(*DURATION),
            channel=first(*CHANNEL),
            language=first(*LANGUAGE),
            speaker=first(*SPEAKER),
        )

    @property
    def used(self) -> frozenset[str | None]:
        """All columns that mean something to us."""
        where = (self.start, self.duration, self.channel, self.language, self.speaker)
        return frozenset((self.id, self.audio, self.text, *self.hypotheses, *where))


def _check_given(path: str, names: Sequence[str], others: Sequence[str], wanted: Wanted) -> None:
    """Raise UsageError for a column that the user names and the file lacks, with one that could be meant."""
    possible = {"--id-column": names, "--text-column": (*REFERENCE, *others), "--hyp-column": others}
    for flag, given in _given(wanted):
        if given not in names and given != NONE:
            near = difflib.get_close_matches(given, names, n=1, cutoff=0.4)
            likely = [name for name in near if name in possible[flag]] or others
            raise _missing_column(path, names, f"no column {given!r}", flag, likely)


def _check_two_texts(path: str, text: str | None, hypotheses: Sequence[str], others: Sequence[str]) -> None:
    """Raise UsageError where the references would be scored against themselves."""
    if text in hypotheses:
        raise UsageError(
            f"the column {text!r} of {path} cannot be both reference and hypothesis",
            cause="a text has no errors against itself",
            hint=_columns_hint("--hyp-column", [name for name in others if name != text]),
        )


def _given(wanted: Wanted) -> Iterator[tuple[str, str]]:
    if wanted.id_column is not None:
        yield "--id-column", wanted.id_column
    if wanted.text_column is not None and wanted.role != "hypothesis":
        yield "--text-column", wanted.text_column
    if wanted.role != "reference":
        yield from (("--hyp-column", name) for name in wanted.hyp_columns)


def _hypothesis_columns(known: Mapping[str, str], first: Callable[..., str | None], wanted: Wanted) -> tuple[str, ...]:
    """NeMo's columns, all of them; else an object of several; else the likeliest name."""
    predicted = tuple(name for lower, name in known.items() if lower == PREDICTED or lower.startswith(f"{PREDICTED}_"))
    if predicted:
        return predicted
    # A file of hypotheses alone may call them what a file of references would.
    names = (SEVERAL, *HYPOTHESIS, *(REFERENCE if wanted.role == "hypothesis" else ()))
    found = first(*names)
    return (found,) if found is not None else ()


def _missing_column(path: str, names: Sequence[str], problem: str, flag: str, candidates: Sequence[str]) -> UsageError:
    return UsageError(
        f"{problem} in {path}",
        cause=f"its columns are {', '.join(names) or '(none)'}",
        hint=_columns_hint(flag, candidates),
    )


def _columns_hint(flag: str, candidates: Sequence[str]) -> str:
    """What to type: the only candidate, or NAME and the candidates that there are."""
    if len(candidates) == 1:
        return f"{flag} {shlex.quote(candidates[0])}"
    if candidates:
        return f"{flag} NAME, which may be one of {', '.join(candidates)}"
    other = "references with -r" if flag == "--text-column" else "hypotheses with -h"
    return f"no other column can hold them: give a file of {other}, and this one for the other side"


def _other_texts(row: Mapping[str, Any]) -> list[str]:
    """The columns of texts that no name says are an id, an audio path, a reference or a fact of the utterance."""
    meant = {*ID, *AUDIO, *REFERENCE, *START, *END, *DURATION, *CHANNEL, *LANGUAGE, *SPEAKER, PARENT, CHUNK}
    return [name for name, cell in row.items() if name.lower() not in meant and isinstance(cell, str | None)]
