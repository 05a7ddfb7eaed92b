"""The cells of a sweep over puzzles, and its identity. Knows names and numbers; solves nothing.

A cell is a member in a variant, over all puzzles. Its number is ``member * num_variants + variant``, both in the order
in which they were named; parts keep that number, so the order in which cells are done can be any.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from earmark.errors import FolderError, RunMismatchError, StoreError
from earmark.solving import PUZZLES, Halt
from earmark.store import layout
from earmark.store.run import RunStore

Accept = Literal["none", "verifier", "label"]
"""When a puzzle needs no further cell: never, when an answer keeps rules and clues, or when it is the label."""

NUM_PILOT = 32
"""Puzzles on which each member is tried first, to find the order of members: spread evenly over the data."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A checkpoint of a sweep: what the user calls it, and the SHA-256 of its file."""

    checkpoint: str
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepIdentity:
    """All that can change an answer, or which pairs of cell and puzzle are tried, and nothing else.

    ``members`` are SHA-256, ``attention`` says how the solver computes, ``dtype`` in what.
    """

    task: str
    size: int
    data_fingerprint: str
    num_items: int
    members: tuple[str, ...]
    variants: tuple[str, ...]
    accept: Accept
    halt: Halt
    dtype: str
    attention: str
    num_pilot: int = NUM_PILOT
    format_version: int = 1

    @property
    def num_cells(self) -> int:
        """Members times variants."""
        return len(self.members) * len(self.variants)

    def fingerprint(self) -> str:
        """Hex SHA-256 over the fields."""
        return hashlib.sha256(json.dumps(dataclasses.asdict(self), sort_keys=True).encode()).hexdigest()

    def differences(self, other: Self) -> dict[str, tuple[Any, Any]]:
        """The fields that differ, each as ``(here, there)``."""
        here, there = dataclasses.asdict(self), dataclasses.asdict(other)
        return {name: (here[name], there[name]) for name in here if here[name] != there[name]}


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepFacts:
    """What ``sweep.json`` says: the identity, and what the user called things when it was begun, at ``start_time``."""

    identity: SweepIdentity
    members: tuple[Member, ...]
    data: str
    start_time: str

    def to_json(self) -> bytes:
        """Readable JSON."""
        return (json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """The facts that ``to_json`` wrote. Raises KeyError, TypeError or ValueError on anything else."""
        fields = json.loads(data)
        identity = fields["identity"]
        lists = {name: tuple(identity[name]) for name in ("members", "variants")}
        return cls(
            identity=SweepIdentity(**{**identity, **lists}),
            members=tuple(Member(**member) for member in fields["members"]),
            data=fields["data"],
            start_time=fields["start_time"],
        )


SWEEP = "sweep.json"
RESULTS = {False: "honest.json", True: "oracle.json"}
"""By whether labels chose: what a family of aggregators comes to."""
_OURS = frozenset({SWEEP, PUZZLES, layout.PARTS, layout.LOG, *RESULTS.values()})


def adopt(store: RunStore, facts: SweepFacts) -> SweepFacts:
    """Make this the folder of the sweep; the facts that stand in it from now on.

    Raises RunMismatchError, with the fields that differ, where it holds another sweep, and FolderError where it holds
    anything else.
    """
    check_folder(store)
    store.folder.create(SWEEP, facts.to_json())
    found = facts_in(store)
    if found is None:
        raise StoreError(f"{SWEEP} in {store.url} is gone", cause="somebody removed it just now")
    if differences := found.identity.differences(facts.identity):
        raise RunMismatchError(store.url, differences)
    return found


def facts_in(store: RunStore) -> SweepFacts | None:
    """The facts in a folder, or None where no sweep has begun. Raises FolderError if they cannot be read."""
    try:
        return SweepFacts.from_json(store.folder.read(SWEEP))
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, ValueError) as error:
        problem = f"its {SWEEP} is not ours: {error!r}"
        raise FolderError(store.url, problem, hint="--out OTHER_FOLDER") from error


def check_folder(store: RunStore) -> None:
    """Raise FolderError unless the folder holds a sweep, or nothing."""
    strange = [name for name in store.folder.entries() if name not in _OURS]
    if strange and not store.folder.has(SWEEP):
        problem = f"it is no sweep, and has other files in it ({', '.join(strange[:3])})"
        raise FolderError(store.url, problem, hint="--out OTHER_FOLDER")


def clear(store: RunStore) -> None:
    """Throw a sweep's results away. The identity goes last, so that a kill in between leaves a sweep that resumes."""
    for name in store.folder.names(layout.PARTS):
        store.folder.remove(name)
    for name in (*RESULTS.values(), PUZZLES, SWEEP):
        store.folder.remove(name)


def cell_names(members: Sequence[Member], variants: Sequence[str]) -> list[tuple[Member, str]]:
    """Member and variant of each cell, by its number."""
    return [(member, variant) for member in members for variant in variants]
