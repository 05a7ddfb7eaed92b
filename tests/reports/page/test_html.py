"""The page as it is put together: how much of it is code, and that none of the code is lost on the way."""

from __future__ import annotations

from earmark.reports.page.gathered import PageAudio, PageData
from earmark.reports.page.html import SCRIPTS, _bare, _file, page


def test_the_code_of_a_page_is_small():
    """A page of nothing has at most 80 KiB."""
    assert len(b"".join(page(PageData({"title": "nothing"}, (), PageAudio())))) <= 80 * 1024


def test_only_indentation_and_comments_stay_behind():
    """Every other line of every module is in the page as it was written, and no text of several lines is touched."""
    for name in SCRIPTS:
        lines = [line.strip() for line in _file(f"{name}.js").splitlines()]
        written = [line for line in lines if line and not line.startswith("//")]
        assert [line.rstrip() for line in _bare(f"{name}.js").splitlines()] == written, name
        assert all(line.count("`") % 2 == 0 for line in written), name
