"""The contract of a normalizer, and the identity that goes into every result.

There is no single "Whisper normalizer": packages of that name differ in their rules. So a number is only comparable
with another when both carry the same name, version and hash. It knows no rule of any normalizer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable


class Normalizer(Protocol):
    """A pure function of one text, which says exactly which rules it applies.

    It is made without arguments and travels by pickle. Applying it twice need not give what applying it once gives,
    so a text is normalized exactly once and the raw text is kept.
    """

    @property
    def name(self) -> str:
        """As the registry lists it."""
        ...

    @property
    def version(self) -> str:
        """The dated rule set that it applies."""
        ...

    @property
    def content_hash(self) -> str:
        """Hex SHA-256 over the rules; the same on every platform, another when a rule changes."""
        ...

    def __call__(self, text: str) -> str:
        """Return the normalized text. Every string has one, perhaps the empty one."""
        ...


@runtime_checkable
class ManyNormalizer(Protocol):
    """A normalizer that is faster on many texts at once; the answers are those of calling it on each."""

    def many(self, texts: Sequence[str]) -> list[str]:
        """Return the normalized texts, in their order."""
        ...


def normalized_all(normalizer: Normalizer, texts: Sequence[str | None]) -> list[str | None]:
    """Apply ``normalizer`` to each text; what is None stays None."""
    if isinstance(normalizer, ManyNormalizer) and None not in texts:
        return [*normalizer.many([text for text in texts if text is not None])]
    return [normalizer(text) if text is not None else None for text in texts]


@dataclass(frozen=True, slots=True)
class NormalizerIdentity:
    """What ``summary.json`` keeps of a normalizer."""

    name: str
    version: str
    hash: str

    @classmethod
    def of(cls, normalizer: Normalizer) -> Self:
        """Ask ``normalizer`` who it is."""
        return cls(normalizer.name, normalizer.version, normalizer.content_hash)


def hash_rules(rules: Mapping[str, object]) -> str:
    """Hex SHA-256 over ``rules`` (what JSON can hold), whatever the order of keys."""
    canonical = json.dumps(rules, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
