"""Whether totals are those of independent tools: jiwer, kaldialign, a plain Levenshtein distance, and NIST's sclite.

    python benchmarks/agreement.py [--pairs 100000]

First random pairs full of ties: single characters, empty lines, texts of a few different words, texts of 5,000 words.
Then, where it is (EARMARK_TEST_DATA), the real outputs of three systems on LibriSpeech test-clean, under every scorer.
Exits with 1 where anything differs. A tool that is not installed is named and left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import jiwer

from earmark.errors import MissingExtraError
from earmark.scoring import SCORERS, load_scorer
from earmark.scoring.counts import ErrorCounts
from earmark.scoring.levenshtein import LEVENSHTEIN

Pairs = tuple[list[str], list[str]]
Counts = tuple[int, int, int, int]  # errors, substitutions, deletions, insertions

VOCABULARIES = ("ab", "abc", "abcdefgh", [f"word{k}" for k in range(40)])
LONG_PAIRS = 4


def random_pairs(num_pairs: int, seed: int = 0) -> Pairs:
    """Make texts of 0 to 11 words, of vocabularies so small that most pairs have ties."""
    chance = random.Random(seed)
    texts: Pairs = ([], [])
    for k in range(num_pairs):
        vocabulary = VOCABULARIES[k % len(VOCABULARIES)]
        for side in texts:
            side.append(" ".join(chance.choices(vocabulary, k=chance.randrange(12))))
    return texts


def single_characters(num_pairs: int, seed: int = 1) -> Pairs:
    """Make lines of one character, or none: what some command lines drop."""
    chance = random.Random(seed)
    lines = ["a", "b", "é", "語", ""]
    return chance.choices(lines, k=num_pairs), chance.choices(lines, k=num_pairs)


def long_pairs(seed: int = 2) -> Pairs:
    """Make texts of 5,000 words with 2 to 40 % of them wrong."""
    chance = random.Random(seed)
    vocabulary = [f"word{k}" for k in range(500)]
    references = [chance.choices(vocabulary, k=5000) for _ in range(LONG_PAIRS)]
    rates = (0.02, 0.08, 0.2, 0.4)
    heard = [
        [chance.choice(vocabulary) if chance.random() < rate else word for word in words if chance.random() > rate / 3]
        for words, rate in zip(references, rates, strict=True)
    ]
    return [" ".join(words) for words in references], [" ".join(words) for words in heard]


def plain_distance(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """Return the Levenshtein distance by its definition, a row of the table at a time."""
    row = list(range(len(hypothesis) + 1))
    for i, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(hypothesis, 1):
            best = min(diagonal + (word != other), row[j] + 1, row[j - 1] + 1)
            diagonal, row[j] = row[j], best
    return row[-1]


def num_errors(pairs: Pairs, count: Callable[[list[str], list[str]], int]) -> list[int]:
    """Return the errors of each pair by another tool."""
    return [count(reference.split(), hypothesis.split()) for reference, hypothesis in zip(*pairs, strict=True)]


def by_jiwer(reference: list[str], hypothesis: list[str]) -> int:
    """Return jiwer's errors; it is given words joined by spaces, since it parts them at nothing else."""
    found = jiwer.process_words(" ".join(reference), " ".join(hypothesis))
    return int(found.substitutions + found.deletions + found.insertions)


def by_kaldialign(reference: list[str], hypothesis: list[str]) -> int:
    """Return kaldialign's errors."""
    import kaldialign

    return int(kaldialign.edit_distance(reference, hypothesis)["total"])


