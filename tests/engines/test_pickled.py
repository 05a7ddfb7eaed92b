"""Work as bytes, or the one sentence why it cannot be."""

from __future__ import annotations

import pickle

import pytest

from earmark.engines.jobs import Job
from earmark.engines.pickled import pickled
from earmark.engines.place import Place
from earmark.engines.torchrun.board import Board
from earmark.errors import EngineError
from tests.diary import shard


class Rooted:
    """It holds what cannot travel."""

    def __reduce__(self):
        raise TypeError("cannot pickle a lock")


def test_what_was_pickled_is_what_was_there():
    """By the usual pickle, unless another is asked for."""
    assert pickle.loads(pickled(Job(shard("a b")))) == Job(shard("a b"))
    assert pickled("x", lambda value: b"as " + str(value).encode()) == b"as x"


@pytest.mark.parametrize("carry", [pickled, Place(0).start, lambda work: Board({}, "b").post("work", work)])
def test_every_engine_says_the_same_of_what_does_not_pickle(carry):
    """One sentence, the reason, and what to do; nothing was started."""
    with pytest.raises(EngineError, match="does not pickle, so no worker can have it") as raised:
        carry(Rooted())
    assert raised.value.cause == "cannot pickle a lock"
    assert "--engine inline" in raised.value.hint
