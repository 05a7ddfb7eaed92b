"""What it is to ask a model: three steps, each of which may be taken for another batch meanwhile. It knows no model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from earmark.recognizers.transformers.features import Samples
from earmark.records import Hypothesis


@dataclass(frozen=True, slots=True)
class Way:
    """How a model is asked, in steps that may run in a thread each.

    ``inputs`` makes them of waveforms. ``outputs`` runs the model on them, and returns what texts are made of, off the
    device. ``hypotheses`` makes them of that: what was heard, in order. Words are timed from the start, and may reach
    beyond the end.
    """

    inputs: Callable[[Sequence[Samples]], Any]
    outputs: Callable[[Any], Any]
    hypotheses: Callable[[Any], list[Hypothesis]]

    def ask(self, batch: Sequence[Samples]) -> list[Hypothesis]:
        """All three, one after the other."""
        return self.hypotheses(self.outputs(self.inputs(batch)))


def in_turns(way: Way) -> Way:
    """The same, whose inputs and hypotheses wait for each other: where one tokenizer reads and writes for both.

    One of Hugging Face is set up anew each time that it reads, and nobody promises that another thread may write then.
    """
    turn = threading.Lock()

    def inputs(batch: Sequence[Samples]) -> Any:  # noqa: ANN401  # what the model takes
        with turn:
            return way.inputs(batch)

    def hypotheses(outputs: Any) -> list[Hypothesis]:  # noqa: ANN401  # what it gave
        with turn:
            return way.hypotheses(outputs)

    return Way(inputs, way.outputs, hypotheses)
