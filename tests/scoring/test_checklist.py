"""The checklist of cases that scorers of the field get wrong: one test each, by its number there."""

from __future__ import annotations

import json
import math
import random
import re
import tracemalloc
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from earmark.errors import StoreError, UsageError
from earmark.recognizers.doubles import Echo, Noisy
from earmark.reports.scores import NO_REFERENCE_RULE
from earmark.scoring import load_scorer
from earmark.scoring.alignment import align, render_diff
from earmark.scoring.bootstrap import difference_interval, wer_interval
from earmark.scoring.counts import CorpusCounts, ErrorCounts
from earmark.scoring.pairs import score_pairs
from earmark.scoring.significance import mcnemar_p, sign_flip_p
from earmark.scoring.speechbrain_summary import SpeechBrainSummary
from earmark.scoring.words import character_errors, word_counts
from earmark.store import layout
from earmark.store.reader import done_batches
from earmark.store.run import RunStore
from earmark.text import load_normalizer
from earmark.verbs.evaluate import evaluate
from earmark.verbs.score import score
from earmark.verbs.score_outputs import score_files, score_texts
from tests.toys import toy_source

from .oracles import WORDS, long_pair

SEED_RANKS = [
    {"WER": 7.366330698040391, "SER": 40.30534351145038, "num_edits": 1966, "num_scored_tokens": 26689,
     "num_erraneous_sents": 528, "num_scored_sents": 1310, "num_absent_sents": 0, "num_ref_sents": 1310,
     "insertions": 1039, "deletions": 96, "substitutions": 831, "error_rate": 7.366330698040391},
    {"WER": 6.7949163672886, "SER": 41.98473282442748, "num_edits": 1759, "num_scored_tokens": 25887,
     "num_erroneous_sents": 550, "num_scored_sents": 1310, "num_absent_sents": 0, "num_ref_sents": 1310,
     "insertions": 756, "deletions": 145, "substitutions": 858, "error_rate": 6.7949163672886},
]  # fmt: skip


def scored(references, hypotheses, **arguments):
    return score_texts(references, hypotheses, **{"normalizer": "none", **arguments})


def test_01_nothing_said_and_nothing_heard():
    """No error and no word: the rate is null, also in JSON, and the utterance is right."""
    summary = scored([""], [""])
    assert (summary.counts.words, summary.wer, summary.ser) == (ErrorCounts(), None, 0.0)
    assert json.loads(summary.to_json())["wer"] is None


def test_02_words_where_nothing_was_said():
    """Two insertions in the corpus, no rate of the utterance's own, and the empty reference is counted."""
    summary = scored([""], ["a b"])
    assert summary.counts.words == ErrorCounts(insertions=2)
    assert (summary.wer, summary.num_empty_references) == (None, 1)
    assert scored(["", "c"], ["a b", "c"]).wer == 2.0


def test_03_an_empty_reference_among_others():
    """WER 2/3 and SER 1/2, and the rate without it can be told."""
    counts = scored(["", "a b c"], ["x y", "a b c"]).counts
    assert (counts.wer, counts.ser, counts.wer_without_empty_references) == (2 / 3, 1 / 2, 0.0)


def test_04_silence_where_words_were_said():
    """Two deletions, WER 1, and nothing aborts."""
    summary = scored(["a b"], [""])
    assert (summary.counts.words, summary.wer) == (ErrorCounts(deletions=2), 1.0)


@pytest.mark.parametrize("space", list("\t\n\r\x0b\x0c\x1c\x85\xa0\u2003\u2028\u3000"))
def test_05_every_whitespace_parts_words(space):
    """Any of them, any number of them, at the ends too; a zero-width space is none."""
    assert score_pairs([f"{space}a{space}{space}b{space}"], ["a b"]).total().words == ErrorCounts(hits=2)
    assert score_pairs([space], [""]).total() == score_pairs([""], [""]).total()
    assert word_counts("a\u200bb", "a b").reference_length == 1


def test_06_no_pairs():
    """Counts of 0, no rate, no exception."""
    summary = scored([], [])
    assert (summary.counts, summary.wer, summary.cer, summary.ser) == (CorpusCounts.zero(), None, None, None)


