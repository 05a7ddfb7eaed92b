"""The recognizers by name. Nothing is imported until one is asked for."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import cast

from earmark.errors import UnknownNameError, UsageError
from earmark.fetching import FetchOptions
from earmark.recognizers.base import Recognizer
from earmark.registry import Registry
from earmark.spec import OptionValue

__all__ = ["RECOGNIZERS", "Recognizer", "load_recognizer"]

RECOGNIZERS = Registry("model", group="earmark.recognizers")
RECOGNIZERS.add(
    "pocketsphinx",
    "earmark.recognizers.pocketsphinx:PocketSphinx",
    "CMU PocketSphinx, English model included, no download",
    extra="base",
)
RECOGNIZERS.add("echo", "earmark.recognizers.doubles:Echo", "toy: says the texts that it is given")
RECOGNIZERS.add("noisy", "earmark.recognizers.doubles:Noisy", "toy: says them with errors, always the same ones")
RECOGNIZERS.add("slow", "earmark.recognizers.doubles:Slow", "toy: says them, and takes its time")
RECOGNIZERS.add("failing", "earmark.recognizers.doubles:Failing", "toy: raises on some utterances")
RECOGNIZERS.add("crashing", "earmark.recognizers.doubles:Crashing", "toy: kills its process on some utterances")
RECOGNIZERS.add("hungry", "earmark.recognizers.doubles:Hungry", "toy: is out of memory on large batches")
RECOGNIZERS.add("unmasked", "earmark.recognizers.doubles:Unmasked", "toy, broken: hears the padding of its batch")
RECOGNIZERS.add("leaky", "earmark.recognizers.doubles:Leaky", "toy, broken: keeps a word of the utterance before")
RECOGNIZERS.add("fickle", "earmark.recognizers.doubles:Fickle", "toy, broken: never says the same again")


def load_recognizer(
    name: str, options: Mapping[str, OptionValue] | None = None, *, fetching: FetchOptions | None = None
) -> Recognizer:
    """The recognizer ``name``, not entered yet, with decoding options.

    ``fetching`` says how its files come to this machine, where it has files that can be anywhere.

    Raises UnknownNameError (with the near names) for a name or an option that does not exist, UsageError for a value of
    another kind, MissingExtraError.
    """
    kind = RECOGNIZERS.load(name)
    known = dict(inspect.signature(kind).parameters)
    fetches = known.pop("fetching", None) is not None
    for option, value in (options or {}).items():
        if option not in known:
            raise UnknownNameError(f"{name} option", option, known)
        _check(name, option, value, known[option].default)
    given: dict[str, object] = {"fetching": fetching} if fetches and fetching is not None else {}
    return cast("Recognizer", kind(**(options or {}), **given))


def _check(name: str, option: str, value: OptionValue, default: object) -> None:
    """Raise UsageError unless ``value`` is of the kind of the option's default: any text would count as true."""
    kinds: dict[type, tuple[str, tuple[type, ...]]] = {
        bool: ("true or false", (bool,)),
        int: ("a whole number", (int,)),
        float: ("a number", (int, float)),
    }
    if type(default) not in kinds:
        return
    said, allowed = kinds[type(default)]
    if not isinstance(value, allowed) or (isinstance(value, bool) and not isinstance(default, bool)):
        raise UsageError(
            f"{name} option {option} is {said}, not {value!r}", hint=f"--set {option}={str(default).lower()}"
        )
