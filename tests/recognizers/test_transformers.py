"""Models of the true classes: what they say, what they are, and what a wrong mask would do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earmark.errors import OutOfMemoryError, RecognizerError, UsageError
from earmark.recognizers.transformers import Transformers
from earmark.recognizers.transformers import asking as ways_of_asking
from earmark.recognizers.transformers.way import Way
from earmark.records import Hypothesis, Waveform
from tests.contracts.test_recognizers import check_batches
from tests.fetching.servers import Repository, hub
from tests.recognizers.tiny import KINDS, tiny_model, tiny_models  # noqa: F401  # a fixture

TRAINED = ("parakeet ctc", "whisper")
DEMO_DATA = "src/earmark/demo/manifest.jsonl"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def rows() -> list[Any]:
    """The demo's clips, with their texts."""
    tiny_model("whisper")
    from tests.recognizers.models import demo_clips

    return demo_clips()


@pytest.fixture(scope="module")
def clips(rows) -> list[Waveform]:
    return [Waveform(row.id, row.samples) for row in rows]


def made(kind: str, **options: Any) -> Transformers:
    return Transformers(model=str(tiny_model(kind)), **options)


def heard_together(recognizer: Transformers, clips: Sequence[Waveform]) -> list[Hypothesis]:
    """What a model says of clips in one padded batch, whatever it declares about its batches."""
    import torch

    with torch.inference_mode():
        return recognizer._entered.ask([clip.samples for clip in clips])


@pytest.fixture
def copy(tmp_path):
    """Gives a copy of a tiny model that a test may spoil."""

    def copied(kind: str) -> Path:
        return Path(shutil.copytree(tiny_model(kind), tmp_path / "copy"))

    return copied


# What they say


@pytest.mark.parametrize("kind", TRAINED)
def test_a_trained_model_says_what_was_said(kind, rows, clips):
    """Alone and in a batch of all lengths, word for word, and no special token."""
    with made(kind) as recognizer:
        assert [one.text for one in recognizer.transcribe(clips)] == [row.text for row in rows]
        assert [recognizer.transcribe([clip])[0].text for clip in clips[:3]] == [row.text for row in rows[:3]]


def tiny_processor(kind: str) -> Any:
    import transformers

    return transformers.AutoProcessor.from_pretrained(tiny_model(kind))


def simplest_call(kind: str, samples: np.ndarray) -> str:
    """What the library says of one waveform, asked as its documentation does it."""
    import torch
    import transformers

    folder = tiny_model(kind)
    name = json.loads((folder / "config.json").read_text())["architectures"][0]
    model = getattr(transformers, name).from_pretrained(folder).eval()
    processor = transformers.AutoProcessor.from_pretrained(folder)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Using the model-agnostic default")  # of a transducer: as many as it may say
        if kind == "canary":
            ids = model.generate(**processor.apply_transcription_request(samples))
        else:
            inputs = processor(samples, sampling_rate=16_000, return_tensors="pt")
            is_plain = name.endswith("ForCTC") and "Parakeet" not in name
            ids = (
                model(**inputs).logits.argmax(dim=-1) if is_plain else model.generate(**inputs, **OPTIONS.get(kind, {}))
            )
        ids = getattr(ids, "sequences", ids)
    # Asked to leave special tokens out, the tokenizer of wav2vec2 leaves the blank out before it joins repetitions.
    is_ctc = name.endswith("ForCTC")
    text: str = processor.batch_decode(ids, skip_special_tokens=not is_ctc)[0]
    return text.strip()


OPTIONS = {"whisper": {"task": "transcribe"}}


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_what_the_library_says_of_one(kind, clips):
    """The very text of the library's simplest call, of the shortest and the longest clip, asked together."""
    chosen = [min(clips, key=lambda clip: len(clip.samples)), max(clips, key=lambda clip: len(clip.samples))]
    with made(kind) as recognizer:
        found = [one.text for one in recognizer.transcribe(chosen)]
    assert found == [simplest_call(kind, clip.samples) for clip in chosen]
    assert any(found)


def test_what_a_model_does_not_know_is_an_error_that_counts(copy, clips):
    """A CTC model that says "unknown" has said so, with times too: without the word its texts would look better."""
    import transformers

    folder = copy("wav2vec2 layer")
    tensors = tensors_of(folder)
    tensors["lm_head.bias"][3] += 3.0
    save_tensors(tensors, folder)
    processor = transformers.AutoProcessor.from_pretrained(folder)
    inputs = processor(clips[0].samples, sampling_rate=16_000, return_tensors="pt")
    ids = transformers.AutoModelForCTC.from_pretrained(folder)(**inputs).logits.argmax(dim=-1)
    with Transformers(model=str(folder), words=True) as recognizer:
        (found,) = recognizer.transcribe(clips[:1])
    assert "<unk>" in found.text
    assert found.text == processor.batch_decode(ids)[0]
    assert [word.text for word in found.words or ()] == found.text.split()


