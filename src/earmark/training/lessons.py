"""What the loop needs of that which is learnt from, whatever it is: speech with its texts, or texts alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from earmark.training.batches import Rows

if TYPE_CHECKING:
    import torch

    from earmark.training.examples import Piece
    from earmark.training.ranks import Ranks


class Lessons(Protocol):
    """Many of them in one order. ``pieces`` are their audio, where they have any."""

    @property
    def ids(self) -> tuple[str, ...]: ...

    @property
    def pieces(self) -> tuple[Piece, ...]: ...

    @property
    def sizes(self) -> NDArray[np.float64]:
        """What each costs in a batch, of the shape (num_lessons,): seconds, or tokens."""
        ...

    @property
    def dropped(self) -> Mapping[str, int]: ...

    @property
    def fingerprint(self) -> str: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Speech:
    """What is learnt from, and what each epoch is tried on."""

    train: Lessons
    valid: Lessons


class Batch(Protocol):
    """What a step learns from on one rank."""

    @property
    def ids(self) -> tuple[str, ...]: ...

    def to(self, device: torch.device | str) -> Self:
        """The same on another device."""
        ...


class Batches(Protocol):
    """Makes batches. ``waited_s`` is how long whoever takes them has waited, since it was made."""

    waited_s: float

    def batches(self, planned: Sequence[Rows], *, rank: int, num_ranks: int, epoch: int = 0) -> Iterator[Batch]:
        """This rank's share of each, in order, as it is in this epoch."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What was found. The epoch with the lowest ``order`` is the best; the others are None where they do not apply."""

    order: tuple[float, ...]
    wer: float | None = None
    cer: float | None = None
    perplexity: float | None = None


class System(Protocol):
    """What is trained: its modules by name, how its lessons become batches, and what it is worth."""

    modules: dict[str, Any]

    def loader(self, lessons: Any) -> Batches:  # noqa: ANN401  # each kind has its own
        """What makes batches of such lessons."""
        ...

    def tried(self, lessons: Any, ranks: Ranks) -> Tried:  # noqa: ANN401  # as above
        """How well it does on lessons that it does not learn from: the same on all ranks."""
        ...
