"""Models that are asked in words: the library's own answers, the same question every day, and what is refused."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earmark.errors import RecognizerError, UsageError
from earmark.recognizers.languages import language_code
from earmark.recognizers.transformers import Transformers
from earmark.recognizers.transformers import instructed as ways_of_asking
from earmark.records import Waveform
from tests.contracts.test_recognizers import check_batches, check_steps
from tests.recognizers.test_transformers import heard_together
from tests.recognizers.tiny import INSTRUCTED_KINDS, tiny_model, tiny_models  # noqa: F401  # a fixture


@pytest.fixture(scope="module")
def clips() -> list[Waveform]:
    pytest.importorskip("transformers", reason="transformers is not installed: pip install 'earmark[transformers]'")
    from tests.recognizers.models import demo_clips

    return [Waveform(clip.id, clip.samples) for clip in demo_clips()]


@pytest.fixture
def spoiled(tmp_path) -> Callable[..., Path]:
    """Gives a copy of a tiny model with other values in its config.json."""

    def copied(kind: str, **values: Any) -> Path:
        folder = Path(shutil.copytree(tiny_model(kind), tmp_path / "copy"))
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | values))
        return folder

    return copied


def made(kind: str, **options: Any) -> Transformers:
    language = {"language": "en"} if kind == "cohere asr" else {}
    return Transformers(model=str(tiny_model(kind)), **(language | options))


def simplest_call(kind: str, samples: np.ndarray, prompt: str | None) -> str:
    """What the library says of one waveform, asked as its documentation does it."""
    import torch
    import transformers

    folder = tiny_model(kind)
    processor = transformers.AutoProcessor.from_pretrained(folder)
    name = json.loads((folder / "config.json").read_text())["architectures"][0]
    model = getattr(transformers, name).from_pretrained(folder).eval()
    inputs = QUESTIONS[kind](processor, samples, prompt)
    with torch.inference_mode():
        ids = model.generate(**{name: one for name, one in inputs.items() if isinstance(one, torch.Tensor)})
    ids = ids[:, inputs["input_ids"].shape[1] :] if "input_ids" in inputs else ids
    returns = {"return_format": "transcription_only"} if kind == "qwen3 asr" else {}
    decode = processor.decode if kind in ("qwen3 asr", "cohere asr") else processor.tokenizer.decode
    text = str(decode(ids[0], skip_special_tokens=True, **returns))
    return text.removeprefix("▁").strip()  # Cohere's question begins with a space, which its real tokenizer drops


def ask_granite(processor: Any, samples: np.ndarray, prompt: str | None) -> Any:
    said = "<|audio|>" + (prompt or "can you transcribe the speech into a written format?")
    text = processor.tokenizer.apply_chat_template(
        [{"role": "user", "content": said}], tokenize=False, add_generation_prompt=True
    )
    return processor(text.replace(text.split()[1], "2025"), samples, return_tensors="pt")


def ask_qwen2(processor: Any, samples: np.ndarray, prompt: str | None) -> Any:
    content = [{"type": "audio", "audio_url": "x"}, {"type": "text", "text": prompt or "Transcribe the speech."}]
    text = processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )
    return processor(text=text, audio=samples, sampling_rate=16_000, return_tensors="pt")


def ask_qwen3(processor: Any, samples: np.ndarray, prompt: str | None) -> Any:
    return processor.apply_transcription_request(audio=samples, prompt=prompt)


def ask_cohere(processor: Any, samples: np.ndarray, _: str | None) -> Any:
    return processor(samples, sampling_rate=16_000, return_tensors="pt", language="en")


def ask_voxtral(processor: Any, samples: np.ndarray, _: str | None) -> Any:
    return processor.apply_transcription_request(audio=samples, model_id="voxtral", sampling_rate=16_000, format="WAV")


QUESTIONS = {
    "granite speech": ask_granite,
    "qwen2 audio": ask_qwen2,
    "qwen3 asr": ask_qwen3,
    "cohere asr": ask_cohere,
    "voxtral": ask_voxtral,
}


@pytest.mark.parametrize("kind", INSTRUCTED_KINDS)
def test_it_says_what_the_library_says_of_one(kind, clips):
    """The very text of the library's simplest call, of the shortest and the longest clip, asked together."""
    chosen = [min(clips, key=lambda clip: len(clip.samples)), max(clips, key=lambda clip: len(clip.samples))]
    with made(kind) as recognizer:
        found = [one.text for one in recognizer.transcribe(chosen)]
    assert found == [simplest_call(kind, clip.samples, None) for clip in chosen]
    assert len(set(found)) == 2


