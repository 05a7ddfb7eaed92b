"""Tables on stdout. What is in them comes from anybody's data, so nothing in them speaks to the terminal."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from earmark.cli.screen import has_colour, visible

if TYPE_CHECKING:
    from rich.table import Table

_LEAST_WIDTH = 80


def new_table(title: str) -> Table:
    """An empty table. Texts that are put into it must be ``visible``."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(title=visible(title), box=SIMPLE_HEAD)


def print_table(table: Table, *, least_width: int = _LEAST_WIDTH) -> None:
    """The table under its title, as wide as the terminal at most, or as ``least_width``; no line ends in spaces."""
    import shutil

    from rich.console import Console

    width = max(least_width, shutil.get_terminal_size((120, 24)).columns)
    page = io.StringIO()
    colour = has_colour(sys.stdout)
    console = Console(
        file=page, width=width, force_terminal=colour, no_color=not colour, markup=False, emoji=False, highlight=False
    )
    # A title of the table itself would be folded to its width, and a path is no good folded.
    console.print(table.title, style="bold", soft_wrap=True)
    table.title = None
    console.print(table)
    for line in page.getvalue().splitlines():
        sys.stdout.write(line.rstrip() + "\n")
