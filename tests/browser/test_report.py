"""The report in a real browser: opened from the disk with the network off, searched, sorted, listened to."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import earmark
from earmark.planning import plan
from earmark.recognizers.doubles import Failing, Noisy
from earmark.verbs.report import report
from earmark.verbs.score_outputs import score_files
from tests.browser.looking import IDS, ROWS, chosen, opened, search, sort_by, type_query
from tests.toys import toy_source

LETTERS = "[...row.querySelectorAll('.e')].map((e) => e.querySelector('.letter').textContent + e.className.slice(-1))"
CAN_PLAY = """new Promise((good) => {
  const audio = document.querySelector("audio");
  audio.preload = "auto";
  audio.load();
  for (const name of ["canplay", "error"]) audio.addEventListener(name, () => good(name));
})"""


@pytest.fixture(scope="module")
def partial(tmp_path_factory):
    """The page of two runs over 20 utterances, of which each fails others."""
    folder = tmp_path_factory.mktemp("partial")
    source = toy_source(folder / "data", 20)
    for name, ids in (("a", "utt-003,utt-004"), ("b", "utt-005")):
        wrong = {one: f"{text} more" for one, text in source.texts.items()}
        earmark.evaluate(Failing(wrong, ids=ids), source, out=str(folder / name))
    return report(folder / "a", folder / "b", out=folder / "page.html", audio="none").path


def test_it_opens_without_network_and_without_a_complaint(browser, base, runs):
    """It asks for its own file and nothing else, and says the rate of the summary."""
    page = opened(browser, base)
    summary = json.loads((runs / "base" / "summary.json").read_text())
    assert page.evaluate("document.querySelector('.wer').textContent") == f"{100 * summary['wer']:.2f} %"
    assert f"WER {100 * summary['wer']:.2f} % of these" in page.evaluate("document.getElementById('count').textContent")
    assert page.problems == []
    assert [Path(url).name for url in page.requests] == ["base.html"]


def test_nothing_else_may_run_or_be_asked_for(browser, base):
    """A script that is put into the page does not run, and a request is refused before it is made."""
    page = opened(browser, base)
    page.evaluate("(() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
                  "document.body.append(s); })()")  # fmt: skip
    assert page.evaluate("window.ran") is None
    assert page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'asked', () => 'refused')") == "refused"
    assert any("Content Security Policy" in one for one in page.problems)


def test_a_search_a_filter_and_an_order_are_in_the_address(browser, base, runs):
    """The same address in another page shows the same rows."""
    page = opened(browser, base)
    search(page, "/seven|nine/")
    sort_by(page, "duration")
    page.evaluate("document.querySelectorAll('#charts .barline[role=button]')[0].dispatchEvent(new Event('click'))")
    found, number = page.evaluate(IDS), chosen(page)
    assert 0 < number < 40
    assert page.evaluate("document.querySelectorAll('.chip').length") == 2
    fragment = page.wait("new URLSearchParams(location.hash.slice(1)).has('f') && location.hash")
    other = opened(browser, base, fragment)
    assert (other.evaluate(IDS), chosen(other)) == (found, number)
    assert other.evaluate("document.getElementById('query').value") == "/seven|nine/"
    page.key("Escape")
    assert chosen(page) == 40


def test_a_search_that_is_no_expression_says_so(browser, base):
    """The list stays."""
    page = opened(browser, base)
    search(page, "seven")
    before = page.evaluate(IDS)
    type_query(page, "/(/")
    page.wait("document.getElementById('count').textContent.startsWith('not a regular expression')")
    assert page.evaluate(IDS) == before


def test_rows_come_in_the_chosen_order(browser, base, runs):
    """By errors at first, the worst first; by duration when asked, and the other way round."""
    page = opened(browser, base)
    errors = "[...document.querySelectorAll('#list .rate span')].map((one) => Number(one.textContent.split(' / ')[0]))"
    found = page.evaluate(errors)
    assert found == sorted(found, reverse=True)
    sort_by(page, "id")
    assert page.evaluate(IDS)[:2] == ["utt-000", "utt-001"]
    page.evaluate("document.getElementById('direction').click()")
    assert page.evaluate(IDS)[0] == "utt-039"


def test_a_click_on_a_confusion_shows_where(browser, base):
    """As many utterances as have it, each with the pair in its line."""
    page = opened(browser, base)
    said, heard, times = page.evaluate(
        "[...document.querySelector('#words tbody tr').cells].map((cell) => cell.textContent)"
    )
    page.evaluate("document.querySelector('#words tbody tr').click()")
    assert 0 < chosen(page) <= int(times)
    assert page.evaluate(
        f"{ROWS}.every((row) => [...row.querySelectorAll('.S del')].some((one) => one.textContent === '{said}'))"
    )
    assert f"{said} → {heard}" in page.evaluate("document.querySelector('.chip').textContent")


def test_a_bin_of_a_chart_holds_what_it_says(browser, base):
    """The number in its title is the number of rows that a click shows."""
    page = opened(browser, base)
    num_bins = page.evaluate("document.querySelectorAll('#charts figure.slices .bin').length")
    assert num_bins > 1
    for number in range(num_bins):
        title = page.evaluate(
            f"document.querySelectorAll('#charts figure.slices .bin')[{number}].querySelector('title').textContent"
        )
        page.evaluate(
            f"document.querySelectorAll('#charts figure.slices .bin')[{number}].dispatchEvent(new Event('click'))"
        )
        assert chosen(page) == int(re.search(r"(\d+) utterance", title)[1]), title
        page.key("Escape")


def test_a_bin_has_no_row_that_failed(browser, partial):
    """Neither of a chart of the slices nor of the errors in an utterance; also where another run was chosen."""
    page = opened(browser, partial)
    bins = "[...document.querySelectorAll('#charts svg .bin')]"
    for number in range(page.evaluate(f"{bins}.length")):
        page.evaluate("(() => { const run = document.getElementById('run'); run.value = '1';"
                      "run.dispatchEvent(new Event('change')); })()")  # fmt: skip
        title = page.evaluate(f"{bins}[{number}].querySelector('title').textContent")
        page.evaluate(f"{bins}[{number}].dispatchEvent(new Event('click'))")
        assert chosen(page) == int(re.search(r"(\d+) utterance", title)[1]), title
        page.key("Escape")


def test_rates_of_another_run_are_its_own(browser, partial):
    """Of all its rows that of its summary, and of a row that only the first one failed its own."""
    page = opened(browser, partial, "#run=1&u=utt-003")
    summary = json.loads((Path(partial).parent / "b" / "summary.json").read_text())
    errors = sum(summary[name] for name in ("substitutions", "deletions", "insertions"))
    said = f"WER {100 * summary['wer']:.2f} % of these ({errors} / {summary['num_reference_words']})"
    assert said in page.evaluate("document.getElementById('count').textContent")
    assert "∞" not in page.evaluate("document.getElementById('list').textContent")


@pytest.mark.parametrize(("num_with_words", "is_said"), [(6, False), (5, True)])
def test_a_slice_without_words_is_not_called_too_small_for_an_interval(browser, tmp_path, num_with_words, is_said):
    """Seven utterances in which nobody speaks have no rate: the legend is of slices that have one."""
    made = toy_source(tmp_path / "data", durations_s=[1.0] * num_with_words + [5.5] * 7)
    items = [replace(one, reference="") if one.audio.duration_s > 5 else one for one in made.items]
    source = type(made)(made.root, tuple(items))
    for name in ("a", "b"):
        earmark.evaluate(Noisy(made.texts, error_rate=0.4, seed=ord(name)), source, out=str(tmp_path / name))
    page = opened(browser, report(tmp_path / "a", tmp_path / "b", audio="none").path)
    said = page.evaluate("document.querySelector('.pair').textContent")
    assert "pale: fewer than 30 utterances" in said
    assert ("fewer than 6" in said) is is_said


def test_what_failed_is_saved_without_numbers(browser, partial):
    """It has no errors that were counted."""
    page = opened(browser, partial)
    page.evaluate("(() => { URL.createObjectURL = (blob) => { window.saved = blob; return 'blob:x'; };"
                  "HTMLAnchorElement.prototype.click = () => {};"
                  "document.getElementById('savejsonl').click(); })()")  # fmt: skip
    rows = {row["id"]: row for row in map(json.loads, page.evaluate("window.saved.text()").splitlines())}
    names = ("errors", "words", "substitutions", "deletions", "insertions")
    assert rows["utt-003"]["status"] == "failed"
    assert [rows["utt-003"][name] for name in names] == [None] * 5
    assert rows["utt-000"]["words"] > 0


def test_an_unfinished_run_says_what_is_only_not_transcribed_yet(browser, tmp_path, monkeypatch):
    """In the tile and in the flag that chooses it, and whose speed it is that stands beside the run's own."""
    monkeypatch.setattr(plan, "_MOST_SHARD_S", (0.1, 0.1))
    source = toy_source(tmp_path / "data", 8)
    earmark.evaluate(Noisy(source.texts), source, out=str(tmp_path / "run"), batch_size=1)
    for part in sorted((tmp_path / "run" / "parts").iterdir())[:3]:
        part.unlink()
    earmark.score(tmp_path / "run")
    page = opened(browser, report(tmp_path / "run", audio="none").path)
    tiles = page.evaluate("document.querySelector('.tiles').textContent")
    assert "5 scored, 0 failed, 3 not transcribed yet" in tiles
    assert "one worker's recognizer alone" in tiles
    cards = page.evaluate("[...document.querySelectorAll('.flagcard')].map((one) => one.textContent)")
    assert "3skipped3 not transcribed yet" in cards
    assert page.problems == []


