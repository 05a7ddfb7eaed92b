"""References and hypotheses brought together, by id or by the number of the row; what does not fit is refused or named.

Knows what files hold (``transcript``), and neither formats nor scores.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import PurePath
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from earmark.errors import UsageError
from earmark.formats.likeness import first_difference, shown
from earmark.formats.segments import (
    has_same_segments,
    joined_by_speaker,
    with_like_ids,
    without_ignored,
    words_by_file,
    words_by_segment,
)
from earmark.formats.transcript import Transcript

MissingHyp = Literal["error", "delete", "skip"]
"""What to do with references that have no hypothesis: refuse, count their words as deleted, or leave them out.

Hypotheses without a reference are refused, unless ``skip`` leaves them out, too.
"""

MISSING_HYP_RULE = "no hypothesis (--missing-hyp skip)"


@dataclass(frozen=True)
class Outputs:
    """References with the hypotheses of one or more systems, row for row. ``rows`` are of transcript.ROWS.

    A hypothesis is null exactly where the row is not to be scored for that system. ``notes`` are sentences on what was
    done to bring them together. ``name`` is the data's.
    """

    name: str
    rows: pa.Table
    hypotheses: dict[str, pa.ChunkedArray]
    notes: tuple[str, ...]


def both_in_one(transcript: Transcript, missing: MissingHyp) -> Outputs:
    """Take references and hypotheses of one file. Raises UsageError for duplicate ids and missing hypotheses."""
    _check_ids(transcript)
    notes = list(_reference_notes(transcript))
    columns = {}
    for system, column in transcript.hypotheses.items():
        _check_missing(transcript.rows, column, None, f"{transcript.path} ({system})", missing)
        columns[system] = _filled(column, missing)
        notes += _missing_notes(transcript.rows, column, system, missing, 0)
    return Outputs(transcript.path, transcript.rows, columns, tuple(notes))


def matched(reference: Transcript, files: Sequence[Transcript], missing: MissingHyp) -> Outputs:
    """Bring a file of references and files of hypotheses together.

    By id where both have ids, else by the number of the row. Recognized words go into the reference's segments by their
    times. Segments of both sides are utterances where they are the same ones; else all that a speaker says in a session
    is one. Raises UsageError for sides that seem swapped, duplicate ids, ids or numbers of rows that do not match, and
    missing hypotheses.
    """
    has_times = any(one.kind != "texts" for one in (reference, *files))
    for file in files:
        _check_not_swapped(reference, file)
    reference, files, notes = _by_utterance(reference, files)
    for one in (reference, *files):
        _check_ids(one)
    notes += [*_reference_notes(reference), *(note for file in files for note in file.notes)]
    columns: dict[str, pa.ChunkedArray] = {}
    for file, names in zip(files, _names(files), strict=True):
        places, num_extra, extra = _places(reference, file)
        if 0 < num_extra == len(file):
            raise _nothing_in_common(reference, file, extra, has_times=has_times)
        for name, column in zip(names, file.hypotheses.values(), strict=True):
            texts = column if places is None else column.take(places)
            _check_missing(reference.rows, texts, file.path, reference.path, missing, num_extra=num_extra, extra=extra)
            if name in columns:
                raise AssertionError(f"two systems are called {name!r}")
            columns[name] = _filled(texts, missing)
            notes += _missing_notes(reference.rows, texts, name, missing, num_extra)
    return Outputs(reference.path, reference.rows, columns, tuple(notes))


def _by_utterance(reference: Transcript, files: Sequence[Transcript]) -> tuple[Transcript, list[Transcript], list[str]]:
    """The same with rows that are the same utterances on both sides, as far as times say so; and what to tell of it."""
    notes = []
    reference, *others = with_like_ids([reference, *files])
    timed = [file for file in others if file.kind == "segments"]
    if reference.kind == "segments" and timed and not has_same_segments(reference, timed):
        notes.append("note: the segments differ, so all that a speaker says in a session is one utterance")
        others = [_by_speaker(reference, file) if file.kind == "segments" else file for file in others]
        reference = joined_by_speaker(reference)
    return reference, [_untimed(reference, file) for file in others], notes


def _check_not_swapped(reference: Transcript, file: Transcript) -> None:
    """Raise UsageError where the references have columns of hypotheses, and the hypotheses none but of references."""
    if file.stand_in is None or not reference.predicted:
        return
    columns = ", ".join(map(repr, reference.predicted))
    swapped = f"-r {shlex.quote(file.path)} -h {shlex.quote(reference.path)}"
    raise UsageError(
        "it looks as if -r and -h were swapped",
        cause=f"{reference.path} has hypotheses in {columns}, and {file.path} has no text but {file.stand_in!r}",
        hint=f"earmark score {swapped}, or --hyp-column {shlex.quote(file.stand_in)} to mean it",
    )


def _by_speaker(reference: Transcript, file: Transcript) -> Transcript:
    """All that a speaker says in a session, without what is heard where nothing is to be scored."""
    kept, num_ignored = without_ignored(reference, file)
    joined = joined_by_speaker(kept)
    if not num_ignored:
        return joined
    note = f"note: {file.path}: {num_ignored:,} segments are left out, heard where the references are not to be scored"
    return replace(joined, notes=(*joined.notes, note))


def _untimed(reference: Transcript, file: Transcript) -> Transcript:
    if file.kind != "words":
        return file
    return words_by_segment(reference, file) if reference.kind == "segments" else words_by_file(file)


def _names(files: Sequence[Transcript]) -> Iterator[list[str]]:
    """The systems of each file, under names that no two share: their own, else with the folder, else with a number."""
    counts = Counter(name for file in files for name in file.hypotheses)
    longer = [[f"{PurePath(file.path).parent.name}-{name}" for name in file.hypotheses] for file in files]
    num_longer = Counter(chain.from_iterable(longer))
    taken = {name for name in counts if counts[name] == 1}
    for number, (file, with_folder) in enumerate(zip(files, longer, strict=True), start=1):
        names = dict(zip(file.hypotheses, with_folder, strict=True))
        for name, unique in names.items():
            if counts[name] == 1:
                names[name] = name
                continue
            if num_longer[unique] > 1 or unique in taken:
                names[name] = _not_taken(f"{name}-{number}", number, taken)
            taken.add(names[name])
        yield list(names.values())


def _not_taken(name: str, number: int, taken: Container[str]) -> str:
    while name in taken:
        name += f"-{number}"
    return name


def _places(reference: Transcript, file: Transcript) -> tuple[pa.Array | None, int, str]:
    """Where each reference's hypothesis is in ``file`` (null: nowhere), the number of others, and the first of them.

    None in the place of the first where both are in the same order.
    """
    if not (reference.is_keyed and file.is_keyed):
        _check_same_length(reference, file)
        return None, 0, ""
    ids = reference.rows["id"].combine_chunks()
    theirs = file.rows["id"].combine_chunks()
    others = theirs.filter(pc.invert(pc.is_in(theirs, value_set=ids)))
    return pc.index_in(ids, value_set=theirs), len(others), others[0].as_py() if len(others) else ""


def _nothing_in_common(reference: Transcript, file: Transcript, extra: str, *, has_times: bool) -> UsageError:
    return UsageError(
        f"{file.path} and {reference.path} have no id in common",
        cause=f"the first id of the references is {shown(reference.rows['id'][0].as_py())}, of the hypotheses "
        f"{shown(extra)}",
        hint=None if has_times else "--id-column NAME, or --id-column none matches by number",
    )


def _check_same_length(reference: Transcript, file: Transcript) -> None:
    if len(reference) == len(file):
        return
    raise UsageError(
        f"{reference.path} has {len(reference):,} texts, {file.path} {len(file):,}",
        cause=first_difference(
            reference.rows["reference"].to_pylist(), next(iter(file.hypotheses.values())).to_pylist()
        ),
        hint="score by id: use trn, Kaldi text, or JSON Lines with ids, so that a lost line shifts nothing",
    )


def _check_ids(transcript: Transcript) -> None:
    """Raise UsageError, with both lines, where two rows have one id."""
    ids = transcript.rows["id"].combine_chunks()
    if not transcript.is_keyed or transcript.kind == "words" or pc.count_distinct(ids).as_py() == len(ids):
        return
    counts = pc.value_counts(ids)
    first = counts.filter(pc.greater(counts.field("counts"), 1))[0]["values"].as_py()
    lines = transcript.rows["line"].filter(pc.equal(ids, first)).to_pylist()
    raise UsageError(
        f"{transcript.path} has the id {shown(first)} twice, on lines {lines[0]:,} and {lines[1]:,}",
        cause="hypotheses are matched by id, so each utterance needs its own",
        hint="give every utterance its own id, or say which column holds it with --id-column",
    )


def _check_missing(
    rows: pa.Table,
    texts: pa.Array | pa.ChunkedArray,
    path: str | None,
    reference: str,
    missing: MissingHyp,
    *,
    num_extra: int = 0,
    extra: str = "",
) -> None:
    """Raise UsageError unless what has no counterpart is allowed for. ``path`` is None where one file has both."""
    lost = _lost(rows, texts)
    num_lost = len(lost)
    is_allowed = missing == "skip" or (missing == "delete" and not num_extra)
    if is_allowed or not (num_lost or num_extra):
        return
    found = []
    if num_extra:
        found.append(f"{_number(num_extra, 'hypothesis', 'hypotheses')} no reference (first: {shown(extra)})")
    if num_lost:
        found.append(f"{_number(num_lost, 'reference', 'references')} no hypothesis (first: {shown(lost[0].as_py())})")
    raise UsageError(
        f"{reference}: {found[-1]}" if path is None else f"{path} and {reference} do not match: {', '.join(found)}",
        hint="--missing-hyp skip leaves them out"
        + ("" if num_extra else "; --missing-hyp delete counts their words as deleted"),
    )


def _number(number: int, one: str, several: str) -> str:
    return f"{number:,} {one} has" if number == 1 else f"{number:,} {several} have"


def _lost(rows: pa.Table, texts: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray:
    """The ids of the references that have no hypothesis, without those that are not to be scored."""
    return rows["id"].filter(pc.and_(pc.is_null(texts), rows["skip_reason"].is_null()))


def _filled(texts: pa.Array | pa.ChunkedArray, missing: MissingHyp) -> pa.Array | pa.ChunkedArray:
    return pc.fill_null(texts, "") if missing == "delete" else texts


def _missing_notes(rows: pa.Table, texts: pa.Array, system: str, missing: MissingHyp, num_extra: int) -> Iterator[str]:
    num_lost = len(_lost(rows, texts))
    if num_lost and missing == "delete":
        yield f"note: {system}: {num_lost:,} missing hypotheses count as empty ones (--missing-hyp delete)"
    if num_extra:
        yield f"note: {system}: {num_extra:,} hypotheses without a reference are left out (--missing-hyp skip)"


def _reference_notes(transcript: Transcript) -> Iterator[str]:
    """What reading left out, and the first row without a reference; the summary says how many there are."""
    yield from transcript.notes
    without = transcript.rows.filter(transcript.rows["reference"].is_null())
    if len(without):
        first = without.slice(0, 1).to_pylist()[0]
        yield (
            f"note: {transcript.path}: {_number(len(without), 'row', 'rows')} no reference text "
            f"(first: line {first['line']:,}, {shown(first['id'])})"
        )
