"""A million pairs from a file to a summary: ``earmark score`` beside whisper-normalizer and jiwer, one core each.

    python benchmarks/score_million.py [--pairs 1000000] [--rounds 1]

The pairs are those of benchmarks/score.py (about 20 words, about 8 % WER), with capitals and marks, in JSON Lines.
Each side is a process of its own, from the file to its results on disk. Ours is the whole command with ``--out``:
it also keeps the run, aligns the words, flags what looks odd and draws the interval. Theirs normalizes with
BasicTextNormalizer, counts with ``process_words`` and ``process_characters``, and writes the texts and the counts as
Parquet: once in the straightforward way, pair by pair, which is what the ratio that counts is against, and once with a
thousand pairs a call, which is faster. The totals must be the same. Memory is the peak less the size of the texts.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import jiwer
import pyarrow as pa
import pyarrow.parquet as pq
from _measure import Cost, machine, middle, run
from score import Speech
from whisper_normalizer.basic import BasicTextNormalizer

AT_ONCE = 1000
FIELDS = ("text", "pred_text", "hits", "substitutions", "deletions", "insertions", "character_errors")


def as_written(text: str, chance: random.Random) -> str:
    """The text as a recognizer with punctuation writes it."""
    words = [f"{word}," if chance.random() < 0.1 else word for word in text.split()]  # noqa: PLR2004  # one in ten
    return " ".join(words).capitalize() + "."


def write_pairs(path: Path, num_pairs: int) -> int:
    """Write the pairs and return the bytes of their texts."""
    speech, chance, num_bytes = Speech(seed=3), random.Random(3), 0
    with path.open("w", encoding="utf-8") as file:
        for start in range(0, num_pairs, AT_ONCE):
            pairs = zip(*speech.pairs(min(AT_ONCE, num_pairs - start)), strict=True)
            for number, (reference, hypothesis) in enumerate(pairs, start=start):
                row = {"id": f"utt-{number:07d}", "text": as_written(reference, chance)}
                row["pred_text"] = as_written(hypothesis, chance)
                num_bytes += sum(map(len, row.values()))
                file.write(json.dumps(row) + "\n")
    return num_bytes


def score_by_others(source: str, target: str, num_at_once: int) -> None:
    """What a script does that is written with the two packages."""
    normalize = BasicTextNormalizer()
    schema = pa.schema([(name, pa.string() if "text" in name else pa.int32()) for name in FIELDS])
    totals = [0] * 5
    with Path(source).open(encoding="utf-8") as lines, pq.ParquetWriter(target, schema, compression="zstd") as writer:
        while chunk := [json.loads(line) for line in islice(lines, AT_ONCE)]:
            texts = [[normalize(row[name]) for row in chunk] for name in ("text", "pred_text")]
            rows: list[tuple[int, int, int, int, int]] = []
            for start in range(0, len(chunk), num_at_once):
                rows += _counts(*(side[start : start + num_at_once] for side in texts))
            writer.write_table(pa.table(dict(zip(FIELDS, [*texts, *zip(*rows, strict=True)], strict=True)), schema))
            totals = [sum(column) for column in zip(totals, *rows, strict=True)]
    Path(f"{target}.json").write_text(json.dumps(totals))


def _counts(references: list[str], hypotheses: list[str]) -> Iterator[tuple[int, int, int, int, int]]:
    words = jiwer.process_words(references, hypotheses).alignments
    characters = jiwer.process_characters(references, hypotheses).alignments
    for word_chunks, character_chunks in zip(words, characters, strict=True):
        counts = {"equal": 0, "substitute": 0, "delete": 0, "insert": 0}
        for one in word_chunks:
            counts[one.type] += max(one.ref_end_idx - one.ref_start_idx, one.hyp_end_idx - one.hyp_start_idx)
        errors = sum(
            max(one.ref_end_idx - one.ref_start_idx, one.hyp_end_idx - one.hyp_start_idx)
            for one in character_chunks
            if one.type != "equal"
        )
        yield counts["equal"], counts["substitute"], counts["delete"], counts["insert"], errors


def compare(folder: Path, num_pairs: int, rounds: int) -> None:
    """Measure both and print it."""
    source = folder / "pairs.jsonl"
    data_mib = write_pairs(source, num_pairs) / 2**20
    costs: dict[str, list[Cost]] = {"earmark": [], "both, pair by pair": [], "both, 1000 at once": []}
    # Threads of Arrow would be seconds of another core.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ARROW_IO_THREADS": "1"}
    for number in range(rounds):
        ours = [sys.executable, "-m", "earmark", "score", str(source), "--out", str(folder / f"run-{number}")]
        theirs = [sys.executable, __file__, "--source", str(source), "--target", str(folder / "theirs.parquet")]
        commands = (ours, [*theirs, "--at-once", "1"], [*theirs, "--at-once", str(AT_ONCE)])
        for name, command in zip(costs, commands, strict=True):
            costs[name].append(run(["taskset", "-c", "0", *command], environment=environment))
    for name, found in costs.items():
        cpu_s, peak = middle([one.cpu_s for one in found]), max(one.peak_mib for one in found)
        print(f"{name:18} {cpu_s:7.1f} CPU s  {1e6 * cpu_s / num_pairs:6.1f} us/pair  peak {peak:6.0f} MiB", end="")
        print(f" = texts {data_mib:.0f} + {peak - data_mib:.0f}")
    own, *others = costs.values()
    for name, found in zip(list(costs)[1:], others, strict=True):
        ratio = middle([theirs.cpu_s / ours.cpu_s for ours, theirs in zip(own, found, strict=True)])
        print(f"ratio to {name}: {ratio:.2f}")
    check_totals(folder)


def check_totals(folder: Path) -> None:
    """Raise SystemExit unless both found as many errors, words and characters; the split into kinds is jiwer's own."""
    facts = json.loads((folder / "run-0" / "summary.json").read_text())
    ours = sum(facts[name] for name in ("substitutions", "deletions", "insertions"))
    _, *kinds, characters = json.loads((folder / "theirs.parquet.json").read_text())
    if ours != sum(kinds):
        sys.exit(f"{ours} word errors here, {sum(kinds)} there")
    print(f"the same {ours:,} word errors; WER {facts['wer']:.4f}, CER {facts['cer']:.4f}, {characters:,} characters")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1_000_000, help="pairs of texts (1000000)")
    parser.add_argument("--rounds", type=int, default=1, help="times that each side runs (1)")
    parser.add_argument("--source", help=argparse.SUPPRESS)
    parser.add_argument("--target", help=argparse.SUPPRESS)
    parser.add_argument("--at-once", type=int, default=1, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.source:
        score_by_others(given.source, given.target, given.at_once)
        return
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), given.pairs, given.rounds)


if __name__ == "__main__":
    main()
