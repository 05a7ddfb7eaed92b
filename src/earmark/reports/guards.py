"""Guard rails: which hypotheses look like something other than a mistake in hearing.

A flag is a hint to look there; it changes no score. The rules are in ``RULES``, what they say about one utterance
depends on that utterance alone, and the same numbers give the same flags. Knows tables of schema.SCORES and of the
rows of parts, and no file.

No memory is kept but the counts and the first few ids of each flag.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import eq

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from earmark.schema import SCORED
from earmark.scoring.mixed import Mixed
from earmark.scoring.words import word_counts
from earmark.text_bytes import text_bytes, text_offsets

RULES = """\
units: the tokens of the scorer "mixed" in the normalised texts: words, and characters of Han, Kana and Thai
loop: a phrase of 1 to 16 units comes 3 times or more in a row over 5 units or more, at least twice as many as so repeat
  in the reference; and 4 or more of the heard words are wrong, or 4 characters where the hypothesis has such units
too_long: spoken at 8 units a second it takes 0.5 s more than the audio lasts; and 1.5 times the reference's units
too_short: something was heard, and spoken at 1 unit a second it lasts 1 s less than the audio; and at most half of the
  reference's units
stopped_early: 3 units or more were heard, the reference has 5 more or yet more; beside as many units from the
  reference's beginning at most a quarter is wrong, and the rest of the errors is the missing end, but for one unit
