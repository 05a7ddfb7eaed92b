"""What a speech sweep is asked for, as words, and what the words mean: members and variants, and the cells of both.

A step changes what the recognizer hears (``speed:0.9``, ``level:-6``, ``peak``) or how it decodes (``set:KEY=VALUE``);
steps are joined with ``+``. A member is a model, or one with settings: ``pocketsphinx+set:fwdflat=false``, so that a
setting has one spelling wherever it stands. Two cells that would do the same are found by what they do.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from earmark.errors import UsageError
from earmark.spec import AS_RECORDED, AudioSpec, OptionValue, option_value

PLAIN = "plain"
_EXAMPLE = "--variants speed:0.9,1.0,1.1"
_STEP = re.compile(r"\+(?=(?:speed|level|set):|(?:peak|plain)(?:\+|$))")
_KIND = re.compile(r"speed:|level:|set:[^=+]+=")
_SETTING = re.compile(r"\+(?=set:)")
_SPEEDS, _LEVELS_DB = (0.5, 2.0), (-60.0, 60.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A recognizer of a sweep: what the user calls it, its name or place, and its own settings."""

    name: str
    model: str
    options: Mapping[str, OptionValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechVariant:
    """What every member is asked in another way: what it hears, and settings, which win over those of the member."""

    name: str
    audio: AudioSpec = AS_RECORDED
    options: Mapping[str, OptionValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechCell:
    """A member in a variant: one run, in a folder of its own."""

    member: Member
    variant: SpeechVariant

    @property
    def name(self) -> str:
        """What the results call it."""
        return f"{self.member.name} {self.variant.name}"

    @property
    def options(self) -> dict[str, OptionValue]:
        """The settings of both."""
        return {**self.member.options, **self.variant.options}

    @property
    def folder(self) -> str:
        """A name that says what it is, for any file system: two names that read alike differ in their last 8 digits."""
        readable = re.sub(r"[^\w.=-]+", "-", self.name, flags=re.ASCII).strip("-.")
        digest = hashlib.sha256(f"{self.member.name}\0{self.variant.name}".encode("utf-8", "surrogatepass")).hexdigest()
        return f"{readable[:80]}-{digest[:8]}"


def member_of(text: str) -> Member:
    """The member that ``text`` spells: MODEL, or MODEL+set:KEY=VALUE. Raises UsageError."""
    model, *settings = _SETTING.split(text)
    if not model.strip():
        raise UsageError(f"the checkpoint {text!r} names no model", hint="--checkpoint pocketsphinx")
    options: dict[str, OptionValue] = {}
    for setting in settings:
        _set(options, setting, text)
    return Member(name=text, model=model, options=options)


def variants_of(texts: Sequence[str]) -> tuple[SpeechVariant, ...]:
    """The variants that ``texts`` spell, each a list with commas; nothing: the one that changes nothing.

    After a comma the kind need not be said again: ``speed:0.9,1.0,1.1``. Raises UsageError.
    """
    items = [item.strip() for text in texts for item in text.split(",")]
    spelled: list[str] = []
    for item in items:
        spelled.append(_with_kind(item, spelled[-1] if spelled else ""))
    return tuple(_variant(one) for one in spelled) or (SpeechVariant(name=PLAIN),)


def _with_kind(item: str, before: str) -> str:
    """A number or a word without a kind is of the first kind of the variant before it."""
    kind = _KIND.match(before)
    first = _STEP.split(item)[0]
    is_bare = ":" not in first and "=" not in first and first not in ("peak", PLAIN)
    return f"{kind[0]}{item}" if kind and is_bare else item


def _variant(text: str) -> SpeechVariant:
    audio, options = AS_RECORDED, dict[str, OptionValue]()
    said: list[str] = []
    for step in _STEP.split(text):
        kind, _, value = step.partition(":")
        what = f"set:{value.partition('=')[0]}" if kind == "set" else kind
        if what in said:
            raise UsageError(f"the variant {text!r} says {what} twice", hint=_EXAMPLE)
        said.append(what)
        if kind == "set":
            _set(options, step, text)
        else:
            audio = _heard(audio, step, text)
    return SpeechVariant(name=text, audio=audio, options=options)


def _heard(audio: AudioSpec, step: str, text: str) -> AudioSpec:
    """``audio`` with one more change; what changes nothing leaves it as it is."""
    kind, _, value = step.partition(":")
    if step == PLAIN:
        return audio
    if step == "peak":
        return replace(audio, normalization="peak")
    if kind == "speed":
        return replace(audio, speed=_number(value, _SPEEDS, text, nothing=1.0))
    if kind == "level":
        return replace(audio, level_db=_number(value, _LEVELS_DB, text, nothing=0.0))
    raise UsageError(
        f"no variant {text!r}",
        cause=f"{step!r} is none of speed:FACTOR, level:DB, peak, set:KEY=VALUE and plain; + joins them",
        hint=_EXAMPLE,
    )


def _number(value: str, limits: tuple[float, float], text: str, *, nothing: float) -> float | None:
    low, high = limits
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        raise UsageError(
            f"no variant {text!r}", cause=f"{value!r} is no number from {low:g} to {high:g}", hint=_EXAMPLE
        )
    return None if number == nothing else number


def _set(options: dict[str, OptionValue], step: str, text: str) -> None:
    key, equals, value = step.removeprefix("set:").partition("=")
    if not key or not equals:
        raise UsageError(f"{step!r} in {text!r} is not set:KEY=VALUE", hint="--variants set:fwdflat=false")
    options[key] = option_value(value)
