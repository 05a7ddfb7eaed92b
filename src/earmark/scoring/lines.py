"""Counts as the lines that Kaldi and SpeechBrain print, and that scripts of the field look for. Rates are per cent."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earmark.scoring.counts import CorpusCounts, ErrorCounts


def per_cent(rate: float | None) -> str:
    """Write ``2.05`` for 0.0205, and ``n/a`` where there is no rate."""
    return "n/a" if rate is None else f"{100 * rate:.2f}"


def wer_line(words: ErrorCounts) -> str:
    """Write ``%WER 2.05 [ 1078 / 52568, 126 ins, 152 del, 800 sub ]``; ``n/a`` where there is no reference word."""
    return (
        f"%WER {per_cent(words.rate)} [ {words.errors} / {words.reference_length}, "
        f"{words.insertions} ins, {words.deletions} del, {words.substitutions} sub ]"
    )


def ser_line(corpus: CorpusCounts) -> str:
    """Write ``%SER 27.40 [ 718 / 2620 ]``; ``n/a`` where there is no utterance."""
    return f"%SER {per_cent(corpus.ser)} [ {corpus.num_wrong_utterances} / {corpus.num_utterances} ]"
