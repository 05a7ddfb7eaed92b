"""Whispers of CTranslate2: what the library's own call says, in any batch, and what is no such model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from earmark.cli.main import run
from earmark.errors import RecognizerError, UsageError
from earmark.recognizers import load_recognizer
from earmark.recognizers.detection import recognizer_at
from earmark.records import SAMPLE_RATE_HZ, Waveform
from earmark.worker.contract import broken_hypothesis
from tests.recognizers.tiny import tiny_model, tiny_models  # noqa: F401  # a fixture


@pytest.fixture(scope="module")
def model() -> Path:
    return tiny_model("faster-whisper multilingual")


@pytest.fixture(scope="module")
def clips(model: Path) -> list[Waveform]:
    from tests.recognizers.models import demo_clips

    return [Waveform(clip.id, clip.samples) for clip in demo_clips()[:6]]


@pytest.fixture
def copy(model: Path, tmp_path: Path) -> Path:
    """A folder that a test may spoil."""
    return shutil.copytree(model, tmp_path / "model")


def own_texts(model: Path, arrays: Sequence[np.ndarray], *, window_s: int = 30, **said: Any) -> list[str]:
    """What the library itself says of each waveform alone.

    With one temperature, no timestamps and no thresholds, since what is dropped is an error as well. It does not ask a
    model for its window: 30 s are written into its features and its padding, and ``window_s`` takes their place.
    """
    from faster_whisper import WhisperModel, transcribe
    from faster_whisper.feature_extractor import FeatureExtractor

    library = WhisperModel(str(model), device="cpu", compute_type="float32", cpu_threads=1)
    library.feature_extractor = FeatureExtractor(chunk_length=window_s)
    plain = {
        "beam_size": 1,
        "temperature": 0,
        "without_timestamps": True,
        "condition_on_previous_text": False,
        "log_prob_threshold": None,
        "no_speech_threshold": None,
        "compression_ratio_threshold": None,
    }
    filled_up = partial(transcribe.pad_or_trim, length=library.feature_extractor.nb_max_frames)
    with patch.object(transcribe, "pad_or_trim", filled_up):
        return ["".join(piece.text for piece in library.transcribe(one, **(plain | said))[0]).strip() for one in arrays]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, {}),
        ({"language": "es"}, {"language": "es"}),
        ({"task": "translate", "language": "en"}, {"task": "translate", "language": "en"}),
        ({"beams": 3}, {"beam_size": 3}),
        ({"prompt": "call two"}, {"initial_prompt": "call two"}),
        ({"words": True}, {}),
    ],
    ids=str,
)
def test_a_batch_says_what_the_library_says_of_each_alone(model, clips, options, said):
    """Word for word, whatever is asked."""
    expected = own_texts(model, [clip.samples for clip in clips], **said)
    with load_recognizer("faster-whisper", {"model": str(model), **options}) as recognizer:
        found = recognizer.transcribe(clips)
    assert [one.text for one in found] == expected
    assert len(set(expected)) > 1


def test_words_follow_the_audio(model, clips):
    """Every word of the text, in order, none beyond its clip."""
    with load_recognizer("faster-whisper", {"model": str(model), "words": True}) as recognizer:
        for clip, heard in zip(clips, recognizer.transcribe(clips), strict=True):
            assert [word.text for word in heard.words] == heard.text.split()
            assert heard.words[-1].end_s <= clip.duration_s
            assert 0 < heard.confidence <= 1


def test_n_best_are_kept_in_order(model, clips):
    """As many as asked, the likeliest first."""
    with load_recognizer("faster-whisper", {"model": str(model), "beams": 4, "nbest": 3}) as recognizer:
        (heard,) = recognizer.transcribe(clips[:1])
    scores = [one.score for one in heard.alternatives]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)


def test_a_text_without_words_has_no_number(model, clips, monkeypatch):
    """The library's score of nothing is NaN: no confidence of 1, and no alternative that the contract forbids."""
    from earmark.recognizers.faster_whisper import asking

    size = json.loads((model / "vocabulary.json").read_text())
    end = size.index("<|endoftext|>")
    monkeypatch.setattr(asking, "_suppressed", lambda _: [one for one in range(len(size)) if one != end])
    for options in ({}, {"beams": 2, "nbest": 2}):
        with load_recognizer("faster-whisper", {"model": str(model), **options}) as recognizer:
            (heard,) = recognizer.transcribe(clips[:1])
        assert (heard.text, heard.confidence, heard.alternatives) == ("", None, ())
        assert broken_hypothesis(heard) is None


