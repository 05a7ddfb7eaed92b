"""How fast are our normalizers beside those they equal? One core, CPU microseconds a text.

    python benchmarks/normalize.py

The others are whisper_normalizer 0.1.15 and, where EARMARK_OPEN_ASR names a checkout of the Open ASR leaderboard
(github.com/huggingface/open_asr_leaderboard at d1e99b2), the leaderboard's own. The rules for Spanish are our own, so
they have no other side: their row stands beside whisper_normalizer's basic rules, which spell no numbers, so that
answers differ.

Each timing is over texts that neither side has seen: the process warms up on other texts of the same kind (imports,
tables, compiled patterns), and every repetition takes a fresh batch, so that nothing is gained by remembering a text.
What our normalizer may remember (short runs of number words, the category of a character) is remembered as it would be
in a real run. The two sides take turns on the same batch and each one's best repetition counts. Answers are compared
too. Texts: generated sentences of some 115 characters with case, punctuation, figures, contractions, titles and
fillers; and, where EARMARK_TEST_DATA (default: ../shared/data) has them, LibriSpeech's references as they are.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

from earmark.text import load_normalizer

NUM_REPETITIONS = 7
BATCH_SIZE = 400
DATA = Path(os.environ.get("EARMARK_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))

SYLLABLES = ["ba", "con", "der", "el", "fi", "gra", "ho", "in", "ject", "ka", "lor", "mi", "pre", "qui", "sta", "tion"]
COMMON = ["the", "of", "and", "to", "in", "a", "is", "that", "it", "was", "for", "on", "with", "his", "they", "not"]
SPOKEN = ["I", "don't", "it's", "we're", "she'd", "John's", "can't", "Mr.", "Dr.", "um,", "uh", "colour", "gonna"]
NUMBER_WORDS = ["one", "two", "seven", "twenty", "ninety", "hundred", "thousand", "first", "third", "percent", "point"]

Normalize = Callable[[str], str]


def figure(rng: random.Random) -> str:
    """Make one number as people write them."""
    shape = rng.choice(["{}", "{}", "{}%", "${}", "${}.50", "{},000", "{}th", "{}.5"])
    return shape.format(rng.randrange(1, 3000))


def word(rng: random.Random) -> str:
    """Make one word: half of them common, one in sixteen a spoken form, one in twelve about numbers."""
    made_up = "".join(rng.choices(SYLLABLES, k=rng.randint(1, 3))) + rng.choice(["", "", "", "", ","])
    kinds = [rng.choice(COMMON), made_up, rng.choice(SPOKEN), rng.choice(NUMBER_WORDS), figure(rng)]
    return rng.choices(kinds, weights=[50, 36, 6, 5, 3])[0]


def sentence(rng: random.Random) -> str:
    """Make a sentence of some 20 words, one in twelve of them in curly quotes and so outside ASCII."""
    text = " ".join(word(rng) for _ in range(rng.randint(14, 30)))
    text = text[0].upper() + text[1:] + rng.choice([".", ".", "?", "!"])
    return f"“{text}”" if rng.random() < 1 / 12 else text


def generated_batches() -> list[list[str]]:
    """Make one batch to warm up on, and one for each repetition."""
    rng = random.Random(20_250)  # not for secrets
    return [[sentence(rng) for _ in range(BATCH_SIZE)] for _ in range(NUM_REPETITIONS + 1)]


def librispeech_batches() -> list[list[str]]:
    """Make the same of LibriSpeech test-clean's references, each of them once; none where the data are not."""
    path = DATA / "scoring" / "librispeech-test-clean.jsonl"
    if not path.is_file():
        return []
    texts = list({json.loads(line)["reference"]: None for line in path.read_text(encoding="utf-8").splitlines()})
    size = len(texts) // (NUM_REPETITIONS + 1)
    return [texts[start : start + size] for start in range(0, size * (NUM_REPETITIONS + 1), size)]


def cpu_us(normalize: Normalize, texts: list[str]) -> tuple[float, list[str]]:
    """Measure CPU microseconds a text, and keep the answers."""
    start = time.process_time()
    answers = [normalize(text) for text in texts]
    return (time.process_time() - start) / len(texts) * 1e6, answers


def best_of(theirs: Normalize, ours: Normalize, batches: list[list[str]]) -> tuple[float, float, int]:
    """Return the best of each, in turns on the same fresh batches, and the number of answers that differ."""
    warm_up, *fresh = batches
    num_different = 0
    timings: list[tuple[float, float]] = []
    for batch in (warm_up, *fresh):
        their_us, their_answers = cpu_us(theirs, batch)
        our_us, our_answers = cpu_us(ours, batch)
        timings.append((their_us, our_us))
        num_different += sum(a != b for a, b in zip(their_answers, our_answers, strict=True))
    return min(pair[0] for pair in timings[1:]), min(pair[1] for pair in timings[1:]), num_different


def other_sides() -> dict[str, Normalize]:
    """Load what each of our normalizers is measured beside, by our name for it."""
    others: dict[str, Normalize] = {
        "whisper-en": EnglishTextNormalizer(),
        "basic": BasicTextNormalizer(),
        "basic-marks": BasicTextNormalizer(preserve_marks=True),
        "spanish": BasicTextNormalizer(preserve_marks=True),
    }
    folder = os.environ.get("EARMARK_OPEN_ASR")
    if folder is not None:
        package = ModuleType("open_asr_leaderboard")
        package.__path__ = [str(Path(folder) / "normalizer")]
        sys.modules[package.__name__] = package
        leaderboard = import_module("open_asr_leaderboard.normalizer")
        others["open-asr-en"] = leaderboard.EnglishTextNormalizer()
        others["open-asr-ml"] = leaderboard.BasicMultilingualTextNormalizer(remove_diacritics=False)
    return others


def rows() -> Iterator[str]:
    """Measure, one line for each normalizer and kind of text."""
    pairs = other_sides()
    kinds = {"generated": generated_batches(), "LibriSpeech references": librispeech_batches()}
    for name, theirs in pairs.items():
        for kind, batches in kinds.items():
            if not batches:
                yield f"{name:<12}{kind:<24} no data at {DATA}"
                continue
            their_us, our_us, num_different = best_of(theirs, load_normalizer(name), batches)
            length = statistics.mean(len(text) for batch in batches for text in batch)
            yield (
                f"{name:<12}{kind:<24}{length:>6.0f}{their_us:>12.1f}{our_us:>10.1f}"
                f"{their_us / our_us:>8.1f}{num_different:>11}"
            )


def main() -> None:
    """Print the table."""
    print(f"CPU us/text, one core, best of {NUM_REPETITIONS} fresh batches, in turns; theirs and ours")
    print(f"{'normalizer':<12}{'texts':<24}{'chars':>6}{'theirs':>12}{'ours':>10}{'ratio':>8}{'different':>11}")
    for row in rows():
        print(row, flush=True)


if __name__ == "__main__":
    main()
