"""What can come of a call instead of a text, by what is to be done about it. Knows no HTTP.

What nothing can be done about is a RecognizerError: the utterance fails, and the others go on.
"""

from __future__ import annotations


class Fault(Exception):  # noqa: N818  # most are no errors yet: they are tried again
    """``problem`` is a sentence for the failed utterance."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class TransientFault(Fault):
    """It may go well the next time."""


class LimitFault(Fault):
    """The server takes no calls for now, of nobody; ``wait_s`` is how long it asks to wait, where it says so."""

    def __init__(self, problem: str, wait_s: float | None) -> None:
        super().__init__(problem)
        self.wait_s = wait_s


class RefusalFault(Fault):
    """The server does not want us: its reason has nothing to do with the utterance."""


class HungUpFault(Fault):
    """The recognizer was left while a call was under way."""

    def __init__(self) -> None:
        super().__init__("the recognizer was left before the server answered")