def test_a_text_that_ended_by_its_limit_is_told(model, clips):
    """One that ended by itself is finished."""
    texts: dict[int | None, str] = {}
    for limit in (None, 4):
        options = {"model": str(model), "language": "en", **({"max_new_tokens": limit} if limit else {})}
        with load_recognizer("faster-whisper", options) as recognizer:
            (heard,) = recognizer.transcribe(clips[1:2])
        texts[limit] = heard.text
        assert heard.is_unfinished is (limit is not None)
    assert texts[None].startswith(texts[4])
    assert texts[None] != texts[4]


@pytest.mark.parametrize(("limit", "num_tokens"), [(1, 1), (4, 4), (9, 9), (32, 32), (100, 32)])
def test_a_text_has_as_many_tokens_as_were_asked_for(model, clips, monkeypatch, limit, num_tokens):
    """The library keeps only half of what it is told for a text, so half of its 64 places are the most."""
    from earmark.recognizers.faster_whisper import asking

    end = json.loads((model / "vocabulary.json").read_text()).index("<|endoftext|>")
    said: list[int] = []
    right = asking._hypothesis
    monkeypatch.setattr(asking, "_suppressed", lambda _: [end])
    monkeypatch.setattr(asking, "_hypothesis", lambda *given: said.extend(given[2].sequences_ids[0]) or right(*given))
    options = {"model": str(model), "language": "en", "max_new_tokens": limit}
    with load_recognizer("faster-whisper", options) as recognizer:
        (heard,) = recognizer.transcribe(clips[:1])
    assert len(said) == num_tokens
    assert heard.is_unfinished


def test_a_file_that_is_not_in_the_identity_changes_nothing(model, copy, clips):
    """The library would count times by it, and fail on this one."""
    (copy / "preprocessor_config.json").write_text('{"hop_length": 0, "n_fft": 64}')
    answers = []
    for folder in (model, copy):
        with load_recognizer("faster-whisper", {"model": str(folder), "words": True}) as recognizer:
            answers.append((recognizer.spec.content_hash, recognizer.transcribe(clips[:2])))
    assert answers[0] == answers[1]
    assert answers[0][1][0].words


def test_n_best_are_of_different_spelling(model, clips):
    """Two ways through the search to one text are one text."""
    with load_recognizer("faster-whisper", {"model": str(model), "beams": 4, "nbest": 4}) as recognizer:
        for heard in recognizer.transcribe(clips):
            texts = [one.text for one in heard.alternatives]
            assert len(set(texts)) == len(texts)
            assert texts[0] == heard.text


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_no_model(copy, value):
    """It would hear nothing in anything, and every count would look like one."""
    path = copy / "model.bin"
    content = bytearray(path.read_bytes())
    at = content.index(b"encoder/layer_norm/gamma\0") + len(b"encoder/layer_norm/gamma\0") + 1 + 4 + 1 + 4
    content[at : at + 4] = np.float32(value).tobytes()
    path.write_bytes(content)
    recognizer = load_recognizer("faster-whisper", {"model": str(copy)})
    with pytest.raises(RecognizerError, match="are no numbers") as refused:
        recognizer.__enter__()
    assert "encoder/layer_norm/gamma" in str(refused.value.cause)


def test_numbers_of_half_precision_are_looked_at_as_well(tmp_path):
    """CTranslate2 keeps bfloat16 as the upper half of a float32."""
    from earmark.recognizers.faster_whisper.weights import _is_finite

    assert _is_finite(np.float16([1, -65504]).tobytes(), 4)
    assert not _is_finite(np.float16([1, np.inf]).tobytes(), 4)
    upper = np.float32([1.0, np.nan]).view("<u4") >> 16
    assert not _is_finite(upper.astype("<u2").tobytes(), 5)
    assert _is_finite(upper[:1].astype("<u2").tobytes(), 5)


