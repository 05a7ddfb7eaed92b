"""``earmark cache``: flags to arguments, and what is in the cache as a table."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from earmark.cli.fetch_progress import size
from earmark.cli.screen import number_of, say, visible

if TYPE_CHECKING:
    from earmark.verbs.cache import CacheReport, Kept

_NUM_SHOWN = 20


def cache_command(
    *,
    clean: Annotated[bool, Parameter(negative="")] = False,
    older_than: float | None = None,
) -> int:
    """List what was fetched and is kept, the largest first; or throw it away.

    Parameters
    ----------
    clean
        Remove what is listed, but what a running process fetches or may still read.
    older_than
        Only what was not used for so many days.
    """
    from earmark.verbs.cache import cache

    report = cache(clean=clean, older_than=older_than)
    if report.num_swept:
        say(f"removed {number_of(report.num_swept, 'temporary file')} of dead processes")
    if clean:
        _print_cleaned(report)
    else:
        _print_kept(report, is_part=older_than is not None)
    return 0


def _print_cleaned(report: CacheReport) -> None:
    if report.in_use:
        say(f"{number_of(len(report.in_use), 'thing', 'are')} in use, and not removed")
    if report.not_ours:
        say(f"{number_of(len(report.not_ours), 'thing', 'are')} another user's, and not removed")
    print(f"removed {len(report.removed):,}, {size(report.freed_bytes)}; left {size(report.size_bytes)}")  # noqa: T201  # the result


def _print_kept(report: CacheReport, *, is_part: bool) -> None:
    lines = [_line(one) for one in report.items[:_NUM_SHOWN]]
    rest = report.items[_NUM_SHOWN:]
    if rest:
        lines.append(f"{size(sum(one.size_bytes for one in rest)):>9}  and {len(rest):,} more")
    # What several of them share on the disk is counted once in the size of all.
    sum_bytes = sum(one.size_bytes for one in report.items) if is_part else report.size_bytes
    lines.append(f"{size(sum_bytes):>9}  in all, in {report.folder}")
    print(visible("\n".join(lines)))  # noqa: T201  # the result


def _line(one: Kept) -> str:
    day = time.strftime("%Y-%m-%d", time.localtime(one.used_s))
    return f"{size(one.size_bytes):>9}  {day}  {one.kind:<8}  {one.name}"
