"""The times of words, which some formats cannot do without; and who gives them, where there are none."""

from __future__ import annotations

from earmark.errors import UsageError
from earmark.records import ScoredUtterance, Word

WHO_GIVES_TIMES = (
    "these give times of words: pocketsphinx always; faster-whisper, NeMo's CTC, RNNT and TDT (not Canary) and "
    "Transformers' CTC, RNN-T, TDT and Whisper with --set words=true"
)


def timed_words(one: ScoredUtterance, what: str) -> tuple[Word, ...]:
    """The words of an utterance. Raises UsageError where it has a text and no times; ``what`` is the format."""
    if one.words is None and one.hypothesis:
        raise UsageError(
            f"no {what} without times, and the model gave none",
            cause=f"{one.id} has a text and no words; {WHO_GIVES_TIMES}",
            hint="earmark eval MODEL --data DATA --set words=true makes a run with times; --to jsonl needs none",
        )
    return one.words or ()
