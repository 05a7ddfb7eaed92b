"""One browser for all tests of pages, and the pages that several look at."""

from __future__ import annotations

import pytest

import earmark
from earmark.recognizers.doubles import Noisy
from earmark.verbs.report import report
from tests.browser.chromium import Browser, executable
from tests.toys import toy_source


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    path = executable()
    if path is None:
        pytest.skip("no Chromium: apt-get install chromium-headless-shell")
    browser = Browser(path, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Two runs over 40 short noises, one with many errors and one with few."""
    folder = tmp_path_factory.mktemp("runs")
    source = toy_source(folder / "data", 40)
    for name, rate in (("base", 0.3), ("good", 0.05)):
        earmark.evaluate(Noisy(source.texts, error_rate=rate, seed=len(name)), source, out=str(folder / name))
    return folder


@pytest.fixture(scope="session")
def base(runs):
    """The page of the run with many errors: clips of five, the others linked."""
    return report(runs / "base", out=runs / "base.html", audio="worst:5", audio_root=str(runs / "data")).path
