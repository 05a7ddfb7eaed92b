from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.errors import FolderError, UnknownNameError, UsageError
from earmark.text import load_normalizer
from earmark.text.steps import STEPS
from tests.text.text_fuzz import LETTERS, MARKS, SCRIPTS, SPACES

STEP_BEHAVIOUR = {
    "lower": ("ÑANDÚ Straße", "ñandú straße"),
    "casefold": ("Straße", "strasse"),
    "nfc": ("cafe\u0301 ﬁ", "café ﬁ"),
    "nfkc": ("cafe\u0301 ﬁ ５", "café fi 5"),
    "apostrophes": ("don’t ‘so’ o＇clock", "don't 'so' o'clock"),
    "strip-marks": ("mañana café हिन्दी", "manana cafe हिनदी"),
    "squeeze": ("\u3000a \t\nb\u00a0", "a b"),
    "numbers:es": ("¿Cuesta $1.500, o 10-20?", "¿Cuesta mil quinientos pesos, o diez veinte?"),
}
PUNCTUATION = {
    "¿Qué? ¡No!": " Qué   No ",
    "don't 'so' rock 'n' roll's": "don't  so  rock  n  roll's",
    "1,5 1.500 12:30 17/05/2024": "1,5 1.500 12:30 17/05/2024",
    "1. 2, 3:": "1  2  3 ",
    "$5 $ 5 5% 5 % 5€ 25°": "$5 $ 5 5% 5 % 5€ 25°",
    "a $ 5": "a $ 5",
    "-5 a-5 - 5": "-5 a 5   5",
    "$ a % b": "  a   b",
    "हिन्दी।": "हिन्दी ",
    "a_b@c": "a b c",
}
IDEMPOTENT = ["lower", "casefold", "nfc", "nfkc", "apostrophes", "strip-punct", "strip-marks", "squeeze", "numbers:es"]
WORDS = '[words]\n"gonna" = "going to"\n"all right" = "alright"\n"all" = "ALL"\n"don\'t" = "do not"\n"ehm" = ""\n'


@pytest.fixture
def write_words(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(content: str | bytes, name: str = "words.toml") -> str:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return f"words:{name}"

    return write


@pytest.mark.parametrize(("name", "texts"), STEP_BEHAVIOUR.items())
def test_step_behaviour(name, texts):
    """Each step does what its name says, alone too."""
    text, answer = texts
    assert load_normalizer(name)(text) == answer


@pytest.mark.parametrize(("text", "answer"), PUNCTUATION.items())
def test_strip_punct_behaviour(text, answer):
    """Punctuation becomes spaces, except an apostrophe in a word and the signs of a number."""
    assert load_normalizer("strip-punct")(text) == answer


def test_every_step_is_tested():
    """No step lacks an example and the test of its idempotence."""
    assert STEPS.keys() == {*STEP_BEHAVIOUR, "strip-punct"} == set(IDEMPOTENT)


PIECES = [*MARKS, *SPACES, *LETTERS, *SCRIPTS, "5", "1.5", "$", "º", "a", "Σ", "don’t"]


@pytest.mark.parametrize("name", IDEMPOTENT)
@settings(max_examples=120, deadline=None)
@given(text=st.text(max_size=30) | st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_steps_are_idempotent(name, text):
    """A step that is done twice gives what it gives once."""
    step = STEPS[name]
    assert step(step(text)) == step(text)


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=30), names=st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=5))
def test_chain_is_its_steps_in_order(text, names):
    """A chain gives what its steps give one after the other."""
    expected = text
    for name in names:
        expected = STEPS[name](expected)
    assert load_normalizer("|".join(names))(text) == expected


def test_order_matters():
    """What strip-punct leaves of a date is not a date any more only if it goes first; numbers survive either way."""
    after, before = load_normalizer("strip-punct|numbers:es|squeeze"), load_normalizer("numbers:es|strip-punct|squeeze")
    assert after("¿$1.500, o 1,5?") == before("¿$1.500, o 1,5?") == "mil quinientos pesos o uno coma cinco"
    assert after("N° 5") != before("N° 5") == "número cinco"


