"""What was said and heard comes from anywhere: a page of attacks, other scripts and ten megabytes, in a browser."""

from __future__ import annotations

import json

import pytest

from earmark.verbs.report import report
from earmark.verbs.score_outputs import score_files
from tests.browser.looking import IDS, ROWS, chosen, opened, search

EVIL = "</script><img src=x onerror='window.hacked=1'>\"'<svg onload=window.hacked=2>{{script}}<!-- ${1+1}"
CATCH_FILE = """(() => {
  URL.createObjectURL = (blob) => { window.saved = blob; return "blob:x"; };
  HTMLAnchorElement.prototype.click = () => {};
  document.getElementById("savecsv").click();
})()"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """The page of a run whose every text, id and column is somebody's attack, or in another script."""
    folder = tmp_path_factory.mktemp("hostile")
    pairs = [
        (EVIL, EVIL, f"{EVIL} more"),
        ("rtl", "مرحبا بالعالم الجميل", "مرحبا العالم الجميل"),
        ("cjk", "東京 タワー", "東京 塔"),
        ("bidi", "pay \u202e100\u202c to\u200b me", "pay 100 to me"),
        ("joined", "می\u200cخواهم", "می\u200cخواهم"),
        ("=1+1", "=cmd()", ""),
    ]
    return page_of(pairs, folder)


def page_of(pairs, folder):
    rows = [{"id": name, "text": text, "pred_text": heard, "speaker": EVIL} for name, text, heard in pairs]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    score_files(str(folder / "pairs.jsonl"), out=str(folder / "run"), normalizer="none")
    return report(folder / "run", out=folder / "page.html", title=EVIL).path


def test_an_attack_stays_a_text(browser, hostile):
    """Markup is shown as it was said, nothing of it runs, and the page says so of its title too."""
    page = opened(browser, hostile)
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("document.querySelectorAll('img, object, iframe, embed').length") == 0
    assert page.evaluate("document.title") == EVIL
    assert page.evaluate("document.getElementById('title').textContent") == EVIL
    assert EVIL in page.evaluate(IDS)
    assert page.problems == []


def test_what_hides_is_shown_and_what_joins_is_left_alone(browser, hostile):
    """Marks that turn the direction are spelled out; the joiner of Persian words is spelling."""
    page = opened(browser, hostile, "#u=bidi")
    shown = page.evaluate("document.getElementById('detail').textContent")
    assert "U+202E" in shown
    assert "U+200B" in shown
    assert "\u202e" not in shown
    page.evaluate("location.hash = '#u=joined'")
    page.wait("document.querySelector('#detail h3').textContent === 'joined'")
    assert "U+200C" not in page.evaluate("document.getElementById('detail').textContent")


def test_what_hides_in_names_is_shown(browser, tmp_path):
    """In the title, in choices and in charts; a choice still means its column."""
    rows = [
        {"id": f"{n}", "text": "a b", "pred_text": "a", "le\u202evel": n, "ki\u200bnd": "xy"[n % 2]} for n in range(20)
    ]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    score_files(str(tmp_path / "pairs.jsonl"), out=str(tmp_path / "run"), normalizer="none")
    page = opened(browser, report(tmp_path / "run", out=tmp_path / "page.html", title="ti\u202etle").path)
    page.evaluate(
        "(() => { const choice = document.querySelector('#charts select'); choice.selectedIndex = [...choice.options]"
        ".findIndex((one) => one.textContent === 'leU+202Evel'); choice.dispatchEvent(new Event('change'));"
        "document.querySelector('#charts .slices .bin').dispatchEvent(new Event('click')); })()"
    )
    assert 0 < chosen(page) < 20
    assert page.evaluate("document.getElementById('title').textContent") == "tiU+202Etle"
    shown = page.evaluate(
        "document.querySelector('header').textContent + document.querySelector('main').textContent"
        "+ [...document.querySelectorAll('[title], [aria-label]')].map((one) => one.title + one.ariaLabel).join()"
    )
    for character, name in (("\u202e", "U+202E"), ("\u200b", "U+200B")):
        assert name in shown
        assert character not in shown


def test_other_scripts_stand_as_they_are_written(browser, hostile):
    """Arabic from the right, Han from the left."""
    page = opened(browser, hostile)
    directions = page.evaluate(f"{ROWS}.map((row) => row.querySelector('.text').dir)")
    found = dict(zip(page.evaluate(IDS), directions, strict=True))
    assert (found["rtl"], found["cjk"]) == ("rtl", "ltr")


def test_ten_megabytes_in_one_text_are_shown_in_part(browser, tmp_path):
    """And searched in whole."""
    text = "word " * 2_000_000
    page = opened(browser, page_of([("short", "word", "word"), ("long", text, text)], tmp_path), "#u=long")
    assert page.evaluate("document.querySelectorAll('*').length") < 3000
    assert "more characters" in page.evaluate("document.getElementById('detail').textContent")
    search(page, "word word word")
    assert page.evaluate(IDS) == ["long"]


def test_what_is_saved_is_what_is_chosen_and_no_formula(browser, hostile):
    """As CSV, a cell that begins like a formula gets an apostrophe."""
    page = opened(browser, hostile)
    search(page, "=cmd()")
    page.evaluate(CATCH_FILE)
    header, row = page.evaluate("window.saved.text()").splitlines()
    assert header.startswith("id,status,errors,words")
    assert row == "'=1+1,scored,1,1,0,1,0,,'=cmd(),"
