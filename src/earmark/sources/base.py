"""The contract of a source: it names utterances in a stable order, and decodes no audio."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from earmark.records import Utterance

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

STATED = ("id", "audio", "start_s", "stated_duration_s", "channel", "reference", "language", "speaker", "extra")
"""The columns of schema.UTTERANCES that a source fills; ``extra`` is a JSON object, or null where it is empty."""


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


@runtime_checkable
class RestoringSource(Protocol):
    """What a source offers whose audio comes to this machine as its utterances are read.

    A run that goes on reads no utterance again, and may go on where the audio has never been.
    """

    def restore(self) -> None:
        """Have the audio of all utterances here. Raises what ``utterances`` raises."""
        ...


@runtime_checkable
class ChoosableSource(Protocol):
    """What a source offers whose audio comes to this machine, so that only that of some utterances has to."""

    def ids(self) -> Iterator[str]:
        """The id of each utterance, in their order; no audio is brought. Raises what ``utterances`` raises."""
        ...

    def chosen(self, is_chosen: NDArray[np.bool_]) -> Iterator[Utterance]:
        """Those utterances for which ``is_chosen``, shape ``(num_utterances,)``, with their audio here."""
        ...


@runtime_checkable
class DerivedSource(Protocol):
    """What a source offers that was made of other data: what of them is not in it, and why."""

    @property
    def loss(self) -> str | None:
        """A sentence of two lines about the utterances that are not in it, or have no audio; None where all are."""
        ...

    def why_missing(self, uri: str) -> tuple[str, str] | None:
        """Why there is no audio file ``uri``, and what to type to have it; None where it knows no better."""
        ...


@runtime_checkable
class DistantSource(Protocol):
    """What a source offers whose audio only workers can read: it was looked at there already."""

    @property
    def table(self) -> pa.Table:
        """The table of schema.UTTERANCES, as ``index_source`` makes it."""
        ...

    @property
    def sample(self) -> str:
        """As ``planning.identity.audio_sample`` makes it."""
        ...

    def beside_audio(self, function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401  # whatever it gives
        """Call ``function``, of a module of earmark's, where the audio is, and give what it gives."""
        ...


@runtime_checkable
class LinedSource(Protocol):
    """What a source offers whose utterances are the rows of one file."""

    def lines_with(self, utterance_id: str) -> list[int]:
        """The lines, from 1, of the rows with that id. Raises what ``utterances`` raises."""
        ...


@runtime_checkable
class ColumnSource(Protocol):
    """What a source may offer beside its utterances: the same ones by column, for data of millions of rows."""

    def chunks(self) -> Iterator[pa.RecordBatch | list[Utterance]]:
        """All that ``utterances`` gives, in its order, some at a time: by column where the source can, else one by one.

        A record batch has the columns ``STATED``. A column is of its type in schema.UTTERANCES, or a dictionary of
        such values, or of Arrow's null type where it holds nothing. Raises what ``utterances`` raises, at the same row.
        """
        ...
