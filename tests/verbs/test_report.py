"""The report as a file: what is in it, where it goes, and what is refused. A browser looks at it in tests/browser."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

import earmark
from earmark.cli.main import run
from earmark.errors import EarmarkError, FolderError, UsageError
from earmark.recognizers.doubles import Failing, Noisy
from earmark.reports.page.html import SCRIPTS
from earmark.store import layout
from earmark.verbs import report as reporting
from earmark.verbs.report import report
from tests.toys import toy_source, write_manifest


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return toy_source(tmp_path_factory.mktemp("data"), 12)


@pytest.fixture(scope="module")
def folder(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    manifest = write_manifest(Path(source.root) / "manifest.jsonl", source)
    for name, rate in (("base", 0.4), ("good", 0.1)):
        earmark.evaluate(Noisy(source.texts, error_rate=rate), str(manifest), out=str(folder / name))
    return folder


def blocks(path) -> dict[str, object]:
    """What the page holds, unpacked."""
    text = Path(path).read_text(encoding="utf-8")
    found = re.findall(r'<script type="application/octet-stream" id="([\w-]+)">([A-Za-z0-9+/=]*)</script>', text)
    data = {name: base64.b64decode(content) for name, content in found}
    return {name: one if name.startswith("clip") else json.loads(gzip.decompress(one)) for name, one in data.items()}


def test_it_lies_in_the_folder_of_the_run_and_has_clips_of_the_worst(folder):
    """By default; found beside the manifest."""
    found = report(folder / "base", audio="worst:3")
    assert Path(found.path) == folder / "base" / layout.REPORT
    held = blocks(found.path)
    head = held["head"]
    assert found.num_clips == 3 == len(head["clips"])
    assert all(held[f"clip-{row}"][:1] == b"\xff" or held[f"clip-{row}"][:3] == b"ID3" for row in head["clips"])
    errors = [
        sum(head["columns"]["counts"][kind][row] for kind in ("substitutions", "deletions", "insertions"))
        for row in range(12)
    ]
    assert sorted(errors[row] for row in head["clips"]) == sorted(errors)[-3:]
    assert found.size_bytes == Path(found.path).stat().st_size


def test_the_links_lead_to_the_audio(folder, source):
    """Relative to the page, wherever it is."""
    (folder / "deep" / "er").mkdir(parents=True)
    found = report(folder / "base", out=folder / "deep" / "er" / "page.html", audio="link")
    held = blocks(found.path)
    name = held["rows-0"]["audio"]["names"][0]
    assert (folder / "deep" / "er" / held["head"]["audio"]["base"] / name).is_file()
    assert (folder / "deep" / "er" / held["head"]["audio"]["top"]).resolve() == Path("/")


def test_the_same_run_gives_the_same_bytes(folder):
    """So that a page can be compared with another."""
    first = Path(report(folder / "base", out=folder / "1.html").path).read_bytes()
    assert Path(report(folder / "base", out=folder / "2.html").path).read_bytes() == first


def test_the_policy_names_the_very_script_and_style(folder):
    """By their hashes; and there is no other script that runs, and no address in the page."""
    text = Path(report(folder / "base", out=folder / "policy.html").path).read_text(encoding="utf-8")
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1])
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert not re.search(r"(src|href)=\"?https?:", text)


def test_no_text_is_ever_put_in_as_markup():
    """The modules of the page know no way to do it."""
    files = Path(reporting.__file__).parents[1] / "reports" / "page" / "files"
    assert {path.stem for path in files.glob("*.js")} == set(SCRIPTS)
    for path in files.glob("*.js"):
        found = re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(|new Function|setAttribute\(\"style",
            path.read_text(),
        )
        assert found is None, f"{path.name}: {found}"


def test_runs_of_other_normalizers_are_scored_alike(folder, source):
    """As the first was, and the page says so; the folder of the other stays as it was."""
    other = folder / "raw"
    earmark.evaluate(
        Noisy(source.texts, error_rate=0.1), f"{source.root}/manifest.jsonl", out=str(other), normalizer="none"
    )
    before = (other / layout.SUMMARY).read_bytes()
    found = report(folder / "base", other, out=folder / "mixed.html", audio="none")
    head = blocks(found.path)["head"]
    assert any("so its rate there is another number" in note for note in head["notes"])
    assert head["others"][0]["summary"]["normalizer"]["name"] == "basic"
    assert (other / layout.SUMMARY).read_bytes() == before


def test_an_unfinished_run_says_how_far_it_is(folder, source, tmp_path):
    """And shows what there is by now, though nobody scored it."""
    earmark.evaluate(Noisy(source.texts), f"{source.root}/manifest.jsonl", out=str(tmp_path / "run"), batch_size=2)
    parts = sorted((tmp_path / "run" / layout.PARTS).iterdir())
    parts[0].unlink()
    for name in (layout.SUMMARY, layout.SCORES):
        (tmp_path / "run" / name).unlink()
    found = report(tmp_path / "run", audio="none")
    assert re.search(r"run is not finished: \d+ of 12 utterances are transcribed", found.notes[0])
    assert not (tmp_path / "run" / layout.SUMMARY).exists()


def test_the_time_of_an_attempt_begins_with_it(folder):
    """Not with its first batch, before which a model is loaded."""
    head = blocks(report(folder / "base", out=folder / "time.html", audio="none").path)["head"]
    [path] = (folder / "base" / layout.ATTEMPTS).iterdir()
    kept = json.loads(path.read_text())
    began = datetime.strptime(kept["started"], "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)
    assert head["progress_from_ms"] == pytest.approx(1000 * began.timestamp(), abs=1)
    assert head["progress_from_ms"] <= head["progress"][0][1]


def test_audio_that_is_not_there_or_does_not_decode_is_told(folder, source, tmp_path):
    """Of each row, and in all where nothing is found."""
    found = report(folder / "base", out=tmp_path / "page.html", audio="worst:2", audio_root=str(tmp_path))
    assert any("no audio was found" in note and "--audio-root" in note for note in found.notes)
    assert all("is not there" in why for why in blocks(found.path)["head"]["audio"]["unheard"].values())


def test_failed_utterances_are_in_it(source, tmp_path):
    """With their reasons."""
    broken = Failing(source.texts, ids="utt-003")
    earmark.evaluate(broken, source, out=str(tmp_path / "run"))
    held = blocks(report(tmp_path / "run", audio="none").path)
    assert held["head"]["columns"]["status"][3] == 1
    assert held["rows-0"]["reasons"]["3"]


def test_the_example_of_the_documentation_is_a_page_of_today(folder, tmp_path):
    """Its script and its style are those of a page that is made now; what it holds is of a run that takes minutes."""
    example = Path(__file__).parents[2] / "docs" / "examples" / "report.html"
    made = report(folder / "base", out=tmp_path / "page.html", audio="none").path
    policies = [
        re.search(r'Content-Security-Policy" content="([^"]+)"', Path(one).read_text(encoding="utf-8"))
        for one in (example, made)
    ]
    assert policies[0][1] == policies[1][1]  # hashes of both
    assert set(blocks(example)["head"]) == set(blocks(made)["head"])


def test_only_a_page_that_was_made_before_is_replaced(folder, tmp_path):
    """A manifest whose name was given by mistake stays; an empty file has nothing to lose."""
    mine = tmp_path / "manifest.jsonl"
    mine.write_text('{"id": "a"}')
    with pytest.raises(UsageError, match="is there, and is no report"):
        report(folder / "base", out=mine, audio="none")
    assert mine.read_text() == '{"id": "a"}'
    mine.write_text("")
    for _ in range(2):
        assert report(folder / "base", out=mine, audio="none").path == str(mine)


def test_what_is_no_plain_file_is_never_replaced(folder, tmp_path):
    """A pipe, a link to one, and a link to nothing; also in the place of a folder's page."""
    pipe, link, broken = tmp_path / "pipe", tmp_path / "link", tmp_path / "broken"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    broken.symlink_to(tmp_path / "gone")
    for place in (pipe, link, broken):
        with pytest.raises(UsageError, match="is there, and is no report"):
            report(folder / "base", out=place, audio="none")
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert broken.is_symlink()
    (tmp_path / "site").mkdir()
    os.mkfifo(tmp_path / "site" / "index.html")
    with pytest.raises(FolderError):
        report(folder / "base", out=f"{tmp_path}/site/", audio="none")
    assert (tmp_path / "site" / "index.html").is_fifo()


