"""How fast pairs of texts are scored, beside jiwer, and how memory grows with their number.

Synthetic pairs of about 20 words at about 8 % WER; one core; CPU seconds; both scorers in turn, the best of several
rounds. Both give hits, substitutions, deletions and insertions of words and character errors for every utterance.
Run it as ``python benchmarks/score.py [--pairs 20000]``.
"""

from __future__ import annotations

import argparse
import itertools
import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import jiwer
from jiwer import AlignmentChunk, CharacterOutput, WordOutput

from earmark.scoring.counts import CorpusCounts
from earmark.scoring.pairs import score_pairs

NUM_WORD_TYPES = 20_000
SHARD_PAIRS = 1000
ROUNDS = 5

Pairs = tuple[list[str], list[str]]


class Speech:
    """Pairs of texts with words as frequent as in language (Zipf), and errors as a good recognizer makes them."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # a seeded toy, no secret
        self._words = [f"{'word' if k % 3 else 'w'}{k}" for k in range(NUM_WORD_TYPES)]
        self._weights = list(itertools.accumulate(1 / (k + 1) for k in range(NUM_WORD_TYPES)))

    def pairs(self, num_pairs: int) -> Pairs:
        """Make that many references and their hypotheses."""
        references = [self._draw(max(1, round(self._random.lognormvariate(2.85, 0.55)))) for _ in range(num_pairs)]
        return [" ".join(words) for words in references], [" ".join(self._heard(words)) for words in references]

    def shards(self, num_pairs: int) -> Iterator[Pairs]:
        """Make them a shard at a time."""
        for _ in range(num_pairs // SHARD_PAIRS):
            yield self.pairs(SHARD_PAIRS)

    def _draw(self, num_words: int) -> list[str]:
        return self._random.choices(self._words, cum_weights=self._weights, k=num_words)

    def _heard(self, words: list[str]) -> Iterator[str]:
        for word in words:
            fate = self._random.random()
            if fate < 0.05:  # noqa: PLR2004  # substituted
                yield from self._draw(1)
            elif fate >= 0.067:  # noqa: PLR2004  # not deleted
                yield word
            if self._random.random() < 0.013:  # noqa: PLR2004  # inserted after it
                yield from self._draw(1)


def score_by_jiwer(references: list[str], hypotheses: list[str]) -> list[tuple[dict[str, int], int]]:
    """Count word operations and character errors of each utterance from jiwer's alignments."""
    return [
        (_counts(word_chunks), sum(_counts(character_chunks, edits_only=True).values()))
        for words, characters in call_jiwer(references, hypotheses)
        for word_chunks, character_chunks in zip(words.alignments, characters.alignments, strict=True)
    ]


def call_jiwer(references: list[str], hypotheses: list[str]) -> Iterator[tuple[WordOutput, CharacterOutput]]:
    """Call jiwer shard by shard, which is faster for it than all at once."""
    for start in range(0, len(references), SHARD_PAIRS):
        pairs = references[start : start + SHARD_PAIRS], hypotheses[start : start + SHARD_PAIRS]
        yield jiwer.process_words(*pairs), jiwer.process_characters(*pairs)


def _counts(chunks: list[AlignmentChunk], *, edits_only: bool = False) -> dict[str, int]:
    counts = {"equal": 0, "substitute": 0, "delete": 0, "insert": 0}
    for chunk in chunks:
        if edits_only and chunk.type == "equal":
            continue
        counts[chunk.type] += max(chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx)
    return counts


def best_times_s(jobs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the least CPU seconds of each job; the jobs run in turn, so that a busy machine is unfair to none."""
    best = dict.fromkeys(jobs, float("inf"))
    for _ in range(ROUNDS):
        for name, job in jobs.items():
            start = time.process_time()
            job()
            best[name] = min(best[name], time.process_time() - start)
    return best


def peak_bytes() -> int:
    """Return the largest resident size of this process so far (Linux)."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def print_memory(speech: Speech) -> None:
    """Score shard by shard, first 1e5 pairs and then 1e6, and print how far the peak rose in each."""
    sum((score_pairs(*shard).total() for shard in speech.shards(10 * SHARD_PAIRS)), start=CorpusCounts.zero())
    for num_pairs in (100_000, 1_000_000):
        before = peak_bytes()
        total = sum((score_pairs(*shard).total() for shard in speech.shards(num_pairs)), start=CorpusCounts.zero())
        growth_mib = (peak_bytes() - before) / 2**20
        print(f"memory  {num_pairs:9,} pairs by {SHARD_PAIRS:,}: peak +{growth_mib:.1f} MiB, WER {total.wer:.4f}")


def print_speed(speech: Speech, num_pairs: int) -> None:
    """Print pairs a second of jiwer and of earmark on the same pairs."""
    references, hypotheses = speech.pairs(num_pairs)
    best = best_times_s(
        {
            "jiwer, calls alone": lambda: deque(call_jiwer(references, hypotheses), maxlen=0),
            "jiwer, per utterance": lambda: score_by_jiwer(references, hypotheses),
            "earmark, per utterance": lambda: score_pairs(references, hypotheses),
        }
    )
    ours = best["earmark, per utterance"]
    for name, seconds in best.items():
        print(f"speed   {name:24} {num_pairs / seconds:9,.0f} pairs/s   {seconds / ours:5.1f} x our time")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=20_000, help="pairs of the speed test (20000)")
    num_pairs = parser.parse_args().pairs
    print_memory(Speech(seed=1))
    print_speed(Speech(seed=2), num_pairs)


if __name__ == "__main__":
    main()
