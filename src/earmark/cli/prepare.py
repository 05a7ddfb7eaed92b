"""``earmark prepare``: flags to arguments, and what was made in a few lines."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from earmark.cli.progress import length
from earmark.cli.screen import say, visible

if TYPE_CHECKING:
    from earmark.verbs.prepare_data import PreparedData


def prepare_command(
    corpus: str,
    /,
    *,
    to: str,
    language: str | None = None,
    accented_letters: Annotated[bool, Parameter(negative="--no-accented-letters")] = False,
    max_train_seconds: float = 10.0,
) -> int:
    """Make SpeechBrain's tables from a language of Common Voice, once.

    Parameters
    ----------
    corpus
        The language's folder, with train.tsv, dev.tsv, test.tsv and clips/.
    to
        The folder of what is made; train.csv, valid.csv and test.csv.
    language
        Of the utterances that do not say (the folder's name).
    accented_letters
        Keep them; without it only ASCII is kept.
    max_train_seconds
        Leave longer clips out of train.csv.
    """
    from earmark.verbs.prepare_data import prepare_common_voice

    made = prepare_common_voice(
        corpus, to, language=language, accented_letters=accented_letters, max_train_s=max_train_seconds
    )
    if not made.is_new:
        say("prepared before, of the same inputs and rules: nothing to do")
    for line in _lines(made):
        sys.stdout.write(visible(line) + "\n")
    return 0


def _lines(made: PreparedData) -> list[str]:
    lines = []
    for split, one in made.splits.items():
        kept = f"{one.num_kept:,} of {one.num_rows:,} rows, {length(one.audio_s)}"
        lines.append(f"{made.table(split)}: {kept}")
        lines += [f"  left out: {number:,} {_REASONS.get(why, why)}" for why, number in one.left_out.items()]
    return lines


_REASONS = {
    "doubled_clip": "with the clip of an earlier row",
    "missing_audio": "without a clip",
    "nothing_left": "of which the rules of the language leave no letter",
    "too_few_words": "with too few words (or characters)",
    "too_long": "longer than --max-train-seconds",
    "unreadable_audio": "with a clip that cannot be read",
}
