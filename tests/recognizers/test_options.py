"""What a user can choose for any model: the checks that all recognizers share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from earmark.errors import UsageError
from earmark.recognizers import options


@pytest.mark.parametrize(
    ("check", "message", "hint"),
    [
        (lambda: options.check_choice("dtype", "int1", ("float32", "int8")), "no dtype 'int1'", "--set dtype=float32"),
        (lambda: options.check_device("tpu"), "no device 'tpu'", "--set device=cpu"),
        (lambda: options.check_device("cuda:"), "no device 'cuda:'", "--set device=cpu"),
        (lambda: options.check_nbest(3, 2), "no 3 best of 2 beams", "--set beams=3"),
        (lambda: options.check_whole_numbers("it", beams=1, nbest=0), "it option nbest is a whole number", None),
        (lambda: options.check_whole_numbers("it", beams=True), "whole number from 1, not True", None),
        (lambda: options.check_whole_numbers("it", beams="2"), "whole number from 1, not '2'", None),
        (lambda: options.check_texts("it", prompt=" "), "it option prompt is a text", None),
        (lambda: options.check_texts("it", language=5), "it option language is a text, not 5", None),
        *(
            (lambda limit=limit: options.check_memory_share(limit), "is a share of 1", "--gpu-memory-limit 0.9")
            for limit in (0, 1.01, float("nan"), True, "0.5")
        ),
    ],
)
def test_a_value_that_no_model_takes_is_refused(check: Callable[[], Any], message: str, hint: str | None):
    """With what to type where there is one right answer."""
    with pytest.raises(UsageError, match=message) as refused:
        check()
    assert refused.value.hint == hint


def test_what_can_be_chosen_passes():
    """And what was not chosen at all."""
    options.check_choice("task", "translate", options.TASKS)
    for device in ("auto", "cpu", "cuda", "cuda:12"):
        options.check_device(device)
    options.check_nbest(2, 2)
    options.check_whole_numbers("it", beams=1, max_new_tokens=None)
    options.check_texts("it", language="en", prompt=None)
    for limit in (None, 0.5, 1):
        options.check_memory_share(limit)
