"""Models of NeMo's true classes: what they say is what NeMo says, alone and in any company, and no word beside it.

Importing NeMo takes seconds, so everything that does is in this module and in the contract of recognizers.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earmark.errors import OutOfMemoryError, RecognizerError
from earmark.recognizers import load_recognizer
from earmark.recognizers.nemo import Nemo
from earmark.recognizers.nemo.archive import TIMES_MODEL, WEIGHTS
from earmark.recognizers.nemo.quiet import quiet
from earmark.recognizers.nemo.words import words_of
from earmark.records import Waveform
from earmark.verbs.evaluate import evaluate
from earmark.worker.contract import broken_hypothesis
from tests.contracts.test_recognizers import check_batches, check_order
from tests.recognizers.tiny import NEMO_KINDS, tiny_model, tiny_models  # noqa: F401  # a fixture

DEMO_DATA = Path(__file__).parents[2] / "src" / "earmark" / "demo" / "manifest.jsonl"
PROMPT = {"nemo canary": {"task": "asr", "source_lang": "en", "target_lang": "en", "pnc": "yes"}}
WITH_WORDS = [("nemo ctc", {}), ("nemo rnnt", {}), ("nemo tdt", {}), ("nemo hybrid", {"decoder": "ctc"})]


def said_to_network(event: str, given: tuple[Any, ...]) -> None:
    """An audit hook cannot be removed, so it is of the process, and remembers where anything was sent."""
    if event == "socket.connect" and isinstance(given[1], tuple):
        CONNECTIONS.append(str(given[1]))


CONNECTIONS: list[str] = []
sys.addaudithook(said_to_network)


@pytest.fixture(scope="module")
def clips() -> list[Waveform]:
    """Three of the demo's, a piece that is shorter than NeMo takes, and nothing at all."""
    tiny_model("nemo ctc")
    from earmark.audio.decode import decode

    rows = [json.loads(line) for line in DEMO_DATA.read_text(encoding="utf-8").splitlines()][:3]
    whole = [Waveform(row["id"], decode(str(DEMO_DATA.parent / row["audio"]), max_decoded_s=60.0)) for row in rows]
    return [*whole, *(Waveform(f"first {size}", whole[0].samples[:size]) for size in (7_000, 0))]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads that wait for each other cost many times what they gain."""
    tiny_model("nemo ctc")
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    LOADED.clear()


LOADED: dict[str, Nemo] = {}


def unloaded(kind: str, **options: Any) -> Nemo:
    return Nemo(model=str(tiny_model(kind)), device="cpu", **options)


@contextlib.contextmanager
def made(kind: str, **options: Any) -> Iterator[Nemo]:
    """The recognizer, loaded once for all tests that only ask."""
    key = f"{kind} {options}"
    if key not in LOADED:
        LOADED[key] = unloaded(kind, **options).__enter__()
    yield LOADED[key]


def simplest_call(kind: str, arrays: list[np.ndarray], decoder: str | None = None) -> list[str]:
    """What NeMo says of each array by itself, asked as its documentation does it."""
    from nemo.collections.asr.models import ASRModel

    from earmark.recognizers.nemo.quiet import quiet

    with quiet():
        model = ASRModel.restore_from(str(tiny_model(kind)), map_location="cpu")
        if decoder:
            model.change_decoding_strategy(decoder_type=decoder)
        found = [model.transcribe([one], batch_size=1, verbose=False, **PROMPT.get(kind, {}))[0] for one in arrays]
    return [one.text.strip() for one in found]


# What they say


@pytest.mark.parametrize(("kind", "decoder"), [*((kind, None) for kind in NEMO_KINDS), ("nemo hybrid", "ctc")])
def test_it_says_what_nemo_says_of_one(kind, decoder, clips):
    """Asked together, the very texts of NeMo's own call for each by itself; and they are not all the same."""
    whole = clips[:-1]
    with made(kind, decoder=decoder) as recognizer:
        found = [one.text for one in recognizer.transcribe(whole)]
    assert found == simplest_call(kind, [clip.samples for clip in whole], decoder)
    assert any(found)
    assert kind == "nemo canary" or len(set(found)) > 2


