import json
import random

import pytest

from earmark.scoring.alignment import operations
from earmark.scoring.levenshtein import LEVENSHTEIN
from earmark.scoring.sclite import Sclite

from .nist import needs_sctk, sclite_counts, sclite_operations
from .oracles import long_pair


def counts_of(references, hypotheses, scorer=None):
    counts = (scorer or Sclite()).counts(references, hypotheses)
    columns = (counts.hits, counts.substitutions, counts.deletions, counts.insertions)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def toy_pairs(num_pairs, seed):
    """Texts of few different words, empty ones too, so that ties are many."""
    chance = random.Random(seed)
    return [
        [" ".join(chance.choices("abc" if k % 2 else "abcdefgh", k=chance.randrange(12))) for k in range(num_pairs)]
        for _ in range(2)
    ]


def speech_pairs(num_pairs, rate):
    pairs = [long_pair(5 + seed % 40, rate, seed, num_types=2000) for seed in range(num_pairs)]
    return [[" ".join(pair[side]) for pair in pairs] for side in (0, 1)]


@needs_sctk
@pytest.mark.parametrize("rate", [0.08, 0.5])
def test_the_counts_of_speech_are_those_of_nist(tmp_path, rate):
    """Clean and noisy, utterance by utterance."""
    pairs = speech_pairs(2000, rate)
    assert counts_of(*pairs) == sclite_counts(tmp_path, *pairs)


@needs_sctk
def test_the_counts_of_toy_words_are_those_of_nist(tmp_path):
    """Where nearly every pair has ties, and empty texts."""
    pairs = toy_pairs(4000, seed=1)
    found = counts_of(*pairs)
    assert found == sclite_counts(tmp_path, *pairs)
    assert found != counts_of(*pairs, scorer=LEVENSHTEIN)


@needs_sctk
def test_the_alignments_are_those_of_nist(tmp_path):
    """Not the counts alone: each operation stands where sclite puts it."""
    pairs = toy_pairs(1500, seed=2)
    codes = Sclite().score(*pairs).alignments
    ours = ["".join(letter * length for letter, length in operations(code)) for code in codes]
    assert ours == sclite_operations(tmp_path, *pairs)


@needs_sctk
def test_real_hypotheses_are_counted_as_by_nist(data_folder, tmp_path):
    """The three systems of the real file."""
    path = data_folder / "scoring" / "librispeech-test-clean.jsonl"
    if not path.is_file():
        pytest.skip(f"no {path}")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    references = [row["reference"] for row in rows]
    for system in rows[0]["hypotheses"]:
        hypotheses = [row["hypotheses"][system] for row in rows]
        assert counts_of(references, hypotheses) == sclite_counts(tmp_path, references, hypotheses)


def test_more_errors_than_the_fewest_can_weigh_less():
    """Three substitutions weigh 12, and so do two deletions with two insertions around a hit, which sclite prefers."""
    pairs = toy_pairs(3000, seed=3)
    ours, fewest = Sclite().counts(*pairs).errors, LEVENSHTEIN.counts(*pairs).errors
    assert (ours >= fewest).all()
    assert (ours > fewest).any()
