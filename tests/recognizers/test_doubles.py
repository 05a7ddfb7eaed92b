"""The toys behave in the one way that each promises."""

from __future__ import annotations

import json
import multiprocessing
import signal
from pathlib import Path

import numpy as np
import pytest

from earmark.errors import OutOfMemoryError, RecognizerError, UsageError
from earmark.recognizers.doubles import Crashing, Echo, Failing, Fickle, Hungry, Leaky, Noisy, Slow, Unmasked
from earmark.records import Hypothesis, Waveform

TEXTS = {f"u{number}": "one two three four five seven eight nine" for number in range(200)}


def waveform(utterance_id: str) -> Waveform:
    return Waveform(utterance_id, np.zeros(160, np.float32))


def test_an_echo_says_its_text_or_the_words_of_the_id():
    """From a mapping, or without one."""
    batch = [waveform("u1"), waveform("turn-off_the/LAMP-3")]
    assert Echo({"u1": "hello"}).transcribe(batch) == [Hypothesis("hello"), Hypothesis("turn off the LAMP 3")]


def test_an_echo_knows_an_empty_text():
    """It is a text, not a missing one."""
    assert Echo({"u1": ""}).transcribe([waveform("u1")]) == [Hypothesis("")]


def test_texts_come_from_a_file(tmp_path):
    """JSONL with id and text; blank lines are none."""
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps({"id": key, "text": text}) + "\n\n" for key, text in TEXTS.items()))
    assert Echo(str(path)).spec == Echo(TEXTS).spec
    assert Echo(str(path)).transcribe([waveform("u7")]) == [Hypothesis(TEXTS["u7"])]


@pytest.mark.parametrize("content", [None, "{", '{"id": "a"}', '{"text": "a"}', "[1]", "\udcff"])
def test_a_file_that_holds_no_texts_is_bad_usage(tmp_path: Path, content: str | None):
    """Missing, torn, without a field, or not even text."""
    path = tmp_path / "texts.jsonl"
    if content is not None:
        path.write_text(content, errors="surrogateescape")
    with pytest.raises(UsageError, match="cannot read texts"):
        Echo(str(path))


def test_noise_is_about_what_is_asked_and_always_the_same():
    """For an utterance alone or among others; another seed is other noise; a rate of 0 is an echo."""
    batch = [waveform(key) for key in TEXTS]
    said = Noisy(TEXTS, error_rate=0.3).transcribe(batch)
    assert said == [Noisy(TEXTS, error_rate=0.3).transcribe([one])[0] for one in batch]
    wrong = sum(word.endswith("x") for one in said for word in one.text.split())
    assert 0.05 < wrong / (8 * len(TEXTS)) < 0.15, "a third of the errors are substitutions"
    assert said != Noisy(TEXTS, error_rate=0.3, seed=1).transcribe(batch)
    assert Noisy(TEXTS, error_rate=0.0).transcribe(batch) == Echo(TEXTS).transcribe(batch)


def test_a_failing_one_raises_on_its_utterances_only():
    """By name."""
    failing = Failing(TEXTS, ids="u1,u3")
    assert failing.transcribe([waveform("u2")]) == [Hypothesis(TEXTS["u2"])]
    with pytest.raises(RecognizerError, match="u3"):
        failing.transcribe([waveform("u2"), waveform("u3")])
    assert failing.spec.options == Failing(TEXTS, ids="u3,u1").spec.options


def test_a_hungry_one_takes_small_batches():
    """One more is too many."""
    hungry = Hungry(TEXTS, most_at_once=2)
    assert len(hungry.transcribe([waveform("u1"), waveform("u2")])) == 2
    with pytest.raises(OutOfMemoryError):
        hungry.transcribe([waveform("u1"), waveform("u2"), waveform("u3")])


def test_a_slow_one_says_the_same():
    """Later, but no less."""
    assert Slow(TEXTS, seconds=0.0).transcribe([waveform("u1")]) == Echo(TEXTS).transcribe([waveform("u1")])


def test_a_crashing_one_kills_its_process():
    """By the signal that the kernel's memory killer sends; and only on its utterances."""
    assert Crashing(TEXTS, ids="u1").transcribe([waveform("u2")]) == [Hypothesis(TEXTS["u2"])]
    process = multiprocessing.get_context("spawn").Process(
        target=Crashing(ids="u1").transcribe, args=([waveform("u1")],)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def noise_of(utterance_id: str, duration_s: float) -> Waveform:
    return Waveform(utterance_id, np.ones(round(16_000 * duration_s), np.float32))


def test_an_unmasked_one_hears_its_padding():
    """A word for each whole stretch of it; nothing alone, nor where all are as long; and the option is a length."""
    unmasked = Unmasked(TEXTS, heard_s=0.5)
    long, short = noise_of("u1", 2.0), noise_of("u2", 0.9)
    assert unmasked.transcribe([long, short]) == [Hypothesis(TEXTS["u1"]), Hypothesis(f"{TEXTS['u2']} uh uh")]
    assert unmasked.transcribe([short]) == [Hypothesis(TEXTS["u2"])]
    assert unmasked.transcribe([short, short]) == [Hypothesis(TEXTS["u2"])] * 2
    with pytest.raises(UsageError, match="above 0"):
        Unmasked(TEXTS, heard_s=0.0)


def test_a_leaky_one_keeps_a_word_until_it_is_loaded_anew():
    """The last one of the text before."""
    batch = [waveform("u1"), waveform("say-this")]
    with Leaky(TEXTS) as leaky:
        assert leaky.transcribe(batch) == [Hypothesis(TEXTS["u1"]), Hypothesis("nine say this")]
        assert leaky.transcribe(batch[:1]) == [Hypothesis(f"this {TEXTS['u1']}")]
    with leaky:
        assert leaky.transcribe(batch[:1]) == [Hypothesis(TEXTS["u1"])]


def test_a_fickle_one_never_says_the_same():
    """Not in the same call, and not in the next one."""
    fickle = Fickle(TEXTS)
    said = [one.text for _ in range(3) for one in fickle.transcribe([waveform("u1")] * 2)]
    assert len(set(said)) == 6
    assert all(text.startswith(TEXTS["u1"]) for text in said)
