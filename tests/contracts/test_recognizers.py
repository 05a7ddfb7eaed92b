"""What every recognizer must do, whatever it hears with."""

from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from earmark.audio.decode import decode
from earmark.errors import MissingExtraError
from earmark.recognizers import RECOGNIZERS, Recognizer, load_recognizer
from earmark.recognizers.base import InSteps, is_in_steps
from earmark.recognizers.doubles import Echo
from earmark.records import SAMPLE_RATE_HZ, Hypothesis, Waveform, Word
from earmark.spec import OptionValue, RecognizerSpec
from earmark.worker.contract import broken_hypothesis
from tests.recognizers.tiny import KINDS, SPEECHBRAIN_KINDS, tiny_model, tiny_models  # noqa: F401  # a fixture
from tests.recognizers.transcribing import transcribing

DEMO = Path(str(files("earmark") / "demo"))
NUM_CLIPS = 3
NUM_ROUNDS = 3
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Case:
    """A recognizer's name, options to run it with, a change that can change an answer, and the checks that it fails.

    A check that is named here must fail: a double that is broken on purpose proves that the check can. ``tiny`` is the
    kind of a small model that it is run with.
    """

    name: str
    options: dict[str, OptionValue] = field(default_factory=dict)
    change: dict[str, OptionValue] = field(default_factory=dict)
    breaks: frozenset[str] = frozenset()
    tiny: str | None = None

    def make(self, **changes: OptionValue) -> Recognizer:
        model = {"model": str(tiny_model(self.tiny))} if self.tiny else {}
        try:
            return load_recognizer(self.name, {**model, **self.options, **changes})
        except MissingExtraError as error:
            pytest.skip(str(error))


KNOWN = {
    "pocketsphinx": Case("pocketsphinx", {"fwdflat": False, "maxhmmpf": 1_000}, {"topn": 2}),
    "pocketsphinx with a grammar": Case(
        "pocketsphinx", {"grammar": str(DEMO / "commands.gram"), "nbest": 3}, {"nbest": 2}
    ),
    "echo": Case("echo", {}, {"max_audio_s": 30.0}),
    "noisy": Case("noisy", {"error_rate": 0.5}, {"seed": 1}),
    "slow": Case("slow", {"seconds": 0.001}),
    "openai": Case("openai", {"model": "tone"}, {"prompt": "digits"}),  # its url is that of the server below
    "failing": Case("failing", {}, {"ids": "a,b"}),
    "crashing": Case("crashing", {}, {"ids": "a,b"}),
    "hungry": Case("hungry", {"most_at_once": 100}, {"most_at_once": 3}),
    "unmasked": Case("unmasked", {"heard_s": 0.05}, {"heard_s": 1.0}, frozenset({"check_order", "check_batches"})),
    "leaky": Case("leaky", breaks=frozenset({"check_order", "check_batches", "check_memory"})),
    "fickle": Case("fickle", breaks=frozenset({"check_order", "check_batches", "check_memory", "check_repetition"})),
}
CHANGES = {
    "wavlm layer": {"dtype": "bfloat16"},
    "whisper": {"language": "es"},
    "moonshine": {"beams": 2},
    "canary": {"language": "es"},
}
OPTIONS = {"parakeet ctc": {"words": True}, "parakeet tdt": {"words": True}}  # the text comes about as without
KNOWN |= {
    f"transformers {kind}": Case(
        "transformers", OPTIONS.get(kind, {}), CHANGES.get(kind, {"attention": "eager"}), tiny=kind
    )
    for kind in KINDS
}
KNOWN |= {
    "transformers whisper with words": Case("transformers", {"words": True}, {"words": False}, tiny="whisper"),
    "transformers moonshine with n best": Case(
        "transformers", {"beams": 4, "nbest": 3}, {"nbest": 2}, tiny="moonshine"
    ),
}
# Loading NeMo's models is slow, so one kind stands for all here; test_nemo.py has the batches of the others.
KNOWN |= {
    "nemo tdt": Case("nemo", {"words": True}, {"dtype": "bfloat16"}, tiny="nemo tdt"),
}
KNOWN |= {
    kind: Case("speechbrain", {}, {"beams": 2} if kind == "speechbrain seq2seq" else {"dtype": "bfloat16"}, tiny=kind)
    for kind in SPEECHBRAIN_KINDS
}
KNOWN |= {
    "faster-whisper": Case("faster-whisper", {"words": True}, {"dtype": "int8"}, tiny="faster-whisper"),
    "faster-whisper multilingual": Case(
        "faster-whisper", {"beams": 3, "nbest": 2}, {"language": "es"}, tiny="faster-whisper multilingual"
    ),
}
# Whatever the registry lists is checked, also what nobody thought of here.
CASES = KNOWN | {
    name: Case(name) for name in RECOGNIZERS.entries() if name not in {case.name for case in KNOWN.values()}
}
TRUSTED = {name: case for name, case in CASES.items() if "check_repetition" not in case.breaks}


