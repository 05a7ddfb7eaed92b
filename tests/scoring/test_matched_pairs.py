import re
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.scoring.alignment import align
from earmark.scoring.matched_pairs import matched_pairs, segments

REFERENCES = ["the cat sat on the mat and the dog barked", "one two three four five six seven", "hello there"]
A = ["the cat sit on the mat and a dog barked", "one two too three four five six eleven", "hello there"]
B = ["the cat sat on the mat and the dog barked", "one three four five six seven", "hello here"]


def codes(references, first, second):
    return [
        (align(words.split(), one.split()), align(words.split(), other.split()))
        for words, one, other in zip(references, first, second, strict=True)
    ]


def test_two_good_words_part_segments():
    """One word that both got right does not, and the ends of the utterance do."""
    assert list(segments("1S2=1S", "4=")) == [(1, 0), (1, 0)]
    assert list(segments("1S1=1S1=", "4=")) == [(2, 0)]
    assert list(segments("1S3=", "3=1S")) == [(1, 0), (0, 1)]
    assert list(segments("1S3=", "2=1S1=")) == [(1, 1)]
    assert list(segments("4=", "4=")) == []


def test_an_insertion_stands_between_words():
    """It parts the good words around it, and is counted where it stands."""
    assert list(segments("1S1=1I1=1S", "4=")) == [(3, 0)]
    assert list(segments("1I2=1I", "2=")) == [(1, 0), (1, 0)]
    assert list(segments("2I", "1I")) == [(2, 1)]


def test_a_long_error_of_one_system_bridges_those_of_the_other():
    """What the other got right within it is not good."""
    assert list(segments("1=6D1=", "1=1S4=1S1=")) == [(6, 2)]


def test_forgiven_merges_are_no_errors():
    """They part segments like other good words, as many as the reference has there."""
    assert list(segments("1S2J1S", "4=")) == [(1, 0), (1, 0)]
    assert list(segments("1S1P1=1S", "4=")) == [(1, 0), (1, 0)]
    assert list(segments("1S3P1S", "3=")) == [(2, 0)]


def slow_segments(code_a, code_b):
    """Walk over the slots of both texts, word by word: before each word the insertions, then the word."""
    slots = [expanded(code) for code in (code_a, code_b)]
    errors, good, found = [0, 0], 2, []
    for a, b in zip(*slots, strict=True):
        is_word = a[1]
        if a[0] or b[0]:
            if good >= 2 and any(errors):
                found.append(tuple(errors))
                errors = [0, 0]
            errors = [errors[0] + a[0], errors[1] + b[0]]
            good = 0
        elif is_word:
            good += 1
    return found + [tuple(errors)] * any(errors)


def expanded(code):
    slots, insertions = [], 0
    for length, letter in re.findall(r"(\d+)([=SDI])", code):
        for _ in range(int(length)):
            if letter == "I":
                insertions += 1
            else:
                slots += [(insertions, False), (int(letter != "="), True)]
                insertions = 0
    return [*slots, (insertions, False)]


texts = st.lists(st.sampled_from("abc"), max_size=12)


@given(texts, texts, texts)
def test_segments_are_those_of_walking_word_by_word(reference, first, second):
    """And they add up to all errors."""
    pair = align(reference, first), align(reference, second)
    found = list(segments(*pair))
    assert found == slow_segments(*pair)
    totals = [sum(int(length) for length, letter in re.findall(r"(\d+)([SDI])", code)) for code in pair]
    assert [sum(one[k] for one in found) for k in (0, 1)] == totals


def test_the_statistic_by_hand():
    """Differences -1, -1, 0, -1, 1: mean -0.4, deviation sqrt(0.8), so z is -0.4 / sqrt(0.8 / 5) = -1."""
    test = matched_pairs(codes(REFERENCES, A, B))
    assert (test.num_segments, test.mean) == (5, pytest.approx(-0.4))
    assert test.z == pytest.approx(-1.0)
    assert test.p == pytest.approx(0.31731, abs=1e-5)


def test_swapping_the_systems_turns_the_sign():
    """And leaves p."""
    there, back = matched_pairs(codes(REFERENCES, A, B)), matched_pairs(codes(REFERENCES, B, A))
    assert (there.num_segments, there.mean, there.z, there.p) == (back.num_segments, -back.mean, -back.z, back.p)


def test_without_variation_signs_are_turned():
    """Nothing, one segment, equal errors, and the same advantage in eight segments."""
    assert matched_pairs([]).p == matched_pairs([("1S", "1=")]).p == matched_pairs([("1S", "1S")] * 5).p == 1.0
    assert matched_pairs([("1=", "1S")] * 8).p == pytest.approx(2 / 256)
    assert matched_pairs([("1=", "1S")] * 8).z is None


def write_trn(path, texts):
    path.write_text("".join(f"{text} (speaker_{number})\n" for number, text in enumerate(texts)))
    return path


SCTK = shutil.which("sctk")


@pytest.mark.skipif(SCTK is None, reason="needs NIST's sctk")
def test_it_is_the_test_of_nist(tmp_path):
    """On 300 noisy texts of distinct words, sc_stats finds as many segments, the same mean and the same Z."""
    random = np.random.default_rng(5)
    references = [" ".join(f"w{word}" for word in random.permutation(50)[:15]) for _ in range(300)]
    systems = [[heard(text, random, rate) for text in references] for rate in (0.2, 0.17)]
    write_trn(tmp_path / "ref", references)
    lines = []
    for name, texts in zip("ab", systems, strict=True):
        write_trn(tmp_path / name, texts)
        command = f"{SCTK} sclite -r ref trn -h {name} trn -i rm -o sgml stdout"
        lines.append(subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True, check=True).stdout)
    done = subprocess.run(
        [SCTK, "sc_stats", "-p", "-t", "mapsswe", "-v", "-n", "-"],
        input="".join(lines), cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    num_segments, mean, z = re.search(r"# segs: (\d+).*mean: +(\S+)\).*Z Stat: +(\S+)\)", done.stdout).groups()
    test = matched_pairs(codes(references, *systems))
    assert test.num_segments == int(num_segments) > 300
    assert (test.mean, test.z) == (pytest.approx(-float(mean), abs=6e-4), pytest.approx(-float(z), abs=6e-4))


def heard(text, random, rate):
    """Words changed or left out; a changed one is like no word of a reference."""
    words = []
    for word in text.split():
        fate = random.random()
        if fate >= rate:
            words.append(word)
        elif fate > rate / 2:
            words.append(f"x{word}")
    return " ".join(words)
