"""Tiny Whispers in the format of CTranslate2, converted from the one that says what it heard."""

from __future__ import annotations

import copy
import json
from pathlib import Path

from ctranslate2.converters import TransformersConverter
from transformers import AutoTokenizer, WhisperForConditionalGeneration

_WHOLE_WINDOW = 1_500


def build(kind: str, source: Path, folder: Path) -> Path:
    """Convert the Whisper in ``source``: ``faster-whisper`` as it is, ``... multilingual`` with a window of 30 s.

    CTranslate2 takes one for multilingual whose vocabulary has an empty token, as the published ones have.
    """
    is_multilingual = kind.endswith("multilingual")
    if is_multilingual:
        source = _with_whole_window(source, folder.with_name(f"{folder.name}-source"))
    TransformersConverter(str(source), copy_files=["tokenizer.json"]).convert(str(folder), force=True)
    if is_multilingual:
        path = folder / "vocabulary.json"
        tokens = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(["", *tokens[1:]]), encoding="utf-8")  # the first is a letter that nobody says
    return folder


def _with_whole_window(source: Path, folder: Path) -> Path:
    small = WhisperForConditionalGeneration.from_pretrained(source)
    config = copy.deepcopy(small.config)
    config.max_source_positions = _WHOLE_WINDOW
    large = WhisperForConditionalGeneration(config)
    weights = {name: one for name, one in small.state_dict().items() if name != "model.encoder.embed_positions.weight"}
    large.load_state_dict(weights, strict=False)  # the positions are sinusoids, and are made
    large.generation_config = small.generation_config
    large.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    return folder