over_silence: something was heard, and the reference has no word, or the audio's level is below -70 dBFS
empty: nothing was heard, and the reference has words
thai: three characters count as one unit in too_long and too_short
"""

MEANINGS: Mapping[str, str] = {
    "loop": "a phrase over and over",
    "too_long": "more than fits into the audio",
    "too_short": "little for the length of the audio",
    "stopped_early": "the end of the reference is missing",
    "over_silence": "words, but the reference is empty or the audio silent",
    "empty": "nothing was heard",
}
"""The flags, in the order in which they are listed, and what each says of a hypothesis."""

FASTEST_PER_S = 8.0
"""Above the fastest mean rate of syllables measured in seven languages, 7.84 a second (Pellegrino, Coupe and Marsico
2011, "A cross-language perspective on speech information rate"); a word has a syllable at least."""
SLOWEST_PER_S = 1.0
"""Below the slowest utterance of read English that was looked at, 1.3 words a second with its pauses."""
SILENT_DBFS = -70.0
"""A recording of a quiet room is louder; the quietest of 3,000 recorded digits is at -53."""

_MOST_PHRASE, _LEAST_REPEATS, _LEAST_RUN, _LEAST_WRONG = 16, 3, 5, 4
_LEAST_HEARD, _LEAST_MISSING = 3, 5
_NUM_FIRST = 3
_UNITS = Mixed().tokens

_THAI = "[\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46]"
_IS_SPACE = np.array([chr(code).isspace() for code in range(128)])
_MAY_LACK_SPACES = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]"

Truths = NDArray[np.bool_]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GuardsIdentity:
    """Which rules gave the flags: name, version, and the SHA-256 (hexadecimal) of their text."""

    name: str
    version: str
    hash: str


GUARDS = GuardsIdentity("earmark", "1", hashlib.sha256(RULES.encode()).hexdigest())
"""The one set of rules that there is. Its version grows when ``RULES`` change."""


@dataclass(frozen=True, slots=True)
class Flagged:
    """How many utterances have a flag, what it means, and the first of them, in the order of the data."""

    meaning: str
    number: int
    first_ids: tuple[str, ...]


class FlagTally:
    """Counts the flags of a run, a window at a time."""

    def __init__(self) -> None:
        self._ids: dict[str, list[str]] = {name: [] for name in MEANINGS}
        self._numbers = dict.fromkeys(MEANINGS, 0)

    def add(self, scores: pa.Table) -> None:
        """Take the next window of schema.SCORES, with its flags."""
        flags = scores["flags"].combine_chunks()
        names, places = flags.flatten(), pc.list_parent_indices(flags)
        for name in MEANINGS:
            where = places.filter(pc.equal(names, name))
            self._numbers[name] += len(where)
            wanted = _NUM_FIRST - len(self._ids[name])
            self._ids[name] += scores["id"].take(where[:wanted]).to_pylist()

    def found(self) -> dict[str, Flagged]:
        """Every flag that there is, with what it was given to."""
        return {name: Flagged(MEANINGS[name], self._numbers[name], tuple(self._ids[name])) for name in MEANINGS}


def with_flags(scores: pa.Table, rows: pa.Table) -> pa.Table:
    """``scores`` (schema.SCORES, ascending by index) with its flags; the lists of unscored utterances are empty.

    ``rows`` are those of parts (store.reader.READ_COLUMNS) that the scores come from.
    """
    is_scored = pc.equal(scores["status"], SCORED).to_numpy()
    scored = scores.filter(pa.array(is_scored))
    duration_s, level_dbfs = _audio(scored, rows)
    tripped = _tripped(scored, duration_s, level_dbfs)
    table = np.zeros((len(scores), len(MEANINGS)), dtype=bool)
    table[is_scored] = np.stack([tripped[name] for name in MEANINGS], axis=1)
    offsets = np.append(0, np.cumsum(table.sum(axis=1))).astype(np.int32)
    names = pa.array(MEANINGS).take(pa.array(np.nonzero(table)[1]))
    place = scores.schema.get_field_index("flags")
    return scores.set_column(place, scores.schema.field(place), pa.ListArray.from_arrays(pa.array(offsets), names))


def _audio(scored: pa.Table, rows: pa.Table) -> tuple[Numbers, Numbers]:
    """Seconds and level of each scored utterance; nan where nobody knows.

    What was decoded goes before what was stated. The level of a long utterance is that of its pieces together.
    """
    index = scored["index"].to_numpy()
    place = np.searchsorted(index, rows["index"].to_numpy())
    place[place == len(index)] = 0
    is_ours = index[place] == rows["index"].to_numpy() if len(index) else np.zeros(len(rows), dtype=bool)
    place = place[is_ours]
    audio_s = rows["audio_s"].to_numpy()[is_ours]
    power = 10 ** (rows["level_dbfs"].to_numpy()[is_ours] / 10)  # nan where null
    decoded_s = np.bincount(place, audio_s, len(index))
    energy = np.bincount(place, power * audio_s, len(index))
    stated_s = scored["duration_s"].to_numpy()
    duration_s = np.where(decoded_s > 0, decoded_s, np.where(stated_s > 0, stated_s, np.nan))
    with np.errstate(divide="ignore", invalid="ignore"):
        return duration_s, 10 * np.log10(energy / decoded_s)


def _tripped(scored: pa.Table, duration_s: Numbers, level_dbfs: Numbers) -> dict[str, Truths]:
    """Which of the scored utterances trip each guard. A comparison with nan is false."""
    sides = ("reference", "hypothesis")
    has_said, has_heard = (scored[f"{side}_characters"].to_numpy() > 0 for side in sides)
    said, heard = (_Units.of(scored[f"{side}_normalized"]) for side in sides)
    in_time = heard.number - heard.number_of_thirds * 2 / 3
    said_in_time = said.number - said.number_of_thirds * 2 / 3
    num_wrong = np.where(
        heard.has_characters,
        scored["character_errors"].to_numpy(),
        scored["substitutions"].to_numpy() + scored["insertions"].to_numpy(),
    )
    num_missing = said.number - heard.number
    return {
        "loop": _confirmed(scored, (num_wrong >= _LEAST_WRONG) & (heard.number >= _LEAST_RUN), _loops),
        "too_long": (in_time > FASTEST_PER_S * (duration_s + 0.5)) & (in_time >= 1.5 * said_in_time),
        "too_short": has_heard & (in_time < SLOWEST_PER_S * (duration_s - 1)) & (2 * in_time <= said_in_time),
        "stopped_early": _confirmed(
            scored, (num_missing >= _LEAST_MISSING) & (heard.number >= _LEAST_HEARD), _stops_early
        ),
        "over_silence": has_heard & (~has_said | (level_dbfs < SILENT_DBFS)),
        "empty": has_said & ~has_heard,
    }


@dataclass(frozen=True, slots=True)
class _Units:
    """How many units each text has, whether characters are among them, and how many count a third in time."""

    number: Numbers
    has_characters: Truths
    number_of_thirds: Numbers

    @classmethod
    def of(cls, texts: pa.ChunkedArray) -> _Units:
        column = texts.combine_chunks()
        is_ascii = bool(pc.all(pc.string_is_ascii(column)).as_py() in (True, None))
        number = _num_ascii_words(column) if is_ascii else _num_words(column)
        has_characters, thirds = np.zeros(len(column), dtype=bool), np.zeros_like(number)
        if not is_ascii:
            where = np.flatnonzero(pc.match_substring_regex(column, _MAY_LACK_SPACES))
            unspaced = column.take(pa.array(where))
            has_characters[where] = True
            number[where] = [len(_UNITS(text)) for text in unspaced.to_pylist()]
            thirds[where] = pc.count_substring_regex(unspaced, _THAI)
        return cls(number, has_characters, thirds)


def _num_words(texts: pa.Array) -> Numbers:
    trimmed = pc.utf8_trim_whitespace(texts)
    number: Numbers = pc.list_value_length(pc.utf8_split_whitespace(trimmed)).to_numpy().astype(np.float64)
    number[pc.equal(trimmed, "").to_numpy(zero_copy_only=False)] = 0
    return number


def _num_ascii_words(texts: pa.Array) -> Numbers:
    """The same: a word begins at each byte that is no space and comes after one, or is the first of its text."""
    offsets = text_offsets(texts)
    starts = offsets - offsets[0]
    is_space = _IS_SPACE[text_bytes(texts)]
    begins = ~is_space
    begins[1:] &= is_space[:-1]
    is_filled = starts[1:] > starts[:-1]
    firsts = starts[:-1][is_filled]
    begins[firsts] = ~is_space[firsts]
    number: Numbers = np.diff(np.searchsorted(np.flatnonzero(begins), starts)).astype(np.float64)
    return number


def _confirmed(scored: pa.Table, candidates: Truths, rule: Callable[[str, str], bool]) -> Truths:
    """Those of the candidates for which ``rule`` holds, given reference and hypothesis."""
    answer = np.zeros(len(scored), dtype=bool)
    where = np.flatnonzero(candidates)
    rows = scored.take(pa.array(where))
    texts = zip(*(rows[name].to_pylist() for name in ("reference_normalized", "hypothesis_normalized")), strict=True)
    answer[where] = [rule(reference, hypothesis) for reference, hypothesis in texts]
    return answer


def _loops(reference: str, hypothesis: str) -> bool:
    """Whether the hypothesis repeats a phrase over and over, and the reference does not."""
    longest = longest_repetition(_UNITS(hypothesis))
    return longest >= _LEAST_RUN and longest >= 2 * longest_repetition(_UNITS(reference))


def longest_repetition(words: Sequence[str]) -> int:
    """The words of the longest stretch that is one phrase of at most 16 words, 3 times in a row or more; 0 for none.

    The last time the phrase may be cut short.
    """
    # Whoever says a phrase three times says two thirds of the words again.
    num_again = len(words) - len(set(words))
    longest = 0
    for size in range(1, min(_MOST_PHRASE, num_again // (_LEAST_REPEATS - 1)) + 1):
        if sum(map(eq, words, words[size:])) < (_LEAST_REPEATS - 1) * size:
            continue
        num_same = 0
        for before, word in zip(words, words[size:], strict=False):
            num_same = num_same + 1 if word == before else 0
            if num_same >= (_LEAST_REPEATS - 1) * size:
                longest = max(longest, num_same + size)
    return longest


def _stops_early(reference: str, hypothesis: str) -> bool:
    """Whether the hypothesis is the reference without its end."""
    said, heard = _UNITS(reference), _UNITS(hypothesis)
    num_heard = len(heard)
    num_wrong = _num_errors(said[:num_heard], heard)
    rest = _num_errors(said, heard) - (len(said) - num_heard)
    # A last word that happens to come again later in the reference makes the rest smaller by one.
    return 4 * num_wrong <= num_heard and num_wrong <= rest + 1


def _num_errors(said: list[str], heard: list[str]) -> int:
    return word_counts(" ".join(said), " ".join(heard)).errors
