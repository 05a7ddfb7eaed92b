"""The normalizer that changes nothing."""

from __future__ import annotations

from earmark.text.base import hash_rules


class Verbatim:
    """Leaves a text as it is, so that case, punctuation and spelling count as errors."""

    name = "none"
    version = "1"

    @property
    def content_hash(self) -> str:
        """Hex SHA-256 over its version, since it has no rules."""
        return hash_rules({"version": self.version})

    def __call__(self, text: str) -> str:
        """``text`` itself."""
        return text
