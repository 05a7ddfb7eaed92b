"""What a summary says of how it was made: the normalizer and the scorer by name, and its number. Reads JSON only."""

from __future__ import annotations

import json
from dataclasses import dataclass

from earmark.scoring import DEFAULT_SCORER
from earmark.store import layout
from earmark.store.folder import Folder

DEFAULT_NORMALIZER = "basic"
_TOO_MUCH = 1e9  # no rate, and an integer of it and more need not fit a float


@dataclass(frozen=True, slots=True)
class Settings:
    """Names of a normalizer and a scorer, and the word error rate (a fraction) that they gave; None where unsaid."""

    normalizer: str = DEFAULT_NORMALIZER
    scorer: str = DEFAULT_SCORER
    wer: float | None = None


def settings_of(folder: Folder, name: str = layout.SUMMARY) -> Settings:
    """Read them from a summary of the folder. What is missing, or in a file that is not ours, has its default."""
    facts = read_json(folder, name)
    wer = facts.get("wer")
    return Settings(
        _name(facts, "normalizer") or DEFAULT_NORMALIZER,
        _name(facts, "scorer") or DEFAULT_SCORER,
        float(wer) if isinstance(wer, int | float) and not isinstance(wer, bool) and abs(wer) < _TOO_MUCH else None,
    )


def read_json(folder: Folder, name: str) -> dict[str, object]:
    """A JSON object of the folder; empty where there is none, or no file that can be read as one."""
    try:
        facts = json.loads(folder.read(name))
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _name(facts: dict[str, object], role: str) -> str | None:
    found = facts.get(role)
    name = found.get("name") if isinstance(found, dict) else None
    return name if isinstance(name, str) else None
