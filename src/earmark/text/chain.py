"""Chains of normalizers: ``lower|numbers:es|strip-punct|squeeze`` does one after the other.

A part of a chain is a step (``steps``), a word map (``words:FILE.toml``), or any normalizer that has a name, so that
``apostrophes|whisper-en`` mends one flaw of ``whisper-en`` under a name that says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from earmark.errors import UnknownNameError
from earmark.registry import Registry
from earmark.text.base import Normalizer, hash_rules
from earmark.text.steps import STEPS
from earmark.text.word_map import WordMap, read_word_map

SEPARATOR = "|"
_WORDS = "words:"


@dataclass(frozen=True, slots=True)
class Chain:
    """Applies ``parts`` from left to right. Its hash covers theirs and their order, not its name."""

    name: str
    parts: tuple[Normalizer, ...]

    @property
    def version(self) -> str:
        """The versions of the parts, with the same separator."""
        return SEPARATOR.join(part.version for part in self.parts)

    @property
    def content_hash(self) -> str:
        """Hex SHA-256 over the hashes of the parts, in their order."""
        return hash_rules({"chain": [part.content_hash for part in self.parts]})

    def __call__(self, text: str) -> str:
        """``text`` after every part."""
        for part in self.parts:
            text = part(text)
        return text


def load_chain(name: str, normalizers: Registry) -> Chain:
    """Make the chain called ``name``, of one part or more, which may be any of ``normalizers``.

    Raises UnknownNameError (with the near names) for a part that nothing is called, MissingExtraError for one whose
    package is missing, and FolderError or UsageError for a word map that cannot be used.
    """
    names = name.split(SEPARATOR)
    kind = "normalizer" if len(names) == 1 else "step of a normalizer"
    return Chain(name, tuple(_load_part(kind, part, normalizers) for part in names))


def _load_part(kind: str, name: str, normalizers: Registry) -> Normalizer:
    if name in STEPS:
        return STEPS[name]
    if name.startswith(_WORDS):
        return WordMap(name, read_word_map(name.removeprefix(_WORDS)))
    known = normalizers.entries()
    if name not in known:
        raise UnknownNameError(kind, name, [*known, *STEPS, f"{_WORDS}FILE.toml"])
    normalizer: Normalizer = normalizers.load(name)()
    return normalizer