def test_the_time_of_the_curve_begins_with_the_attempt(browser, runs, tmp_path):
    """An hour of loading before the first batch is on its axis."""
    shutil.copytree(runs / "base", tmp_path / "run")
    [path] = (tmp_path / "run" / "attempts").iterdir()
    began = datetime(2026, 1, 1, tzinfo=UTC)
    points = [
        [done, round(1000 * (began.timestamp() + 3600 + second)), {"live/wer": 0.1 * done}]
        for done, second in ((1, 0), (2, 60), (3, 3600))
    ]
    kept = {**json.loads(path.read_text()), "started": f"{began:%Y%m%dT%H%M%S.%fZ}", "progress": points}
    path.write_text(json.dumps(kept))
    page = opened(browser, report(tmp_path / "run", audio="none").path)
    ticks = page.evaluate(
        "[...document.querySelectorAll('[aria-label=\"WER while the run went on\"] .tick')].map((e) => e.textContent)"
    )
    assert ticks[-4:] == ["0.0 s", "60.0 min", "2.00 h", "time in the last attempt"]


def test_a_clip_in_the_page_and_a_file_beside_it_play(browser, base):
    """Both reach the point where the browser can play them."""
    page = opened(browser, base)
    assert page.evaluate("document.querySelector('audio').src.slice(0, 16)") == "data:audio/mpeg;"
    assert page.evaluate(CAN_PLAY) == "canplay"
    page.evaluate("document.getElementById('direction').click()")
    page.evaluate("document.querySelector('#list .row').click()")
    assert page.evaluate("document.querySelector('audio').src").endswith(".wav")
    assert page.evaluate(CAN_PLAY) == "canplay"
    assert page.problems == []


