"""How fast two systems are compared, beside a loop in numpy that draws the utterances one by one.

Synthetic counts of 100,000 utterances of about 20 words, two systems at about 8 % and 7.6 % WER whose errors go
together; 10,000 paired replicates; one core; CPU seconds, the best of several rounds (of the loop: one). Both intervals
are printed: they differ by the noise of the replicates only. Run it as ``python benchmarks/compare.py``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from _measure import machine
from numpy.typing import NDArray

from earmark.scoring.alignment import align
from earmark.scoring.bootstrap import difference_interval
from earmark.scoring.matched_pairs import matched_pairs
from earmark.scoring.significance import sign_flip_p

ROUNDS = 3
Numbers = NDArray[np.int64]
Answer = TypeVar("Answer")


def systems(num_utterances: int) -> tuple[Numbers, Numbers, Numbers]:
    """Make the errors of A, those of B and the reference words of each utterance."""
    random = np.random.default_rng(1)
    words = np.maximum(1, np.rint(random.lognormal(2.85, 0.55, num_utterances))).astype(np.int64)
    shared = random.binomial(words, 0.055)
    return shared + random.binomial(words, 0.025), shared + random.binomial(words, 0.021), words


def loop(differences: Numbers, words: Numbers, num_replicates: int) -> tuple[float, float]:
    """Draw every utterance of every replicate."""
    random = np.random.default_rng(2)
    found = np.empty(num_replicates)
    for replicate in range(num_replicates):
        drawn = random.integers(0, len(words), len(words))
        found[replicate] = differences[drawn].sum() / words[drawn].sum()
    low, high = np.quantile(found, [0.025, 0.975]).tolist()
    return low, high


def timed(job: Callable[[], Answer], rounds: int) -> tuple[Answer, float]:
    """Return the job's answer and its least CPU seconds."""
    seconds = []
    while True:
        began = time.process_time()
        answer = job()
        seconds.append(time.process_time() - began)
        if len(seconds) == rounds:
            return answer, min(seconds)


def codes(num_utterances: int) -> list[tuple[str, str]]:
    """Make alignments of two systems on texts of 20 words."""
    random = np.random.default_rng(3)
    pairs = []
    for _ in range(num_utterances):
        words = [f"w{word}" for word in random.integers(0, 5000, 20)]
        heard = [[f"x{word}" if fate < rate else word for word, fate in zip(words, random.random(20), strict=True)]
                 for rate in (0.080, 0.076)]  # fmt: skip
        pairs.append((align(words, heard[0]), align(words, heard[1])))
    return pairs


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=int, default=100_000, help="in both systems (100000)")
    parser.add_argument("--replicates", type=int, default=10_000, help="of the bootstrap (10000)")
    arguments = parser.parse_args()
    print(machine())
    errors_a, errors_b, words = systems(arguments.utterances)
    differences = errors_b - errors_a
    print(f"{len(words):,} utterances, WER {errors_a.sum() / words.sum():.4f} and {errors_b.sum() / words.sum():.4f}")
    interval, ours_s = timed(
        lambda: difference_interval(differences, words, num_replicates=arguments.replicates), ROUNDS
    )
    ends, loop_s = timed(lambda: loop(differences, words, arguments.replicates), 1)
    p, flip_s = timed(lambda: sign_flip_p(differences), ROUNDS)
    alignments = codes(arguments.utterances // 10)
    test, segments_s = timed(lambda: matched_pairs(alignments), ROUNDS)
    ours = (interval.low, interval.high) if interval else (np.nan, np.nan)
    for name, (low, high), seconds in (("earmark", ours, ours_s), ("loop", ends, loop_s)):
        print(f"{arguments.replicates:,} paired replicates, {name:8} {seconds:7.2f} s  [{low:+.6f}, {high:+.6f}]")
    print(f"ratio {loop_s / ours_s:.1f}")
    print(f"sign-flip permutation, exact      {1000 * flip_s:7.2f} ms  p = {p:.3g}")
    print(f"MAPSSWE of {len(alignments):,} utterances      {1000 * segments_s:7.2f} ms  {test.num_segments:,} segments")


if __name__ == "__main__":
    main()
