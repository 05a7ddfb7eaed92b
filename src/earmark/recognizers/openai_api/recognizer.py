"""The recognizer: its options, its identity, and the calls of a batch, which go out together. Knows no HTTP.

A server may change its model under the same name, and nobody can tell: the identity of a run is what was asked for, not
what answered.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import cached_property
from types import TracebackType
from typing import Self

from earmark.errors import EarmarkError, RecognizerError, UsageError
from earmark.recognizers.base import UnansweredError
from earmark.recognizers.openai_api.calls import Calls
from earmark.recognizers.openai_api.endpoint import Endpoint
from earmark.recognizers.openai_api.faults import HungUpFault
from earmark.recognizers.openai_api.usage import price_of
from earmark.records import Hypothesis, Waveform
from earmark.spec import OptionValue, RecognizerSpec

_FORMATS = ("json", "verbose_json")
_VERSION = "1"  # of what is sent: another way of sending is another recognizer

Outcome = Hypothesis | RecognizerError


class OpenAI:
    """Any endpoint that speaks OpenAI's ``/audio/transcriptions``: OpenAI itself, vLLM, speaches and others.

    ``model`` is the server's name of it and ``url`` what stands before ``/audio/transcriptions``. ``language``,
    ``prompt``, ``temperature`` and ``response_format`` (``json`` or ``verbose_json``) are sent as they are. These six
    are the identity, with ``max_audio_s``: longer utterances are cut before they come here. Its default keeps a file
    that does not compress under the 25 MB that OpenAI takes.

    ``concurrency`` calls go out at a time, each of at most ``timeout_s`` seconds, and again up to ``retries`` times
    after a fault that may pass. A key is taken from the environment, see ``endpoint``. What the server asks for, by
    which the summary reckons the cost, is ``price_per_minute`` of audio, or ``price_per_million_input_tokens`` and
    ``..._output_tokens``, in ``currency``. Raises UsageError.
    """

    def __init__(
        self,
        *,
        model: str = "",
        url: str = "https://api.openai.com/v1",
        language: str | None = None,
        prompt: str | None = None,
        temperature: float = 0.0,
        response_format: str = "json",
        max_audio_s: float = 600.0,
        concurrency: int = 8,
        timeout_s: float = 60.0,
        retries: int = 5,
        price_per_minute: float | None = None,
        price_per_million_input_tokens: float | None = None,
        price_per_million_output_tokens: float | None = None,
        currency: str | None = None,
    ) -> None:
        _check_texts({"model": model, "url": url, "language": language, "prompt": prompt, "currency": currency})
        _check_format(response_format)
        _check_numbers(
            {"concurrency": (concurrency, 1), "retries": (retries, 0), "temperature": (temperature, 0)},
            seconds={"timeout_s": timeout_s, "max_audio_s": max_audio_s},
        )
        self.price = price_of(
            {
                "price_per_minute": price_per_minute,
                "price_per_million_input_tokens": price_per_million_input_tokens,
                "price_per_million_output_tokens": price_per_million_output_tokens,
            },
            currency,
        )
        self._endpoint = Endpoint.of(url)
        self._fields = {"model": model, "temperature": f"{temperature:g}", "response_format": response_format}
        self._fields |= {name: text for name, text in (("language", language), ("prompt", prompt)) if text}
        self._max_audio_s = max_audio_s
        self._concurrency = concurrency
        self._timeout_s = timeout_s
        self._retries = retries
        self._calls: Calls | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._failed: _FailedBatch | None = None

    @cached_property
    def spec(self) -> RecognizerSpec:
        """The endpoint and what is asked of it; a batch is so many single calls, so it changes nothing."""
        options: dict[str, OptionValue] = {**self._fields, "url": self._endpoint.url}
        return RecognizerSpec(
            name="openai", version=_VERSION, options=options, batching="any", max_audio_s=self._max_audio_s
        )

    @property
    def takes_language(self) -> bool:
        """The interface has such a field; what a server makes of it is its own business."""
        return True

    def __enter__(self) -> Self:
        """Ask whether the server is there and takes the key. Raises RecognizerError and UsageError."""
        calls = Calls(self._endpoint, self._fields, timeout_s=self._timeout_s, retries=self._retries)
        calls.greet()
        self._calls = calls
        self._threads = ThreadPoolExecutor(self._concurrency, thread_name_prefix="openai")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up, also on calls that wait for a rate limit, as after a Ctrl-C."""
        calls, threads = self._calls, self._threads
        self._calls = self._threads = self._failed = None
        if calls is not None:
            calls.hang_up()
        if threads is not None:
            threads.shutdown(cancel_futures=True)

    def transcribe(self, batch: Sequence[Waveform]) -> list[Hypothesis]:
        """One call a waveform, several at a time. Raises RecognizerError where one has no text, after all have ended.

        Raises RecognizerGoneError, and calls nobody, where the batches before showed that the server refuses all.

        What came of the others is kept until the next batch: the worker then asks for the halves of this one, down to
        the waveform that failed, and nothing is called, waited for, or paid for, twice.
        """
        outcomes = self._failed.outcomes(batch) if self._failed is not None else None
        if outcomes is None:
            assert self._calls is not None, "enter the recognizer before asking it"  # noqa: S101  # a programmer's error
            self._calls.check_wanted()
            outcomes = self._ask(batch)
            self._failed = _FailedBatch(batch, outcomes)
        failure = next((outcome for outcome in outcomes if isinstance(outcome, RecognizerError)), None)
        if failure is not None:
            raise failure
        return [outcome for outcome in outcomes if isinstance(outcome, Hypothesis)]

    def _ask(self, batch: Sequence[Waveform]) -> list[Outcome]:
        threads = self._threads
        assert threads is not None, "enter the recognizer before asking it"  # noqa: S101  # a programmer's error
        try:
            futures: list[Future[Outcome]] = [threads.submit(self._outcome, waveform) for waveform in batch]
        except RuntimeError as error:  # another thread left meanwhile
            raise RecognizerError(HungUpFault().problem) from error
        try:
            return [future.result() for future in futures]
        except CancelledError as error:
            raise RecognizerError(HungUpFault().problem) from error
        finally:
            for future in futures:  # after a Ctrl-C: what has not begun never begins
                future.cancel()

    def _outcome(self, waveform: Waveform) -> Outcome:
        calls = self._calls
        if calls is None:
            return RecognizerError(HungUpFault().problem)
        try:
            return calls.transcript(waveform.samples)
        except UnansweredError as error:
            return error
        except EarmarkError as error:
            return RecognizerError(error.what)
        except HungUpFault as fault:
            return RecognizerError(fault.problem)


