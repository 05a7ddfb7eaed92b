"""sclite's alignments, ``.pra``: each utterance's reference and hypothesis one below the other, by speaker.

The alignments are the scorer's, so with ``--scorer sclite`` the lines are those of ``sclite -s -i rm -e utf-8 -o pra``.
Source: the SCTK 2.4's own output, https://github.com/usnistgov/SCTK.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from earmark.errors import ManifestError, UsageError
from earmark.formats.exported_run import ExportedRun, Operation
from earmark.formats.lines import text_lines
from earmark.formats.transcript import Row, Transcript, Wanted, gather
from earmark.records import ScoredUtterance

_CASE = "Case_sensitve"  # as sclite spells it
_ID = re.compile(r"id: \((.+)\)\s*")
_NAMES = ("REF:  ", "HYP:  ", "Eval: ")


def speaker_of(one: ScoredUtterance) -> str:
    """The speaker, or what stands in the id before its first hyphen, or underscore: sclite's ids of the RM kind."""
    return one.speaker or re.split("-" if "-" in one.id else "_", one.id, maxsplit=1)[0]


def write_pra(run: ExportedRun) -> Iterator[bytes]:
    """Yield the alignments of the scored utterances, speakers in the order in which they come first."""
    speakers: dict[str, list[bytes]] = {}
    for one in run.scored():
        speakers.setdefault(speaker_of(one), []).append(_utterance(one, tuple(run.operations(one))).encode())
    yield f"\n\n\t\tDUMP OF SYSTEM ALIGNMENT STRUCTURE\n\nSystem name:   {run.model}\n\nSpeakers: \n".encode()
    yield "".join(f"{number:5d}:  {name}\n" for number, name in enumerate(speakers)).encode()
    yield b"\n"
    for number, (name, utterances) in enumerate(speakers.items()):
        yield f"Speaker sentences{number:4d}:  {name}   #utts: {len(utterances)}\n".encode()
        yield from utterances
    yield b"\n"


def read_pra(path: str, wanted: Wanted, system: str) -> Transcript:
    """Read both texts of each utterance in order. Raises ManifestError.

    Of a file that sclite made without regard for case, whose errors are in capitals, all words are in small letters.
    """
    return gather(path, _rows(path, wanted), () if wanted.role == "reference" else (system,))


def _utterance(one: ScoredUtterance, operations: tuple[Operation, ...]) -> str:
    counts = " ".join(str(number) for number in (one.hits, one.substitutions, one.deletions, one.insertions))
    lines = ["".join(cells) for cells in zip(*map(_cells, operations), strict=True)]
    # Where both texts are empty there are no lines.
    body = "".join(f"{name}{line}\n" for name, line in zip(_NAMES, lines, strict=False))
    return f"id: ({one.id})\nScores: (#C #S #D #I) {counts}\nAttributes: {_CASE} \n{body}\n"


def _cells(operation: Operation) -> tuple[str, str, str]:
    letter, said, heard = operation
    if letter in ("J", "P"):
        raise UsageError(
            "sclite's alignments have no compound that is written apart and counts as right",
            hint="earmark score RUN --scorer sclite first, or --to jsonl",
        )
    width = max(len(said), len(heard), 1)
    said, heard = said or "*" * width, heard or "*" * width
    return f"{said:{width}} ", f"{heard:{width}} ", f"{letter if letter != '=' else '':{width}} "


def _rows(path: str, wanted: Wanted) -> Iterator[Row]:
    """A row each time that the next id comes, or the end."""
    name, ignores_case, found, number = "", False, dict[str, str](), 0
    for number, line in enumerate(text_lines(path), start=1):
        if match := _ID.fullmatch(line):
            if name:
                yield _row(path, number, name, found, wanted, ignores_case=ignores_case)
            name, ignores_case, found = match[1], False, {}
        elif line.startswith("Attributes:"):
            ignores_case = _CASE not in line
        elif line.startswith(_NAMES):
            found[line[:4]] = line[len(_NAMES[0]) :].rstrip("\r\n")
    if name:
        yield _row(path, number, name, found, wanted, ignores_case=ignores_case)


def _row(path: str, number: int, name: str, found: dict[str, str], wanted: Wanted, *, ignores_case: bool) -> Row:
    """``found`` has the three lines by the beginning of their names."""
    reference, hypothesis, letters = (found.get(label[:4], "") for label in _NAMES)
    said, heard = reference.split(), hypothesis.split()
    if len(said) != len(heard):
        problem = f"the texts of {name!r}, which stand before, have {len(said)} and {len(heard)} columns"
        raise ManifestError(path, problem, line=number)
    marks = [letters[match.start() : match.start() + 1] for match in re.finditer(r"\S+", reference)]
    kept = [
        " ".join(word for word, mark in zip(words, marks, strict=True) if mark != nothing)
        for words, nothing in ((said, "I"), (heard, "D"))
    ]
    text, other = (one.lower() for one in kept) if ignores_case else kept
    return Row(
        number,
        name,
        None if wanted.role == "hypothesis" else text,
        hypotheses=() if wanted.role == "reference" else (other,),
    )