def check_random(num_pairs: int) -> bool:
    """Print and return whether every pair has the same errors everywhere."""
    tools = {"plain Levenshtein": plain_distance, "jiwer": by_jiwer}
    if importlib.util.find_spec("kaldialign"):
        tools["kaldialign"] = by_kaldialign
    else:
        print("kaldialign is not installed: left out")
    sets = {
        "random with ties": random_pairs(num_pairs),
        "single characters and empty lines": single_characters(num_pairs // 10),
        "5,000 words": long_pairs(),
    }
    is_same = True
    for name, pairs in sets.items():
        ours = LEVENSHTEIN.counts(*pairs).errors.tolist()
        for tool, count in tools.items():
            if tool == "plain Levenshtein" and pairs is sets["5,000 words"]:
                continue  # 100 million cells in Python
            theirs = num_errors(pairs, count)
            num_other = sum(a != b for a, b in zip(ours, theirs, strict=True))
            is_same = is_same and num_other == 0
            print(f"{name:34} {len(ours):8,} pairs {sum(ours):9,} errors   {tool:18} differs in {num_other}")
    return is_same


def independent_counts(pairs: Pairs) -> Iterator[tuple[str, str, Counts]]:
    """Yield which scorer, which other tool, and what that one counts."""
    words = jiwer.process_words(*pairs)
    kinds = (words.substitutions, words.deletions, words.insertions)
    yield "levenshtein", "jiwer (total)", (sum(kinds), *kinds)
    split = [[text.split() for text in side] for side in pairs]
    if importlib.util.find_spec("kaldialign"):
        import kaldialign

        for scorer, merges in (("speechbrain", False), ("open-asr", True)):
            found = kaldialign.batch_error_rate(*split, merge_compounds=merges)
            yield scorer, "kaldialign", (int(found["total"]), int(found["sub"]), int(found["del"]), int(found["ins"]))
    if sctk := shutil.which("sctk"):
        yield "sclite", "sctk sclite", by_sclite(sctk, pairs)


def by_sclite(sctk: str, pairs: Pairs) -> Counts:
    """Return the sums of NIST's sclite, with case counted."""
    with tempfile.TemporaryDirectory() as folder:
        for name, texts in zip(("ref", "hyp"), pairs, strict=True):
            Path(folder, name).write_text("".join(f"{text} (s_{k})\n" for k, text in enumerate(texts)))
        command = f"{sctk} sclite -s -r ref trn -h hyp trn -i rm -o pralign stdout"
        report = subprocess.run(command.split(), cwd=folder, capture_output=True, text=True, check=True).stdout
    rows = re.findall(r"^Scores: \(#C #S #D #I\) (\d+) (\d+) (\d+) (\d+)", report, re.MULTILINE)
    _, *kinds = (sum(int(row[k]) for row in rows) for k in range(4))
    return sum(kinds), kinds[0], kinds[1], kinds[2]


def check_real(path: Path) -> bool:
    """Print every scorer's numbers of the three systems, beside those of independent tools; return if they agree."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    references = [row["reference"] for row in rows]
    print(f"\n{path.name}: {len(rows):,} utterances")
    print(
        f"{'system':24} {'scorer':12} {'WER %':>7} {'errors':>6} {'sub':>5} {'del':>5} {'ins':>5} {'forgiven':>8}  "
        "other tool"
    )
    is_same = True
    for system in rows[0]["hypotheses"]:
        pairs = references, [row["hypotheses"][system] for row in rows]
        others = {scorer: (tool, counts) for scorer, tool, counts in independent_counts(pairs)}
        for name in SCORERS.entries():
            try:
                found = load_scorer(name).score(*pairs)
            except MissingExtraError as error:
                print(f"{system:24} {name:12} {error.hint}")
                continue
            words = found.counts.total().words
            verdict, agrees = compared(words, others.get(name))
            is_same = is_same and agrees
            kinds = f"{words.substitutions:5} {words.deletions:5} {words.insertions:5}"
            num_forgiven = sum(map(len, found.forgiven))
            rate = 100 * (words.rate or 0)
            print(f"{system:24} {name:12} {rate:7.4f} {words.errors:6} {kinds} {num_forgiven:8}  {verdict}")
    return is_same


def compared(words: ErrorCounts, other: tuple[str, Counts] | None) -> tuple[str, bool]:
    """Say what another tool counts; of jiwer the total alone must agree, since it breaks ties another way."""
    if other is None:
        return "", True
    tool, counts = other
    ours = (words.errors, words.substitutions, words.deletions, words.insertions)
    agrees = ours[0] == counts[0] if tool.startswith("jiwer") else ours == counts
    return f"{tool}: {' '.join(map(str, counts))} {'same' if agrees else 'DIFFERS'}", agrees


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=100_000, help="random pairs (100000)")
    is_same = check_random(parser.parse_args().pairs)
    folder = Path(os.environ.get("EARMARK_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    path = folder / "scoring" / "librispeech-test-clean.jsonl"
    if path.is_file():
        is_same = check_real(path) and is_same
    else:
        print(f"no {path}: EARMARK_TEST_DATA says where real data are")
    sys.exit(0 if is_same else 1)


if __name__ == "__main__":
    main()