def test_a_file_that_is_not_there_is_told(browser, runs):
    """In the page, when one plays it; and a run of texts alone says that there is no audio."""
    moved = report(runs / "base", out=runs / "moved.html", audio="link", audio_root=str(runs / "nowhere")).path
    page = opened(browser, moved)
    page.key(" ")
    page.wait("document.getElementById('toast').textContent.includes('no audio where this page looks')")


def test_the_keyboard_goes_through_the_list(browser, base):
    """The letters j and k choose, a slash searches, and a question mark explains."""
    page = opened(browser, base)
    selected = "document.querySelector('.row.selected .id').textContent"
    ids = page.evaluate(IDS)
    page.key("j")
    page.key("j")
    assert page.evaluate(selected) == ids[2]
    assert page.evaluate("document.querySelector('#detail h3').textContent") == ids[2]
    page.key("k")
    assert page.evaluate(selected) == ids[1]
    page.wait(f"new URLSearchParams(location.hash.slice(1)).get('u') === '{ids[1]}'")
    page.key("/")
    assert page.evaluate("document.activeElement.id") == "query"
    page.key("j")
    assert page.evaluate("document.getElementById('query').value") == "j"
    page.key("Escape")
    page.key("?")
    assert page.evaluate("document.getElementById('aid').open")


def test_errors_can_be_told_without_colour(browser, base):
    """Each has its letter, what was not heard is struck through, and what was not said is underlined."""
    page = opened(browser, base)
    letters = page.evaluate(f"{ROWS}.flatMap((row) => {LETTERS})")
    assert letters
    assert all(one[0] == one[1] and one[0] in "SDI" for one in letters)
    style = "getComputedStyle(document.querySelector('{}')).textDecorationLine"
    assert page.evaluate(style.format("#list .e del")) == "line-through"
    assert page.evaluate(style.format("#list .e ins")) == "underline"


def test_light_dark_and_paper(browser, base):
    """Three grounds; on paper there is no button to play."""
    page = opened(browser, base)
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.media(scheme="dark")
    dark = page.evaluate(ground)
    assert light != dark
    page.evaluate("document.getElementById('theme').click()")
    assert page.evaluate(ground) == light
    page.media(medium="print")
    assert page.evaluate("getComputedStyle(document.querySelector('.play')).display") == "none"


