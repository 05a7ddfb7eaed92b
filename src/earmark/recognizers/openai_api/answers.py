"""From a server's answer to a text, or to what is wrong with it. Sends nothing.

Only an answer that is whole, is JSON and holds a ``text`` is believed: anything else is a fault with its reason, never
an empty text. What a server says is shown to people and recorded, so it is cut to a line, and never repeats the key.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from earmark.errors import RecognizerError, without_secret
from earmark.recognizers.openai_api.exchange import Answer, one_line
from earmark.recognizers.openai_api.faults import Fault, LimitFault, RefusalFault, TransientFault

_LEAST_SECRET = 16
"""A shorter key, as servers in the next room have, may be a word that somebody says."""
_REFUSALS = (401, 402, 403, 404, 405)
_TRANSIENT = (408, 409, 425, *(status for status in range(500, 600) if status not in (501, 505)))


def text_of(answer: Answer, key: str | None) -> str:
    """The text of an answer to a transcription.

    Raises RecognizerError for what another call would not change, and LimitFault, TransientFault or RefusalFault.
    """
    if answer.status != HTTPStatus.OK:
        raise _fault(answer, key)
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise RecognizerError("the server's answer is compressed, which it was not asked for")
    found = json_of(answer)
    if not isinstance(found, dict):
        raise RecognizerError(f"the server's answer is not a JSON object{_kind(answer, key)}")
    text = found.get("text")
    if not isinstance(text, str):
        said = message_of(answer.body, key)
        raise RecognizerError(f"the server's answer holds no text{': ' if said else ''}{said}")
    if key is not None and len(key) >= _LEAST_SECRET and key in text:
        raise RecognizerError("the server's answer repeats the key instead of a text")
    return text


def json_of(answer: Answer) -> object:
    """What the body of an answer holds; None where it is no JSON."""
    return _json(answer.body)


def status_of(answer: Answer, key: str | None) -> str:
    """The status in words, with what the server says to it."""
    said = message_of(answer.body, key)
    reason = one_line(answer.reason, key)
    return f"the server answered {answer.status}{' ' if reason else ''}{reason}{': ' if said else ''}{said}"


def message_of(body: bytes, key: str | None) -> str:
    """The message of an error, one line of it, as OpenAI, FastAPI and others spell it; "" where there is none."""
    found = _json(body)
    said: Any = found
    if isinstance(found, dict):
        said = next((found[name] for name in ("error", "detail", "message") if found.get(name)), "")
    if isinstance(said, dict):
        said = said.get("message") or ""
    if isinstance(said, list):
        said = json.dumps(said)
    return one_line(said, key) if isinstance(said, str) else ""


def redirect_of(answer: Answer, key: str | None) -> RefusalFault | None:
    """What is said to a redirect; None where it is none."""
    place = answer.headers.get("location")
    if answer.status not in range(300, 400) or place is None:
        return None
    shown = without_secret(one_line(place, key))
    return RefusalFault(f"the server redirects to {shown}, where the key and the audio would go: not followed")


def _fault(answer: Answer, key: str | None) -> Fault | RecognizerError:
    if redirect := redirect_of(answer, key):
        return redirect
    problem, wait_s = status_of(answer, key), _asked_wait_s(answer)
    is_limit = answer.status == HTTPStatus.TOO_MANY_REQUESTS
    if answer.status == HTTPStatus.NOT_FOUND:
        problem += " (is that the model's name, and does the url end as in https://HOST/v1?)"
    if answer.status in _REFUSALS or (is_limit and _code(answer.body) == "insufficient_quota"):
        return RefusalFault(problem)
    if is_limit or (answer.status == HTTPStatus.SERVICE_UNAVAILABLE and wait_s is not None):
        return LimitFault(problem, wait_s)
    return TransientFault(problem) if answer.status in _TRANSIENT else RecognizerError(problem)


def _asked_wait_s(answer: Answer) -> float | None:
    """Retry-After, in seconds or as a date (RFC 9110, 10.2.3)."""
    asked = answer.headers.get("retry-after")
    if asked is None:
        return None
    try:
        return float(Retry().parse_retry_after(asked))
    except (InvalidHeader, ValueError, OverflowError):
        return None


def _json(body: bytes) -> object:
    try:
        return json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):  # a body of brackets alone is deeper than Python goes
        return None


def _code(body: bytes) -> object:
    found = _json(body)
    error = found.get("error") if isinstance(found, dict) else None
    return error.get("code") if isinstance(error, dict) else None


def _kind(answer: Answer, key: str | None) -> str:
    declared = answer.headers.get("content-type", "").partition(";")[0].strip()
    if not answer.body:
        return ": it is empty"
    return f": it says that it is {one_line(declared, key)}" if declared and "json" not in declared else ""
