"""By which normalizer and scorer a run is counted, by name, and what they gave. Reads JSON only."""

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
    """Names of a normalizer and a scorer, and the word error rate (a fraction) that they gave; None where unsaid.

    ``is_assumed`` says that the folder does not tell by which the run is to be counted: they are the defaults.
    """

    normalizer: str = DEFAULT_NORMALIZER
    scorer: str = DEFAULT_SCORER
    wer: float | None = None
    is_assumed: bool = False


def settings_of(folder: Folder, name: str = layout.SUMMARY) -> Settings:
    """Read them from a summary of the folder; of a run that has none yet, from what was typed to begin it.

    What neither says, or a file that is not ours, has its default.
    """
    facts = read_json(folder, name)
    asked = read_json(folder, layout.SPEC).get("asked")
    asked = asked if isinstance(asked, dict) else {}
    normalizer, scorer = (_name(facts, role) or _text(asked.get(role)) for role in ("normalizer", "scorer"))
    wer = facts.get("wer")
    return Settings(
        normalizer or DEFAULT_NORMALIZER,
        scorer or DEFAULT_SCORER,
        float(wer) if isinstance(wer, int | float) and not isinstance(wer, bool) and abs(wer) < _TOO_MUCH else None,
        is_assumed=normalizer is None,
    )


def assumption(label: str, normalizer: str) -> str:
    """What to know of a run where nobody chose the normalizer."""
    return f"{label} does not say by which normalizer it is to be scored: {normalizer} is taken"


def read_json(folder: Folder, name: str) -> dict[str, object]:
    """A JSON object of the folder; empty where there is none, or no file that can be read as one."""
    try:
        facts = json.loads(folder.read(name))
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _name(facts: dict[str, object], role: str) -> str | None:
    found = facts.get(role)
    return _text(found.get("name")) if isinstance(found, dict) else None


def _text(found: object) -> str | None:
    return found if isinstance(found, str) else None
