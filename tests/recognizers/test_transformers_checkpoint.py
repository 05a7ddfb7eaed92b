"""What is seen of a model in Transformers' format before it is loaded: its family, and what is wrong with it."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from earmark.errors import UsageError
from earmark.recognizers.transformers.checkpoint import Checkpoint, read_checkpoint
from earmark.recognizers.transformers.choices import resolved
from earmark.recognizers.transformers.family import family_of
from earmark.recognizers.transformers.generation import generation_options, unfinished, whisper_unfinished
from earmark.recognizers.transformers.settings import Settings

WAV2VEC2 = {
    "model_type": "wav2vec2",
    "architectures": ["Wav2Vec2ForCTC"],
    "feat_extract_norm": "layer",
    "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
}
WHISPER = {"model_type": "whisper", "architectures": ["WhisperForConditionalGeneration"]}
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"
ENCODER = {"subsampling_factor": 8, "max_position_embeddings": 5_000}


def safetensors(*, num_bytes: int = 16, missing: int = 0) -> bytes:
    """A file with one tensor of ``num_bytes``, of which the last ``missing`` are not there."""
    header = json.dumps(
        {"weight": {"dtype": "F32", "shape": [num_bytes // 4], "data_offsets": [0, num_bytes]}}
    ).encode()
    return struct.pack("<Q", len(header)) + header + bytes(num_bytes - missing)


def folder_of(path: Path, config: Mapping[str, Any] = WAV2VEC2, **files: str | bytes | None) -> Path:
    """A whole model as far as can be seen from outside; a file of None is left out."""
    contents: dict[str, str | bytes | None] = {
        "config.json": json.dumps(config),
        "preprocessor_config.json": "{}",
        "vocab.json": "{}",
        "model.safetensors": safetensors(),
        **{name.replace("__", "."): content for name, content in files.items()},
    }
    for name, content in contents.items():
        if content is not None:
            (path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def seen(path: Path, tokenizer: Path | None = None, **settings: Any) -> Checkpoint:
    chosen = Settings(**settings)
    found = read_checkpoint("./model", path, tokenizer, chosen, lambda: [one.name for one in path.iterdir()])
    resolved(found, chosen)
    return found


@pytest.mark.parametrize(
    ("config", "kind", "batching", "max_audio_s", "shortest_samples"),
    [
        (WAV2VEC2, "ctc", "masked", 120.0, 400),
        ({**WAV2VEC2, "feat_extract_norm": "group"}, "ctc", "equal_length", 120.0, 400),
        ({"model_type": "sew", "feat_extract_norm": "layer"}, "ctc", "single", 120.0, 1_600),
        ({"model_type": "parakeet_ctc", "encoder_config": ENCODER}, "ctc", "masked", 400.0, 1_280),
        ({"model_type": "parakeet_tdt", "encoder_config": ENCODER}, "transducer", "masked", 400.0, 1_280),
        (WHISPER, "whisper", "masked", 30.0, 1_600),
        ({**WHISPER, "max_source_positions": 250}, "whisper", "masked", 5.0, 1_600),
        ({"model_type": "moonshine"}, "encoder-decoder", "equal_length", 30.0, 895),
        ({"model_type": "canary", "encoder_config": ENCODER}, "request", "masked", 40.0, 1_280),
        ({"model_type": "voxtral"}, "request", "single", 1_800.0, 1_600),
    ],
    ids=lambda value: value.get("model_type") if isinstance(value, dict) else None,
)
def test_the_architecture_says_the_family(config, kind, batching, max_audio_s, shortest_samples):
    """And with it how it may be batched, how long its audio may be, and how short."""
    found = family_of(config, "./model")
    assert (found.kind, found.batching, found.max_audio_s) == (kind, batching, max_audio_s)
    assert found.shortest_samples == shortest_samples


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "bert", "architectures": ["BertForMaskedLM"]}, "not for speech recognition: BertForMaskedLM"),
        ({**WAV2VEC2, "architectures": ["Wav2Vec2ForSequenceClassification"]}, "Wav2Vec2ForSequenceClassification"),
        ({"model_type": "seamless_m4t"}, "cannot ask yet"),
        ({"model_type": "new", "auto_map": {"AutoModelForCTC": "code.New"}}, "brings itself, as code"),
    ],
)
def test_what_is_no_speech_recognizer_is_refused_by_its_class(tmp_path, config, said):
    """Another task, a way of asking that is not there yet, and code that nobody trusted."""
    with pytest.raises(UsageError, match=said):
        seen(folder_of(tmp_path, config))


def test_trusted_code_is_one_at_a_time_and_comes_from_its_own_folder(tmp_path):
    """Nobody knows how it may be batched; a map that leads to another repository is refused all the same."""
    config = {"model_type": "new", "architectures": ["New"], "auto_map": {"AutoModelForCTC": "code.New"}}
    found = seen(folder_of(tmp_path, config), trust=True)
    assert (found.family.batching, found.runs_code) == ("single", True)
    config["auto_map"] = {"AutoModelForCTC": "other/place--code.New"}
    with pytest.raises(UsageError, match="another repository"):
        seen(folder_of(tmp_path, config), trust=True)


def test_native_classes_run_no_code_untrusted(tmp_path):
    """A model of a known type that also brings code is loaded by the known class."""
    assert not seen(folder_of(tmp_path, {**WAV2VEC2, "auto_map": {"AutoModelForCTC": "evil.Evil"}})).runs_code


class Ids:
    """A tensor as far as it is looked at."""

    def __init__(self, *rows: list[int]) -> None:
        self.tolist = lambda: [*rows]


def told(generation: Mapping[str, Any], *, end: int | list[int] | None = 2, **settings: Any) -> Any:
    config = SimpleNamespace(max_target_positions=10, pad_token_id=0)
    model = SimpleNamespace(config=config, generation_config=SimpleNamespace(eos_token_id=end))
    return SimpleNamespace(
        settings=Settings(**settings), checkpoint=SimpleNamespace(generation=generation), model=model
    )


def test_a_text_without_its_end_token_ended_by_its_limit():
    """Of several end tokens any will do."""
    assert unfinished(told({}), Ids([5, 2, 0], [5, 6, 7])) == [False, True]
    assert unfinished(told({}, end=[2, 7]), Ids([5, 2, 0], [5, 6, 7])) == [False, False]


@pytest.mark.parametrize(
    ("generation", "settings", "num_prompt_tokens", "limit"),
    [
        ({}, {}, 0, 8),
        ({"lang_to_id": {"<|en|>": 1}}, {}, 0, 6),
        ({"lang_to_id": {"<|en|>": 1}, "max_length": 10}, {}, 3, 3),
        ({"max_length": 4}, {}, 0, 4),
        ({"max_length": 4}, {"max_new_tokens": 5}, 0, 5),
    ],
    ids=["English", "multilingual", "prompted", "stated", "asked"],
)
def test_a_whisper_that_says_as_much_as_it_may_ended_by_its_limit(generation, settings, num_prompt_tokens, limit):
    """Its places are for the prompt, for what it is told, and for the text."""
    ids: Any = Ids([5] * limit, [5] * (limit - 1) + [0])
    assert whisper_unfinished(told(generation, **settings), ids, num_prompt_tokens) == [True, False]


ELSEWHERE = {"auto_map": {"AutoProcessor": ["other/place--code.New", None]}}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"config__json": json.dumps({**WAV2VEC2, "transformers_weights": "adapter_model.bin"})}, "leads to other"),
        ({"config__json": json.dumps({**WAV2VEC2, "transformers_weights": "b.safetensors"})}, "leads to other"),
        ({"tokenizer_config__json": '{"fast_tokenizer_files": ["tokenizer.4.0.0.json"]}'}, "leads to other"),
        ({"adapter_config__json": "{}"}, "an adapter lies beside"),
        ({"config__json": json.dumps({**WAV2VEC2, **ELSEWHERE})}, "another repository"),
        ({"tokenizer_config__json": '{"auto_map": ["other/place--code.New", null]}'}, "another repository"),
        ({"preprocessor_config__json": json.dumps(ELSEWHERE)}, "another repository"),
        ({"processor_config__json": json.dumps({"feature_extractor": ELSEWHERE})}, "another repository"),
    ],
    ids=[
        "pickle", "other weights", "other tokenizer", "adapter", "config", "tokenizer", "extractor", "part of processor"
    ],
)  # fmt: skip
def test_no_file_leads_to_others_that_do_not_count(tmp_path, files, said):
    """Nobody would see that they changed; and trust is for code beside the weights, of known classes too."""
    with pytest.raises(UsageError, match=said):
        seen(folder_of(tmp_path, **files), trust=True)


def test_a_tokenizer_elsewhere_leads_nowhere_either(tmp_path):
    """It has a configuration of its own; code in it that nobody trusts is not run, and needs no word."""
    tokenizer = tmp_path / "tokenizer"
    tokenizer.mkdir()
    (tokenizer / "vocab.json").write_text("{}")
    (tokenizer / "tokenizer_config.json").write_text(json.dumps(ELSEWHERE))
    assert seen(folder_of(tmp_path), tokenizer).tokenizer == tokenizer
    with pytest.raises(UsageError, match="another repository"):
        seen(tmp_path, tokenizer, trust=True)


@pytest.mark.parametrize(
    ("config", "generation", "seconds", "limit"),
    [
        ({"model_type": "voxtral"}, {}, 3, {"max_new_tokens": 448}),
        ({"model_type": "voxtral"}, {}, 120, {"max_new_tokens": 2_400}),
        ({"model_type": "canary", "encoder_config": ENCODER}, {}, 3, {"max_new_tokens": 800}),
        ({"model_type": "canary", "encoder_config": ENCODER}, {"max_length": 9}, 3, {}),
        (WHISPER, {}, 30, {"max_length": 77}),
    ],
    ids=["short", "long", "in company", "stated", "whisper"],
)
def test_a_text_ends_where_its_audio_could_not_say_more(tmp_path, config, generation, seconds, limit):
    """Unless the checkpoint says where; in a batch the limit does not follow from the neighbours."""
    checkpoint = seen(folder_of(tmp_path, config, generation_config__json=json.dumps(generation)))
    model = SimpleNamespace(config=SimpleNamespace(max_target_positions=77))
    loaded: Any = SimpleNamespace(settings=Settings(), checkpoint=checkpoint, model=model)
    assert generation_options(loaded, 16_000 * seconds) == {"num_beams": 1, "do_sample": False, **limit}


@pytest.mark.parametrize(
    ("files", "said", "hint"),
    [
        ({"config__json": None}, "holds no model", "save_pretrained"),
        ({"config__json": "{"}, "config.json", "fetch"),
        ({"config__json": "[]"}, "config.json", None),
        ({"config__json": "{}"}, "no model of Transformers", None),
        ({"model__safetensors": safetensors(missing=3)}, "model.safetensors", "fetch the model again"),
        ({"model__safetensors": b"\xff" * 64}, "model.safetensors", "fetch the model again"),
        ({"model__safetensors": b""}, "model.safetensors", "fetch the model again"),
        ({"model__safetensors": struct.pack("<Q", 4) + b"nope"}, "model.safetensors", "fetch the model again"),
        ({"model__safetensors": POINTER}, "safetensors", "git lfs pull"),
        ({"model__safetensors": None}, "has no weights", "fetch"),
        ({"model__safetensors": None, "pytorch_model__bin": b"x"}, "pickles", "save_pretrained"),
        ({"model__safetensors": None, "tf_model__h5": b"x"}, "has no weights", "fetch"),
        ({"preprocessor_config__json": None}, "how audio becomes features", "preprocessor_config.json"),
        ({"vocab__json": None}, "no tokenizer", "--set tokenizer=PLACE"),
    ],
    ids=[
        "no config", "broken config", "config of no object", "no model type", "truncated", "no header", "empty",
        "header of no JSON", "Git LFS pointer", "no weights", "pickle only", "TensorFlow only", "no extractor",
        "no tokenizer",
    ],
)  # fmt: skip
def test_a_model_that_is_not_whole_is_refused_with_what_to_do(tmp_path, files, said, hint):
    """Before anything is begun, and no pickle is ever read."""
    with pytest.raises(UsageError, match=said) as refused:
        seen(folder_of(tmp_path, **files))
    assert hint is None or hint in (refused.value.hint or "")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"], "model-00002"),
        (["../../etc/passwd"], "which is not"),
        ([], "names no weights"),
    ],
)
def test_every_shard_of_an_index_is_looked_at(tmp_path, names, said):
    """One that is missing, one that leads elsewhere, and none at all."""
    index = {"weight_map": {f"weight{number}": name for number, name in enumerate(names)}}
    folder_of(tmp_path, model__safetensors=None)
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    (tmp_path / "model-00001-of-00002.safetensors").write_bytes(safetensors())
    with pytest.raises(UsageError) as refused:
        seen(tmp_path)
    assert said in f"{refused.value} {refused.value.cause}"


def test_a_tokenizer_may_lie_elsewhere(tmp_path):
    """A model that was saved without it."""
    model, tokenizer = tmp_path / "model", tmp_path / "tokenizer"
    model.mkdir()
    tokenizer.mkdir()
    (tokenizer / "tokenizer.json").write_text("{}")
    assert seen(folder_of(model, vocab__json=None), tokenizer).tokenizer == tokenizer


@pytest.mark.parametrize(
    "settings", [{"language": "en"}, {"task": "transcribe"}, {"prompt": "names"}, {"beams": 2}, {"max_new_tokens": 9}]
)
def test_a_model_is_told_only_what_it_takes(tmp_path, settings):
    """A CTC model has no language to choose, and no beams."""
    with pytest.raises(UsageError, match=f"takes no {next(iter(settings))}"):
        seen(folder_of(tmp_path), **settings)


def test_a_language_is_one_that_the_model_knows(tmp_path):
    """An unknown one is answered with the list."""
    generation = json.dumps({"lang_to_id": {"<|es|>": 1, "<|en|>": 2}})
    folder_of(tmp_path, WHISPER, generation_config__json=generation)
    assert seen(tmp_path, language="es", task="translate", prompt="names").family.kind == "whisper"
    with pytest.raises(UsageError, match="'xx'") as refused:
        seen(tmp_path, language="xx")
    assert refused.value.cause == "it knows en, es"


@pytest.mark.parametrize("settings", [{"language": "en"}, {"task": "translate"}])
def test_an_english_whisper_has_no_language_to_choose(tmp_path, settings):
    """Nor a task; so has one whose generation config was lost on a save."""
    with pytest.raises(UsageError, match="takes no"):
        seen(folder_of(tmp_path, WHISPER, generation_config__json="{}"), **settings)


@pytest.mark.parametrize(
    "wrong",
    [
        {"dtype": "int8"},
        {"attention": "fast"},
        {"device": "tpu"},
        {"task": "sing"},
        {"beams": 0},
        {"beams": True},
        {"max_new_tokens": 0},
        {"language": " "},
        {"prompt": ""},
    ],
    ids=str,
)
def test_settings_that_no_model_takes_are_refused(wrong):
    """Each by its name."""
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Settings(**wrong)