@pytest.mark.parametrize(("num_units", "is_there"), [(4, False), (6, True)])
def test_the_summary_of_an_older_run_has_no_interval_of_a_handful(source, tmp_path, num_units, is_there):
    """The page goes by the rule of today, as its charts do; the run stays as it is."""
    out = tmp_path / "run"
    earmark.evaluate(Noisy(source.texts, error_rate=0.4), source, out=str(out))
    facts = json.loads((out / layout.SUMMARY).read_text())
    facts["wer_interval"]["num_units"] = num_units
    (out / layout.SUMMARY).write_text(json.dumps(facts))
    head = blocks(report(out, out=tmp_path / "page.html", audio="none").path)["head"]
    assert (head["summary"]["wer_interval"] is not None) is is_there
    assert any(fact[1] == "interval" for fact in head["provenance"]) is is_there
    assert json.loads((out / layout.SUMMARY).read_text()) == facts


def test_a_page_that_is_too_large_becomes_a_folder(folder, monkeypatch, tmp_path):
    """Named after the file that was asked for; made again, it is replaced."""
    monkeypatch.setattr(reporting, "LARGEST_FILE_BYTES", 100)
    for _ in range(2):
        found = report(folder / "base", out=tmp_path / "big.html", audio="worst:1")
        assert found.is_folder
    assert sorted(path.relative_to(tmp_path / "big").as_posix() for path in (tmp_path / "big").rglob("*.*")) == [
        f"clips/{blocks(found.path)['head']['clips'][0]}.mp3", "data/rows-0.js", "index.html",
    ]  # fmt: skip


