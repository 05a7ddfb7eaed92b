"""Flags whose text means something: the same in every command."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from earmark.errors import TooManyFailuresError, UsageError
from earmark.spec import OptionValue, option_value

if TYPE_CHECKING:
    from cyclopts import Token

    from earmark.reports.summary import RunSummary


def options_from(settings: Sequence[str]) -> dict[str, OptionValue]:
    """``KEY=VALUE`` settings, the values read as number, true, false, none or text. Raises UsageError."""
    options: dict[str, OptionValue] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not key or not equals:
            raise UsageError(f"--set {setting} is not KEY=VALUE", hint="--set fwdflat=false")
        options[key] = option_value(value)
    return options


def workers_text(kind: object, tokens: Sequence[Token]) -> str:
    """What is said of the number of workers. Raises UsageError, which names the flag or variable that it came by."""
    del kind
    token = tokens[-1]
    if token.value != "auto" and (not token.value.isdecimal() or int(token.value) < 1):
        raise UsageError(f"{token.keyword} {token.value} is neither auto nor a number from 1")
    return token.value


def number_of_workers(text: str, engine: str, *, gpus: str | None = None) -> int | None:
    """``--workers``: a number from 1, or ``auto``: one a processor that this process may use.

    None where the engine chooses: one a GPU, a rank, or a slot of a cluster.
    """
    if text == "auto":
        if engine == "inline":
            return 1
        if engine not in ("auto", "processes") or gpus is not None:
            return None
        from earmark.verbs.in_order import num_threads  # most commands have no such flag

        return num_threads()
    return int(text)


def check_allowance(allowed: str) -> None:
    """Raise UsageError unless ``--max-errors`` is N or N%."""
    if not re.fullmatch(r"\d+|\d+(\.\d+)?%", allowed):
        raise UsageError(f"--max-errors {allowed} is neither a number nor a percentage", hint="--max-errors 1%")


def is_over(allowed: str, summary: RunSummary) -> bool:
    """Whether more utterances of a run failed than ``--max-errors`` allows."""
    return summary.num_failed > _limit(allowed, summary.num_utterances)


def at_most(allowed: str, summary: RunSummary) -> None:
    """Raise TooManyFailuresError if more utterances of a run failed than ``--max-errors`` allows."""
    hint = None
    if too_long := summary.coverage.num_not_cut:
        others = "" if too_long == summary.num_failed else "; for the others, mend them and type --retry-failed"
        hint = f"--segmenter energy transcribes the {too_long:,} that are too long, in a run of its own{others}"
    check_failures(allowed, summary.num_failed, summary.num_utterances, f"{summary.run}/errors.jsonl", hint=hint)


def check_failures(
    allowed: str, num_failed: int, num_utterances: int, listing: str, *, hint: str | None = None
) -> None:
    """Raise TooManyFailuresError if more failed than ``--max-errors`` allows. ``listing`` is where each one stands."""
    if num_failed > _limit(allowed, num_utterances):
        raise TooManyFailuresError(num_failed, num_utterances, allowed, listing, hint=hint)


def _limit(allowed: str, num_utterances: int) -> float:
    share = allowed.removesuffix("%")
    return float(share) * num_utterances / 100 if allowed.endswith("%") else float(share)