@pytest.fixture(scope="session", autouse=True)
def transcription_server():
    """A server on loopback that answers by the sound itself."""
    with transcribing() as server:
        KNOWN["openai"].options["url"] = server.url
        yield


@pytest.fixture(scope="module")
def clips() -> list[Waveform]:
    """Spoken commands of several voices."""
    rows = [json.loads(line) for line in (DEMO / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    return [Waveform(row["id"], decode(str(DEMO / row["audio"]), max_decoded_s=60.0)) for row in rows[:NUM_CLIPS]]


@pytest.fixture(params=TRUSTED)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture(scope="module", params=CASES)
def entered(request: pytest.FixtureRequest):
    """The recognizer, loaded once for all the tests that only ask, and the names of the checks that it must fail."""
    case = CASES[request.param]
    with case.make() as recognizer:
        yield recognizer, case.breaks


def silence(duration_s: float) -> Waveform:
    return Waveform("silence", np.zeros(round(duration_s * SAMPLE_RATE_HZ), np.float32))


def noise(duration_s: float, level: float) -> Waveform:
    samples = np.random.default_rng(0).normal(scale=level, size=round(duration_s * SAMPLE_RATE_HZ)).clip(-1, 1)
    return Waveform("noise", samples.astype(np.float32))


def meetable(recognizer: Recognizer, clips: Sequence[Waveform]) -> Sequence[Waveform]:
    """The clips, cut to one length for a recognizer that takes no others together."""
    if recognizer.spec.batching != "equal_length":
        return clips
    shortest = min(len(clip.samples) for clip in clips)
    return [Waveform(clip.utterance_id, clip.samples[:shortest]) for clip in clips]


def is_alike(found: Sequence[Hypothesis], expected: Sequence[Hypothesis]) -> bool:
    """The same texts to the letter, and words, confidences and scores but for what sums in another order differ by."""
    return len(found) == len(expected) and all(
        (one.text, spelled(one)) == (other.text, spelled(other))
        and numbers(one) == pytest.approx(numbers(other), abs=TOLERANCE)
        for one, other in zip(found, expected, strict=True)
    )


def spelled(hypothesis: Hypothesis) -> tuple[list[str] | None, list[str]]:
    words = None if hypothesis.words is None else [word.text for word in hypothesis.words]
    return words, [one.text for one in hypothesis.alternatives]


def numbers(hypothesis: Hypothesis) -> list[float]:
    """Every number of it, in an order of its own; -1 where there is none."""
    words = [number for word in hypothesis.words or () for number in (word.start_s, word.end_s, word.confidence)]
    scores = [one.score for one in hypothesis.alternatives]
    return [-1.0 if number is None else number for number in (hypothesis.confidence, *words, *scores)]


# Each check asks an entered recognizer; a broken one must fail it, which is shown below.


def check_order(recognizer: Recognizer, clips: Sequence[Waveform]) -> None:
    """One text a waveform, each at its waveform's place."""
    alone = {clip.utterance_id: recognizer.transcribe([clip]) for clip in clips}
    for order in (clips, clips[::-1]):
        assert is_alike(recognizer.transcribe(order), [alone[clip.utterance_id][0] for clip in order])


def check_repetition(recognizer: Recognizer, clips: Sequence[Waveform]) -> None:
    """The same call after the same call has the same answer."""

    def pair() -> list[list[Hypothesis]]:
        return [recognizer.transcribe([clip]) for clip in clips[:2]]

    assert pair()[1] == pair()[1]


def check_batches(recognizer: Recognizer, clips: Sequence[Waveform]) -> None:
    """``transcribe([a, b]) == transcribe([a]) + transcribe([b])``, and nothing for nothing.

    Texts to the letter: no recognizer declares a tolerance.
    """
    first, second, third = clips[:3]
    alone = recognizer.transcribe([first]) + recognizer.transcribe([second])
    assert is_alike(recognizer.transcribe([first, second]), alone)
    assert is_alike(recognizer.transcribe([third, third]), recognizer.transcribe([third]) * 2)
    assert recognizer.transcribe([]) == []


def check_memory(recognizer: Recognizer, clips: Sequence[Waveform]) -> None:
    """The answer does not depend on what was heard before: forwards, backwards, after noise and after silence."""
    forwards = [recognizer.transcribe([clip]) for clip in clips]
    assert [recognizer.transcribe([clip]) for clip in clips[::-1]][::-1] == forwards
    for disturbance in (noise(1.0, 0.5), noise(0.05, 0.001), silence(1.0), silence(0.0)):
        try_to_disturb(recognizer, disturbance)
        assert recognizer.transcribe([clips[0]]) == forwards[0]


def try_to_disturb(recognizer: Recognizer, waveform: Waveform) -> None:
    """A recognizer may refuse a strange waveform, and must not be changed by it."""
    try:
        recognizer.transcribe([waveform])
    except Exception:  # noqa: BLE001  # whatever it says, the worker makes a failed row of it
        return


def check_care(recognizer: Recognizer, clips: Sequence[Waveform]) -> None:
    """It does not change what it is given: the worker gives it again after a failure."""
    copies = [clip.samples.copy() for clip in clips]
    recognizer.transcribe(clips)
    assert all(np.array_equal(clip.samples, copy) for clip, copy in zip(clips, copies, strict=True))


def check_words(recognizer: Recognizer, clips: Sequence[Waveform]) -> None:
    """Numbers are numbers, words are in order, inside the waveform, and say the text, which is the best of the n."""
    for clip, found in zip(clips, recognizer.transcribe(clips), strict=True):
        assert broken_hypothesis(found) is None
        if found.words is not None:
            assert "".join(word.text for word in found.words) == "".join(found.text.split())
            assert all(word.end_s <= clip.duration_s for word in found.words)
        texts = [one.text for one in found.alternatives]
        assert len(texts) == len(set(texts))


def check_steps(recognizer: Recognizer, clips: Sequence[Waveform]) -> None:
    """Where it takes its steps apart, they are its ``transcribe``, also while the next batch is in the one before."""
    if not is_in_steps(recognizer):
        return
    steps = cast("InSteps", recognizer)
    truth, truth_of_one = recognizer.transcribe(clips), recognizer.transcribe(clips[:1])
    inputs = steps.inputs(clips), steps.inputs(clips[:1])
    outputs = steps.outputs(inputs[0])
    with ThreadPoolExecutor(3) as threads:
        for _ in range(NUM_ROUNDS):
            together = threading.Barrier(3)
            texts = threads.submit(after, together, steps.hypotheses, outputs)
            heard = threads.submit(after, together, steps.outputs, inputs[1])
            inputs_anew = threads.submit(after, together, steps.inputs, clips)
            assert texts.result() == truth
            assert steps.hypotheses(heard.result()) == truth_of_one
            outputs = steps.outputs(inputs_anew.result())


def after(barrier: threading.Barrier, step: Callable[[Any], Any], given: Any) -> Any:
    barrier.wait()
    return step(given)


CHECKS: list[Callable[[Recognizer, Sequence[Waveform]], None]] = [
    check_order,
    check_batches,
    check_memory,
    check_repetition,
    check_care,
    check_words,
    check_steps,
]


def test_every_recognizer_that_exists_is_checked_here():
    """Ours with options of their own; others, and those of other packages, as they come."""
    assert {case.name for case in CASES.values()} == set(RECOGNIZERS.entries())
    assert {case.name for case in KNOWN.values()} <= set(RECOGNIZERS.entries())


@pytest.mark.parametrize("check", CHECKS)
def test_a_recognizer_keeps_the_contract(entered, clips, check):
    """Each is a function above; a broken double fails just what it should."""
    recognizer, breaks = entered
    clips = meetable(recognizer, clips)
    if check.__name__ in breaks:
        with pytest.raises(AssertionError):
            check(recognizer, clips)
    else:
        check(recognizer, clips)


def test_hypotheses_are_texts(entered, clips):
    """A list of hypotheses, as long as the batch."""
    recognizer, _ = entered
    found = recognizer.transcribe(meetable(recognizer, clips))
    assert isinstance(found, list)
    assert len(found) == len(clips)
    assert all(isinstance(one, Hypothesis) and isinstance(one.text, str) for one in found)


@pytest.mark.parametrize(
    "waveform",
    [silence(2.0), silence(0.01), noise(0.01, 0.1), silence(1 / SAMPLE_RATE_HZ), noise(2.0, 0.001), noise(1.0, 1.0)],
    ids=["silence", "10 ms of silence", "10 ms", "one sample", "quiet", "as loud as can be"],
)
def test_strange_audio_has_an_answer(entered, waveform):
    """Silence, the very short, the very quiet and the very loud: a text, perhaps an empty one."""
    recognizer, _ = entered
    [found] = recognizer.transcribe([waveform])
    assert broken_hypothesis(found) is None
    assert all(word.end_s <= waveform.duration_s for word in found.words or ())


def test_it_travels_before_it_is_entered(case, clips):
    """By pickle to a worker; there it is the same, and says the same."""
    recognizer = case.make()
    again = pickle.loads(pickle.dumps(recognizer))  # ours
    assert again.spec == recognizer.spec
    with recognizer, again:
        assert again.transcribe(clips[:1]) == recognizer.transcribe(clips[:1])


def test_it_travels_after_its_spec_was_read_and_after_it_was_left(case, clips):
    """The driver reads the spec first; a caller may use it before and after a run."""
    recognizer = case.make()
    assert recognizer.spec
    with recognizer:
        truth = recognizer.transcribe(clips[:1])
    with pickle.loads(pickle.dumps(recognizer)) as again:  # ours
        assert again.transcribe(clips[:1]) == truth


def test_it_can_be_entered_again(case, clips):
    """Freed, and loaded anew."""
    recognizer = case.make()
    with recognizer:
        truth = recognizer.transcribe(clips[:1])
    with recognizer:
        assert recognizer.transcribe(clips[:1]) == truth


def test_its_spec_is_known_before_it_is_entered_and_stays(case):
    """The same for every instance, and the same after loading."""
    recognizer = case.make()
    before = recognizer.spec
    assert before == case.make().spec
    assert isinstance(before, RecognizerSpec)
    assert before.name
    assert before.version
    json.dumps(dict(before.options))
    with recognizer:
        assert recognizer.spec == before


@pytest.mark.parametrize("case", [case for case in CASES.values() if case.change], ids=lambda case: case.name)
def test_an_option_that_can_change_an_answer_changes_the_spec(case):
    """Or parts of two different runs would mix."""
    assert case.make(**case.change).spec != case.make().spec


class Shuffling(Echo):
    """Sorts by length, as batching does, and forgets to sort back."""

    def transcribe(self, batch: Sequence[Waveform]) -> list[Hypothesis]:
        return super().transcribe(sorted(batch, key=lambda waveform: len(waveform.samples)))


class Greedy(Echo):
    """Scales in place."""

    def text(self, waveform: Waveform) -> str:
        waveform.samples[:] *= 0.5
        return super().text(waveform)


class Drawling(Echo):
    """Times its words without looking at how long the audio is."""

    def transcribe(self, batch: Sequence[Waveform]) -> list[Hypothesis]:
        texts = [self.text(waveform) for waveform in batch]
        return [Hypothesis(text, tuple(Word(word, 0.0, 99.0) for word in text.split())) for text in texts]


class Mumbling(Echo):
    """Times half of its words."""

    def transcribe(self, batch: Sequence[Waveform]) -> list[Hypothesis]:
        texts = [self.text(waveform) for waveform in batch]
        return [Hypothesis(text, tuple(Word(word, 0.0, 0.1) for word in text.split()[::2])) for text in texts]


class Drifting(Echo):
    """Is surer in company."""

    def transcribe(self, batch: Sequence[Waveform]) -> list[Hypothesis]:
        return [Hypothesis(self.text(waveform), confidence=1 - 0.5 / len(batch)) for waveform in batch]


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (Drawling, check_words),
        (Mumbling, check_words),
        (Drifting, check_batches),
        (Shuffling, check_order),
        (Greedy, check_care),
    ],
)
def test_a_recognizer_that_breaks_the_contract_is_caught(clips, broken, check):
    """The checks can fail: each of these passes for a recognizer until it is asked the right thing."""
    mine = [Waveform(clip.utterance_id, clip.samples.copy()) for clip in clips]
    with pytest.raises(AssertionError), broken() as recognizer:
        check(recognizer, mine)