def test_audio_beyond_the_window_is_refused(model):
    """It would be cut in silence."""
    long = Waveform("long", np.zeros(31 * SAMPLE_RATE_HZ, np.float32))
    with (
        load_recognizer("faster-whisper", {"model": str(model)}) as recognizer,
        pytest.raises(RecognizerError, match="do not fit"),
    ):
        recognizer.transcribe([long])


def test_the_window_is_that_of_the_weights():
    """A model that hears 5 s at once takes 5 s."""
    spec = load_recognizer("faster-whisper", {"model": str(tiny_model("faster-whisper"))}).spec
    assert spec.max_audio_s == 5.0


def spoil_end(folder: Path) -> None:
    path = folder / "model.bin"
    path.write_bytes(path.read_bytes()[:-1_000])


def spoil_start(folder: Path) -> None:
    (folder / "model.bin").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")


def spoil_kind(folder: Path) -> None:
    path = folder / "model.bin"
    path.write_bytes(path.read_bytes().replace(b"WhisperSpec", b"Transformer", 1))


def spoil_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def spoil_vocabulary(folder: Path) -> None:
    (folder / "vocabulary.json").unlink()


def spoil_config(folder: Path) -> None:
    (folder / "config.json").write_text("[")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (spoil_end, "is not whole"),
        (spoil_start, "Git LFS pointer"),
        (spoil_kind, "no Whisper of CTranslate2"),
        (spoil_tokenizer, "lacks tokenizer.json"),
        (spoil_vocabulary, "lacks vocabulary.json"),
        (spoil_config, "cannot read config.json"),
    ],
)
def test_a_model_that_is_not_whole_is_refused_before_it_is_loaded(copy, spoil, says):
    """Each with what is wrong."""
    spoil(copy)
    with pytest.raises(UsageError) as refused:
        _ = load_recognizer("faster-whisper", {"model": str(copy)}).spec
    assert says in f"{refused.value} {refused.value.cause}"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"language": "xx"}, "does not know the language 'xx'"),
        ({"dtype": "float8"}, "no dtype 'float8'"),
        ({"beams": 0}, "whole number from 1"),
        ({"nbest": 2}, "no 2 best of 1 beams"),
        ({"device": "tpu"}, "no device 'tpu'"),
    ],
)
def test_what_a_model_cannot_be_told_is_refused(model, options, says):
    """Before it is loaded, with what there is to choose."""
    with pytest.raises(UsageError, match=says):
        _ = load_recognizer("faster-whisper", {"model": str(model), **options}).spec


def test_one_that_knows_english_only_takes_no_language():
    """Nor a task."""
    with pytest.raises(UsageError, match="takes no language"):
        _ = load_recognizer("faster-whisper", {"model": str(tiny_model("faster-whisper")), "language": "es"}).spec


def test_words_need_heads_that_follow_the_audio(copy):
    """A checkpoint that lists none is refused, and not timed by chance."""
    path = copy / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "alignment_heads": None}))
    with pytest.raises(UsageError, match="cannot time its words"):
        _ = load_recognizer("faster-whisper", {"model": str(copy), "words": True}).spec


def test_a_gpu_that_is_not_there_is_no_silent_run_elsewhere(model):
    """It is an error that says how many there are."""
    with pytest.raises(RecognizerError, match="no device 'cuda:99' here"):
        load_recognizer("faster-whisper", {"model": str(model), "device": "cuda:99"}).__enter__()


def test_a_folder_is_told_by_its_files(model):
    """And with the prefix for either kind of Whisper."""
    assert recognizer_at(str(model)) == ("faster-whisper", str(model))


def test_a_run_from_the_command_line(model, tmp_path):
    """The prefix for either kind of Whisper leads to it; batches of eight say what batches of one do."""
    from tests.recognizers.models import DEMO

    hashes = set()
    for size in ("1", "8"):
        out = tmp_path / size
        data = str(DEMO / "manifest.jsonl")
        assert run(["eval", f"whisper:{model}", "--data", data, "--out", str(out), "--batch-size", size]) == 0
        hashes.add(json.loads((out / "summary.json").read_text(encoding="utf-8"))["scores_hash"])
    assert len(hashes) == 1
