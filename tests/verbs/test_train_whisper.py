"""A Whisper on toy speech, the whole way: taught, killed, gone on with, loaded by an evaluation and by Transformers."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from earmark.errors import RecognizerError, UsageError
from earmark.training.events import RecipeBegan, StepMade

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("speechbrain") is None or importlib.util.find_spec("transformers") is None,
    reason="speechbrain is not installed: pip install 'earmark[speechbrain]'",
)


def train(*arguments: Any, **more: Any) -> Any:
    """The verb, which loads SpeechBrain with itself: not while tests are collected."""
    from earmark.verbs.train import train as verb

    return verb(*arguments, device="cpu", **more)


class KilledError(Exception):
    pass


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> Path:
    from tests.training.whisper_toys import write_toy

    return write_toy(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def trained(toy, tmp_path_factory):
    """A training that nobody disturbed, and what it told."""
    told = []
    return train(str(toy), out=tmp_path_factory.mktemp("trained") / "toy", observer=told.append), told


def test_the_model_is_better_than_before(trained):
    """By two runs of the test data, each asked in the language of the recipe."""
    done, _ = trained
    assert done.before.wer >= 1.0
    assert done.after.wer < 0.3
    assert done.recognizer == f"whisper:{done.model}"
    spec = json.loads((Path(done.out) / "runs" / "after" / "spec.json").read_text())
    assert spec["recognizer"]["options"]["language"] == "en"


def test_what_nobody_can_learn_from_is_left_out_by_a_named_rule(trained):
    """Nothing of what is tried on is, though one is longer than the window."""
    _, told = trained
    began = next(one for one in told if isinstance(one, RecipeBegan))
    assert (began.num_train, began.num_valid) == (48, 6)
    assert began.dropped == {
        "longer than the model's window": 1, "more tokens than the decoder has places": 1, "no text": 1,
        "text that the tokenizer cannot spell": 1,
    }  # fmt: skip


def test_the_folder_is_what_it_began_with_but_for_the_weights(toy, trained):
    """The languages and tasks of generation_config.json too, which Transformers loses where a config makes it up."""
    done, _ = trained
    from transformers import WhisperForConditionalGeneration, WhisperProcessor

    before, after = toy.parent / "model", Path(done.model)
    assert {path.name for path in after.iterdir()} == {path.name for path in before.iterdir()}
    for path in before.glob("*.json"):
        assert (after / path.name).read_bytes() == path.read_bytes()
    assert (after / "model.safetensors").read_bytes() != (before / "model.safetensors").read_bytes()
    model = WhisperForConditionalGeneration.from_pretrained(after)
    assert set(model.generation_config.lang_to_id) == {"<|en|>", "<|es|>"}
    assert WhisperProcessor.from_pretrained(after).tokenizer.decode([0]) == "!"


def test_a_killed_training_ends_in_the_same_weights(toy, trained, tmp_path):
    """With no epoch made anew."""
    done, _ = trained

    def killed(event: object) -> None:
        if isinstance(event, StepMade) and event.step == done.step - 3:
            raise KilledError

    with pytest.raises(KilledError):
        train(str(toy), out=tmp_path / "killed", observer=killed)
    again = train(str(toy), out=tmp_path / "killed")
    assert 0 < again.num_new_steps < done.step / 2
    assert again.weights_hash == done.weights_hash


@pytest.mark.parametrize(
    ("said", "problem", "hint"),
    [
        ("model.language=fr", "does not know the language 'fr'", "--set model.language=en"),
        ("model.pretrained={folder}", "holds no model of Transformers", None),
    ],
)
def test_a_model_that_cannot_be_taught_is_refused(toy, tmp_path, said, problem, hint):
    """Before anything is written."""
    with pytest.raises(UsageError, match=problem) as caught:
        train(str(toy), out=tmp_path / "out", overrides=[said.format(folder=toy.parent)])
    assert hint is None or hint in caught.value.hint
    assert not (tmp_path / "out" / "training.json").exists()


def test_a_multilingual_model_must_be_told_its_language(toy, tmp_path):
    """Else nobody knows what it would be taught."""
    text = toy.read_text().replace('language = "en"\n', "")
    (tmp_path / "untold.toml").write_text(text)
    with pytest.raises(UsageError, match="must be told the language") as caught:
        train(str(tmp_path / "untold.toml"), out=tmp_path / "out")
    assert caught.value.hint == "--set model.language=en, or another; of a YAML --set language=en"


def test_a_folder_of_another_model_is_no_whisper(toy, tmp_path):
    """Told by its configuration."""
    other = tmp_path / "other"
    other.mkdir()
    for path in (toy.parent / "model").iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    config = json.loads((other / "config.json").read_text())
    config |= {"model_type": "wav2vec2", "architectures": ["Wav2Vec2ForCTC"]}
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match="is no Whisper") as caught:
        train(str(toy), out=tmp_path / "out", overrides=[f"model.pretrained={other}"])
    assert "wav2vec2" in caught.value.cause


def test_weights_of_another_shape_are_refused(toy, tmp_path):
    """With the key, what is expected, and what was found."""
    other = tmp_path / "other"
    other.mkdir()
    for path in (toy.parent / "model").iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    config = json.loads((other / "config.json").read_text()) | {"decoder_ffn_dim": 96}
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(RecognizerError, match="have another shape") as caught:
        train(str(toy), out=tmp_path / "out", overrides=[f"model.pretrained={other}"])
    assert "model.decoder.layers.0.fc1" in caught.value.cause
    assert "which is (128,) there, and (96,) in the model" in caught.value.cause
