"""Which column of a table is the id, the reference, and each system's hypothesis: by name, or as the user says.

What cannot be told is refused, with the columns that it could be. It reads no file.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
REFERENCE = (*TEXT, "ref", "ground_truth", "original_text")
HYPOTHESIS = ("hypothesis", "hyp", "prediction", "predicted_text", "transcribed_text", "transcriptions")
PREDICTED = "pred_text"
SEVERAL = "hypotheses"
NONE = "none"

_FACTS = (*START, *END, *DURATION, *CHANNEL, *LANGUAGE, *SPEAKER)
_MEANT = frozenset((*ID, *AUDIO, *REFERENCE, *_FACTS, PARENT, CHUNK))


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
    systems: tuple[str, ...] = ()
    """The keys that the user names of the object ``hypotheses``; else empty."""
    stand_in: str | None = None
    """The column with the name of a reference that hypotheses are taken from, for want of any other."""

    @classmethod
    def find(cls, path: str, row: Mapping[str, Any], wanted: Wanted) -> Columns:
        """Find the columns of a row that has all. Raises UsageError where one that is needed is not there."""
        known = by_lower_case(list(row))

        def first(*candidates: str) -> str | None:
            return next((known[name] for name in candidates if name in known), None)

        systems = _chosen_systems(row, known, wanted)
        text, hyps, stand_in = _texts(path, row, known, wanted, has_systems=bool(systems))
        return cls(
            id=wanted.id_column or first(*ID),
            audio=first(*(name for name in AUDIO if known.get(name) not in (text, *hyps))),
            text=text,
            hypotheses=hyps,
            systems=systems,
            stand_in=stand_in,
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


def _texts(
    path: str, row: Mapping[str, Any], known: Mapping[str, str], wanted: Wanted, *, has_systems: bool
) -> tuple[str | None, tuple[str, ...], str | None]:
    """The columns of the reference and of the hypotheses, and the one that stands in for these."""
    others = _other_texts(row)
    _check_given(path, row, others, wanted, is_object=has_systems)
    text = stand_in = None
    hyps: tuple[str, ...] = ()
    if wanted.role != "hypothesis":
        text = wanted.text_column or next((known[name] for name in REFERENCE if name in known), None)
        if text is None or text == NONE:
            raise _missing_column(path, list(row), "no reference text", "--text-column", others)
    if has_systems:
        hyps = (known[SEVERAL],)
    elif wanted.role != "reference":
        hyps = wanted.hyp_columns or _hypothesis_columns(known)
        if not hyps:
            stand_in = _stand_in(path, known, others, wanted)
            hyps = (stand_in,)
    _check_two_texts(path, text, hyps, others)
    return text, hyps, stand_in


def is_meant(name: str) -> bool:
    """Whether a column of this name could be one that is used."""
    lower = name.lower()
    return lower in _MEANT or lower in (SEVERAL, *HYPOTHESIS) or _is_predicted(lower)


def hypothesis_names(names: Iterable[str]) -> tuple[str, ...]:
    """The columns that no file has but one with hypotheses: NeMo's, and the object of several."""
    return tuple(name for name in names if _is_predicted(name.lower()) or name.lower() == SEVERAL)


def _is_predicted(lower: str) -> bool:
    return lower == PREDICTED or lower.startswith(f"{PREDICTED}_")


def _chosen_systems(row: Mapping[str, Any], known: Mapping[str, str], wanted: Wanted) -> tuple[str, ...]:
    """What the user names as columns, where none is one and all are keys of the object ``hypotheses``."""
    systems = _object(row, known)
    is_chosen = wanted.role != "reference" and not row.keys() & set(wanted.hyp_columns)
    return wanted.hyp_columns if is_chosen and systems.keys() >= set(wanted.hyp_columns) else ()


def _object(row: Mapping[str, Any], known: Mapping[str, str]) -> Mapping[str, Any]:
    value = row[known[SEVERAL]] if SEVERAL in known else None
    return value if isinstance(value, dict) else {}


def _check_given(path: str, row: Mapping[str, Any], others: Sequence[str], wanted: Wanted, *, is_object: bool) -> None:
    """Raise UsageError for a column that the user names and the file lacks, with one that could be meant."""
    names = list(row)
    texts = [*others, *_object(row, by_lower_case(names))]
    possible = {"--id-column": names, "--text-column": (*REFERENCE, *others), "--hyp-column": texts}
    for flag, given in _given(wanted):
        if given in names or given == NONE or (is_object and flag == "--hyp-column"):
            continue
        near = difflib.get_close_matches(given, [*names, *texts], n=1, cutoff=0.4)
        likely = [name for name in near if name in possible[flag]] or (texts if flag == "--hyp-column" else others)
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


def _hypothesis_columns(known: Mapping[str, str]) -> tuple[str, ...]:
    """NeMo's columns, all of them; else an object of several; else the likeliest name."""
    predicted = tuple(name for lower, name in known.items() if _is_predicted(lower))
    return predicted or tuple(known[name] for name in (SEVERAL, *HYPOTHESIS) if name in known)[:1]


def _stand_in(path: str, known: Mapping[str, str], others: Sequence[str], wanted: Wanted) -> str:
    """The only text of a file of hypotheses, which may call it what a file of references would.

    Most outputs repeat the reference under such a name: beside another text it is not taken. Raises UsageError.
    """
    texts = [known[name] for name in REFERENCE if name in known] if wanted.role == "hypothesis" else []
    if len(texts) == 1 and not others:
        return texts[0]
    raise _missing_column(path, list(known.values()), "no hypothesis text", "--hyp-column", [*others, *texts])


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
    return [name for name, cell in row.items() if name.lower() not in _MEANT and isinstance(cell, str | None)]
