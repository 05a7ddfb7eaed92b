"""Tables on stdout. What is in them comes from anybody's data, so nothing in them speaks to the terminal."""

from __future__ import annotations

import io
import re
import sys
from typing import TYPE_CHECKING

from earmark.cli.screen import has_colour, tell, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

_LEAST_WIDTH = 80
_WIDEST = 100_000
_SIGN_OF_MARKDOWN = re.compile(r"([\\`*_<>|])")


def new_table(title: str) -> Table:
    """An empty table. Texts that are put into it must be ``visible``."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(title=visible(title), box=SIMPLE_HEAD)


def unit_names(scorer: str) -> tuple[str, str]:
    """What a scorer's rate and its units are called in a table: words, or tokens where characters are among them."""
    return ("MER %", "tokens") if scorer == "mixed" else ("WER %", "words")


def print_table(
    table: Table, *, form: str = "table", least_width: int = _LEAST_WIDTH, may_go: Sequence[str] = ()
) -> bool:
    """The table under its title; no line ends in spaces. With the form ``md`` it is Markdown's.

    On a terminal it is as wide as that, or as ``least_width``, or as what must not be folded takes; before it gets
    wider than the terminal for that, the columns named in ``may_go`` are left out, the last first, and then True is
    returned. Elsewhere nothing is folded.
    """
    import shutil

    from rich.console import Console

    if form == "md":
        write_markdown(table)
        return False
    page = io.StringIO()
    colour = has_colour(sys.stdout)
    is_narrow = sys.stdout.isatty()
    width = max(least_width, shutil.get_terminal_size((120, 24)).columns) if is_narrow else _WIDEST
    gone = _without(table, width, may_go)
    console = Console(
        file=page,
        width=max(width, _least_width(table)),
        force_terminal=colour,
        no_color=not colour,
        markup=False,
        emoji=False,
        highlight=False,
    )
    # A title of the table itself would be folded to its width, and a path is no good folded.
    console.print(table.title, style="bold", soft_wrap=True)
    table.title = None
    console.print(table)
    for line in page.getvalue().splitlines():
        sys.stdout.write(line.rstrip() + "\n")
    return gone


def tell_in(form: str, text: str) -> None:
    """A line of the result; in Markdown a paragraph."""
    if form == "md":
        sys.stdout.write(f"{in_markdown(visible(text))}\n\n")
    else:
        tell(text)


def write_markdown(table: Table) -> None:
    """The table as Markdown's, under its title in bold, with an empty line behind it."""
    heads = [str(column.header) for column in table.columns]
    rules = ["---:" if column.justify == "right" else "---" for column in table.columns]
    cells = zip(*(column.cells for column in table.columns), strict=True)
    rows = [heads, rules, *([in_markdown(str(cell)) for cell in row] for row in cells)]
    sys.stdout.write(f"**{in_markdown(str(table.title))}**\n\n")
    sys.stdout.writelines(f"| {' | '.join(row)} |\n" for row in rows)
    sys.stdout.write("\n")


def in_markdown(text: str) -> str:
    """The text on one line, with nothing in it that Markdown takes for a sign."""
    return _SIGN_OF_MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def _without(table: Table, width: int, may_go: Sequence[str]) -> bool:
    """Leave columns out of the table until it fits; whether any is."""
    gone = False
    for name in reversed(may_go):
        if _least_width(table) > width:
            table.columns = [column for column in table.columns if column.header != name]
            gone = True
    return gone


def _least_width(table: Table) -> int:
    """What the columns take that are not folded, with a word at least of the others."""
    from rich.cells import cell_len
    from rich.console import Console

    for column in table.columns:
        if column.no_wrap:  # which a measure does not heed
            column.min_width = max(cell_len(str(cell)) for cell in (column.header, *column.cells))
    # What is measured is anybody's text, too: it has no markup.
    console = Console(file=io.StringIO(), width=_WIDEST, markup=False, emoji=False, highlight=False)
    return console.measure(table).minimum
