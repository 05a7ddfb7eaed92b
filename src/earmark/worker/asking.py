"""Asking a recognizer for batches, one after the other, and what becomes of what it cannot do.

One that takes its steps apart hears a batch while the texts of the one before are made in a thread. Whatever goes wrong
with a batch is asked again in pieces, down to the one utterance that is a failed row: out of memory as well, once it
was tried with nothing else on the device.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar, cast

from earmark.errors import EarmarkError, OutOfMemoryError, RecognizerError, RecognizerGoneError, sentence_of
from earmark.recognizers.base import InSteps, Recognizer, UnansweredError, is_in_steps
from earmark.records import Batch, Hypothesis, Waveform
from earmark.spec import RunSpec
from earmark.worker.ahead import Ahead, Ready
from earmark.worker.answers import Answer, Decoded, Failure, answer_of, broken_contract
from earmark.worker.contract import broken_usage
from earmark.worker.hearing import in_recorded_time

Said = TypeVar("Said")
Texts = Sequence[Hypothesis]


@dataclass(slots=True)
class _Heard:
    """A batch that the model was given, which took it ``seconds``: what it gave, or why it gave nothing.

    ``outputs`` holds one thing or none, ``failure`` is why; without either the batch is to be asked as it is. ``texts``
    are being made of the outputs; they are None where they could not be made.
    """

    batch: Batch
    ready: Ready
    seconds: float
    outputs: list[object] = field(default_factory=list)
    failure: Failure | RecognizerGoneError | None = None
    texts: Future[Texts | None] | None = None

    def outcome(self) -> tuple[Texts | Failure | None, float]:
        """What is known once texts are made, and the seconds of the model and of waiting for texts.

        Raises RecognizerGoneError.
        """
        if isinstance(self.failure, RecognizerGoneError):
            raise self.failure
        if self.texts is None:
            return self.failure, self.seconds
        waiting = time.perf_counter()
        texts = self.texts.result()
        return texts, self.seconds + time.perf_counter() - waiting


class Asking:
    """Asks ``recognizer`` in the order of the batches, which ``ahead`` makes ready.

    One thread makes texts: those of one batch, while the model hears the next, and never beside ``transcribe``.
    """

    def __init__(self, recognizer: Recognizer, spec: RunSpec, ahead: Ahead) -> None:
        self._recognizer, self._spec, self._ahead = recognizer, spec, ahead
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="texts")

    def close(self) -> None:
        """Wait for what is being written, and leave what is not begun."""
        self._writer.shutdown(cancel_futures=True)

    def answers(self, batches: Iterable[tuple[Batch, Ready]]) -> Iterator[tuple[Batch, list[Answer]]]:
        """Each batch with its answers, in order; those whose texts are made in a thread when the next one is heard.

        Raises RecognizerGoneError, after all that was heard before.
        """
        before: _Heard | None = None
        for batch, ready in batches:
            heard = self._heard(batch, ready)
            if before is not None:
                yield before.batch, self._answers(before)
            # From here on nothing is written, so what comes next may be asked as it is.
            before = heard if heard.outputs else None
            if before is None:
                yield batch, self._answers(heard)
            else:
                before.texts = self._writer.submit(self._written, before.outputs, len(ready.good))
        if before is not None:
            yield before.batch, self._answers(before)

    def _heard(self, batch: Batch, ready: Ready) -> _Heard:
        heard = _Heard(batch, ready, 0.0)
        if ready.inputs is None:
            return heard
        try:
            found, heard.seconds = _tried(lambda: [self._steps.outputs(ready.taken())])
        except RecognizerGoneError as error:
            heard.failure = error
            return heard
        if isinstance(found, Failure):
            heard.failure = found
        else:
            heard.outputs = found
        return heard

    @property
    def _steps(self) -> InSteps:
        return cast(InSteps, self._recognizer)

    def _written(self, outputs: list[object], num_waveforms: int) -> Texts | None:
        """The texts of ``outputs``, which are taken out of their list, so that nobody holds them any more."""
        with suppress(Exception):  # asked as it is, the batch says what is wrong
            return self._checked(self._steps.hypotheses(outputs.pop()), num_waveforms)
        return None

    def _answers(self, heard: _Heard) -> list[Answer]:
        """Answers in the order of the batch; what did not decode is answered without troubling the recognizer."""
        decoded, is_split = heard.ready.decoded, heard.batch.is_split
        answers = {id(one): answer for one, answer in self._halving(heard)}
        for one in decoded:
            if isinstance(one.outcome, Failure):
                answers[id(one)] = answer_of(one, one.outcome, 0.0, is_split=is_split)
        return [answers[id(one)] for one in decoded]

    def _halving(self, heard: _Heard) -> Iterator[tuple[Decoded, Answer]]:
        """What is said of a batch, and where it cannot be done, of its halves, down to the one utterance that fails."""
        good = heard.ready.good
        pending = [(good, heard.batch.is_split)] if good else []
        outcomes, spent_s = heard.outcome()
        with_nothing_else = not is_in_steps(self._recognizer)  # then nothing was made ahead
        while pending:
            piece, was_split = pending.pop()
            if outcomes is None:
                outcomes, compute_s = self._as_it_is(piece, with_nothing_else=with_nothing_else)
                spent_s += compute_s
            found, outcomes = outcomes, None
            if isinstance(found, Failure) and found.kind == "out_of_memory":
                # Out of the handler by now, so the traceback no longer holds what the failed batch allocated.
                gc.collect()  # a second where much is loaded, which is long where one bad file fails batch by batch
                if not with_nothing_else:
                    with_nothing_else = True
                    pending.append((piece, was_split))
                    continue
            if isinstance(found, Failure) and len(piece) > 1:
                middle = len(piece) // 2
                pending += [(piece[middle:], True), (piece[:middle], True)]
                continue
            texts: Sequence[Hypothesis | Failure] = [found] if isinstance(found, Failure) else found
            compute_s, spent_s = spent_s, 0.0  # a try that failed was time inside the recognizer as well
            audio_s = sum(one.audio_s for one in piece)
            for one, text in zip(piece, texts, strict=True):
                share = one.audio_s / audio_s if audio_s else 1.0 / len(piece)
                yield one, answer_of(one, text, compute_s * share, is_split=was_split)

    def _as_it_is(self, piece: Sequence[Decoded], *, with_nothing_else: bool) -> tuple[Texts | Failure, float]:
        waveforms = [one.outcome for one in piece if isinstance(one.outcome, Waveform)]
        with self._ahead.alone:
            if with_nothing_else:
                self._ahead.let_go()
            return _tried(lambda: self._checked(self._recognizer.transcribe(waveforms), len(waveforms)))

    def _checked(self, texts: Texts, num_waveforms: int) -> Texts:
        """The texts, in the time of the recording. Raises RecognizerError where they break the contract."""
        if problem := broken_contract(texts, num_waveforms):
            raise RecognizerError(problem)
        return [in_recorded_time(one, self._spec.audio) for one in texts]


def _tried(ask: Callable[[], Said]) -> tuple[Said | Failure, float]:
    """What ``ask`` gives, or why it gives nothing, and its seconds. Raises RecognizerGoneError."""
    started = time.perf_counter()
    outcome: Said | Failure
    try:
        outcome = ask()
    except (OutOfMemoryError, MemoryError) as error:
        outcome = Failure("out_of_memory", sentence_of(error))
    except RecognizerGoneError:
        raise
    except UnansweredError as error:
        outcome = Failure("recognizer", error.what, None if broken_usage(error.usage) else error.usage)
    except EarmarkError as error:
        outcome = Failure("recognizer", error.what)
    except Exception as error:  # noqa: BLE001  # the one place where a recognizer's exception becomes a failed row
        outcome = Failure("recognizer", sentence_of(error))
    return outcome, time.perf_counter() - started
