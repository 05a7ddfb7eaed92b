"""The small language within a HyperPyYAML reference: ``<key>`` in a text, arithmetic, copies. Knows no document."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

_REFERENCE = re.compile(r"<([^>]*)>")
_MOST_CALCULATED = 100
_MOST_EXPONENT = 64
_MOST_BITS = 1024
_OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


class Budget:
    """How much a document may still grow. A few lines of copies of copies would fill any memory."""

    def __init__(self, size: int = 100_000) -> None:
        self._left = size

    def spend(self, size: int, refusal: Callable[[], Exception]) -> None:
        """Take ``size`` away. Raises what ``refusal`` gives when nothing is left."""
        self._left -= size
        if self._left < 0:
            raise refusal()


def pieces(text: str) -> list[tuple[bool, str]]:
    """The text taken apart: ``(True, key)`` for each ``<key>``, ``(False, words)`` for what is between."""
    found = _REFERENCE.split(text)
    return [(position % 2 == 1, one) for position, one in enumerate(found) if one or position % 2]


def calculated(text: str) -> Any:  # noqa: ANN401  # a number, a truth, nothing or a text
    """The value of a sum such as ``2 * 8``; anything else, also what begins with a minus, is the text itself."""
    if len(text) > _MOST_CALCULATED:
        return text
    try:
        return _evaluated(ast.parse(text, mode="eval").body)
    except (TypeError, SyntaxError, KeyError, ValueError, ArithmeticError, MemoryError):
        return text


def _evaluated(node: ast.expr) -> Any:  # noqa: ANN401  # a constant of Python
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.BinOp):
        left, right = _number(_evaluated(node.left)), _number(_evaluated(node.right))
        if isinstance(node.op, ast.Pow) and abs(right) > _MOST_EXPONENT:
            raise ValueError(right)
        return _OPERATIONS[type(node.op)](left, right)
    raise TypeError(node)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(value)
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise ValueError(_MOST_BITS)
    return value


def copied(value: Any, budget: Budget, refusal: Callable[[], Exception]) -> Any:  # noqa: ANN401  # whatever it is
    """A deep copy that shares nothing with ``value``; what is shared within it stays shared."""
    done: dict[int, Any] = {}

    def copy(one: Any) -> Any:  # noqa: ANN401  # whatever it is
        if id(one) not in done:
            budget.spend(1, refusal)
            done[id(one)] = _copied_with(one, copy)
        return done[id(one)]

    return copy(value)


def _copied_with(value: Any, copy: Callable[[Any], Any]) -> Any:  # noqa: ANN401  # whatever it is
    if isinstance(value, dict):
        return {name: copy(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(copy(one) for one in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: copy(getattr(value, one.name)) for one in fields(value)})
    return value