def test_links_from_a_page_that_became_a_folder_lead_to_the_audio(folder, monkeypatch, tmp_path):
    """They start one folder deeper than the file that was asked for."""
    monkeypatch.setattr(reporting, "LARGEST_FILE_BYTES", 100)
    found = Path(report(folder / "base", out=tmp_path / "deep.html", audio="link").path)
    links = blocks(found)["head"]["audio"]
    assert (found.parent / links["base"] / "manifest.jsonl").is_file()
    assert (found.parent / links["top"]).resolve() == Path("/")


def test_words_are_those_of_each_run(source, tmp_path):
    """Where one failed, it has no words, and the other has its own."""
    for name, ids in (("a", "utt-003"), ("b", "utt-005")):
        earmark.evaluate(Failing(source.texts, ids=ids), source, out=str(tmp_path / name))
    head = blocks(report(tmp_path / "a", tmp_path / "b", out=tmp_path / "page.html", audio="none").path)["head"]
    own, other = head["columns"]["counts"]["words"], head["others"][0]["words"]
    assert [own[3], other[5]] == [0, 0]
    assert sum(own) == head["summary"]["num_reference_words"]
    assert sum(other) == head["others"][0]["summary"]["num_reference_words"]


def test_what_only_another_run_heard_has_its_reference(source, folder, tmp_path):
    """The page aligns the other by it, though the first run is not finished."""
    earmark.evaluate(Noisy(source.texts), f"{source.root}/manifest.jsonl", out=str(tmp_path / "run"), batch_size=2)
    next(iter((tmp_path / "run" / layout.PARTS).iterdir())).unlink()
    for name in (layout.SUMMARY, layout.SCORES):
        (tmp_path / "run" / name).unlink()
    held = blocks(report(tmp_path / "run", folder / "good", intersect=True, audio="none").path)
    assert 2 in held["head"]["columns"]["status"]
    assert all(held["rows-0"]["texts"][::4])


def test_a_limit_is_in_the_command(source, folder, tmp_path):
    """With its seed; without one there is neither."""
    manifest = f"{source.root}/manifest.jsonl"
    earmark.evaluate("noisy", manifest, out=str(tmp_path / "run"), limit=2, seed=3)
    assert " --limit 2 --seed 3 " in blocks(report(tmp_path / "run", audio="none").path)["head"]["command"]
    assert "--limit" not in blocks(report(folder / "base", out=tmp_path / "whole.html").path)["head"]["command"]


def test_nobodys_folder_and_page_are_written_over(folder, tmp_path):
    """A folder that is no report's is refused, with what to type."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("<h1>mine</h1>")
    with pytest.raises(FolderError) as caught:
        report(folder / "base", out=f"{tmp_path}/site/")
    assert "no report" in caught.value.cause
    with pytest.raises(UsageError, match="is a folder"):
        report(folder / "base", out=tmp_path / "site")


def test_what_cannot_be_made_says_why(folder, tmp_path):
    """No run, no such sound, the same run twice."""
    for runs, more in (
        ((), {}),
        ((tmp_path,), {}),
        ((folder / "base",), {"audio": "best"}),
        ((folder / "base", folder / "base"), {}),
    ):
        with pytest.raises(EarmarkError) as caught:
            report(*runs, **more)
        assert caught.value.exit_code == 2, runs


def test_the_command_prints_where_it_is(folder, capsys):
    """The path on stdout, everything else on stderr."""
    assert run(["report", str(folder / "base"), "-o", str(folder / "cli.html"), "--title", "A & <b>"]) == 0
    said = capsys.readouterr()
    assert said.out == f"{folder}/cli.html\n"
    assert "12 utterances, " in said.err
    assert "<title>A &amp; &lt;b&gt;</title>" in (folder / "cli.html").read_text()


def test_a_value_of_the_template_is_never_looked_at_again(folder, tmp_path):
    """Though it has the marks of the template in it."""
    path = report(folder / "base", out=tmp_path / "page.html", audio="none", title="{{script}} {{data}}").path
    assert "<title>{{script}} {{data}}</title>" in Path(path).read_text()
