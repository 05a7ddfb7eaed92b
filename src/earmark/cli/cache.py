"""``earmark cache``: flags to arguments, and what is in the cache as a table."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from earmark.cli.fetch_progress import size
from earmark.cli.forms import Form, write_for_programs
from earmark.cli.screen import number_of, say, tell, visible
from earmark.cli.tables import new_table, print_table, tell_in

if TYPE_CHECKING:
    from rich.table import Table

    from earmark.verbs.cache import CacheReport, Kept

_NUM_SHOWN = 20


def cache_command(
    *,
    clean: Annotated[bool, Parameter(negative="")] = False,
    older_than: float | None = None,
    format: Form = "table",  # noqa: A002  # the flag's name
) -> int:
    """List what was fetched and is kept, the largest first; or throw it away.

    Parameters
    ----------
    clean
        Remove what is listed, but what a running process fetches or may still read.
    older_than
        Only what was not used for so many days.
    format
        Of the result, on stdout.
    """
    from earmark.verbs.cache import cache

    report = cache(clean=clean, older_than=older_than)
    if report.num_swept:
        say(f"removed {number_of(report.num_swept, 'temporary file')} of dead processes")
    if write_for_programs(
        format, _facts(report), [_record(one) for one in (report.removed if clean else report.items)]
    ):
        return 0
    if clean:
        _print_cleaned(report, format)
    else:
        _print_kept(report, format, is_part=older_than is not None)
    return 0


def _facts(report: CacheReport) -> dict[str, Any]:
    kept = {name: [_record(one) for one in getattr(report, name)] for name in ("items", "removed")}
    return {"schema_version": 1, "folder": str(report.folder), "size_bytes": report.size_bytes, **kept}


def _record(one: Kept) -> dict[str, Any]:
    return {"name": one.name, "kind": one.kind, "size_bytes": one.size_bytes, "last_used": _day(one)}


def _print_cleaned(report: CacheReport, form: str) -> None:
    if report.in_use:
        say(f"{number_of(len(report.in_use), 'thing', 'are')} in use, and not removed")
    if report.not_ours:
        say(f"{number_of(len(report.not_ours), 'thing', 'are')} another user's, and not removed")
    tell_in(form, f"removed {len(report.removed):,}, {size(report.freed_bytes)}; left {size(report.size_bytes)}")


def _print_kept(report: CacheReport, form: str, *, is_part: bool) -> None:
    # What several of them share on the disk is counted once in the size of all.
    sum_bytes = sum(one.size_bytes for one in report.items) if is_part else report.size_bytes
    rest = report.items[_NUM_SHOWN:]
    if form == "md":
        print_table(_table(report), form=form)
    else:
        for one in report.items[:_NUM_SHOWN]:
            tell(f"{size(one.size_bytes):>9}  {_day(one)}  {one.kind:<8}  {one.name}")
    if rest:
        tell_in(form, f"{size(sum(one.size_bytes for one in rest)):>9}  and {len(rest):,} more")
    tell_in(form, f"{size(sum_bytes):>9}  in all, in {report.folder}")


def _table(report: CacheReport) -> Table:
    table = new_table("what is kept")
    for name in ("size", "last used", "kind", "name"):
        table.add_column(name)
    for one in report.items[:_NUM_SHOWN]:
        table.add_row(size(one.size_bytes), _day(one), one.kind, visible(one.name))
    return table


def _day(one: Kept) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(one.used_s))