@pytest.mark.parametrize("options", [{}, {"words": True}, {"prompt": "call two"}], ids=str)
def test_a_whisper_that_ended_by_its_limit_is_told(options, rows, clips):
    """One that said all did not; with room for the end token it ends by itself, without it does not."""
    processor = tiny_processor("whisper")
    num_tokens = len(processor.tokenizer(f" {rows[0].text}", add_special_tokens=False).input_ids)
    ended = {}
    for most in (None, num_tokens + 1, num_tokens):
        with made("whisper", max_new_tokens=most, **options) as recognizer:
            (found,) = recognizer.transcribe(clips[:1])
        ended[most] = found.is_unfinished
        said = found.text
    if "prompt" not in options:  # what it was not trained with
        assert said == rows[0].text
        assert ended == {None: False, num_tokens + 1: False, num_tokens: True}
    assert ended[None] is False


def test_other_decoders_tell_it_by_their_end_token(clips):
    """The tiny ones talk until they are stopped, and so does one that is stopped early."""
    with made("moonshine", max_new_tokens=1) as recognizer:
        assert recognizer.transcribe(clips[:1])[0].is_unfinished is True
    with made("parakeet ctc") as recognizer:
        assert recognizer.transcribe(clips[:1])[0].is_unfinished is None


def test_words_of_a_trained_model_are_those_of_the_text(rows, clips):
    """In order, inside the clip, and a CTC model that knows the clips is sure of them."""
    with made("parakeet ctc", words=True) as recognizer:
        for row, clip, found in zip(rows, clips, recognizer.transcribe(clips), strict=True):
            assert found.words is not None
            assert [word.text for word in found.words] == row.text.split()
            assert found.words[-1].end_s <= clip.duration_s
            assert found.confidence is not None
            assert found.confidence > 0.8


def test_words_and_n_best_are_asked_only_of_models_that_have_them(copy):
    """And Whisper needs the list of heads that its authors give, and attention that keeps its weights."""
    for kind, options, problem in (
        ("moonshine", {"words": True}, "takes no words"),
        ("parakeet ctc", {"beams": 2, "nbest": 2}, "takes no beams"),
        ("whisper", {"beams": 2, "nbest": 2}, "takes no nbest"),
    ):
        with pytest.raises(UsageError, match=problem):
            _ = made(kind, **options).spec
    with pytest.raises(UsageError, match="no 3 best of 2 beams"):
        made("moonshine", beams=2, nbest=3)
    assert made("whisper", words=True).spec.options["attention"] == "eager"
    folder = copy("whisper")
    path = folder / "generation_config.json"
    stated = json.loads(path.read_text())
    del stated["alignment_heads"]
    path.write_text(json.dumps(stated))
    with pytest.raises(UsageError, match="cannot time its words"):
        _ = Transformers(model=str(folder), words=True).spec


@pytest.mark.parametrize("kind", ["wav2vec2 layer", "parakeet ctc"])
def test_a_model_without_its_mask_would_be_caught(kind, clips, monkeypatch):
    """The check of batches fails when the mask is thrown away."""
    right = ways_of_asking.padded_inputs

    def unmasked(*given: Any) -> dict[str, Any]:
        return {name: one for name, one in right(*given).items() if name != "attention_mask"}

    monkeypatch.setattr(ways_of_asking, "padded_inputs", unmasked)
    with made(kind) as recognizer, pytest.raises(AssertionError):
        check_batches(recognizer, sorted(clips, key=lambda clip: len(clip.samples))[:1] + clips[3:5])


@pytest.mark.parametrize("kind", ["wav2vec2 layer", "hubert layer"])
def test_texts_that_are_not_cut_at_their_own_length_would_be_caught(kind, clips, monkeypatch):
    """The check of batches fails when what is said of padding is decoded."""
    monkeypatch.setattr(ways_of_asking, "num_output_frames", lambda model, inputs: None)
    with made(kind) as recognizer, pytest.raises(AssertionError):
        check_batches(recognizer, sorted(clips, key=lambda clip: len(clip.samples))[:1] + clips[3:5])


@pytest.mark.parametrize("kind", ["wav2vec2 group", "moonshine"])
def test_group_norm_hears_padding_whatever_the_mask_says(kind, clips):
    """So these ask for equal lengths; asked for a mixed batch, they are asked in pieces, and say the same."""
    with made(kind) as recognizer:
        assert recognizer.spec.batching == "equal_length"
        alone = [recognizer.transcribe([clip])[0] for clip in clips[:4]]
        assert recognizer.transcribe(clips[:4]) == alone
        assert heard_together(recognizer, clips[:4]) != alone


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_samples", [0, 700])
def test_the_very_short_says_the_same_in_any_company(kind, num_samples, clips):
    """It is filled with silence to what the model takes, not to what its neighbours are."""
    short = Waveform("short", clips[0].samples[:num_samples])
    with made(kind) as recognizer:
        assert recognizer.transcribe([short, clips[0]])[0] == recognizer.transcribe([short])[0]