@pytest.mark.parametrize(("kind", "options"), [*WITH_WORDS, ("nemo hybrid", {"dtype": "bfloat16"})])
def test_an_utterance_says_the_same_in_any_company(kind, options, clips):
    """Mixed lengths, the very short and the empty among them: to the letter."""
    with made(kind, **options) as recognizer:
        assert recognizer.spec.batching == "masked"
        check_order(recognizer, clips)
        check_batches(recognizer, clips[-3:])


def test_a_model_that_heard_padding_would_be_caught(clips, monkeypatch):
    """The check of batches fails where the lengths that NeMo masks by are thrown away."""
    with made("nemo ctc") as recognizer:
        model = recognizer._loaded.model
        right = model.preprocessor.forward

        def unmasked(*, input_signal: Any, length: Any) -> Any:
            return right(input_signal=input_signal, length=length * 0 + input_signal.shape[1])

        monkeypatch.setattr(model.preprocessor, "forward", unmasked)
        with pytest.raises(AssertionError):
            check_order(recognizer, clips[:3])


def test_canary_is_given_equal_lengths_only(clips):
    """It says more in the company of longer ones; asked for a mixed batch, it is asked in pieces, and says the same."""
    with made("nemo canary") as recognizer:
        assert recognizer.spec.batching == "equal_length"
        alone = [recognizer.transcribe([clip])[0] for clip in clips]
        assert recognizer.transcribe(clips) == alone
        assert recognizer._answers(clips) != alone


def test_a_text_of_canary_that_ended_by_its_limit_is_told(clips, monkeypatch):
    """It goes on where there is more room, and one that ended by itself does not."""
    with made("nemo canary") as recognizer:
        search = recognizer._loaded.endings._search
        for end, is_cut in ((search.eos, True), (7, False)):  # random, it finds no end, but says this token
            monkeypatch.setattr(search, "eos", end)
            texts = recognizer.transcribe(clips[:2])
            with monkeypatch.context() as patched:
                patched.setattr(search, "max_delta_len", 20)
                longer = recognizer.transcribe(clips[:2])
            assert [one.is_unfinished for one in texts] == [is_cut, is_cut]
            assert [one.text != two.text for one, two in zip(texts, longer, strict=True)] == [is_cut, is_cut]
    with made("nemo ctc") as recognizer:
        assert recognizer.transcribe(clips[:1])[0].is_unfinished is None


def test_a_hybrid_says_with_each_decoder_what_is_its_own(clips):
    """The transducer unless the other is asked for; both are in the identity."""
    texts = {}
    for decoder in (None, "rnnt", "ctc"):
        with made("nemo hybrid", decoder=decoder) as recognizer:
            texts[recognizer.spec.options["decoder"], decoder] = [one.text for one in recognizer.transcribe(clips)]
    assert texts["rnnt", None] == texts["rnnt", "rnnt"] != texts["ctc", "ctc"]


def test_the_languages_of_a_prompt_reach_the_model(clips, monkeypatch):
    """As its own formatter puts them."""
    with made("nemo canary", language="es", punctuation=False) as recognizer:
        model = recognizer._loaded.model
        asked: list[Any] = []
        right = model.prompt.encode_dialog
        monkeypatch.setattr(model.prompt, "encode_dialog", lambda turns: asked.append(turns) or right(turns=turns))
        recognizer.transcribe(clips[:1])
    [[turn]] = asked
    slots = {name: str(turn["slots"][name]) for name in ("source_lang", "target_lang", "task", "pnc")}
    assert {"es"} == {slots["source_lang"].strip("<|>"), slots["target_lang"].strip("<|>")}
    assert "no" in slots["pnc"]


# Words