def test_07_what_does_not_match_is_named(tmp_path):
    """Unequal lengths, a duplicate id and a missing one are errors, unless a rule is chosen, and then counted."""
    with pytest.raises(ValueError, match="2 references but 1 hypotheses"):
        score_pairs(["a", "b"], ["a"])
    with pytest.raises(UsageError, match="the id 'u' twice"):
        scored(["a", "b"], ["a", "b"], ids=["u", "u"])
    reference, hypothesis = tmp_path / "ref.txt", tmp_path / "hyp.txt"
    reference.write_text("u1 a b\nu2 c\n")
    hypothesis.write_text("u1 a b\n")
    files = {"normalizer": "none", "format_name": "kaldi"}
    with pytest.raises(UsageError, match="u2"):
        score_files(reference, hypothesis, **files)
    (deleted,) = score_files(reference, hypothesis, missing_hyp="delete", **files).summaries.values()
    (skipped,) = score_files(reference, hypothesis, missing_hyp="skip", **files).summaries.values()
    assert (deleted.wer, deleted.num_scored) == (1 / 3, 2)
    assert (skipped.wer, skipped.num_scored, skipped.num_skipped) == (0.0, 1, 1)


@pytest.mark.parametrize("missing", [None, math.nan])
def test_08_a_missing_reference_costs_its_row_only(missing):
    """It is left out by a named rule, and the others are scored."""
    summary = scored(["a b", missing, "c"], ["a b", "x", "d"])
    assert (summary.num_scored, summary.skipped, summary.wer) == (2, {NO_REFERENCE_RULE: 1}, 1 / 3)


def test_09_a_rate_may_be_above_one():
    """It is never clipped."""
    assert scored(["a"], ["b c d"]).wer == 3.0


def test_10_errors_and_words_are_added_and_rates_never_averaged():
    """The ranks of the seed give 7.084981740718199, and not the mean of their rates, 7.0806."""
    together = sum(map(SpeechBrainSummary.read, SEED_RANKS), start=SpeechBrainSummary())
    assert together.wer == 7.084981740718199
    assert scored(["a", "b c d e"], ["x", "b c d e"]).wer == 1 / 5


def test_11_large_counts_are_exact():
    """1.5 million references of 13 words against one word each: past 2**24, where float32 stops counting."""
    scores = score_pairs([" ".join("abcdefghijklm")] * 1000, ["a"] * 1000)
    total = sum([scores.total()] * 1500, start=CorpusCounts.zero())
    assert total.words == ErrorCounts(hits=1_500_000, deletions=18_000_000)
    assert total.wer == 12 / 13


def test_12_a_tie_goes_to_the_hit():
    """``x a`` and ``a y z`` are 3 errors, and one of the words is right."""
    assert word_counts("x a", "a y z") == ErrorCounts(hits=1, deletions=1, insertions=2)


def test_13_two_words_swapped():
    """``a b`` and ``b a`` are 2 errors and a hit."""
    assert word_counts("a b", "b a") == ErrorCounts(hits=1, deletions=1, insertions=1)


@pytest.mark.parametrize("name", ["levenshtein", "sclite", "speechbrain", "mixed"])
def test_14_the_counts_of_each_row_add_up(name):
    """To the words of the reference, and to those of the hypothesis."""
    chance = random.Random(14)
    texts = [[" ".join(chance.choices("ab", k=chance.randrange(8))) for _ in range(300)] for _ in range(2)]
    counts = load_scorer(name).counts(*texts)
    for k, (reference, hypothesis) in enumerate(zip(*texts, strict=True)):
        hits, substitutions = counts.hits[k], counts.substitutions[k]
        assert hits + substitutions + counts.deletions[k] == len(reference.split())
        assert hits + substitutions + counts.insertions[k] == len(hypothesis.split())


@given(WORDS, WORDS)
def test_15_swapping_and_reversing(reference, hypothesis):
    """Swapping the texts swaps deletions and insertions; reading both backwards changes nothing."""
    counts = word_counts(" ".join(reference), " ".join(hypothesis))
    swapped = word_counts(" ".join(hypothesis), " ".join(reference))
    assert (swapped.hits, swapped.substitutions) == (counts.hits, counts.substitutions)
    assert (swapped.deletions, swapped.insertions) == (counts.insertions, counts.deletions)
    assert word_counts(" ".join(reference[::-1]), " ".join(hypothesis[::-1])) == counts


def test_16_neither_batches_nor_workers_nor_repetition_change_the_result(tmp_path):
    """Other batches, two workers, a run done again: one hash of scores, each utterance once."""
    source = toy_source(tmp_path / "data", 9)
    model = Noisy(source.texts, error_rate=0.4)
    runs = [
        evaluate(model, source, out=str(tmp_path / "a"), max_batch_s=0.3),
        evaluate(model, source, out=str(tmp_path / "b"), max_batch_s=3.0),
        evaluate(model, source, out=str(tmp_path / "b"), max_batch_s=3.0),
        evaluate(model, source, out=str(tmp_path / "c"), workers=2, engine="processes"),
    ]
    assert len({run.scores_hash for run in runs}) == 1
    assert {run.num_scored for run in runs} == {9}


