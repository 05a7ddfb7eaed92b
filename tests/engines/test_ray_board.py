"""What lies between a driver and its workers, without Ray around it."""

from __future__ import annotations

from earmark.engines.ray.board import Board


def test_events_are_taken_once_in_their_order():
    """Those that were told meanwhile come with the next call."""
    board = Board()
    board.tell("a")
    board.tell("b")
    assert board.taken() == ["a", "b"]
    board.tell("c")
    assert board.taken() == ["c"]
    assert board.taken() == []


def test_the_first_outcome_stands():
    """What other ranks say after it follows from it."""
    board = Board()
    assert board.outcome() is None
    board.end("the reason")
    board.end("a consequence")
    assert board.outcome() == "the reason"


def test_a_stop_stays():
    """Whoever asks later hears it too."""
    board = Board()
    assert not board.is_stopped()
    board.stop()
    assert board.is_stopped()
