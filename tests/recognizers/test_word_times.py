"""Words from tokens and from a lattice: what they are made of, when they were said, and when that is not known."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from earmark.recognizers.lattice import n_best, words_of
from earmark.recognizers.transformers.timing import attended_tokens, ctc_runs, transducer_tokens
from earmark.recognizers.word_times import Token, mean_confidence, within, words_from
from earmark.records import Alternative, Hypothesis, Word

PIECES = ["_a", "b", "_", "_c", ".", ""]


def decode(ids) -> str:
    """As a tokenizer of word pieces does it: an underscore begins a word, and a space before a full stop goes."""
    return "".join(PIECES[one] for one in ids).replace("_", " ").replace(" .", ".").strip()


def tokens(*ids: int, posterior: float | None = 0.5) -> list[Token]:
    return [Token(one, float(place), place + 1.0, posterior) for place, one in enumerate(ids)]


def test_tokens_become_the_words_of_the_text():
    """From the first token to the last; what divides words belongs to none."""
    ids = (5, 0, 1, 2, 5, 3, 4)
    assert decode(ids).split() == ["ab", "c."]
    assert words_from("ab c.", tokens(*ids), decode) == (Word("ab", 1.0, 3.0, 0.5), Word("c.", 5.0, 7.0, 0.5))
    assert words_from("", tokens(5, 2), decode) == ()


def test_the_confidence_of_a_word_is_the_mean_of_its_tokens():
    """And unknown where one of them is."""
    said = [Token(0, 0.0, 1.0, 0.25), Token(1, 1.0, 2.0, 0.75), Token(3, 2.0, 3.0)]
    assert words_from("ab c", said, decode) == (Word("ab", 0.0, 2.0, 0.5), Word("c", 2.0, 3.0))
    assert mean_confidence([Word("a", 0, 1, 0.25), Word("b", 0, 1, 0.75)]) == 0.5
    assert mean_confidence([Word("a", 0, 1, 0.25), Word("b", 0, 1)]) is None
    assert mean_confidence(()) is mean_confidence(None) is None


@pytest.mark.parametrize("text", ["", "ab", "a", "ab c d", "x c"])
def test_tokens_that_say_something_else_have_no_words(text):
    """Rather none than wrong ones."""
    assert words_from(text, tokens(0, 1, 3), decode) is None


def test_words_end_where_the_audio_ends():
    """The last frame may reach beyond it, and so may a word of padding."""
    heard = Hypothesis("a b", (Word("a", 0.0, 1.5), Word("b", 2.0, float("inf"))))
    assert within(heard, 1.0).words == (Word("a", 0.0, 1.0), Word("b", 1.0, 1.0))
    assert within(Hypothesis("a"), 1.0).words is None


def test_a_letter_that_is_said_twice_has_a_blank_between():
    """Repetitions are joined before blanks go: the other way round, "hello" is "helo"."""
    assert ctc_runs([0, 1, 1, 2, 0, 2, 0], 0) == [(1, 1, 3), (2, 3, 4), (2, 5, 6)]
    assert ctc_runs([], 0) == ctc_runs([0, 0], 0) == []


def loaded(**config: object) -> SimpleNamespace:
    facts = {"pad_token_id": 8, "blank_token_id": 9, "encoder_config": SimpleNamespace(subsampling_factor=10)}
    return SimpleNamespace(model=SimpleNamespace(config=SimpleNamespace(**facts, **config)))


def test_a_transducer_says_a_token_where_it_stands():
    """Of TDT it lasts as long as the model moves on, of RNN-T a frame; blanks and padding are not said."""
    tdt = transducer_tokens([9, 1, 9, 2, 3, 8], [0, 2, 1, 0, 3, 0], loaded(durations=[0, 1, 2, 3]))
    assert [(one.id, round(one.start_s, 9), round(one.end_s, 9)) for one in tdt] == [
        (1, 0.0, 0.2),
        (2, 0.3, 0.4),
        (3, 0.3, 0.6),
    ]
    rnnt = transducer_tokens([9, 1, 9, 2], [0, 0, 1, 1], loaded())
    assert [(one.id, one.start_s, one.end_s) for one in rnnt] == [(1, 0.0, 0.1), (2, 0.1, 0.2)]


def test_an_attended_token_lasts_until_the_next():
    """Special ones are not said; the last one lasts to the end."""
    found = attended_tokens([7, 1, 2, 7], [0.0, 0.1, 0.5, 0.9], {7})
    assert found == [Token(1, 0.1, 0.5), Token(2, 0.5, float("inf"))]


@dataclass
class Stretch:
    """A piece of PocketSphinx's best path."""

    word: str
    start_frame: int
    end_frame: int
    prob: float = 0.5


BEST = [Stretch("<s>", 0, 9), Stretch("the(2)", 10, 19), Stretch("(NULL)", 19, 19), Stretch("end", 20, 40, 1.0001)]


def test_the_best_path_has_the_words_with_times():
    """Without silences and marks of pronunciation, inside the audio; no confidence without a lattice."""
    assert words_of("the end", BEST, 0.35, is_sure=True) == (Word("the", 0.1, 0.2, 0.5), Word("end", 0.2, 0.35, 1.0))
    assert words_of("the end", BEST, 1.0, is_sure=False) == (Word("the", 0.1, 0.2), Word("end", 0.2, 0.41))
    assert words_of("the beginning", BEST, 1.0, is_sure=True) is None


def test_the_n_best_are_texts_once_each_with_the_hypothesis_first():
    """Paths that differ by silences alone count once; without the hypothesis among them there are none."""
    paths = [
        SimpleNamespace(hypstr=text, score=score) for text, score in [("b", 3.0), ("b", 2.0), ("c", 1.5), ("a", 1.0)]
    ]
    assert n_best("a", paths, 2) == (Alternative("a", 1.0), Alternative("b", 3.0))
    assert n_best("b", paths, 5) == (Alternative("b", 3.0), Alternative("c", 1.5), Alternative("a", 1.0))
    assert n_best("a", [None, *paths], 2) == n_best("x", paths, 2) == ()
