"""The variables of the environment that are earmark's by their name: whether anything reads them, and can.

Never what they are: a value may be a key, or an address with one.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping

from earmark.diagnosis.finding import Finding, fine, problem, warning

_PREFIX = "EARMARK_"
_OWN = (
    "EARMARK_ALLOW_PRIVATE",
    "EARMARK_API_KEY",
    "EARMARK_CACHE",
    "EARMARK_OFFLINE",
    "EARMARK_OPENSLR",
    "EARMARK_PRICES",
)
"""Those that are no twin of a flag, or not of one only."""
_NUM_NEAR = 3


def variable_findings(
    environment: Mapping[str, str], twins: Collection[str], wrong: Mapping[str, str]
) -> list[Finding]:
    """Of each one that is set and unknown, or whose value cannot be read. ``twins`` are those of flags.

    ``wrong`` says why a value cannot be read, by name: whoever reads it knows.
    """
    there = sorted(name for name in environment if name.startswith(_PREFIX))
    known = {*twins, *_OWN}
    found = [_unknown(name, known) for name in there if name not in known]
    found += [problem("variables", f"{name} cannot be read: {wrong[name]}", f"unset {name}") for name in sorted(wrong)]
    return found or [fine("variables", f"set: {', '.join(there)}" if there else f"no {_PREFIX}... is set")]


def _unknown(name: str, known: Collection[str]) -> Finding:
    near = difflib.get_close_matches(name, sorted(known), n=_NUM_NEAR, cutoff=0.75)
    said = f"{name} is set, and nothing reads it"
    if not near:
        return warning("variables", said, f"unset {name}")
    return warning("variables", f"{said}; near: {', '.join(near)}", f"export {near[0]}=... in its place")