@pytest.mark.parametrize(("kind", "options"), WITH_WORDS)
def test_words_are_those_of_the_text_with_times_inside_the_audio(kind, options, clips):
    """The text is what it is without them; of a filled clip, times count from its own beginning."""
    with made(kind, **options) as recognizer:
        texts = [one.text for one in recognizer.transcribe(clips)]
    with made(kind, words=True, **options) as recognizer:
        found = recognizer.transcribe(clips)
    assert [one.text for one in found] == texts
    for one, clip in zip(found, clips, strict=True):
        assert broken_hypothesis(one) is None
        assert [word.text for word in one.words] == one.text.split()
        assert all(word.end_s <= clip.duration_s for word in one.words)
        assert all(word.confidence is not None for word in one.words)
        assert one.confidence == pytest.approx(np.mean([word.confidence for word in one.words]))
    assert any(word.start_s > 0 for one in found for word in one.words)


class Said:
    """An answer of NeMo's form: two words of three tokens, and a lone word boundary."""

    def __init__(self) -> None:
        said = [(["fo"], 0.4, 0.5), ("ur", 0.5, 0.8), (" ", 0.8, 0.8), ("two", 0.8, 1.6)]
        self.timestamp: dict[str, list[dict[str, Any]]] = {
            "char": [{"char": text, "start": start_s, "end": end_s} for text, start_s, end_s in said]
        }
        self.token_confidence = [0.9, 0.5, 0.1, 1.0000001]


def test_a_word_is_as_sure_as_its_least_sure_token():
    """A lone word boundary belongs to none; times are shifted, and end where the audio does."""
    first, second = words_of(Said(), text="four  two", shift_s=0.5, duration_s=1.0)
    assert (first.text, first.start_s, first.end_s, first.confidence) == ("four", 0.0, pytest.approx(0.3), 0.5)
    assert (second.text, second.end_s, second.confidence) == ("two", 1.0, 1.0)
    assert second.start_s == pytest.approx(0.3)


@pytest.mark.parametrize("text", ["for two", "four", "four two six", "fo ur tw o"])
def test_words_that_its_tokens_do_not_say_are_not_given(text):
    """Fewer, more and others."""
    assert words_of(Said(), text=text, shift_s=0.0, duration_s=2.0) is None


def test_confidences_that_do_not_fit_the_tokens_are_not_given():
    """Nor one that is no number."""
    said = Said()
    said.token_confidence[0] = float("nan")
    assert [one.confidence for one in words_of(said, text="four two", shift_s=0.0, duration_s=2.0)] == [None, 1.0]
    said.token_confidence.pop()
    assert [one.confidence for one in words_of(said, text="four two", shift_s=0.0, duration_s=2.0)] == [None, None]


# Loading


@pytest.fixture
def spoiled(tmp_path) -> Callable[..., Path]:
    """Gives a copy of an archive with some of its files replaced."""

    def copied(kind: str = "nemo ctc", **files: bytes) -> Path:
        path = tmp_path / "spoiled.nemo"
        with tarfile.open(tiny_model(kind)) as tar, tarfile.open(path, "w") as into:
            for member in tar:
                if member.isfile():
                    name = member.name.removeprefix("./")
                    content = tar.extractfile(member).read()
                    header = tarfile.TarInfo(name)
                    body = files.get(name.partition(".")[0], content)
                    header.size = len(body)
                    into.addfile(header, io.BytesIO(body))
        return path

    return copied


def pickled(value: Any) -> bytes:
    import torch

    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def weights() -> dict[str, Any]:
    import torch

    with tarfile.open(tiny_model("nemo ctc")) as tar:
        file = tar.extractfile(next(one for one in tar if one.name.endswith(WEIGHTS)))
        return torch.load(io.BytesIO(file.read()), weights_only=True)


class Harmful:
    """What runs as it is unpickled."""

    def __reduce__(self) -> Any:
        return (Path("owned").touch, ())


@pytest.mark.parametrize("harm", ["pickle", "cut", "missing", "nan", "shape"])
def test_weights_that_are_not_whole_are_refused(harm, spoiled, tmp_path, monkeypatch):
    """Nor is a pickle run, even where the environment tells torch to: nothing is read but tensors."""
    import torch

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    state = weights()
    name = "decoder.decoder_layers.0.bias"
    made_of: dict[str, Callable[[], bytes]] = {
        "pickle": lambda: pickled({**state, "more": Harmful()}),
        "cut": lambda: pickled(state)[:5_000],
        "missing": lambda: pickled({key: one for key, one in state.items() if key != name}),
        "nan": lambda: pickled({**state, name: state[name] * float("nan")}),
        "shape": lambda: pickled({**state, name: torch.zeros(3)}),
    }
    path = spoiled(model_weights=made_of[harm]())
    with pytest.raises(RecognizerError) as refused, Nemo(model=str(path), device="cpu"):
        pass
    assert str(path) in refused.value.what
    assert ("NaN" in refused.value.cause) == (harm == "nan")
    assert not Path("owned").exists()


