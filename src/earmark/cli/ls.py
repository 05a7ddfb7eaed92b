"""``earmark ls``: what can be named on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from earmark.cli.forms import Form, write_for_programs
from earmark.cli.tables import new_table, print_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from earmark.registry import Entry, Registry

_Kind = Literal["models", "recognizers", "normalizers", "scorers", "formats", "exports", "engines", "sources", "all"]


def ls_command(kind: _Kind = "all", /, *, format: Form = "table") -> int:  # noqa: A002  # the flag's name
    """List the models, normalizers, scorers, formats, exports, engines and sources by name.

    Parameters
    ----------
    kind
        One of them, or all; recognizers are the models.
    format
        Of the result, on stdout.
    """
    kind = "models" if kind == "recognizers" else kind
    listed = {name: _records(name, one) for name, one in _registries().items() if kind in (name, "all")}
    if write_for_programs(format, {"schema_version": 1, **listed}, [one for each in listed.values() for one in each]):
        return 0
    width = max((len(one["name"]) for each in listed.values() for one in each), default=0)
    for name, records in listed.items():
        if format == "md":
            _print_markdown(name, records)
            continue
        print(name)  # noqa: T201  # the result
        for one in records:
            print(f"  {one['name']:<{width}}  {one['summary']}{_needs(one['extra'])}")  # noqa: T201  # the result
    return 0


def _registries() -> Mapping[str, Registry]:
    from earmark.engines import ENGINES
    from earmark.formats import FORMATS
    from earmark.formats.exports import EXPORTS
    from earmark.recognizers import RECOGNIZERS
    from earmark.scoring import SCORERS
    from earmark.sources import SOURCES
    from earmark.text import NORMALIZERS

    return {
        "models": RECOGNIZERS,
        "normalizers": NORMALIZERS,
        "scorers": SCORERS,
        "formats": FORMATS,
        "exports": EXPORTS,
        "engines": ENGINES,
        "sources": SOURCES,
    }


def _records(kind: str, registry: Registry) -> list[dict[str, Any]]:
    """Name, one line, and the extra that it needs; of the models also those on the hub."""
    found = [_record(kind, entry) for entry in registry.entries().values()]
    if kind == "models":
        found.append({"kind": kind, "name": "hf:OWNER/NAME", "summary": "any of them, from the hub", "extra": "hub"})
    return found


def _record(kind: str, entry: Entry) -> dict[str, Any]:
    return {"kind": kind, "name": entry.name, "summary": entry.summary, "extra": entry.extra}


def _print_markdown(kind: str, records: Sequence[Mapping[str, Any]]) -> None:
    table = new_table(kind)
    for name in ("name", "what it is"):
        table.add_column(name)
    for one in records:
        table.add_row(one["name"], f"{one['summary']}{_needs(one['extra'])}")
    print_table(table, form="md")


def _needs(extra: str | None) -> str:
    """What has to be installed for it, and whether it is; nothing for what the base install has."""
    from earmark.registry import missing_packages

    if extra == "base":
        return " (installed)"
    if extra is None:
        return ""
    missing = missing_packages(extra)
    if missing is None:  # installed before there was such an extra
        return f" (needs the extra {extra})"
    return f" (needs: pip install 'earmark[{extra}]')" if missing else f" (extra {extra}: installed)"