def test_normalizers_are_steps():
    """A chain may contain any normalizer, and mends what it does wrong under another name."""
    assert load_normalizer("whisper-en")("I don’t") == "i don t"
    assert load_normalizer("apostrophes|whisper-en")("I don’t") == "i do not"


def test_identity_of_a_chain():
    """The name is as given, the version that of each part, and the hash goes by the rules and their order."""
    chain = load_normalizer("apostrophes|whisper-en")
    assert (chain.name, chain.version) == ("apostrophes|whisper-en", "1|whisper_normalizer-0.1.15")
    names = ["lower", "nfc", "lower|nfc", "nfc|lower", "lower|nfc|squeeze", "lower|numbers:es", "basic|nfc"]
    assert len({load_normalizer(name).content_hash for name in names}) == len(names)
    assert load_normalizer("lower|nfc").content_hash == load_normalizer("lower|nfc").content_hash


def test_pinned_chain():
    """The hash of a chain is that which results of this version carry."""
    pinned = "e75da61eb556de9c518332d50e5116d8f58f6013ea8450ca6eed81e146913377"
    assert load_normalizer("lower|strip-punct|numbers:es|nfc|squeeze").content_hash == pinned


def test_words_are_replaced_whole_and_longest_first(write_words):
    """Whole words and phrases are replaced once, the longest first; parts of words are not."""
    normalize = load_normalizer(write_words(WORDS))
    assert normalize("gonna be all right, all of gonnagonna ehm.") == "going to be alright, ALL of gonnagonna ."
    assert normalize("Gonna don't") == "Gonna do not"


def test_word_map_in_a_chain_travels_without_its_file(write_words, tmp_path):
    """A pickled chain needs no file where it arrives."""
    sent = pickle.dumps(load_normalizer(f"lower|{write_words(WORDS)}|squeeze"))
    (tmp_path / "words.toml").unlink()
    assert pickle.loads(sent)("GONNA  ehm go") == "going to go"


def test_word_map_is_known_by_its_content(write_words):
    """The hash goes by the words: another file with the same words hashes alike, one changed word does not."""
    first, same = load_normalizer(write_words(WORDS)), load_normalizer(write_words(WORDS + "\n# x\n", "other.toml"))
    changed = load_normalizer(write_words(WORDS.replace("alright", "allright"), "third.toml"))
    assert first.content_hash == same.content_hash != changed.content_hash
    assert (first.name, first.version) == ("words:words.toml", "1")


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("", "it holds nothing"),
        ("[words]\n", "it holds words"),
        ('gonna = "going to"\n', "it holds gonna"),
        (WORDS + '[extra]\n"a" = "b"\n', "it holds words, extra"),
        ("[words]\ngonna = 5\n", "'gonna' = 5"),
        ('[words]\n" " = "x"\n', "' ' = 'x'"),
        ("[words]\ngonna going\n", "line 2"),
        (b'[words]\n"\xff" = "x"\n', "not UTF-8"),
    ],
)
def test_bad_word_map_is_refused(write_words, content, cause):
    """A word map that cannot be used is refused with the reason and an example."""
    with pytest.raises(UsageError) as caught:
        load_normalizer(f"lower|{write_words(content)}")
    assert "words.toml" in caught.value.what
    assert cause in (caught.value.cause or "")
    assert caught.value.hint


def test_missing_word_map_is_named(tmp_path):
    """A word map that is not there is named."""
    with pytest.raises(FolderError) as caught:
        load_normalizer(f"words:{tmp_path / 'none.toml'}")
    assert caught.value.folder == str(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("name", "wrong", "near"),
    [
        ("lowr|nfc", "lowr", "lower"),
        ("lower|numbers:fr", "numbers:fr", "numbers:es"),
        ("nfc|spanisch", "spanisch", "spanish"),
    ],
)
def test_unknown_step_says_the_near_ones(name, wrong, near):
    """A misspelt step is refused, alone and with the right one."""
    with pytest.raises(UnknownNameError) as caught:
        load_normalizer(name)
    assert caught.value.name == wrong
    assert near in caught.value.near


@pytest.mark.parametrize("name", ["", "lower|", "|lower", "lower||nfc"])
def test_empty_step_is_refused(name):
    """A chain with nothing between its separators is refused."""
    with pytest.raises(UnknownNameError):
        load_normalizer(name)
