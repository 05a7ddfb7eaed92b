import json
import sys

import jiwer
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.scoring import pairs
from earmark.scoring.counts import CorpusCounts, ErrorCounts
from earmark.scoring.pairs import score_pairs
from earmark.scoring.words import character_errors, word_counts

from .oracles import WORDS, long_pair

# Spaces of several kinds, letters of several widths, and a lone surrogate: what damaged files hold.
MESSY = st.text(alphabet="ab  \t\n\u00a0\u3000\u200b\u00e9語\ud800😀", max_size=14)
CLEAN = WORDS.map(" ".join)
COLUMNS = (
    "hits",
    "substitutions",
    "deletions",
    "insertions",
    "character_errors",
    "reference_characters",
    "hypothesis_characters",
)


def columns(scores):
    return {name: getattr(scores, name).tolist() for name in COLUMNS}


def one_by_one(references, hypotheses):
    """Fill the same columns by the functions for one pair."""
    rows = []
    for reference, hypothesis in zip(references, hypotheses, strict=True):
        counts = word_counts(reference, hypothesis)
        lengths = [len(" ".join(text.split())) for text in (reference, hypothesis)]
        kinds = (counts.hits, counts.substitutions, counts.deletions, counts.insertions)
        rows.append((*kinds, character_errors(reference, hypothesis), *lengths))
    return {name: [row[k] for row in rows] for k, name in enumerate(COLUMNS)}


@given(st.lists(st.tuples(CLEAN, CLEAN), max_size=8))
def test_many_clean_pairs_equal_each_alone(texts):
    """The fast path gives what the plain functions give, empty texts between others too."""
    references, hypotheses = [r for r, _ in texts], [h for _, h in texts]
    assert columns(score_pairs(references, hypotheses)) == one_by_one(references, hypotheses)


@given(st.lists(st.tuples(MESSY, MESSY), min_size=1, max_size=5))
def test_many_messy_pairs_equal_each_alone(texts):
    """Whitespace of every kind, wide characters and surrogates change nothing."""
    references, hypotheses = [r for r, _ in texts], [h for _, h in texts]
    assert columns(score_pairs(references, hypotheses)) == one_by_one(references, hypotheses)


@given(st.integers(0, 6), st.integers(0, 6), st.sampled_from(["a", "aa b", "ab"]))
def test_repeated_words_are_cut_at_the_ends_once(num_reference, num_hypothesis, unit):
    """A text that begins and ends like the other with the same words loses none of them twice."""
    references, hypotheses = [" ".join([unit] * num_reference)], [" ".join([unit] * num_hypothesis)]
    assert columns(score_pairs(references, hypotheses)) == one_by_one(references, hypotheses)


@given(st.lists(st.tuples(CLEAN, CLEAN), max_size=9), st.integers(1, 4))
def test_neither_blocks_nor_order_change_the_total(texts, block):
    """Any block size, any sharding and any order of rows gives the same corpus."""
    references, hypotheses = [r for r, _ in texts], [h for _, h in texts]
    whole = score_pairs(references, hypotheses).total()
    shards = [score_pairs([r], [h]).total() for r, h in reversed(texts)]
    assert sum(shards, start=CorpusCounts.zero()) == whole
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "_BLOCK", block)
        assert score_pairs(references, hypotheses).total() == whole


def test_totals_are_those_of_jiwer():
    """Word and character totals over noisy texts equal the field's usual tool."""
    texts = [long_pair(20, 0.3, seed, num_types=60) for seed in range(300)]
    references, hypotheses = [" ".join(r) for r, _ in texts], [" ".join(h) for _, h in texts]
    total = score_pairs(references, hypotheses).total()
    words, characters = jiwer.process_words(references, hypotheses), jiwer.process_characters(references, hypotheses)
    assert total.wer == words.wer
    assert total.cer == characters.cer
    assert total.words.reference_length == words.hits + words.substitutions + words.deletions


def test_real_hypotheses_are_scored_as_by_jiwer(data_folder):
    """The errors of three real systems on LibriSpeech have jiwer's totals and a split that is never worse."""
    path = data_folder / "scoring" / "librispeech-test-clean.jsonl"
    if not path.is_file():
        pytest.skip(f"no {path}")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    references = [row["reference"] for row in rows]
    for system in rows[0]["hypotheses"]:
        hypotheses = [row["hypotheses"][system] for row in rows]
        total, theirs = score_pairs(references, hypotheses).total(), jiwer.process_words(references, hypotheses)
        assert total.wer == theirs.wer
        assert total.words.hits >= theirs.hits


def test_an_empty_reference_counts_in_every_number():
    """Its insertions are errors, its utterance is wrong, and the rate without it can be told."""
    total = score_pairs(["", "a b c"], ["x y", "a b c"]).total()
    assert total.wer == 2 / 3
    assert total.ser == 1 / 2
    assert total.num_empty_references == 1
    assert total.wer_without_empty_references == 0.0
    assert score_pairs(["", " "], ["", "\t"]).total() == CorpusCounts(num_utterances=2, num_empty_references=2)


def test_no_pairs_are_no_error():
    """Nothing scored is zero everywhere, and no rate."""
    scores = score_pairs([], [])
    assert len(scores) == 0
    assert scores.total() == CorpusCounts.zero()


def test_unequal_lengths_are_refused_with_both():
    """A missing hypothesis never goes unseen."""
    with pytest.raises(ValueError, match="2 references but 1 hypotheses"):
        score_pairs(["a", "b"], ["a"])


@pytest.mark.parametrize("missing", [None, float("nan"), 3])
def test_what_is_no_text_is_refused(missing):
    """None and NaN are not scored as words."""
    with pytest.raises(TypeError):
        score_pairs(["a", missing], ["a", "b"])


def test_long_texts_are_scored_in_the_batch():
    """A text of five thousand words beside a short one gives the counts that it has alone."""
    reference, hypothesis = (" ".join(words) for words in long_pair(5000, 0.02, seed=5))
    scores = score_pairs(["a b", reference], ["a", hypothesis])
    assert columns(scores) == one_by_one(["a b", reference], ["a", hypothesis])


def test_columns_are_int32_and_derived_ones_fit():
    """The arrays have the types of the scores table, and errors and words follow from them."""
    scores = score_pairs(["a b c", "d"], ["a x", "d e"])
    assert {getattr(scores, name).dtype for name in COLUMNS} == {np.dtype(np.int32)}
    assert scores.errors.tolist() == [2, 1]
    assert scores.reference_words.tolist() == [3, 1]
    assert scores.total().words == ErrorCounts(hits=2, substitutions=1, deletions=1, insertions=1)


def test_every_whitespace_is_known():
    """The list of other whitespace is what this Python splits at."""
    known = {chr(code) for code in range(sys.maxunicode + 1) if not chr(code).split()}
    assert known == {" ", *pairs._OTHER_WHITESPACE}
