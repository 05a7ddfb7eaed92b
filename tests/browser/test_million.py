"""A report of a million utterances: a folder that opens in a browser from the disk, is searched, sorted and paged."""

from __future__ import annotations

import json
import random

import pytest

from earmark.verbs.report import report
from earmark.verbs.score_outputs import score_files
from tests.browser.looking import IDS, READY, chosen, search, sort_by

pytestmark = pytest.mark.soak

NUM_ROWS = 1_000_000
WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
NEEDLE = "u0777777"


@pytest.fixture(scope="module")
def million(tmp_path_factory):
    folder = tmp_path_factory.mktemp("million")
    chance = random.Random(0)
    with (folder / "pairs.jsonl").open("w", encoding="utf-8") as file:
        for number in range(NUM_ROWS):
            said = chance.choices(WORDS, k=6)
            heard = [word for word in said if chance.random() > 0.1]
            row = {"id": f"u{number:07d}", "text": " ".join(said), "pred_text": " ".join(heard), "duration": 2.5}
            file.write(json.dumps(row | {"speaker": f"s{number % 100}"}) + "\n")
    score_files(str(folder / "pairs.jsonl"), out=str(folder / "run"))
    return report(folder / "run", out=folder / "report.html", audio="none")


def test_a_million_utterances_open_search_sort_and_page(browser, million):
    """By a folder, since nobody opens a file of that size; the document stays as small as that of any run."""
    assert million.is_folder
    assert million.num_utterances == NUM_ROWS
    page = browser.page()
    page.open(f"file://{million.path}")
    page.wait(READY, within_s=85)
    assert chosen(page) == NUM_ROWS
    search(page, NEEDLE)
    assert page.evaluate(IDS) == [NEEDLE]
    page.key("Escape")
    sort_by(page, "id")
    page.evaluate("(() => { const list = document.getElementById('list'); list.scrollTop = list.scrollHeight; })()")
    page.wait(f"{IDS}.includes('u0999999')")
    assert page.evaluate("document.querySelectorAll('*').length") < 5000
    assert page.problems == []
