"""The three steps of a model that is asked in words, whose questions and texts share a tokenizer."""

from __future__ import annotations

import threading
from typing import Any

from earmark.recognizers.transformers.way import Way, in_turns
from earmark.records import Hypothesis

WAIT_S = 60
A_MOMENT_S = 0.2


def test_texts_wait_for_inputs_that_are_being_made_and_the_model_does_not():
    """The model hears a batch meanwhile; a text is begun only when the inputs are made."""
    reads, hears, writes = threading.Event(), threading.Event(), threading.Event()
    was_written: list[bool] = []

    def inputs(batch: Any) -> Any:
        reads.set()
        assert hears.wait(WAIT_S)
        was_written.append(writes.wait(A_MOMENT_S))
        return batch

    def outputs(given: Any) -> Any:
        hears.set()
        return given

    def hypotheses(found: Any) -> list[Hypothesis]:
        writes.set()
        return [Hypothesis(str(one)) for one in found]

    way = in_turns(Way(inputs, outputs, hypotheses))
    reader = threading.Thread(target=way.inputs, args=([],))
    reader.start()
    assert reads.wait(WAIT_S)
    writer = threading.Thread(target=way.hypotheses, args=(way.outputs(["a"]),))
    writer.start()
    reader.join(WAIT_S)
    writer.join(WAIT_S)
    assert was_written == [False]
    assert writes.is_set()
    assert way.ask(["b"]) == [Hypothesis("b")]
