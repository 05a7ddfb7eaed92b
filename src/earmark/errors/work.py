"""What goes wrong at work: with audio, recognizers, stores, files elsewhere and engines, and how a run can end."""

from __future__ import annotations

from collections.abc import Mapping

from earmark.errors.base import (
    EXIT_BUDGET_REACHED,
    EXIT_GATE_FAILED,
    EXIT_INTERRUPTED,
    EXIT_TOO_MANY_FAILURES,
    EarmarkError,
)
from earmark.errors.money import money, sum_as_said


class AudioError(EarmarkError):
    """The audio of one utterance cannot be used. ``kind`` is a word to group by, such as ``empty`` or ``truncated``."""

    def __init__(self, kind: str, problem: str) -> None:
        self.kind = kind
        super().__init__(problem)


class RecognizerError(EarmarkError):
    """A recognizer cannot be loaded, or broke its contract."""


class RecognizerGoneError(RecognizerError):
    """No batch can succeed any more, so the run ends. What was done before is committed."""


class OutOfMemoryError(RecognizerError):
    """A batch does not fit into the device's memory. The worker splits it and tries again."""


class StoreError(EarmarkError):
    """Results cannot be written or read. What was committed before is safe."""


class DamagedPartError(StoreError):
    """A part was read whole, and its rows are not what was written. Its work counts as not done."""


class FetchError(EarmarkError):
    """``name`` cannot be fetched. ``kind`` is a word to act on.

    ``offline``, ``unreachable`` (no server there), ``broken`` (transfers that do not end well), ``missing``, ``denied``
    (it wants a token, or another one), ``address`` (it leads where a URL must not), ``too_large``, ``wrong`` (not the
    size or the digest that it must have), ``server`` (any other answer that is no file), ``disk``.
    """

    def __init__(self, kind: str, name: str, problem: str, *, hint: str | None = None) -> None:
        self.kind = kind
        self.name = name
        super().__init__(f"cannot fetch {name}", cause=problem, hint=hint)


class EngineError(EarmarkError):
    """Workers cannot be started or kept alive."""


class LostRankError(EngineError):
    """Another rank of a training was lost. What it had kept stands, so that all ranks can begin again from there."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            "another rank was lost",
            cause=problem,
            hint="the same command goes on from the last checkpoint; torchrun does so itself with --max-restarts=N",
        )


class TooManyFailuresError(EarmarkError):
    """The run finished and its results are kept, but more utterances failed than ``allowed``."""

    exit_code = EXIT_TOO_MANY_FAILURES

    def __init__(
        self, num_failed: int, num_utterances: int, allowed: str, listing: str, *, hint: str | None = None
    ) -> None:
        self.num_failed = num_failed
        self.num_utterances = num_utterances
        super().__init__(
            f"{num_failed:,} of {num_utterances:,} utterances failed, more than --max-errors {allowed}",
            cause=f"each one and its reason: {listing}",
            hint=hint or "mend them and type the same command with --retry-failed, or allow them with --max-errors",
        )


class TooManyFailedTasksError(EarmarkError):
    """The sweep finished and its results are kept, but more tasks failed than ``allowed``. ``first`` says why one did.

    A task is a member of the sweep in a variant; it failed if it did on any item.
    """

    exit_code = EXIT_TOO_MANY_FAILURES

    def __init__(self, num_failed: int, num_tasks: int, allowed: int, first: str) -> None:
        self.num_failed = num_failed
        self.num_tasks = num_tasks
        super().__init__(
            f"{num_failed:,} of {num_tasks:,} tasks failed, more than --max-failures {allowed}",
            cause=first,
            hint="mend it and type the same command with --retry-failed, leave that checkpoint out, or allow it with "
            "--max-failures",
        )


class GateFailedError(EarmarkError):
    """The comparison was made and printed, and ``condition`` holds for it. ``values`` are those that it names."""

    exit_code = EXIT_GATE_FAILED

    def __init__(self, condition: str, pair: str, values: Mapping[str, float]) -> None:
        self.condition = condition
        self.pair = pair
        self.values = dict(values)
        super().__init__(
            f"--fail-if {condition!r} holds for {pair}",
            cause=", ".join(f"{name} is {value:.6g}" for name, value in self.values.items()),
        )


class AuditFailedError(EarmarkError):
    """The audit was made and printed, and its verdict is ``sentence``, not that no text changed."""

    exit_code = EXIT_GATE_FAILED

    def __init__(self, sentence: str, advice: str | None) -> None:
        self.sentence = sentence
        super().__init__("the audit did not pass", cause=sentence, hint=advice)


class InterruptedRunError(EarmarkError):
    """The user stopped the run. What was committed is safe; ``hint`` is the line that resumes."""

    exit_code = EXIT_INTERRUPTED

    def __init__(self, num_done: int, num_utterances: int, resume: str | None = None) -> None:
        self.num_done = num_done
        self.num_utterances = num_utterances
        super().__init__(
            f"stopped: {num_done:,} of {num_utterances:,} utterances are done and safe",
            hint=resume or "the same command, without --fresh, finishes the rest",
        )


class StoppedWaitingError(InterruptedRunError):
    """The user stopped a share of a run while it waited for ``holder`` to begin or to end another one.

    How far the run is was not looked at: its numbers are 0.
    """

    def __init__(self, holder: str) -> None:
        super().__init__(0, 0)
        self.holder = holder
        self.what = f"stopped while {holder} began or ended its share of the run; what is committed is safe"
        self.args = (self.what,)


class StoppedSweepError(InterruptedRunError):
    """The user stopped a sweep over puzzles, of whose pairs of task and puzzle so many have an answer, which is safe.

    ``num_done`` and ``num_utterances`` are pairs: there may be as many, and fewer are enough where others are dropped.
    """

    def __init__(self, num_pairs: int, num_pairs_possible: int) -> None:
        super().__init__(num_pairs, num_pairs_possible)
        self.what = f"stopped: {num_pairs:,} answers of at most {num_pairs_possible:,} are done and safe"
        self.args = (self.what,)


class StoppedTrainingError(InterruptedRunError):
    """The user stopped a training after ``step`` steps, which are safe; the same command makes the others."""

    def __init__(self, step: int) -> None:
        super().__init__(0, 0, "the same command makes the others")
        self.step = step
        self.what = f"stopped: {step:,} steps are made and safe"
        self.args = (self.what,)


class BudgetReachedError(InterruptedRunError):
    """The run stopped at the sum of ``--budget``. What was committed is safe; ``hint`` says how to go on.

    ``spent`` is what all attempts of the run cost, in ``currency``.
    """

    exit_code = EXIT_BUDGET_REACHED

    def __init__(self, num_done: int, num_utterances: int, *, spent: float, budget: float, currency: str) -> None:
        super().__init__(
            num_done, num_utterances, f"the same command with a larger --budget than {sum_as_said(budget)} goes on"
        )
        self.spent = spent
        self.budget = budget
        self.currency = currency
        self.cause = (
            f"the budget of {sum_as_said(budget)} {currency} is reached: the run has cost {money(spent)} {currency}"
        )
