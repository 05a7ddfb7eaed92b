"""sclite's two reports: ``.sys``, a table by speaker, and ``.dtl``, the totals and every confusion.

The counts are the scorer's, so with ``--scorer sclite`` the files are those of ``sclite -s -i rm -o sum dtl``.
Source: the SCTK 2.4's own output, https://github.com/usnistgov/SCTK. Percentages leave too little to be read back.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from earmark.formats.exported_run import ExportedRun
from earmark.formats.pra import speaker_of
from earmark.records import ScoredUtterance

_WIDE = 80
_HEADS = " # Snt # Wrd | Corr    Sub    Del    Ins    Err  S.Err |"
_NUMBERS = "-------------+-----------------------------------------|"
_NO_WORDS = """
* No Reference words for this/these speaker(s).  Word counts supplied
  rather than percents.
# No Reference words for this/these speaker(s).  NCE not computable.
+ Speaker(s) with no reference data is ignored
"""
_SUBSTITUTED = """
* NOTE: The 'Substitution' words are those reference words
        for which the recognizer supplied an incorrect word.
"""
_HEARD = """
* NOTE: The 'Falsely Recognized' words are those hypothesis words
        which the recognizer incorrectly substituted for a reference word.
"""


@dataclass(slots=True)
class _Counts:
    """Words and utterances, added up; ``with_kind`` are those with a substitution, a deletion, an insertion."""

    num_utterances: int = 0
    num_wrong: int = 0
    hits: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0
    with_kind: tuple[int, int, int] = (0, 0, 0)

    def add(self, one: ScoredUtterance) -> None:
        """Take a scored utterance."""
        kinds = (one.substitutions or 0, one.deletions or 0, one.insertions or 0)
        self.num_utterances += 1
        self.num_wrong += any(kinds)
        self.hits += one.hits or 0
        self.substitutions += kinds[0]
        self.deletions += kinds[1]
        self.insertions += kinds[2]
        first, second, third = (before + (kind > 0) for before, kind in zip(self.with_kind, kinds, strict=True))
        self.with_kind = (first, second, third)

    @property
    def words(self) -> int:
        """Of the reference."""
        return self.hits + self.substitutions + self.deletions

    @property
    def errors(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    def kinds(self) -> tuple[int, ...]:
        """Correct, substituted, deleted, inserted, and all errors."""
        return (self.hits, self.substitutions, self.deletions, self.insertions, self.errors)

    def rates(self) -> list[float]:
        """The same in per cent of the words, of which there must be some."""
        return [100.0 * number / self.words for number in self.kinds()]

    @property
    def sentence_error(self) -> float:
        """Per cent."""
        return 100.0 * self.num_wrong / self.num_utterances if self.num_utterances else 0.0

    @classmethod
    def of(cls, utterances: Sequence[ScoredUtterance]) -> Self:
        """Those of some utterances."""
        counts = cls()
        for one in utterances:
            counts.add(one)
        return counts


def write_sys(run: ExportedRun) -> Iterator[bytes]:
    """Yield the table by speaker, with sum, mean, standard deviation and median."""
    speakers: dict[str, _Counts] = {}
    total = _Counts()
    for one in run.scored():
        speakers.setdefault(speaker_of(one), _Counts()).add(one)
        total.add(one)
    wide = max([7, *(len(name) + 1 for name in speakers)])
    inner = wide + 1 + len(_NUMBERS) - 1 + 1
    head = [f",{'-' * inner}.", f"|{_centred(run.model[:inner], inner)}|", f"|{'-' * inner}|"]
    rows = [*head, f"| {'SPKR':{wide}}|{_HEADS}"]
    rule, double = f"|{'-' * (wide + 1)}+{_NUMBERS}", f"|{'=' * inner}|"
    for name, counts in speakers.items():
        rows += [rule, f"| {name:{wide}}|{_row(counts)}"]
    rows += [double if speakers else rule, f"| {'Sum/Avg':{wide}}|{_row(total)}"]
    rows.append(double)
    if speakers:
        rows += [f"|{_centred(name, wide + 1)}|{row}" for name, row in _over_speakers(list(speakers.values()))]
    rows.append(f"`{'-' * inner}'")
    margin = " " * max(0, (_WIDE - inner - 2) // 2)
    title = _centred("SYSTEM SUMMARY PERCENTAGES by SPEAKER", _WIDE)
    has_no_words = any(not counts.words for counts in speakers.values())
    text = f"\n\n\n{title}\n\n" + "".join(f"{margin}{row}\n" for row in rows)
    yield f"{text}{_NO_WORDS if has_no_words else ''}".encode()


def write_dtl(run: ExportedRun) -> Iterator[bytes]:
    """Yield the totals, and each confusion, insertion, deletion and substitution with how often it came."""
    total = _Counts()
    pairs, inserted, deleted, said, heard = (Counter[str]() for _ in range(5))
    for one in run.scored():
        total.add(one)
        for letter, word, other in run.operations(one):
            if letter == "S":
                pairs[f"{word} ==> {other}"] += 1
                said[word] += 1
                heard[other] += 1
            elif letter in ("D", "I"):
                (deleted if letter == "D" else inserted)[word or other] += 1
    yield _totals(run.model, total).encode()
    yield _listing("CONFUSION PAIRS", pairs).encode() + b"\n\n\n"
    yield _listing("INSERTIONS", inserted).encode() + b"\n\n\n"
    yield _listing("DELETIONS", deleted).encode() + b"\n\n\n"
    yield f"{_listing('SUBSTITUTIONS', said)}\n{_SUBSTITUTED}".encode()
    yield f"\n\n{_listing('FALSELY RECOGNIZED', heard)}\n{_HEARD}\n".encode()


def _row(counts: _Counts) -> str:
    if counts.words:
        cells = "".join(f"{rate:5.1f}  " for rate in counts.rates())
    else:
        cells = "".join(f"{number:5d}* " for number in counts.kinds())
    return f"{counts.num_utterances:5d}{counts.words:7d} |{cells}{counts.sentence_error:5.1f} |"


def _over_speakers(speakers: Sequence[_Counts]) -> Iterator[tuple[str, str]]:
    """Mean, deviation and median of the speakers; rates only of those with words."""
    with_words = [counts.rates() for counts in speakers if counts.words]
    columns = list(zip(*with_words, strict=True)) or [(0.0,)] * 5
    mark = " " if len(with_words) == len(speakers) else "+"
    sizes = [[float(one.num_utterances) for one in speakers], [float(one.words) for one in speakers]]
    sentences = [one.sentence_error for one in speakers]
    for name, over in (("Mean", _mean), ("S.D.", _deviation), ("Median", statistics.median)):
        rates = "".join(f"{over(column):5.1f}{mark} " for column in columns)
        yield name, f"{over(sizes[0]):5.1f}{over(sizes[1]):7.1f} |{rates}{over(sentences):5.1f} |"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _deviation(values: Sequence[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else 0.0


def _totals(name: str, total: _Counts) -> str:
    def share(number: int, of: int) -> str:
        return f"{100.0 * number / of if of else 0.0:5.1f}%   ({number:4d})"

    num, words = total.num_utterances, total.words
    kinds = zip(("substitions", "deletions", "insertions"), total.with_kind, strict=True)  # as sclite spells it
    accuracy = 100.0 * (words - total.errors) / words if words else 0.0
    rates = (
        ("Percent Total Error       =  ", total.errors, "\n"),
        ("Percent Correct           =  ", total.hits, "\n"),
        ("Percent Substitution      =  ", total.substitutions, ""),
        ("Percent Deletions         =  ", total.deletions, ""),
        ("Percent Insertions        =  ", total.insertions, ""),
    )
    return (
        f"DETAILED OVERALL REPORT FOR THE SYSTEM: {name}\n\nSENTENCE RECOGNITION PERFORMANCE\n\n"
        f" sentences                                        {num:4d}\n"
        f" with errors                            {share(total.num_wrong, num)}\n\n"
        + "".join(f"   with {kind:<32}{share(number, num)}\n" for kind, number in kinds)
        + "\n\nWORD RECOGNITION PERFORMANCE\n\n"
        + "".join(f"{label}{share(number, words)}\n{gap}" for label, number, gap in rates)
        + f"Percent Word Accuracy     =  {accuracy:5.1f}%\n\n\n"
        f"Ref. words                =           ({words:4d})\n"
        f"Hyp. words                =           ({total.hits + total.substitutions + total.insertions:4d})\n"
        f"Aligned words             =           ({words + total.insertions:4d})\n\n"
    )


def _listing(title: str, found: Counter[str]) -> str:
    """Each with how often it came: the most frequent first, then in the order of their bytes."""
    ranked: Callable[[tuple[str, int]], tuple[int, bytes]] = lambda item: (-item[1], item[0].encode())  # noqa: E731
    ordered = sorted(found.items(), key=ranked)
    lines = "".join(f"{place:4d}: {number:4d}  ->  {name}\n" for place, (name, number) in enumerate(ordered, start=1))
    least = " " * 33 + f"With >= {1:2d} occurrences ({len(ordered)})\n"
    return (
        f"{title:<33}Total                 ({len(ordered)})\n{least}\n{lines}     -------\n{sum(found.values()):10d}\n"
    )


def _centred(text: str, width: int) -> str:
    return f"{' ' * ((width - len(text)) // 2)}{text}".ljust(width)
