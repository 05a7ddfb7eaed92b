"""Conditions on a comparison, such as ``delta_wer > 0.2 and p < 0.05``: read by a parser, never run as code.

A condition is made of numbers, the names below, comparisons, ``and``, ``or``, ``not`` and parentheses. It knows no run.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from earmark.errors import UsageError

NAMES = (
    "delta_wer",
    "delta_cer",
    "wer_a",
    "wer_b",
    "p",
    "mapsswe_p",
    "mcnemar_p",
    "low",
    "high",
    "fixed",
    "broken",
)
"""What a condition may name. Rates and differences are in per cent, as printed."""

_MAX_CHARACTERS = 1000
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}

Values = Mapping[str, float]
_Truth = Callable[[Values], bool]
_Number = Callable[[Values], float]


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition that was read. ``names`` are those that it uses, in alphabetical order."""

    condition: str
    names: tuple[str, ...]
    _truth: _Truth

    @classmethod
    def parse(cls, condition: str) -> Gate:
        """Read a condition. Raises UsageError, with the names that there are, for anything else."""
        try:
            tree = _tree(condition)
            truth = _truth(tree)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            problem = getattr(error, "msg", None) or str(error) or "it is nested too deeply"
            raise UsageError(
                f"cannot understand the condition {condition!r}",
                cause=f"{problem}; known names: {', '.join(NAMES)}",
                hint="--fail-if 'delta_wer > 0.2 and p < 0.05'",
            ) from error
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        return cls(condition, tuple(sorted(names)), truth)

    def holds(self, values: Values) -> bool:
        """Whether the condition is true. A comparison with a value that is not a number (nan) is false."""
        return self._truth(values)


def _tree(condition: str) -> ast.expr:
    if len(condition) > _MAX_CHARACTERS:
        raise ValueError(f"it is longer than {_MAX_CHARACTERS:,} characters")
    return ast.parse(condition.strip(), mode="eval").body


def _truth(node: ast.expr) -> _Truth:
    """What is true or false. Raises ValueError for anything else."""
    match node:
        case ast.BoolOp(op=operation, values=parts):
            truths = [_truth(part) for part in parts]
            combined = all if isinstance(operation, ast.And) else any
            return lambda values: combined(truth(values) for truth in truths)
        case ast.UnaryOp(op=ast.Not(), operand=part):
            inner = _truth(part)
            return lambda values: not inner(values)
        case ast.Compare():
            return _comparison(node)
    raise ValueError(f"{ast.unparse(node)!r} is no comparison")


def _comparison(node: ast.Compare) -> _Truth:
    numbers = [_number(part) for part in (node.left, *node.comparators)]
    if not all(type(sign) in _COMPARISONS for sign in node.ops):
        raise ValueError("numbers are compared by < <= > >= == !=")
    signs = [_COMPARISONS[type(sign)] for sign in node.ops]

    def holds(values: Values) -> bool:
        found = [number(values) for number in numbers]
        if any(math.isnan(number) for number in found):
            return False
        return all(sign(left, right) for sign, (left, right) in zip(signs, pairwise(found), strict=True))

    return holds


def _number(node: ast.expr) -> _Number:
    """A number, a known name, or one of these with a sign. Raises ValueError for anything else."""
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return lambda _: number
        case ast.Name(id=name) if name in NAMES:
            return lambda values: values[name]
        case ast.Name(id=name):
            raise ValueError(f"no name {name!r}")
        case ast.UnaryOp(op=ast.USub(), operand=part):
            inner = _number(part)
            return lambda values: -inner(values)
    raise ValueError(f"{ast.unparse(node)!r} is neither a number nor a name")
