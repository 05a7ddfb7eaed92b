"""What may be heard together, and how much of it."""

from __future__ import annotations

import pytest

from earmark.errors import RecognizerError
from earmark.recognizers.together import asked_together, check_fits, pieces_of

LENGTHS = [5, 3, 5, 4, 3]


@pytest.mark.parametrize(
    ("batching", "pieces"),
    [
        ("any", [[0, 1, 2, 3, 4]]),
        ("masked", [[0, 1, 2, 3, 4]]),
        ("equal_length", [[0, 2], [1, 4], [3]]),
        ("single", [[0], [1], [2], [3], [4]]),
    ],
)
def test_a_batch_is_asked_in_the_pieces_that_its_model_allows(batching, pieces):
    """And the answers come in the order of the batch."""
    batch = ["a" * length + str(number) for number, length in enumerate(LENGTHS)]
    asked: list[list[str]] = []

    def ask(piece: list[str]) -> list[str]:
        asked.append(list(piece))
        return [one.upper() for one in piece]

    assert asked_together(batch, LENGTHS, batching, ask) == [one.upper() for one in batch]
    assert asked == [[batch[position] for position in piece] for piece in pieces]
    assert pieces_of([], batching) == []


def test_an_answer_too_few_is_an_error():
    """Nothing is left out in silence."""
    with pytest.raises(ValueError, match="zip"):
        asked_together(["a", "b"], [1, 1], "masked", lambda piece: piece[:1])


def test_what_is_longer_than_a_model_hears_is_refused():
    """But for the hundredth of a second that lengths are rounded by."""
    check_fits(30.01, 30.0)
    with pytest.raises(RecognizerError, match=r"30\.02 s do not fit into 30 s") as refused:
        check_fits(30.02, 30.0)
    assert "left out" in str(refused.value.cause)