@pytest.mark.parametrize("kind", ["granite speech", "qwen2 audio", "qwen3 asr"])
def test_a_prompt_takes_the_place_of_the_usual_one(kind, clips):
    """Word for word the library's answer to it, which is not the answer to the usual question."""
    with made(kind, prompt="call two") as recognizer, made(kind) as usual:
        (found,) = recognizer.transcribe(clips[:1])
        assert found.text == simplest_call(kind, clips[0].samples, "call two")
        assert found != usual.transcribe(clips[:1])[0]


@pytest.mark.parametrize("kind", INSTRUCTED_KINDS)
def test_texts_do_not_depend_on_the_batch(kind, clips):
    """As for every recognizer; all but Cohere's are asked one at a time."""
    with made(kind) as recognizer:
        assert recognizer.spec.batching == ("masked" if kind == "cohere asr" else "single")
        check_batches(recognizer, clips[:5])


@pytest.mark.parametrize("kind", INSTRUCTED_KINDS)
def test_questions_are_read_while_texts_are_written(kind, clips):
    """By one tokenizer, as every recognizer that takes its steps apart."""
    with made(kind) as recognizer:
        check_steps(recognizer, clips[:3])


def test_a_cohere_without_its_mask_would_be_caught(clips, monkeypatch):
    """The check of batches fails when the mask is thrown away."""
    right = ways_of_asking.on_device

    def unmasked(*given: Any) -> dict[str, Any]:
        return {name: one for name, one in right(*given).items() if name != "attention_mask"}

    monkeypatch.setattr(ways_of_asking, "on_device", unmasked)
    with made("cohere asr") as recognizer, pytest.raises(AssertionError):
        check_batches(recognizer, sorted(clips, key=lambda clip: len(clip.samples))[:1] + clips[3:5])


@pytest.mark.parametrize("kind", ["granite speech", "qwen3 asr"])
def test_a_padded_batch_would_change_texts(kind, clips):
    """Which is why these are asked one at a time: without a second look at this, they stay so."""
    with made(kind) as recognizer:
        alone = [recognizer.transcribe([clip])[0] for clip in clips[:6]]
        assert heard_together(recognizer, clips[:6]) != alone


def test_n_best_of_an_audio_model_begin_with_its_text(clips):
    """As many as asked, the likeliest first."""
    with made("qwen2 audio", beams=3, nbest=3) as recognizer:
        (heard,) = recognizer.transcribe(clips[:1])
    assert 1 < len(heard.alternatives) <= 3
    assert heard.alternatives[0].text == heard.text


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        ("cohere asr", {"language": None}, "must be told the language"),
        ("cohere asr", {"language": "ru"}, "does not know the language 'ru'"),
        ("qwen3 asr", {"language": "xx"}, "does not know the language 'xx'"),
        ("granite speech", {"language": "en"}, "takes no language"),
        ("qwen2 audio", {"words": True}, "takes no words"),
    ],
)
def test_what_a_model_cannot_be_told_is_refused(kind, options, says):
    """Before it is loaded."""
    with pytest.raises(UsageError, match=says):
        _ = made(kind, **options).spec


def test_a_model_with_a_part_in_an_adapter_is_refused(spoiled):
    """Transformers would leave the adapter out, and go on."""
    with pytest.raises(UsageError, match="keeps a part of its weights in an adapter"):
        _ = Transformers(model=str(spoiled("granite speech", has_lora_adapter=True))).spec


def test_a_model_that_does_not_say_how_it_is_asked_is_refused(spoiled):
    """It has no chat template."""
    folder = spoiled("granite speech")
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(RecognizerError, match="does not say how it is asked"):
        Transformers(model=str(folder)).__enter__()


def test_a_package_that_is_missing_is_said_before_the_first_utterance(spoiled):
    """Transformers would load a Voxtral without mistral-common, and fail at each utterance."""
    if importlib.util.find_spec("mistral_common") is not None:
        pytest.skip("mistral-common is installed")
    folder = spoiled("qwen3 asr", model_type="voxtral", architectures=["VoxtralForConditionalGeneration"])
    with pytest.raises(RecognizerError, match="needs mistral-common") as refused:
        Transformers(model=str(folder)).__enter__()
    assert refused.value.hint == "pip install 'mistral-common[audio]'"


def test_audio_beyond_the_window_is_refused():
    """The processor would cut it in silence."""
    with made("qwen2 audio") as recognizer, pytest.raises(RecognizerError, match="do not fit into 5 s"):
        recognizer.transcribe([Waveform("long", np.zeros(6 * 16_000, np.float32))])
    assert recognizer.spec.max_audio_s == 5.0


def test_a_language_has_one_identity_by_name_and_by_code():
    """So that a run with one is the run with the other; what is no language is left to the model's own list."""
    specs = [made("cohere asr", language=language).spec for language in ("es", "Spanish", " SPANISH ")]
    assert specs[0] == specs[1] == specs[2]
    assert [language_code(one) for one in ("Cantonese", "klingon", None)] == ["yue", "klingon", None]
