"""One utterance after the other to one endpoint: what is sent, how often it is tried, and when no more.

Several threads may call at once; they share the server's pace, and what it refuses. Knows no batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

import numpy as np
from urllib3.filepost import encode_multipart_formdata

from earmark.audio.encode import encode
from earmark.errors import RecognizerError, RecognizerGoneError
from earmark.recognizers.base import UnansweredError
from earmark.recognizers.openai_api.answers import json_of, message_of, redirect_of, status_of, text_of
from earmark.recognizers.openai_api.endpoint import Endpoint
from earmark.recognizers.openai_api.exchange import Answer, Exchange
from earmark.recognizers.openai_api.faults import Fault, LimitFault, RefusalFault, TransientFault
from earmark.recognizers.openai_api.pace import Pace, jittered_s
from earmark.recognizers.openai_api.usage import usage_of
from earmark.records import SAMPLE_RATE_HZ, Hypothesis, Usage

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FULL_SCALE = 32_768
_MOST_REFUSALS = 10  # in a row: a key that was revoked, and hardly one broken machine of many behind a name


def flac_of(samples: NDArray[np.float32]) -> bytes:
    """Mono samples in [-1, 1] at 16 kHz, shape ``(num_samples,)``, as the bytes of a FLAC file of 16 bits.

    Samples that are whole numbers of 16 bits stand in it as they are; others (resampled, or of MP3) are rounded to the
    nearest such, by at most 2**-16, since 24 bits would more than double what is sent. Nothing is dithered.
    """
    integers = np.clip(np.rint(samples * np.float32(_FULL_SCALE)), -_FULL_SCALE, _FULL_SCALE - 1)
    return encode((integers / np.float32(_FULL_SCALE)).astype(np.float32), "flac").data


class Calls:
    """Calls of one endpoint, with the key that the environment holds for it.

    ``fields`` are those of the form beside the file. Of each call, ``timeout_s`` is the time from connection to the
    last byte, and ``retries`` how often it is repeated after a fault that may pass. Raises UsageError for a key that
    must not be sent.
    """

    def __init__(self, endpoint: Endpoint, fields: Mapping[str, str], *, timeout_s: float, retries: int) -> None:
        self._endpoint = endpoint
        self._fields = tuple(fields.items())
        self._retries = retries
        self._key = endpoint.key()
        self._exchange = Exchange(endpoint, self._key, timeout_s)
        self._pace = Pace(self._exchange.hung_up)
        self._has_heard = False
        self._refusal: str | None = None
        self._refusals: list[str] = []
        """Of the calls since one was answered."""

    def hang_up(self) -> None:
        """End the calls that are under way, and the waits between them."""
        self._exchange.hang_up()

    def greet(self) -> None:
        """Ask for the list of models, which costs nothing, to know that the server is there and takes the key.

        Only what would fail every utterance raises RecognizerError: a server without such a list, or one that keeps it
        from this key, may transcribe all the same.
        """
        answer = self._models()
        if redirect := redirect_of(answer, self._key):
            raise self._unusable(redirect.problem, hint="--set url=URL names where it leads, if you trust it")
        # A key for transcriptions alone is told that it lacks the scope of listing.
        if answer.status == HTTPStatus.UNAUTHORIZED and "scope" not in message_of(answer.body, self._key):
            raise self._unusable(status_of(answer, self._key), hint=self._endpoint.key_hint())

    def check_wanted(self) -> None:
        """Raise RecognizerGoneError where the server, which gave texts before, refused too many calls in a row."""
        refusals = list(self._refusals)
        if self._has_heard and len(refusals) >= _MOST_REFUSALS:
            raise RecognizerGoneError(
                f"{self._endpoint.url} refuses every call, {len(refusals)} in a row",
                cause=refusals[-1],
                hint="once it takes calls again, type the same command with --retry-failed; "
                f"for another key, {self._endpoint.key_hint()}",
            )

    def _models(self) -> Answer:
        num_faults = 0
        while True:
            try:
                return self._exchange.ask("GET", "/models")
            except RefusalFault as refusal:
                raise self._unusable(refusal.problem) from None
            except TransientFault as fault:
                num_faults += 1
                if num_faults > self._retries:
                    raise self._unusable(fault.problem, hint="is the server up? --set url=URL names it") from None
                self._pace.pause(jittered_s(num_faults))

    def transcript(self, samples: NDArray[np.float32]) -> Hypothesis:
        """The server's text, as it gave it, and what all calls for it used.

        Raises UnansweredError with the reason why there is none, and what they used; HungUpFault.
        """
        if not len(samples):
            raise UnansweredError("there are no samples to send", None)
        spent: list[Usage] = []
        try:
            text = self._text(samples, spent)
        except RecognizerError as error:
            raise UnansweredError(error.what, sum(spent, Usage()) if spent else None) from None
        return Hypothesis(text, usage=sum(spent, Usage()))

    def _text(self, samples: NDArray[np.float32], spent: list[Usage]) -> str:
        """The text; ``spent`` is given what each call used. Raises RecognizerError, HungUpFault."""
        body, content_type = encode_multipart_formdata(
            [*self._fields, ("file", ("audio.flac", flac_of(samples), "audio/flac"))]
        )
        sent_s = len(samples) / SAMPLE_RATE_HZ
        num_faults = num_limits = 0
        while True:
            try:
                return self._once(body, content_type, sent_s, spent)
            except TransientFault as fault:
                num_faults += 1
                if num_faults > self._retries:
                    times = f" ({num_faults} times)" if num_faults > 1 else ""
                    raise RecognizerError(f"{fault.problem}{times}") from None
                self._pace.pause(jittered_s(num_faults))
            except LimitFault as limit:
                num_limits += 1
                self._await(limit)
                self._pace.pause(jittered_s(num_limits))

    def _once(self, body: bytes, content_type: str, sent_s: float, spent: list[Usage]) -> str:
        if self._refusal is not None:
            raise RecognizerError(self._refusal)
        try:
            self._pace.wait()
        except LimitFault as limit:
            raise RecognizerError(limit.problem) from None
        try:
            answer = self._exchange.ask("POST", "/audio/transcriptions", body, content_type)
            if usage := usage_of(json_of(answer), sent_s, is_good=answer.status == HTTPStatus.OK):
                spent.append(usage)
            text = self._heard(answer)
        except RefusalFault as refusal:
            # Before anything was heard it is meant for all; later it may be one machine of many.
            if not self._has_heard:
                self._refusal = refusal.problem
            self._refusals.append(refusal.problem)
            raise RecognizerError(refusal.problem) from None
        self._has_heard = True
        self._refusals.clear()
        return text

    def _heard(self, answer: Answer) -> str:
        try:
            text = text_of(answer, self._key)
        except LimitFault:
            raise
        except (Fault, RecognizerError):
            self._pace.passed()  # no good answer, but no limit either
            raise
        self._pace.passed()
        return text

    def _await(self, limit: LimitFault) -> None:
        try:
            self._pace.limited(limit)
        except LimitFault as hopeless:
            raise RecognizerError(hopeless.problem) from None

    def _unusable(self, problem: str, *, hint: str | None = None) -> RecognizerError:
        return RecognizerError(f"{self._endpoint.url} cannot be used", cause=problem, hint=hint)
