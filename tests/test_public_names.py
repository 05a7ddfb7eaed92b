"""Public means exported."""

from __future__ import annotations

import earmark


def test_all_names_every_public_thing_and_nothing_else():
    """``__all__``, the table of homes and ``dir`` agree."""
    assert set(earmark.__all__) == set(earmark._HOMES)
    assert set(dir(earmark)) == {*earmark.__all__, "__version__"}


def test_every_public_name_can_be_imported():
    """Each is found where the table says, under its own name."""
    for name in earmark.__all__:
        assert getattr(earmark, name).__name__ == name