def test_17_words_are_compared_and_not_their_numbers():
    """Words that some libraries take for equal, by hash or as objects without content, differ."""
    assert word_counts(str(2**61), "1").substitutions == 1
    with pytest.raises(TypeError):
        score_pairs([2**61], [1])


def test_18_composed_and_decomposed_letters():
    """The default normalizer brings them together; without one they are an error, and the result says which it was."""
    texts = [unicodedata.normalize(form, "café") for form in ("NFC", "NFD")]
    assert scored(texts[:1], texts[1:], normalizer="basic").wer == 0.0
    summary = scored(texts[:1], texts[1:])
    assert (summary.wer, summary.normalizer.name) == (1.0, "none")


def test_19_case_and_punctuation_count_without_a_normalizer():
    """And name, version and hash of normalizer and scorer are in the result."""
    assert scored(["Hello, world"], ["hello world"]).wer == 1 / 2
    facts = json.loads(scored(["Hello, world"], ["hello world"], normalizer="basic").to_json())
    assert facts["wer"] == 0.0
    for role in ("normalizer", "scorer"):
        assert facts[role]["name"]
        assert facts[role]["version"]
        assert re.fullmatch("[0-9a-f]{64}", facts[role]["hash"])


def test_20_characters_are_code_points_with_spaces():
    """A missing space is an error among four characters and a space; the mixed scorer counts what readers count."""
    assert scored(["ab cd"], ["abcd"]).cer == 1 / 5
    assert character_errors("ก่", "ก") == 1
    assert load_scorer("mixed").tokens("ก่อน") == ["ก่", "อ", "น"]


def test_21_curly_and_straight_apostrophes():
    """They are one to our own rules, and two to Whisper's, which are kept as they are."""
    pair = ["don’t"], ["don't"]
    assert scored(*pair, normalizer="spanish").wer == scored(*pair, normalizer="apostrophes").wer == 0.0
    assert load_normalizer("whisper-en")("don’t") == "don t"
    assert scored(*pair, normalizer="whisper-en").wer == 1.0


def test_22_words_of_indic_scripts_stay_whole():
    """With ``basic-marks``; Whisper's ``basic`` splits them, and is reproduced so."""
    assert scored(["हिन्दी"], ["हिन्दी"], normalizer="basic-marks").counts.words == ErrorCounts(hits=1)
    assert load_normalizer("basic")("हिन्दी") == "ह न द "
    assert scored(["हिन्दी"], ["हिन्दी"], normalizer="basic").counts.words.reference_length == 3


def test_23_words_without_spaces_are_warned_about():
    """A word error rate of Chinese as it is written says so; the mixed one, segmented text and English do not."""
    chinese = ["他们在北京大学学习中文", "今天天气很好我们去公园"]
    heard = ["他们在北京大学学中文", "今天天气很好我们去公园"]
    assert scored(chinese, heard).is_unsegmented
    mixed = scored(chinese, heard, scorer="mixed")
    assert (mixed.is_unsegmented, mixed.wer) == (False, 1 / 22)
    assert not scored(["他们 在 北京 大学"], ["他们 在 北京 大学"]).is_unsegmented
    assert not scored(["a sentence, and naïve"], ["a"]).is_unsegmented
    thai = ["สวัสดีครับยินดีที่ได้รู้จัก"]  # "basic" puts spaces where its marks are, and they part no words
    assert scored(thai, thai, normalizer="basic").counts.words.reference_length > 5
    assert scored(thai, thai, normalizer="basic").is_unsegmented
    assert not scored(thai, thai, normalizer="basic", scorer="mixed").is_unsegmented


def test_24_a_reference_that_a_normalizer_empties():
    """It counts as an empty one, what was heard there counts, and their number is in the result."""
    summary = scored(["um", "a word"], ["yes", "a word"], normalizer="whisper-en")
    assert (summary.num_scored, summary.num_empty_references) == (2, 1)
    assert (summary.counts.words.insertions, summary.wer) == (1, 1 / 2)


def test_25_texts_are_normalized_once_and_the_raw_ones_kept(tmp_path):
    """A text that English rules change again when done twice is scored as done once, also when scored again."""
    source = toy_source(tmp_path / "data", 1)
    evaluate(Echo({"utt-000": "o two"}), source, out=str(tmp_path / "run"), normalizer="whisper-en")
    for _ in range(2):
        score(tmp_path / "run")
        [row] = RunStore.at(str(tmp_path / "run")).read_table(layout.SCORES).to_pylist()
        assert row["hypothesis"] == "o two"
        assert row["hypothesis_normalized"] == load_normalizer("whisper-en")("o two") != row["hypothesis"]


