"""A source of which broken rows are left out and handed over, for whoever looks at data and does not evaluate them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

from earmark.errors import ManifestError
from earmark.records import Utterance
from earmark.sources.base import DerivedSource, Source


class Broken(Protocol):
    """Is told what of some data cannot be read, each time that it is met."""

    def begin(self) -> None:
        """The data are read from their beginning, for the first time or again."""
        ...

    def row(self, error: ManifestError) -> None:
        """A row that is no utterance; those behind it can be read."""
        ...

    def rest(self, error: ManifestError) -> None:
        """Nothing can be read from here on."""
        ...


@runtime_checkable
class RowSource(Protocol):
    """What a source may offer beside its utterances: those of its usable rows, whatever the others are like."""

    def surviving(self, bad: Callable[[ManifestError], None]) -> Iterator[Utterance]:
        """The utterances of usable rows, in their order; ``bad`` is told of each of the others."""
        ...


class Tolerant:
    """``source`` without its broken rows, of which ``broken`` is told.

    Of a source that is not made of rows, the utterances before the first ManifestError.
    """

    def __init__(self, source: Source, broken: Broken) -> None:
        self._source = source
        self._broken = broken

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

    @property
    def loss(self) -> str | None:
        """What the whole says of itself."""
        return self._source.loss if isinstance(self._source, DerivedSource) else None

    def why_missing(self, uri: str) -> tuple[str, str] | None:
        """What the whole says."""
        return self._source.why_missing(uri) if isinstance(self._source, DerivedSource) else None

    def utterances(self) -> Iterator[Utterance]:
        """Yield what can be read."""
        self._broken.begin()
        if isinstance(self._source, RowSource):
            yield from self._source.surviving(self._broken.row)
            return
        try:
            yield from self._source.utterances()
        except ManifestError as error:
            self._broken.rest(error)
