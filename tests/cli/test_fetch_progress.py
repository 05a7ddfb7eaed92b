"""Files on their way: a bar on a terminal, two lines elsewhere, and nothing for what is small."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from earmark.cli.fetch_progress import FetchBar, FetchLines, size
from earmark.verbs.events import FileProgressed

BIG = 27_200_000


def steps(name: str, total: int | None, *done: int) -> list[FileProgressed]:
    told = [FileProgressed(name=name, done_bytes=one, total_bytes=total, is_done=False) for one in done]
    return [*told, FileProgressed(name=name, done_bytes=done[-1], total_bytes=total, is_done=True)]


@pytest.mark.parametrize(
    ("events", "lines"),
    [
        (steps("a", BIG, 0, 100, BIG), ["fetch  a, 27.2 MB", "got    a, 27.2 MB"]),
        (steps("a", None, 100, 2_000_000, BIG), ["fetch  a", "got    a, 27.2 MB"]),
        (steps("small", 500_000, 0, 500_000), []),
    ],
)
def test_a_line_at_either_end(capsys: pytest.CaptureFixture[str], events: list[FileProgressed], lines: list[str]):
    """On stderr, and none for a file that is small."""
    tell = FetchLines()
    for event in events:
        tell(event)
    captured = capsys.readouterr()
    assert captured.err.splitlines() == lines
    assert captured.out == ""


def test_a_bar_is_drawn_and_taken_off_again():
    """A line stays; names are shown as they are, and speak neither to the drawer nor to the terminal."""
    out = io.StringIO()
    bar = FetchBar(Console(file=out, force_terminal=True, width=120, color_system=None))
    name = "hf:a/b/[red]x\x1b]0;evil"
    for event in [*steps("tiny", 10, 10), *steps(name, BIG, 0, BIG // 2, BIG)]:
        bar(event)
    assert not bar._tasks
    bar.close()
    shown = out.getvalue()
    assert "got    hf:a/b/[red]x\\x1b]0;evil, 27.2 MB" in shown
    assert "\x1b]0;" not in shown
    assert "tiny" not in shown


def test_sizes_are_said_in_the_unit_that_fits():
    """As disks and downloads are labelled: 1000, not 1024."""
    assert [size(one) for one in (0, 1_500, 27_200_000, 30_000_000_000)] == ["0.0 kB", "1.5 kB", "27.2 MB", "30.0 GB"]