def test_runs_stand_beside_each_other(browser, runs):
    """The quadrants have the numbers of the comparison, and a click shows them."""
    path = report(runs / "base", runs / "good", out=runs / "both.html", audio="none").path
    comparison = earmark.compare(str(runs / "base"), str(runs / "good"))
    pair = comparison.pairs[0]
    page = opened(browser, path)
    assert page.evaluate("document.querySelector('.sentence').textContent") == pair.sentence
    numbers = page.evaluate("[...document.querySelectorAll('.quadrants b')].map((one) => Number(one.textContent))")
    assert (numbers[1], numbers[2], sum(numbers)) == (len(pair.broken), len(pair.fixed), comparison.num_utterances)
    page.evaluate("document.querySelector('.q2').click()")
    assert chosen(page) == len(pair.fixed)
    assert set(page.evaluate(IDS)) <= {one.id for one in pair.fixed}
    assert page.evaluate("document.querySelectorAll('#detail .columns').length") == 2
    assert page.problems == []


def test_a_folder_is_the_same_page(browser, runs, base):
    """With its rows in scripts beside it, from the disk."""
    found = report(runs / "base", out=f"{runs}/page/", audio="worst:5", audio_root=str(runs / "data"))
    assert found.is_folder
    page, other = opened(browser, found.path), opened(browser, base)
    assert page.evaluate(IDS) == other.evaluate(IDS)
    assert page.evaluate("document.querySelector('audio').src").endswith(".mp3")
    assert page.problems == []


def test_the_list_is_as_long_as_the_run_and_the_document_is_not(browser, tmp_path):
    """Of 3,000 utterances only those in sight are in the document, to the last."""
    rows = [
        {"id": f"u{n:05d}", "text": "one two three", "pred_text": "one two", "duration": 1 + n} for n in range(3000)
    ]
    (tmp_path / "many.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    score_files(str(tmp_path / "many.jsonl"), out=str(tmp_path / "run"))
    page = opened(browser, report(tmp_path / "run", out=tmp_path / "many.html").path, "#sort=order")
    assert page.evaluate("document.querySelectorAll('#list .row').length") < 40
    page.evaluate("(() => { const list = document.getElementById('list'); list.scrollTop = list.scrollHeight; })()")
    page.wait(f"{IDS}.includes('u02999')")
    page.evaluate("location.hash = '#sort=order&u=u01500'")
    page.wait("document.querySelector('#detail h3').textContent === 'u01500'")
    assert "u01500" in page.evaluate(IDS)


def test_one_utterance_without_a_reference_is_a_page(browser, tmp_path):
    """It says that there is no rate."""
    source = toy_source(tmp_path / "data", 1)
    nothing = type(source)(source.root, tuple(type(one)(one.id, one.audio) for one in source.items))
    earmark.evaluate(Noisy({"utt-000": "hello there"}), nothing, out=str(tmp_path / "run"))
    found = report(tmp_path / "run", audio="none")
    page = opened(browser, found.path)
    assert any("no reference text" in note for note in found.notes)
    assert page.evaluate("document.querySelector('.wer').textContent") == "–"
    assert page.problems == []


@pytest.mark.parametrize("width", [1280, 800, 390])
def test_a_narrow_window_is_not_scrolled_sideways(browser, base, width):
    """Nor are the labels of charts, which shrink and grow with them, too small to read or larger than a heading."""
    page = opened(browser, base)
    page.size(width, 844)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    heights = page.evaluate(
        "[...document.querySelectorAll('.chart .tick')].map((one) => one.getBoundingClientRect().height)"
    )
    assert heights
    assert 8 <= min(heights) <= max(heights) <= 24


@pytest.mark.parametrize("width", [1200, 1440])
def test_the_numbers_stand_in_one_row_and_no_chart_is_blown_up(browser, base, width):
    """A tile that wraps stands alone, and a chart over both columns has letters of twice the size."""
    page = opened(browser, base)
    page.size(width, 900)
    tops = page.evaluate("[...document.querySelectorAll('#verdict .tile:not(.kindstile)')].map((one) => one.offsetTop)")
    assert len(tops) >= 5
    assert len(set(tops)) == 1
    widths = page.evaluate("[...document.querySelectorAll('#charts .card')].map((one) => one.offsetWidth)")
    assert max(widths) < width / 2
