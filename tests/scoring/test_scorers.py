"""What holds for every scorer, and what makes each another one."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.errors import MissingExtraError, UnknownNameError
from earmark.scoring import SCORERS, load_scorer
from earmark.scoring.alignment import operations, render_diff, spans
from earmark.scoring.levenshtein import LEVENSHTEIN
from earmark.scoring.mixed import count_script_words
from earmark.scoring.pairs import score_pairs
from earmark.scoring.scorer import Merge

from .oracles import WORDS

COLUMNS = ("hits", "substitutions", "deletions", "insertions", "character_errors", "reference_characters",
           "hypothesis_characters")  # fmt: skip
TEXTS = st.lists(WORDS.map(" ".join), max_size=5)
MIXED_TEXTS = st.text(alphabet="ab 语言テーกี่１ \u3000\u3099é", max_size=12)


@pytest.fixture(params=list(SCORERS.entries()))
def scorer(request):
    try:
        return load_scorer(request.param)
    except MissingExtraError as error:
        pytest.skip(error.what)


def columns(counts):
    return {name: getattr(counts, name).tolist() for name in COLUMNS}


def many(scorer, seed=7, num_pairs=400):
    chance = random.Random(seed)
    vocabulary = ["now", "here", "nowhere", "white", "paper", "whitepaper", "語学", "ไทย"]
    texts = [[" ".join(chance.choices(vocabulary, k=chance.randrange(9))) for _ in range(num_pairs)] for _ in range(2)]
    return texts, scorer.score(*texts)


def test_counts_and_alignments_agree(scorer):
    """``counts`` and ``score`` give the same numbers, and the codes add up to them and to the tokens of the texts."""
    texts, found = many(scorer)
    assert columns(found.counts) == columns(scorer.counts(*texts))
    for k, (reference, hypothesis) in enumerate(zip(*texts, strict=True)):
        runs = list(spans(found.alignments[k]))
        tokens = scorer.tokens(reference), scorer.tokens(hypothesis)
        assert sum(run[1] for run in runs) == len(tokens[0]) == found.counts.reference_words[k]
        assert sum(run[2] for run in runs) == len(tokens[1])
        for letter, name in zip("SDI", COLUMNS[1:4], strict=True):
            assert sum(max(run[1:]) for run in runs if run[0] == letter) == getattr(found.counts, name)[k]
        assert len(render_diff(*tokens, found.alignments[k])) >= found.counts.errors[k]


def test_what_is_equal_has_no_errors(scorer):
    """Whatever its spaces are."""
    counts = scorer.counts(["a  b", "", "語学"], [" a b ", " ", "語学"])
    assert counts.errors.tolist() == counts.character_errors.tolist() == [0, 0, 0]


def test_no_scorer_finds_fewer_errors_than_the_fewest(scorer):
    """But the one that forgives; and their characters are counted alike."""
    texts, found = many(scorer)
    fewest = score_pairs(*texts)
    if scorer.identity.name not in ("open-asr", "mixed"):
        assert (found.counts.errors >= fewest.errors).all()
    assert found.counts.character_errors.tolist() == fewest.character_errors.tolist()


def test_what_is_wrong_is_refused(scorer):
    """Unequal lengths, and what is no text."""
    for method in (scorer.counts, scorer.score):
        with pytest.raises(ValueError, match="2 references but 1 hypotheses"):
            method(["a", "b"], ["a"])
        with pytest.raises((TypeError, AttributeError)):
            method(["a", None], ["a", "b"])


def test_nothing_is_scored_as_nothing(scorer):
    """No pairs are no error."""
    found = scorer.score([], [])
    assert (len(found.counts), found.alignments, found.forgiven) == (0, [], [])


def test_it_says_who_it_is(scorer):
    """By the name that the registry has."""
    assert SCORERS.entries()[scorer.identity.name]
    assert len(scorer.identity.hash) == 64
    assert scorer.identity == load_scorer(scorer.identity.name).identity


def test_an_unknown_scorer_is_said_with_the_near_ones():
    """As in every registry."""
    with pytest.raises(UnknownNameError) as caught:
        load_scorer("slite")
    assert caught.value.near == ["sclite"]


def test_identities_differ():
    """By name and by rules."""
    names = [name for name in SCORERS.entries() if name != "open-asr"]
    assert len({load_scorer(name).identity.hash for name in names}) == len(names)


def test_merges_are_listed_where_they_are_forgiven():
    """Which words, on which side, in which utterance; ``now here`` for ``nowhere`` is seen."""
    pytest.importorskip("kaldialign", reason="the scorer open-asr needs kaldialign")
    found = load_scorer("open-asr").score(
        ["he is now here", "a whitepaper", "now here nowhere"], ["he is nowhere", "the white paper", "nowhere now here"]
    )
    assert found.forgiven == [
        (Merge("now here", "nowhere"),),
        (Merge("whitepaper", "white paper"),),
        (Merge("now here", "nowhere"), Merge("nowhere", "now here")),
    ]
    assert found.alignments == ["2=2J", "1S2P", "2J2P"]
    assert found.counts.errors.tolist() == [0, 1, 0]
    assert found.counts.hits.tolist() == [4, 1, 3]
    assert render_diff(["is", "now", "here"], ["is", "nowhere"], "1=2J") == "is [now_here=nowhere]"
    assert list(operations("1=2J3P")) == [("=", 1), ("J", 2), ("P", 3)]


@given(TEXTS, st.integers(0, 3))
def test_mixed_is_the_default_on_texts_without_these_scripts(texts, shift):
    """Words elsewhere: the same counts and codes."""
    others = texts[shift:] + texts[:shift]
    ours, plain = load_scorer("mixed").score(texts, others), LEVENSHTEIN.score(texts, others)
    assert columns(ours.counts) == columns(plain.counts)
    assert ours.alignments == plain.alignments


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("我 love北京 2024年", ["我", "love", "北", "京", "2024", "年"]),
        ("コーヒーが", ["コ", "ー", "ヒ", "ー", "が"]),
        ("か\u3099ﾊﾞ", ["か\u3099", "ﾊﾞ"]),
        ("ที่นี่ ๒๐ บาท", ["ที่", "นี่", "๒๐", "บ", "า", "ท"]),
        ("한국어 단어", ["한국어", "단어"]),
        ("１２時 ｔｅｓｔ", ["１２", "時", "ｔｅｓｔ"]),
        ("𠮷野家", ["𠮷", "野", "家"]),
        (" é\u3000naïve ", ["é", "naïve"]),
        ("人々 〇", ["人", "々", "〇"]),
        ("हिन्दी", ["हिन्दी"]),
    ],
)
def test_mixed_tokens(text, tokens):
    """Characters of Han, Kana and Thai with their marks; Hangul, digits and all else are words."""
    assert load_scorer("mixed").tokens(text) == tokens


@given(MIXED_TEXTS)
@settings(max_examples=200)
def test_mixed_tokens_lose_no_character(text):
    """Joined, they are the text without its spaces, and none is empty or holds a space."""
    tokens = load_scorer("mixed").tokens(text)
    assert "".join(tokens) == "".join(text.split())
    assert all(token and not token.isspace() for token in tokens)


def test_words_of_unspaced_scripts_are_counted():
    """The tokens that hold such characters, and these."""
    assert count_script_words(["我们在家 now", "plain", "ไทย"], str.split) == (2, 7)
