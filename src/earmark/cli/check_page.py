"""The page that ``earmark check`` prints: sizes first, then lengths, strange characters, problems and bad rows."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from earmark.cli.screen import number_of, print_error, visible
from earmark.cli.tables import new_table, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from earmark.reports.data_check import Bin, DataCheck, Share
    from earmark.reports.data_problems import Problem

_MOST_VALUES = 4
_MOST_CHARACTERS = 10
_MOST_ROWS = 20
_BAR = 30
_LONGEST_NAME = 100
_LONGEST_SENTENCE = 300
_HOUR_S = 3600
_HEADINGS = {
    "refuses": "an evaluation would not begin:",
    "fails": "an evaluation would begin, and these utterances fail:",
    "look": "worth a look:",
}
_CHANNELS = {1: "mono", 2: "stereo"}


def print_check(found: DataCheck) -> None:
    """The whole page, on stdout."""
    print_table(_facts(found))
    _print_lengths(found.durations)
    _print_characters(found)
    _print_problems(found.problems)
    _print_bad_rows(found)


def print_verdict(found: DataCheck) -> None:
    """Where an evaluation would not go well, that it is so, on stderr."""
    if found.verdict == "refused":
        print_error(f"an evaluation of {found.data} would not begin", cause=_sum(found, "refuses"))
    elif found.verdict == "fails":
        number = sum(one.number for one in found.problems if one.weight == "fails")  # an utterance fails once
        hint = f"mend them, or allow them: earmark eval --max-errors {number}"
        if found.decoded.rule != "all":
            hint += ", or more: not all was decoded"
        print_error(f"in an evaluation of {found.data} utterances would fail", cause=_sum(found, "fails"), hint=hint)


def _sum(found: DataCheck, weight: str) -> str:
    return ", ".join(f"{one.number:,} {one.what}" for one in found.problems if one.weight == weight)


def _plain_table(title: str) -> Table:
    table = new_table(title)
    table.box = None
    table.show_header = False
    table.pad_edge = False
    return table


def _facts(found: DataCheck) -> Table:
    table = _plain_table(found.data)
    table.add_column("", no_wrap=True)
    table.add_column("", overflow="fold")
    for label, value in _lines(found):
        table.add_row(f"  {label}", visible(value))
    return table


def _lines(found: DataCheck) -> Iterator[tuple[str, str]]:
    """The facts, each with what it is about."""
    read = "" if found.is_complete else "; the rest could not be read"
    yield "utterances", f"{found.num_utterances:,}, {_length(found.audio_s)}{read}"
    if found.duration_s is not None:
        lengths = found.duration_s
        yield "length", f"median {lengths.median:.2f} s, from {lengths.min:.2f} to {lengths.max:.2f} s"
    if found.num_unknown_durations:
        yield "", f"of {number_of(found.num_unknown_durations, 'utterance')} not known"
    yield from _audio_lines(found)
    yield "languages", _shares([_with_name(one, one.value or "not said") for one in found.languages]) or "not said"
    named = [_with_name(one, one.value) for one in found.speakers]
    yield "speakers", f"{found.num_speakers:,}: {_shares(named, found.num_speakers)}" if named else "not said"
    yield from _text_lines(found)
    yield "decoded", _decoded(found)


def _audio_lines(found: DataCheck) -> Iterator[tuple[str, str]]:
    if not found.formats:
        yield "audio", "no file could be opened"
        return
    yield "format", _shares([_with_name(one, one.value) for one in found.formats])
    yield "rate", _shares([_with_name(one, f"{float(one.value or 0) / 1000:g} kHz") for one in found.sample_rates_hz])
    channels = [(one, _CHANNELS.get(int(one.value or 0), f"{one.value} channels")) for one in found.num_channels]
    yield "channels", _shares([_with_name(one, name) for one, name in channels])


def _text_lines(found: DataCheck) -> Iterator[tuple[str, str]]:
    texts = found.references
    if not texts.num_references:
        yield "references", "none"
        return
    num_words, num_characters = number_of(texts.num_words, "word"), number_of(texts.num_characters, "character")
    yield "references", f"{texts.num_references:,}: {num_words}, {num_characters} without spaces"
    if texts.characters_per_s is not None and texts.words_per_s is not None:
        rate = texts.characters_per_s
        of_characters = f"median {rate.median:.1f}, from {rate.min:.1f} to {rate.max:.1f}"
        yield "speed", f"{texts.words_per_s:.1f} words/s; characters/s: {of_characters}"
    kinds = found.characters.num_unexpected_kinds
    others = f"and {number_of(kinds, 'other')}, listed below" if kinds else "and no others"
    yield "characters", f"{found.characters.expected}; {others}"


def _decoded(found: DataCheck) -> str:
    decoded = found.decoded
    if decoded.rule == "none":
        return "nothing: levels, clipping, silence and damage inside the files are not known"
    if decoded.rule == "sample":
        what = f"a random sample of {_length(decoded.audio_s)}; --decode all: the rest"
    else:
        what = "all" if decoded.num_utterances == found.num_utterances else "all that can be"
    level = decoded.level_dbfs
    said = f"{decoded.num_utterances:,} of {found.num_utterances:,} ({what})"
    if level is None:
        return said
    return f"{said}; level: median {level.median:.0f} dBFS, from {level.min:.0f} to {level.max:.0f}"


def _with_name(one: Share, name: object) -> str:
    return f"{_short(str(name))} {one.num_utterances:,}"


def _short(text: str, most: int = _LONGEST_NAME) -> str:
    """Names come from anywhere, and may be long."""
    return text if len(text) <= most else f"{text[: most - 4]} ..."


def _shares(values: Sequence[str], num_values: int | None = None) -> str:
    num_more = (len(values) if num_values is None else num_values) - _MOST_VALUES
    said = ", ".join(values[:_MOST_VALUES])
    return f"{said}, and {num_more:,} more" if num_more > 0 else said


def _length(seconds: float) -> str:
    return f"{seconds / _HOUR_S:,.2f} hours" if seconds >= _HOUR_S else f"{seconds / 60:.1f} minutes"


def _print_lengths(bins: Sequence[Bin]) -> None:
    most = max(one.num_utterances for one in bins)
    if not most:
        return
    table = _plain_table("utterances by length")
    table.add_column("", no_wrap=True, justify="right")
    table.add_column("", no_wrap=True, justify="right")
    table.add_column("", no_wrap=True)
    for one in bins:
        name = f"{one.from_s:g} s and more" if one.to_s is None else f"{one.from_s:g} to {one.to_s:g} s"
        table.add_row(f"  {name}", f"{one.num_utterances:,}", _bar(one.num_utterances / most))
    _blank_line()
    print_table(table)


def _bar(share: float) -> str:
    """A bar of eighths of a character; what is not nothing shows."""
    eighths = max(1, round(share * _BAR * 8)) if share else 0
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def _print_characters(found: DataCheck) -> None:
    listed = found.characters.unexpected[:_MOST_CHARACTERS]
    if not listed:
        return
    table = _plain_table("unexpected characters in references")
    table.add_column("", no_wrap=True, justify="right")
    table.add_column("", no_wrap=True)
    table.add_column("", overflow="fold")
    for one in listed:
        shown = "" if one.is_control else one.character
        table.add_row(f"  {one.number:,}", visible(shown), visible(f"{one.name}, first in {_short(one.first_id)}"))
    _blank_line()
    print_table(table)
    num_more = found.characters.num_unexpected_kinds - len(listed)
    if num_more:
        sys.stdout.write(f"  and {number_of(num_more, 'other')}: --json lists up to 100\n")


def _print_problems(problems: Sequence[Problem]) -> None:
    if not problems:
        sys.stdout.write("\nno problems found\n")
        return
    for weight, heading in _HEADINGS.items():
        chosen = [one for one in problems if one.weight == weight]
        if not chosen:
            continue
        table = _plain_table(heading)
        table.add_column("", no_wrap=True, justify="right")
        table.add_column("", overflow="fold")
        for one in chosen:
            table.add_row(f"  {one.number:,}", visible(one.what))
            table.add_row("", visible(f"first: {_first(one)}"))
            table.add_row("", visible(f"-> {one.todo}"))
        _blank_line()
        print_table(table)


def _first(one: Problem) -> str:
    at = _short(one.first_at)
    place = f"{_short(one.first_id)} ({at})" if one.first_id else at
    return f"{place}: {_short(one.detail, _LONGEST_SENTENCE)}" if one.detail else place


def _print_bad_rows(found: DataCheck) -> None:
    listed = found.bad_rows[:_MOST_ROWS]
    if not listed:
        return
    table = _plain_table("rows that cannot be read")
    table.add_column("", overflow="fold")
    table.add_column("", overflow="fold")
    for one in listed:
        where = ":".join(str(place) for place in (one.path, one.line, one.column) if place is not None)
        table.add_row(f"  {visible(where)}", visible(_short(one.problem, _LONGEST_SENTENCE)))
    _blank_line()
    print_table(table)
    if found.num_bad_rows > len(listed):
        sys.stdout.write(f"  and {found.num_bad_rows - len(listed):,} more: --json lists up to 100\n")


def _blank_line() -> None:
    sys.stdout.write("\n")
