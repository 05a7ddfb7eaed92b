"""What a folder of CTranslate2 holds, read before anything heavy is imported: files, shapes, languages."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earmark.errors import UsageError
from earmark.recognizers.faster_whisper.settings import Settings
from earmark.recognizers.faster_whisper.weights import Shapes, read_shapes

MODEL, TOKENIZER, CONFIG = "model.bin", "tokenizer.json", "config.json"
PATTERNS = (MODEL, TOKENIZER, CONFIG, "vocabulary.*")
_LEAST_MULTILINGUAL = 51_865
"""Tokens of the smallest multilingual vocabulary; CTranslate2 told them by it, and does so now by an empty token."""
_FRAMES_A_SECOND = 100
_LANGUAGE = re.compile(r"<\|([a-z]{2,3})\|>")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model's folder, and what it can be told. ``languages`` is empty for one that knows English only."""

    place: str
    folder: Path
    shapes: Shapes
    languages: tuple[str, ...]
    has_alignment: bool

    @property
    def max_audio_s(self) -> float:
        """What it hears at once: 30 s, unless it was made otherwise."""
        return self.shapes.num_frames / _FRAMES_A_SECOND


def read_checkpoint(place: str, folder: Path, settings: Settings) -> Checkpoint:
    """The checkpoint in ``folder``. Raises UsageError for one that is not whole, or cannot do what is asked."""
    missing = [name for name in (MODEL, CONFIG, TOKENIZER) if not (folder / name).is_file()]
    if not list(folder.glob("vocabulary.*")):
        missing.append("vocabulary.json")
    if missing:
        raise UsageError(
            f"{place} is no whole model of CTranslate2",
            cause=f"it lacks {', '.join(missing)}",
            hint="ct2-transformers-converter --copy_files tokenizer.json ... copies what the weights need",
        )
    shapes = read_shapes(place, folder / MODEL)
    found = Checkpoint(
        place,
        folder,
        shapes,
        _languages(place, folder / TOKENIZER) if _is_multilingual(folder, shapes) else (),
        bool(_read_json(place, folder / CONFIG).get("alignment_heads")),
    )
    _check(found, settings)
    return found


def _check(found: Checkpoint, settings: Settings) -> None:
    if settings.words and not found.has_alignment:
        raise UsageError(
            f"{found.place} cannot time its words",
            cause="its config.json lists no alignment_heads: the attention that follows the audio",
            hint="leave --set words=true out",
        )
    if not found.languages and (settings.language not in (None, "en") or settings.task != "transcribe"):
        option = "task" if settings.task != "transcribe" else "language"
        raise UsageError(
            f"{found.place} takes no {option}", cause="it knows English only", hint=f"leave --set {option}= out"
        )
    if found.languages and settings.language is not None and settings.language not in found.languages:
        raise UsageError(
            f"{found.place} does not know the language {settings.language!r}",
            cause=f"it knows {', '.join(found.languages)}",
            hint=f"--set language={found.languages[0]}",
        )


def _is_multilingual(folder: Path, shapes: Shapes) -> bool:
    if shapes.vocabulary_size >= _LEAST_MULTILINGUAL:
        return True
    path = folder / "vocabulary.json"
    try:
        tokens = json.loads(path.read_bytes()) if path.is_file() else []
    except (OSError, ValueError, RecursionError):
        return False  # CTranslate2 says what is wrong with it
    return isinstance(tokens, list) and "" in tokens


def _languages(place: str, path: Path) -> tuple[str, ...]:
    tokens = _read_json(place, path).get("added_tokens")
    contents = [str(one.get("content")) for one in tokens if isinstance(one, dict)] if isinstance(tokens, list) else []
    return tuple(sorted(match[1] for one in contents if (match := _LANGUAGE.fullmatch(one))))


def _read_json(place: str, path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"cannot read {path.name} of {place}", cause=str(error)) from error
    if not isinstance(found, dict):
        raise UsageError(f"{path.name} of {place} is no JSON object")
    return found