def test_whisper_is_greedy_unless_beams_are_asked_for(clips, monkeypatch):
    """The library's pipeline takes five in silence."""
    import transformers

    seen: list[dict[str, Any]] = []
    right = transformers.WhisperForConditionalGeneration.generate

    def generate(self: Any, *given: Any, **named: Any) -> Any:
        seen.append(named)
        return right(self, *given, **named)

    monkeypatch.setattr(transformers.WhisperForConditionalGeneration, "generate", generate)
    for options in ({}, {"beams": 2, "max_new_tokens": 3}):
        with made("whisper", **options) as recognizer:
            recognizer.transcribe(clips[:1])
    assert [one["num_beams"] for one in seen] == [1, 2]
    assert all(not one["do_sample"] and not one["return_timestamps"] and "temperature" not in one for one in seen)
    assert seen[1]["max_new_tokens"] == 3


def test_whisper_is_told_language_task_and_prompt(clips):
    """The prompt is no part of the text, nor is any token of these."""
    with made("whisper", language="en", task="transcribe", prompt="the hall fan") as recognizer:
        [found] = recognizer.transcribe(clips[:1])
    assert "<|" not in found.text
    with pytest.raises(UsageError, match="does not know the language 'de'"):
        _ = made("whisper", language="de").spec


def test_nothing_longer_than_a_window_is_cut_in_silence(clips):
    """The extractor would drop the rest; a piece of the window's length is taken."""
    with made("whisper") as recognizer:
        assert recognizer.spec.max_audio_s == 5.0
        whole = np.resize(clips[0].samples, 5 * 16_000)
        assert recognizer.transcribe([Waveform("whole", whole)])
        with pytest.raises(RecognizerError, match="do not fit into"):
            recognizer.transcribe([Waveform("long", np.resize(whole, 6 * 16_000))])


def test_canary_is_told_a_language_that_it_knows():
    """Told by its vocabulary."""
    assert made("canary", language="es").spec.options["language"] == "es"
    with pytest.raises(UsageError, match="'xx'") as refused:
        _ = made("canary", language="xx").spec
    assert refused.value.cause == "it knows en, es"


# What they are


def test_what_can_change_an_answer_is_in_the_identity():
    """Each option but the device and the trust."""
    plain = made("whisper").spec
    assert plain == made("whisper", task="transcribe").spec
    changes = {"dtype": "bfloat16", "attention": "eager", "beams": 2, "language": "en", "task": "translate"}
    for name, value in {**changes, "prompt": "names", "max_new_tokens": 9}.items():
        assert made("whisper", **{name: value}).spec != plain, name
    assert made("whisper", device="cpu").spec == plain


def test_only_files_that_count_are_in_the_identity(copy):
    """Not where it lies, not its README, not weights for others; but a token of its vocabulary is."""
    folder = copy("wav2vec2 layer")
    truth = made("wav2vec2 layer").spec
    (folder / "README.md").write_text("x")
    (folder / "pytorch_model.bin").write_bytes(b"x")
    assert Transformers(model=str(folder)).spec == truth
    vocabulary = json.loads((folder / "vocab.json").read_text())
    (folder / "vocab.json").write_text(json.dumps({**vocabulary, "new": len(vocabulary)}))
    assert Transformers(model=str(folder)).spec != truth


def test_the_driver_loads_neither_torch_nor_transformers():
    """What a model is, is read from its files."""
    script = (
        "import sys; from earmark.recognizers import load_recognizer;"
        "spec = load_recognizer(sys.argv[1]).spec; print(spec.batching);"
        "sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", script, str(tiny_model("whisper"))]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "masked\n"


def test_a_class_without_fused_attention_says_so(copy):
    """And is run without it, recorded."""
    folder = copy("wav2vec2 layer")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "wavlm", "architectures": ["WavLMForCTC"]}))
    assert Transformers(model=str(folder)).spec.options["attention"] == "eager"


# What can be wrong


def tensors_of(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def save_tensors(tensors: dict[str, Any], folder: Path) -> None:
    from safetensors.torch import save_file

    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("kind", "name"),
    [("wav2vec2 layer", "lm_head.bias"), ("parakeet ctc", "encoder.layers.0.conv.norm.running_mean")],
)
def test_weights_that_are_no_numbers_are_found_when_it_loads(kind, name, copy):
    """By name; what batch norm has seen is a weight like another."""
    folder = copy(kind)
    tensors = tensors_of(folder)
    tensors[name][0] = float("nan")
    save_tensors(tensors, folder)
    with pytest.raises(RecognizerError, match="are no numbers") as refused, Transformers(model=str(folder)):
        pytest.fail("it loaded")
    assert name in refused.value.cause