def test_nobody_is_asked_while_a_model_is_loaded(monkeypatch):
    """In this very process too, where the hub's client is open again afterwards."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    seen: list[Any] = []

    def looking(*_: Any) -> None:
        seen.append((constants.HF_HUB_OFFLINE, os.environ.get("HF_HUB_OFFLINE")))
        raise ValueError("enough")

    monkeypatch.setattr("earmark.recognizers.nemo.loading._restored", looking)
    with pytest.raises(RecognizerError, match="cannot load"), unloaded("nemo ctc"):
        pass
    assert seen == [(True, "1")]
    assert (constants.HF_HUB_OFFLINE, os.environ.get("HF_HUB_OFFLINE")) == (False, None)


def test_only_nemo_is_quiet(caplog):
    """Whoever else logs in the same process goes on."""
    with quiet(), caplog.at_level(logging.INFO, logger="somebody"):
        logging.getLogger("nemo.utils.import_utils").error("of no use")
        logging.getLogger("somebody").info("of use")
    assert caplog.messages == ["of use"]


def test_a_second_model_in_an_archive_is_left_alone(clips, spoiled):
    """NeMo would load it with torch's default, which an environment variable opens to any pickle."""
    path = spoiled("nemo canary")
    with tarfile.open(path, "a") as tar:
        for name in TIMES_MODEL:
            tar.addfile(tarfile.TarInfo(name))
    with Nemo(model=str(path), device="cpu") as recognizer:
        assert recognizer.transcribe(clips[:1])


def test_a_device_that_is_not_there_is_an_error():
    """Never a silent run on the processor."""
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(RecognizerError, match="no device"), Nemo(model=str(tiny_model("nemo ctc")), device="cuda"):
        pass


def test_out_of_memory_is_told_as_what_it_is(clips, monkeypatch):
    """So that the worker splits the batch."""
    with made("nemo ctc") as recognizer:

        def full(*_: Any, **__: Any) -> None:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")

        monkeypatch.setattr(recognizer._loaded.model, "transcribe", full)
        with pytest.raises(OutOfMemoryError, match="2 utterances"):
            recognizer.transcribe(clips[:2])


def test_what_is_not_entered_says_so(clips):
    """And not an error of NeMo's."""
    with pytest.raises(RecognizerError, match="not loaded"):
        unloaded("nemo ctc").transcribe(clips[:1])


def test_nothing_is_said_and_nobody_is_asked(clips, capfd):
    """Neither on stdout nor on stderr, and no connection is made: NeMo logs, draws bars and brings telemetry."""
    import warnings

    shown = warnings.showwarning
    CONNECTIONS.clear()
    with unloaded("nemo hybrid", words=True) as recognizer:
        recognizer.transcribe(clips)
    assert capfd.readouterr() == ("", "")
    assert warnings.showwarning is shown
    assert CONNECTIONS == []


# The whole way


def test_an_evaluation_finds_the_archive_and_passes_the_audit(tmp_path):
    """By its file alone, from data to summary: every utterance is scored, and batches change no text."""
    model = tiny_model("nemo tdt")
    summary = evaluate(
        str(model), DEMO_DATA, out=tmp_path / "run", engine="inline", batch_size=4, audit=4, options={"device": "cpu"}
    )
    assert (summary.num_scored, summary.num_failed) == (14, 0)
    spec = json.loads((tmp_path / "run" / "spec.json").read_text())["recognizer"]
    assert (spec["name"], spec["batching"], spec["max_audio_s"]) == ("nemo", "masked", 400.0)
    again = load_recognizer(f"nemo:{model}", {"device": "cpu"}).spec
    assert again.content_hash == spec["content_hash"]
