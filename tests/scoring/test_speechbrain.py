import json
import random

import pytest

from earmark.scoring.counts import CorpusCounts, ErrorCounts
from earmark.scoring.kaldi import SpeechBrain
from earmark.scoring.speechbrain_summary import SpeechBrainSummary

COUNTS = CorpusCounts(words=ErrorCounts(8, 1, 1, 2), num_utterances=3, num_wrong_utterances=2)
FACTS = SpeechBrainSummary.of(COUNTS, num_absent=1).facts()


def test_splits_are_those_of_kaldi():
    """Insertion before deletion before substitution, even before a hit: three errors that others count as two hits."""
    counts = SpeechBrain().counts(["a b", "x a", "a b c"], ["b a", "a y z", "b c d"])
    assert counts.errors.tolist() == [2, 3, 2]
    assert counts.substitutions.tolist() == [0, 0, 0]


def test_splits_are_those_of_kaldialign():
    """Pair by pair, on texts full of ties."""
    kaldialign = pytest.importorskip("kaldialign", reason="an oracle of the tests")
    chance = random.Random(3)
    words = [[chance.choices("abcd", k=chance.randrange(14)) for _ in range(3000)] for _ in range(2)]
    counts = SpeechBrain().counts(*([" ".join(text) for text in side] for side in words))
    for k, pair in enumerate(zip(*words, strict=True)):
        theirs = kaldialign.edit_distance(*pair)
        ours = (counts.insertions[k], counts.deletions[k], counts.substitutions[k])
        assert ours == (theirs["ins"], theirs["del"], theirs["sub"])


def test_a_summary_holds_the_counts_and_rates_per_cent():
    """An absent sentence has a reference and no hypothesis."""
    assert (FACTS["WER"], FACTS["SER"], FACTS["num_edits"]) == (40.0, 200 / 3, 4)
    assert (FACTS["num_scored_sents"], FACTS["num_absent_sents"], FACTS["num_ref_sents"]) == (3, 1, 4)
    assert json.loads(json.dumps(FACTS)) == FACTS


def test_what_is_written_is_read():
    """In the old spelling and in the new one."""
    renamed = {key.replace("erraneous", "erroneous"): value for key, value in FACTS.items()}
    assert SpeechBrainSummary.read(FACTS) == SpeechBrainSummary.read(renamed) == SpeechBrainSummary.of(COUNTS, 1)


def test_without_a_token_there_is_no_rate():
    """None, and not 0."""
    facts = SpeechBrainSummary.of(CorpusCounts.zero()).facts()
    assert (facts["WER"], facts["SER"], facts["error_rate"]) == (None, None, None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"insertions": None}, "insertions is None"),
        ({"deletions": 1.5}, "deletions is 1.5"),
        ({"num_ref_sents": True}, "num_ref_sents is True"),
        ({"substitutions": -1}, "substitutions is -1"),
        ({"num_edits": 99}, "num_edits is 99"),
    ],
)
def test_a_summary_that_is_none_is_refused(change, said):
    """A count that is missing or no integer, and errors that do not add up."""
    with pytest.raises(ValueError, match=said):
        SpeechBrainSummary.read({**FACTS, **change})