def test_weights_that_are_missing_are_not_made_up(copy):
    """The library makes them up at random, and goes on."""
    folder = copy("wav2vec2 layer")
    tensors = tensors_of(folder)
    del tensors["lm_head.weight"]
    save_tensors(tensors, folder)
    with pytest.raises(RecognizerError, match="not in the checkpoint") as refused, Transformers(model=str(folder)):
        pytest.fail("it loaded")
    assert "lm_head.weight" in refused.value.cause


def test_a_device_that_is_not_there_is_an_error():
    """Never a run on the processor that nobody asked for."""
    folder = tiny_model("wav2vec2 layer")
    import torch

    device = f"cuda:{torch.cuda.device_count()}" if torch.cuda.is_available() else "cuda"
    with pytest.raises(RecognizerError, match="no device"), Transformers(model=str(folder), device=device):
        pytest.fail("it loaded")


def test_memory_that_does_not_suffice_is_the_workers_to_mend(clips, monkeypatch):
    """It is said in earmark's word, on which the worker splits the batch; any other fault is not."""
    with made("wav2vec2 layer") as recognizer:
        import torch

        def full(error: Exception) -> None:
            def ask(_: object) -> list[str]:
                raise error

            monkeypatch.setattr(recognizer, "_way", Way(list, ask, list))

        full(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"))
        with pytest.raises(OutOfMemoryError, match="2 utterances do not fit"):
            recognizer.transcribe(clips[:2])
        full(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"))
        with pytest.raises(OutOfMemoryError):
            recognizer.transcribe(clips[:2])
        full(RuntimeError("shapes do not match"))
        with pytest.raises(RuntimeError, match="shapes"):
            recognizer.transcribe(clips[:2])


def test_half_precision_is_run_as_asked(clips):
    """On the processor too, if slowly."""
    with made("parakeet ctc", dtype="bfloat16") as recognizer:
        assert recognizer.transcribe(clips[:1])[0].text


# The whole way


def earmark(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "earmark", *arguments]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "EARMARK_"))}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env={**kept, **environment})


def test_an_evaluation_finds_its_model_by_its_folder_and_passes_the_audit(tmp_path):
    """From the command line: no error on the demo's clips, and batches change no text."""
    model = tiny_model("parakeet ctc")
    done = earmark(
        "eval", str(model), "--data", DEMO_DATA, "--out", str(tmp_path / "run"), "--batch-size", "4",
        "--engine", "inline", "--audit", "8", "--format", "json", "--progress", "none",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["num_scored"], summary["wer"]) == (14, 0.0)
    spec = json.loads((tmp_path / "run" / "spec.json").read_text())["recognizer"]
    assert (spec["name"], spec["batching"], spec["options"]["dtype"]) == ("transformers", "masked", "float32")


def test_of_a_repository_only_what_is_needed_is_fetched(tmp_path):
    """No pickle, no weights in another precision or for another framework; then the model is run as one here is."""
    files = {path.name: path.read_bytes() for path in tiny_model("wav2vec2 layer").iterdir() if path.name != "whole"}
    others = [
        "pytorch_model.bin",
        "flax_model.msgpack",
        "model.fp32-00001-of-00002.safetensors",
        "model.nemo",
        "run.py",
    ]
    commit = "c" * 40
    own = Repository({commit: {**files, **dict.fromkeys(others, b"x")}}, {"main": commit})
    foreign = Repository({commit: {"model.h5": b"x", "README.md": b"x"}}, {"main": commit})
    with hub({"models/owner/own": own, "models/owner/foreign": foreign}) as server:
        variables = {
            "HF_ENDPOINT": server.url,
            "HF_HOME": str(tmp_path / "hf"),
            "EARMARK_CACHE": str(tmp_path / "cache"),
            "EARMARK_ALLOW_PRIVATE": "127.0.0.1",
        }
        rest = ("--data", DEMO_DATA, "--limit", "1", "--engine", "inline", "--progress", "none", "--out")
        done = earmark("eval", "hf:owner/own", *rest, str(tmp_path / "run"), **variables)
        refused = earmark("eval", "owner/foreign", *rest, str(tmp_path / "other"), **variables)
        asked = {request.path.rpartition("/")[2] for request in server.requests}
    assert done.returncode == 0, done.stderr
    assert "model.safetensors" in asked
    assert not asked & set(others)
    assert refused.returncode == 2
    assert "owner/foreign holds no model" in refused.stderr
