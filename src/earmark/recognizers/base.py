"""The contract of a recognizer: audio in, text out. It never sees a reference, a source or a store."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from earmark.errors import RecognizerError
from earmark.recognizers.accelerator import DeviceKind
from earmark.records import Hypothesis, Usage, Waveform
from earmark.spec import RecognizerSpec

LENGTH_TOLERANCE_S = 0.01
"""What cutting and resampling may add to a piece of the longest that a recognizer takes."""


class UnansweredError(RecognizerError):
    """A server gave no text for a waveform; ``usage`` is what asking for it took. It counts where it was alone."""

    def __init__(self, problem: str, usage: Usage | None) -> None:
        super().__init__(problem)
        self.usage = usage


class OnDevice(Protocol):
    """What a recognizer says besides that runs a model on this machine; one that says nothing uses no GPU of it.

    It is asked before it is entered, by name: neither is part of the contract. One that can limit what it takes of a
    GPU's memory has an option ``gpu_memory_limit``.
    """

    @property
    def device_kind(self) -> DeviceKind:
        """Where it works on this machine, as far as is known before it is entered."""
        ...

    @property
    def usual_batch_s(self) -> float:
        """Padded seconds of audio in a batch that suit it there, where nobody said or measured it."""
        ...


class Told(Protocol):
    """What a recognizer says besides whose model can be told the language; one that says nothing cannot be."""

    @property
    def takes_language(self) -> bool:
        """Whether its option ``language`` tells this very model something; it reads files, and loads nothing."""
        ...


class InSteps(Protocol):
    """What a recognizer says besides that takes its steps apart.

    ``transcribe(x)`` is ``hypotheses(outputs(inputs(x)))``. So while the model hears a batch, the next one is made
    ready for it, and the texts of the one before are made. It counts where the very class that has ``transcribe`` has
    all three: a subclass with a ``transcribe`` of its own is asked as it is.

    Each step is called in a thread of its own, at the same time as the others; none of them twice at once, nor beside
    ``transcribe``. Two that share something that is not for two threads see to that themselves.
    """

    def inputs(self, batch: Sequence[Waveform]) -> object:
        """What the model is given for a batch. Whatever it raises, the batch is asked by ``transcribe``."""
        ...

    def outputs(self, inputs: object) -> object:
        """What texts are made of, with nothing of it on a GPU, once the device is done. Raises as ``transcribe``."""
        ...

    def hypotheses(self, outputs: object) -> list[Hypothesis]:
        """What ``transcribe`` answers to the batch. Whatever it raises, the batch is asked by ``transcribe``."""
        ...


def is_in_steps(recognizer: Recognizer) -> bool:
    """Whether its three steps are its ``transcribe``: a subclass may have another one, which says something else."""
    owner = next((one for one in type(recognizer).__mro__ if "transcribe" in vars(one)), object)
    return {"inputs", "outputs", "hypotheses"} <= vars(owner).keys()


class Recognizer(Protocol):
    """Turns waveforms into hypotheses.

    It is made cheaply (no model is loaded), travels by pickle to where it works, and loads when it is entered.
    """

    @property
    def spec(self) -> RecognizerSpec:
        """What it is: read before it is entered, and part of the run's identity."""
        ...

    def __enter__(self) -> Self:
        """Load the model. Raises RecognizerError."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free it."""
        ...

    def transcribe(self, batch: Sequence[Waveform]) -> list[Hypothesis]:
        """One hypothesis a waveform, in the same order. Returns when the device is done.

        The answer for one waveform does not depend on those before it, nor on its neighbours beyond what the spec's
        ``batching`` allows. Raises OutOfMemoryError when the batch does not fit, RecognizerGoneError to end the run
        before the batch is begun, RecognizerError otherwise (of these UnansweredError says what it cost).
        """
        ...