class _FailedBatch:
    """What came of each waveform of a batch, where the batch failed; else nothing."""

    def __init__(self, batch: Sequence[Waveform], outcomes: Sequence[Outcome]) -> None:
        self._size = len(batch)
        has_failed = any(isinstance(outcome, RecognizerError) for outcome in outcomes)
        kept = zip(batch, outcomes, strict=True) if has_failed else ()
        # By identity, with the waveform, so that no other can come to have its id.
        self._kept = {id(waveform): (waveform, outcome) for waveform, outcome in kept}

    def outcomes(self, batch: Sequence[Waveform]) -> list[Outcome] | None:
        """The outcomes of a piece of the batch, None where this is none. A waveform alone has its outcome once."""
        if not 0 < len(batch) < self._size or any(id(waveform) not in self._kept for waveform in batch):
            return None
        if len(batch) == 1:
            return [self._kept.pop(id(batch[0]))[1]]
        return [self._kept[id(waveform)][1] for waveform in batch]


def _check_texts(texts: Mapping[str, object]) -> None:
    for option, text in texts.items():
        if text is not None and not isinstance(text, str):
            raise UsageError(f"openai option {option} is a text, not {text!r}")
        try:
            (text or "").encode()
        except UnicodeEncodeError:
            raise UsageError(f"openai option {option} is no text in UTF-8") from None
    if not texts["model"]:
        raise UsageError("openai needs the name of a model", hint="--set model=whisper-1")


def _check_format(response_format: str) -> None:
    if response_format not in _FORMATS:
        raise UsageError(
            f"openai option response_format is {' or '.join(_FORMATS)}, not {response_format!r}",
            cause="of an answer in another format nobody can tell whether it is whole",
        )


def _check_numbers(least: Mapping[str, tuple[float, int]], *, seconds: Mapping[str, float]) -> None:
    for option, (value, bound) in least.items():
        if not (math.isfinite(value) and value >= bound):
            raise UsageError(f"openai option {option} is at least {bound}, not {value!r}")
    for option, value in seconds.items():
        if not (math.isfinite(value) and value > 0):
            raise UsageError(f"openai option {option} is a number of seconds above 0, not {value!r}")
