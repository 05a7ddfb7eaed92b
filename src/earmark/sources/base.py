"""The contract of a source: it names utterances in a stable order, and decodes no audio."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from earmark.records import Utterance


class Source(Protocol):
    """A set of utterances with an identity.

    Two sources with one ``fingerprint`` yield the same utterances in the same order.
    """

    @property
    def name(self) -> str:
        """What the user called it, for messages."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hex SHA-256 over what the source is made of, and the options that choose from it."""
        ...

    @property
    def root(self) -> str:
        """The folder that relative audio paths start from."""
        ...

    def utterances(self) -> Iterator[Utterance]:
        """All utterances, in an order that never changes. May be called again.

        Raises ManifestError or MissingColumnError where the data cannot be understood.
        """
        ...