def test_26_numbers_and_money():
    """Twenty million dollars in two spellings are one, "veinte" is "20", and 1,5 euros are not 15."""
    assert scored(["$20 million"], ["20 million dollars"], normalizer="whisper-en").wer == 0.0
    assert scored(["veinte"], ["20"], normalizer="spanish").wer == 0.0
    assert scored(["1,5 euros"], ["15 euros"], normalizer="spanish").wer > 0.0


def test_27_compounds_are_merged_only_where_that_is_chosen():
    """Two errors by default; none under the leaderboard's scorer, which lists what it forgave."""
    pytest.importorskip("kaldialign", reason="the scorer open-asr needs kaldialign")
    pair = ["a white paper"], ["a whitepaper"]
    assert scored(*pair).counts.words.errors == 2
    summary = scored(*pair, scorer="open-asr")
    assert (summary.counts.words.errors, summary.num_forgiven, summary.scorer.name) == (0, 1, "open-asr")
    assert [(merge.reference, merge.hypothesis) for merge in summary.forgiven] == [("white paper", "whitepaper")]


@pytest.mark.parametrize("word", ["*", "<eps>", "ε", "-", "", "[-a-]"])
def test_28_symbols_for_nothing_are_words_like_others(word):
    """A text that holds what other tools write for a gap is aligned like any."""
    reference, hypothesis = f"{word} a b".split(), f"a {word} b".split()
    code = align(reference, hypothesis)
    assert render_diff(reference, hypothesis, code).count(" ") + 1 == sum(map(int, re.findall(r"\d+", code)))
    for name in ("levenshtein", "sclite", "speechbrain"):
        errors = load_scorer(name).score([" ".join(reference)], [" ".join(hypothesis)]).counts.errors
        assert errors.tolist() == [2 if word else 0]


def test_29_long_texts_take_little_memory():
    """A pair of 5,000 words needs far less than the 25 million cells of its table, for counts and for an alignment."""
    reference, hypothesis = long_pair(5000, 0.1, seed=29)
    tracemalloc.start()
    counts = word_counts(" ".join(reference), " ".join(hypothesis))
    code = align(reference, hypothesis)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 20e6
    assert sum(int(length) for length in re.findall(r"(\d+)[SDI]", code)) == counts.errors


def test_30_chance_is_seeded_and_p_is_never_zero():
    """The same seed gives the same interval; ties do not count; a huge difference is no certainty."""
    pair = np.array([1, 0, 2, 1] * 10), np.array([5, 6, 7, 8] * 10)
    assert wer_interval(*pair) == wer_interval(*pair)
    assert difference_interval(*pair, None, seed=3) == difference_interval(*pair, None, seed=3)
    assert sign_flip_p(np.zeros(50, np.int64)) == mcnemar_p(0, 0) == 1.0
    assert 0.0 < sign_flip_p(np.ones(5000, np.int64)) < 1e-9


def test_31_a_truncated_part_is_named_and_done_again(tmp_path):
    """It is never merged; the same command does its work again, and nothing is there twice."""
    source = toy_source(tmp_path / "data", 6)
    out = tmp_path / "run"
    whole = evaluate(Echo(source.texts), source, out=str(out), max_batch_s=0.5)
    part = min((out / layout.PARTS).iterdir())
    part.write_bytes(part.read_bytes()[:-20])
    store = RunStore.at(str(out))
    done = store.progress(store.spec())
    assert [Path(found.name).name for found in done.damaged] == [part.name]
    assert not done_batches(store.folder, store.read_table(layout.PLAN), done).all()
    partial = score(out)
    assert (partial.num_damaged_parts, partial.num_scored < 6) == (1, True)
    again = evaluate(Echo(source.texts), source, out=str(out), max_batch_s=0.5)
    assert again.scores_hash == whole.scores_hash
    ids = store.read_table(layout.SCORES)["id"].to_pylist()
    assert len(ids) == len(set(ids)) == 6
    with pytest.raises(StoreError):
        RunStore.at(str(tmp_path / "none")).read_table(layout.SCORES)


def test_32_the_summary_of_speechbrain():
    """Its keys in its order, per cent; both spellings are read, and the seed's ranks give the seed's summary."""
    together = sum(map(SpeechBrainSummary.read, SEED_RANKS), start=SpeechBrainSummary()).facts()
    assert together == {
        "WER": 7.084981740718199, "SER": 41.14503816793893, "num_edits": 3725, "num_scored_tokens": 52576,
        "num_erraneous_sents": 1078, "num_scored_sents": 2620, "num_absent_sents": 0, "num_ref_sents": 2620,
        "insertions": 1795, "deletions": 241, "substitutions": 1689, "error_rate": 7.084981740718199,
    }  # fmt: skip
    assert list(together) == list(SEED_RANKS[0])
