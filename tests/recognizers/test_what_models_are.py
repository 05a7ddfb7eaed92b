"""What a model says of itself before it is loaded: its class, its place, and whether it can be told the language."""

from __future__ import annotations

import json
import shutil

import pytest

from earmark.errors import ArchiveError, UsageError
from earmark.recognizers import load_recognizer
from tests.recognizers.tiny import tiny_model, tiny_models  # noqa: F401  # a fixture


@pytest.mark.parametrize(
    ("kind", "architecture", "takes_language"),
    [
        ("whisper", "WhisperForConditionalGeneration", True),
        ("canary", "CanaryForConditionalGeneration", True),
        ("parakeet ctc", "ParakeetForCTC", False),
        ("moonshine", "MoonshineForConditionalGeneration", False),
        ("nemo canary", "EncDecMultiTaskModel", True),
        ("nemo ctc", "EncDecCTCModelBPE", False),
        ("faster-whisper", "Whisper", False),
        ("faster-whisper multilingual", "Whisper", True),
        ("speechbrain ctc", "EncoderASR", False),
    ],
)
def test_a_model_says_its_class_and_whether_it_can_be_told_the_language(kind, architecture, takes_language):
    """By its files alone, whichever library runs it."""
    recognizer = load_recognizer(str(tiny_model(kind)))
    assert recognizer.spec.architecture == architecture
    assert str(recognizer.spec.place).startswith(str(tiny_model(kind)))
    assert getattr(recognizer, "takes_language", False) == takes_language


def test_a_whisper_that_lists_no_languages_cannot_be_told_one(tmp_path):
    """It knows English only."""
    folder = shutil.copytree(tiny_model("whisper"), tmp_path / "model")
    path = folder / "generation_config.json"
    facts = json.loads(path.read_text())
    del facts["lang_to_id"]
    path.write_text(json.dumps(facts))
    assert load_recognizer(str(folder)).takes_language is False


def test_a_whisper_that_is_marked_as_english_may_be_told_what_it_does(tmp_path):
    """To transcribe English, and nothing else; told or not, it is one run."""
    folder = shutil.copytree(tiny_model("whisper"), tmp_path / "model")
    path = folder / "generation_config.json"
    facts = {
        name: one for name, one in json.loads(path.read_text()).items() if name not in ("lang_to_id", "task_to_id")
    }
    path.write_text(json.dumps(facts | {"is_multilingual": False}))
    told = load_recognizer(str(folder), {"language": "english", "task": "transcribe"})
    assert told.spec.options == load_recognizer(str(folder)).spec.options
    for option in ({"language": "fr"}, {"task": "translate"}):
        with pytest.raises(UsageError, match="takes no"):
            _ = load_recognizer(str(folder), option).spec


def test_canary_of_nemo_knows_languages_by_their_names():
    """One language is one choice, however it is spelled; and what it does not take is said with its class."""
    archive = str(tiny_model("nemo canary"))
    options = load_recognizer(archive, {"language": "Spanish", "task": "translate", "target_language": "english"})
    assert (options.spec.options["language"], options.spec.options["target_language"]) == ("es", "en")
    with pytest.raises(UsageError) as refused:
        _ = load_recognizer(archive, {"words": True}).spec
    assert refused.value.cause == "it is an EncDecMultiTaskModel"


def test_an_archive_that_is_cut_off_says_what_to_do(tmp_path):
    """By the name that was typed."""
    path = tmp_path / "model.nemo"
    path.write_bytes(tiny_model("nemo ctc").read_bytes()[:700])
    with pytest.raises(ArchiveError, match=f"cannot unpack {path}") as refused:
        _ = load_recognizer(str(path)).spec
    assert refused.value.hint == "fetch or copy it again: it is cut off, or no archive"
