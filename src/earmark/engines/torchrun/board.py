"""What processes tell each other through a store of keys that all of them reach: values, counters, and no more.

Knows no work, no rank and no framework: the store is anybody's that has five methods. Nothing here waits.
"""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from earmark.engines.pickled import pickled
from earmark.errors import EngineError, first_line

_PIECE_BYTES = 1 << 20  # a store of torch takes no more than 8 MiB at once


class KeyValues(Protocol):
    """What is asked of the store: the names and meanings of ``torch.distributed.Store``."""

    def set(self, key: str, value: Any, /) -> None:  # noqa: ANN401  # torch says str, and takes bytes
        """Keep ``value`` (bytes), over an older one."""
        ...

    def get(self, key: str, /) -> bytes:
        """The value of a key that is there."""
        ...

    def add(self, key: str, amount: int, /) -> int:
        """Add to a counter that starts at 0, in one step; its new value."""
        ...

    def check(self, keys: list[str], /) -> bool:
        """Whether all of the keys are there."""
        ...

    def delete_key(self, key: str, /) -> bool:
        """Forget a key."""
        ...


@dataclass(frozen=True, slots=True)
class Board:
    """The keys of ``store`` that begin with ``name``. Every method raises EngineError where the store is out of reach.

    Values travel by pickle, as everything does that torch itself sends through its store: who reaches the store's port
    is trusted with the machine.
    """

    store: KeyValues
    name: str

    def post(self, key: str, value: object) -> None:
        """Put a value under ``key``, for all to see. Raises EngineError also where it does not pickle."""
        data = pickled(value)
        starts = range(0, len(data), _PIECE_BYTES)
        with _reachable():
            for number, start in enumerate(starts):
                self.store.set(f"{self.name}/{key}/{number}", data[start : start + _PIECE_BYTES])
            self.store.set(f"{self.name}/{key}", str(len(starts)))  # last: then the rest is there

    def has(self, key: str) -> bool:
        """Whether a value was posted under ``key``."""
        with _reachable():
            return self.store.check([f"{self.name}/{key}"])

    def read(self, key: str) -> Any:  # noqa: ANN401  # whatever was posted
        """The value that was posted under ``key``, which must be there."""
        with _reachable():
            num_pieces = int(self.store.get(f"{self.name}/{key}"))
            pieces = [self.store.get(f"{self.name}/{key}/{number}") for number in range(num_pieces)]
        return pickle.loads(b"".join(pieces))  # noqa: S301  # from our own ranks: see the class

    def take(self, key: str) -> Any:  # noqa: ANN401  # whatever was posted
        """``read``, and forget it."""
        value = self.read(key)
        with _reachable():
            for number in range(int(self.store.get(f"{self.name}/{key}"))):
                self.store.delete_key(f"{self.name}/{key}/{number}")
            self.store.delete_key(f"{self.name}/{key}")
        return value

    def count(self, key: str, amount: int = 0) -> int:
        """Add to a counter, which starts at 0; its new value."""
        with _reachable():
            return self.store.add(f"{self.name}/{key}", amount)


@contextlib.contextmanager
def _reachable() -> Iterator[None]:
    """A store says RuntimeError (torch's DistError is one) for all that can befall a connection."""
    try:
        yield
    except RuntimeError as error:
        raise EngineError(
            "the ranks have lost each other",
            cause=first_line(error),
            hint="what was committed is safe: the same line goes on",
        ) from error
