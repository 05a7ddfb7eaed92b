"""What one hears in a report: the waveform of a clip, and words that play from where they were heard."""

from __future__ import annotations

import json

import pytest

import earmark
from earmark.recognizers.doubles import Noisy
from earmark.records import Hypothesis, Word
from earmark.verbs.report import report
from tests.browser.looking import opened
from tests.toys import toy_source

WORD_S = 0.02


class Timed(Noisy):
    """Noisy that says of each word when it was heard."""

    def transcribe(self, batch):
        return [
            Hypothesis(text, tuple(Word(one, n * WORD_S, (n + 1) * WORD_S, None) for n, one in enumerate(text.split())))
            for text in map(self.text, batch)
        ]


@pytest.fixture(scope="module")
def timed(tmp_path_factory):
    """The page of a run whose model gives times: clips of two utterances, links to the third."""
    folder = tmp_path_factory.mktemp("timed")
    source = toy_source(folder / "data", 3)
    earmark.evaluate(Timed(source.texts, error_rate=0.5, seed=1), source, out=str(folder / "run"), engine="inline")
    return report(folder / "run", out=folder / "page.html", audio="worst:2", audio_root=str(folder / "data")).path


def test_a_word_plays_from_where_it_was_heard(browser, timed):
    """Every word of a clip has its times, and a press puts the player there."""
    page = opened(browser, timed)
    words = page.evaluate("[...document.querySelectorAll('.times button')].map((one) => [one.textContent, one.title])")
    assert [title for _, title in words][:2] == ["0.00 – 0.02 s", "0.02 – 0.04 s"]
    heard = page.evaluate("document.querySelector('.written').lastElementChild.textContent")
    assert " ".join(word for word, _ in words) in heard
    page.evaluate("document.querySelectorAll('.times button')[2].click()")
    page.wait("document.querySelector('audio').currentTime >= 0.04")
    assert page.problems == []


def test_a_clip_has_its_waveform(browser, timed):
    """It is drawn of the clip itself, and a press plays from there; what is linked has none."""
    page = opened(browser, timed)
    seconds = page.wait("document.querySelector('.wave').dataset.seconds")
    assert float(seconds) > 0.1
    drawn = "document.querySelector('.wave').getContext('2d').getImageData(0, 0, 800, 80).data.some((one) => one > 0)"
    assert page.evaluate(drawn)
    page.evaluate(
        "(() => { const wave = document.querySelector('.wave'), box = wave.getBoundingClientRect();"
        "wave.dispatchEvent(new MouseEvent('click', { clientX: box.left + box.width / 2, clientY: box.top })); })()"
    )
    page.wait(f"document.querySelector('audio').currentTime >= {float(seconds) / 2 - 0.02}")
    page.evaluate("[...document.querySelectorAll('#list .row')].at(-1).click()")
    assert page.evaluate("document.querySelectorAll('.wave, .times').length") == 0


def test_what_is_too_large_for_a_file_is_a_folder_by_itself(browser, tmp_path, monkeypatch):
    """A page in files is searched, sorted and gone through to its last row as one file is, under the same policy."""
    monkeypatch.setattr("earmark.verbs.report.LARGEST_FILE_BYTES", 1000)
    monkeypatch.setattr("earmark.reports.page.gathered.CHUNK_ROWS", 64)
    rows = [{"id": f"u{n:03d}", "text": f"one two {n}", "pred_text": "one two", "duration": n + 1} for n in range(200)]
    (tmp_path / "many.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    earmark.score_files(str(tmp_path / "many.jsonl"), out=str(tmp_path / "run"))
    found = report(tmp_path / "run", out=tmp_path / "many.html")
    assert found.is_folder
    assert sorted(one.name for one in (tmp_path / "many" / "data").iterdir()) == [f"rows-{n}.js" for n in range(4)]
    page = opened(browser, found.path, "#sort=order&u=u199")
    page.wait("document.querySelector('#detail h3').textContent === 'u199'")
    assert {url.rpartition("/")[2] for url in page.requests} == {"index.html", *(f"rows-{n}.js" for n in range(4))}
    attack = '<img src=x onerror="window.ran = 1">'
    page.evaluate(f"document.body.insertAdjacentHTML('beforeend', {json.dumps(attack)})")
    assert page.evaluate("window.ran") is None


def test_a_chunk_that_is_not_there_is_told(browser, tmp_path):
    """A folder that was not copied whole says which file it lacks."""
    (tmp_path / "one.jsonl").write_text(json.dumps({"id": "u", "text": "one", "pred_text": "two"}) + "\n")
    earmark.score_files(str(tmp_path / "one.jsonl"), out=str(tmp_path / "run"))
    found = report(tmp_path / "run", out=f"{tmp_path}/page/")
    (tmp_path / "page" / "data" / "rows-0.js").unlink()
    page = browser.page()
    page.open((tmp_path / "page" / "index.html").as_uri())
    assert found.is_folder
    assert page.wait("document.documentElement.dataset.problem") == "data/rows-0.js is not beside this page"
    assert "rows-0.js" in page.evaluate("document.getElementById('count').textContent")
