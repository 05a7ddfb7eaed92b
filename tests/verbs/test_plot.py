"""A figure shows the numbers of the runs, in a file that other programs open, and is the same each time."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import earmark
from earmark.cli.main import run
from earmark.errors import FolderError, MissingExtraError, UnknownNameError, UsageError
from earmark.recognizers.doubles import Noisy
from earmark.reports import figures
from earmark.reports.breakdown import errors_by_slice
from earmark.reports.slices import Grouping
from tests.toys import ToySource, toy_source

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> list[str]:
    """Two systems; a speaker whose name could be a formula."""
    folder = tmp_path_factory.mktemp("plots")
    rows = [
        {"id": str(place), "text": "a b c d", "pred_text_x": "a b c", "pred_text_y": "a b c d" if place % 2 else "a",
         "speaker": ("$x_", "ann <b>")[place % 2], "duration": 4.0 + 3 * place}
        for place in range(6)
    ]  # fmt: skip
    (folder / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    earmark.score_files(folder / "m.jsonl", out=folder / "both")
    return [str(folder / "both" / f"pred_text_{side}") for side in "xy"]


def texts(path) -> set[str]:
    """All that is written in an SVG."""
    root = ET.fromstring(path.read_text())  # noqa: S314  # made by the test
    return {text for one in root.iter() if one.tag.endswith("text") if (text := "".join(one.itertext()).strip())}


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, {"0-5 s", "5-10 s", "10-20 s", "duration", "WER %", "pred_text_x", "pred_text_y"}),
        ({"kind": "slices", "slices": ["speaker"]}, {"$x_", "ann <b>", "speaker", "WER %"}),
        ({"kind": "cumulative"}, {"worst utterances, %", "errors, %", "pred_text_x", "100"}),
    ],
)
def test_a_figure_names_what_it_shows_and_is_the_same_again(runs, tmp_path, chosen, expected):
    """Slices, axes and runs, as texts that can be searched; nothing of it is a formula."""
    for name in ("a.svg", "b.svg"):
        earmark.plot(*runs, out=tmp_path / name, **chosen)
    assert expected <= texts(tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_other_formats_are_told_by_the_ending(runs, tmp_path):
    """Pictures and pages begin as such files do; one run needs no legend."""
    for name, beginning in (("a.png", b"\x89PNG"), ("a.PDF", b"%PDF")):
        earmark.plot(runs[0], out=tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(beginning)
    earmark.plot(runs[0], out=tmp_path / "a.svg")
    assert "pred_text_x" not in texts(tmp_path / "a.svg")


def test_runs_of_one_name_are_told_apart_by_their_folders(runs, tmp_path):
    """The whole path is the label then."""
    earmark.plot(runs[0], runs[0], out=tmp_path / "a.svg")
    assert runs[0] in texts(tmp_path / "a.svg")


@pytest.mark.parametrize(
    ("chosen", "error"),
    [
        ({"out": "a.gif"}, UnknownNameError),
        ({"kind": "slices"}, UsageError),
        ({"slices": ["speaker"]}, UsageError),
        ({"kind": "slices", "slices": ["speeker"]}, UnknownNameError),
    ],
)
def test_what_cannot_be_drawn_says_why(runs, tmp_path, chosen, error):
    """And leaves no file."""
    out = tmp_path / chosen.pop("out", "a.svg")
    with pytest.raises(error):
        earmark.plot(runs[0], out=out, **chosen)
    assert not out.exists()


def test_a_run_without_references_has_nothing_to_draw(tmp_path):
    """That is said, and what shows what was heard."""
    source = toy_source(tmp_path / "audio", 3)
    silent = ToySource(source.root, tuple(dataclasses.replace(one, reference=None) for one in source.items))
    earmark.evaluate(Noisy(source.texts), silent, out=str(tmp_path / "run"))
    for kind in ("duration", "cumulative"):
        with pytest.raises(UsageError, match="nothing to draw") as refused:
            earmark.plot(tmp_path / "run", out=tmp_path / "a.svg", kind=kind)
        assert refused.value.hint == f"earmark report {tmp_path / 'run'} shows what was heard"


def test_a_handful_of_utterances_has_no_whisker(monkeypatch):
    """One of no length would say that nothing is surer."""
    drawn = []
    monkeypatch.setattr("matplotlib.axes.Axes.errorbar", lambda *_, yerr, **__: drawn.append(np.array(yerr)))
    counts = {name: np.ones(8, np.int32) for name in ("hits", "substitutions", "deletions", "insertions")}
    grouping = Grouping("duration", (("0-5 s", np.arange(2)), ("5-10 s", np.arange(2, 8))))
    figures.draw_slices([figures.Drawn("a", errors_by_slice([grouping], counts, None), np.ones(8, np.int64))], "svg")
    assert np.isnan(drawn[0][:, 0]).all()
    assert np.isfinite(drawn[0][:, 1]).all()


def test_no_run_and_no_matplotlib_are_said(runs, tmp_path, monkeypatch):
    """With what to type."""
    with pytest.raises(FolderError):
        earmark.plot(tmp_path, out=tmp_path / "a.svg")
    with pytest.raises(UsageError, match="no run"):
        earmark.plot(out=tmp_path / "a.svg")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match="not installed") as refused:
        earmark.plot(runs[0], out=tmp_path / "a.svg")
    assert refused.value.hint == "pip install 'earmark[plots]'"


def test_the_command_draws_and_says_where(runs, tmp_path, capsys):
    """On stderr: the result is a file."""
    out = tmp_path / "a.svg"
    assert run(["plot", *runs, "--kind", "slices", "--slices", "speaker,duration", "-o", str(out)]) == 0
    assert capsys.readouterr() == ("", f"drawn: {out}\n")
    assert re.search(r"<svg[^>]*width=\"648pt\"", out.read_text())
