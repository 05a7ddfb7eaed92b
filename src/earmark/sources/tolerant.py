"""A source of which broken rows are left out and handed over, for whoever looks at data and does not evaluate them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

from earmark.errors import ManifestError
from earmark.records import Utterance
from earmark.sources.base import Source


@runtime_checkable
class RowSource(Protocol):
    """What a source may offer beside its utterances: those of its usable rows, whatever the others are like."""

    def surviving(self, bad: Callable[[ManifestError], None]) -> Iterator[Utterance]:
        """The utterances of usable rows, in their order; ``bad`` is told of each of the others."""
        ...


class Tolerant:
    """``source`` without its broken rows; ``bad`` is told of each, each time that the utterances are read.

    Of a source that is not made of rows, the utterances before the first ManifestError; ``bad`` is told of that one.
    """

    def __init__(self, source: Source, bad: Callable[[ManifestError], None]) -> None:
        self._source = source
        self._bad = bad
        self.is_complete = True

    @property
    def name(self) -> str:
        """The name of the whole."""
        return self._source.name

    @property
    def root(self) -> str:
        """The root of the whole."""
        return self._source.root

    @property
    def fingerprint(self) -> str:
        """That of the whole."""
        return self._source.fingerprint

    def utterances(self) -> Iterator[Utterance]:
        """Yield what can be read. ``is_complete`` turns False where that is not all."""
        if isinstance(self._source, RowSource):
            yield from self._source.surviving(self._bad)
            return
        try:
            yield from self._source.utterances()
        except ManifestError as error:
            self.is_complete = False
            self._bad(error)
