"""Totals are those of independent tools, pair by pair; ``benchmarks/agreement.py`` does it for many more."""

from __future__ import annotations

import json
import random

import jiwer
import pytest

from earmark.scoring import load_scorer
from earmark.scoring.levenshtein import LEVENSHTEIN

from .oracles import canonical, long_pair

SETS = {
    "ties": (["ab", "abc", "abcdefgh"], 12, 3000),
    "single characters": (["abé語"], 2, 500),
    "words": ([[f"word{k}" for k in range(40)]], 30, 500),
}


def pairs_of(name):
    vocabularies, longest, num_pairs = SETS[name]
    chance = random.Random(name)
    return [
        [chance.choices(vocabularies[k % len(vocabularies)], k=chance.randrange(longest)) for k in range(num_pairs)]
        for _ in range(2)
    ]


def joined(pairs):
    return [[" ".join(words) for words in side] for side in pairs]


@pytest.mark.parametrize("name", SETS)
def test_every_pair_has_the_errors_of_jiwer_and_of_the_definition(name):
    """Ties, single characters and empty lines included."""
    pairs = pairs_of(name)
    errors = LEVENSHTEIN.counts(*joined(pairs)).errors.tolist()
    assert errors == [sum(canonical(*pair)[1:]) for pair in zip(*pairs, strict=True)]
    for reference, hypothesis, found in zip(*joined(pairs), errors, strict=True):
        theirs = jiwer.process_words(reference, hypothesis)
        assert found == theirs.substitutions + theirs.deletions + theirs.insertions


@pytest.mark.parametrize("name", SETS)
def test_every_pair_has_the_errors_of_kaldialign(name):
    """With its merging too, where errors, their kinds and the number of words must be the same."""
    kaldialign = pytest.importorskip("kaldialign", reason="an oracle of the tests")
    pairs = pairs_of(name)
    errors = LEVENSHTEIN.counts(*joined(pairs)).errors
    merged = load_scorer("open-asr").counts(*joined(pairs))
    for k, pair in enumerate(zip(*pairs, strict=True)):
        assert errors[k] == kaldialign.edit_distance(*pair)["total"]
        theirs = kaldialign.edit_distance(*pair, merge_compounds=True)
        ours = (merged.insertions[k], merged.deletions[k], merged.substitutions[k], merged.reference_words[k])
        assert ours == tuple(theirs[key] for key in ("ins", "del", "sub", "ref_len"))


@pytest.mark.parametrize("rate", [0.03, 0.3])
def test_long_texts_have_the_errors_of_jiwer(rate):
    """Five thousand words, under each scorer that counts the fewest errors."""
    reference, hypothesis = (" ".join(words) for words in long_pair(5000, rate, seed=8))
    theirs = jiwer.process_words(reference, hypothesis)
    for name in ("levenshtein", "speechbrain", "mixed"):
        [errors] = load_scorer(name).counts([reference], [hypothesis]).errors
        assert errors == theirs.substitutions + theirs.deletions + theirs.insertions


def test_real_outputs_have_the_totals_of_the_leaderboard(data_folder):
    """As it calls kaldialign, on the three systems of the real file."""
    kaldialign = pytest.importorskip("kaldialign", reason="an oracle of the tests")
    path = data_folder / "scoring" / "librispeech-test-clean.jsonl"
    if not path.is_file():
        pytest.skip(f"no {path}")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    references = [row["reference"] for row in rows]
    for system in rows[0]["hypotheses"]:
        hypotheses = [row["hypotheses"][system] for row in rows]
        split = [[text.split() for text in side] for side in (references, hypotheses)]
        for name, merges in (("open-asr", True), ("speechbrain", False)):
            words = load_scorer(name).counts(references, hypotheses).total().words
            theirs = kaldialign.batch_error_rate(*split, merge_compounds=merges)
            assert (words.insertions, words.deletions, words.substitutions, words.rate) == (
                theirs["ins"], theirs["del"], theirs["sub"], theirs["err_rate"],
            )  # fmt: skip
