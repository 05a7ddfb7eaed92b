"""The environment's twins of flags: their names, and which of those that are set cannot be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from cyclopts import CycloptsError, Token

from earmark.errors import EarmarkError

if TYPE_CHECKING:
    from cyclopts import Argument

_PREFIX = "EARMARK_"


def twin_of(flag: str) -> str:
    """The variable that says the same as ``flag``, or as the argument of that name."""
    return _PREFIX + flag.lstrip("-").upper().replace("-", "_")


def twins() -> set[str]:
    """Those of all flags of all commands."""
    return {twin_of(argument.name) for argument in _arguments()}


def misread(environment: Mapping[str, str]) -> dict[str, str]:
    """Why each variable that is set, and that a command would refuse, is refused."""
    wrong: dict[str, str] = {}
    for argument in _arguments():
        name = twin_of(argument.name)
        if environment.get(name) and (reason := _refusal(argument, name, environment[name])):
            wrong[name] = reason
    return wrong


def _arguments() -> Iterator[Argument]:
    from earmark.cli.main import app  # it imports the commands, and is imported by whoever runs one

    for verb in app:
        if not verb.startswith("-"):
            arguments = app[verb].assemble_argument_collection()
            yield from (one for one in arguments if not one.children)


def _refusal(argument: Argument, name: str, value: str) -> str | None:
    for index, word in enumerate(argument.env_var_split(value)):
        argument.append(Token(keyword=name, value=word, index=index))
    try:
        argument.convert_and_validate()
    except EarmarkError as error:
        return error.what
    except CycloptsError as error:
        return " ".join(str(error).split()).removeprefix(f"Invalid value for {name}: ")
    return None
