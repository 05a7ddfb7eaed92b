"""The version that every verb prints is this program's."""

from __future__ import annotations

import pytest

from earmark import __version__
from earmark.cli.main import app, run

VERBS = [[name] for name in app if not name.startswith("-")]


@pytest.mark.parametrize("verb", [[], *VERBS, ["train", "sudoku"]], ids=" ".join)
def test_a_verb_prints_the_version_of_the_program(verb, capsys):
    """And not that of the library that reads its arguments."""
    assert run([*verb, "--version"]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"
