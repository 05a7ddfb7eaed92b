"""Every export opens in the program that it is for, and says there what the run says; of toys, and of real speech."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import earmark
from earmark.errors import RecognizerError
from earmark.formats.exports import EXPORTS
from earmark.recognizers.doubles import Noisy
from tests.scoring.nist import SCTK, needs_sctk
from tests.toys import WithTimes, toy_source

FAILED, SILENT = "utt-003", "utt-005"
OPENED = {
    "jsonl", "csv", "results-csv", "results-summary-csv", "mistakes", "nemo", "open-asr", "hf-eval-results", "trn",
    "trn-ref", "ctm", "stm", "kaldi", "kaldi-ref", "icefall", "seglst", "srt", "vtt", "speechbrain", "md", "latex",
}  # fmt: skip


class Spoken(WithTimes, Noisy):
    """Says it with errors and times; hears nothing in one utterance, and fails of another."""

    def text(self, waveform: Any) -> str:
        if waveform.utterance_id == FAILED:
            raise RecognizerError("the toy fails", "it was asked to")
        return "" if waveform.utterance_id == SILENT else super().text(waveform)


@dataclasses.dataclass(frozen=True)
class Run:
    """A run, and all that it is exported as, a file or a folder under the name of the format."""

    folder: Path
    exports: Path

    @property
    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "summary.json").read_bytes())
        return found

    @property
    def rows(self) -> list[dict[str, Any]]:
        """As the JSON Lines have them."""
        return [json.loads(line) for line in (self.exports / "jsonl").read_text().splitlines()]

    @property
    def texts(self) -> dict[str, tuple[str, str]]:
        """What was said and heard, by id, of what was scored."""
        return {one["id"]: (one["reference"], one["hypothesis"]) for one in self.rows if one["status"] == "scored"}

    def text(self, name: str) -> str:
        return (self.exports / name).read_text(encoding="utf-8")


def exported(folder: Path, names: set[str]) -> Run:
    """In all formats of these names; those with a file for each recording in a folder."""
    out = folder.parent / f"{folder.name} exported"
    for name in names:
        place = f"{out / name}/" if name in ("srt", "vtt", "open-asr") else out / name
        assert earmark.export(folder, name, place) > 0
    return Run(folder, out)


def toy_run(folder: Path) -> Run:
    """Twelve noises, with signs that mean something to somebody."""
    source = toy_source(folder / "data", 12)
    items = list(source.items)
    items[1] = dataclasses.replace(items[1], reference='=1+2 "zwölf", naïve; a|b it\'s')
    hub = dataclasses.replace(source, items=tuple(items), name=f"hf:owner/set@{'0' * 40}:test")
    said = Spoken(hub.texts, error_rate=0.3)
    earmark.evaluate(said, hub, out=str(folder / "run"), engine="inline", normalizer="none")
    return exported(folder / "run", set(EXPORTS.entries()))


def real_run(folder: Path, data: Path) -> Run:
    """Six spoken digits, which are no data set of the hub."""
    manifest = str(data / "digits" / "manifest.jsonl")
    earmark.evaluate("pocketsphinx", manifest, limit=6, out=folder / "run", engine="inline", normalizer="none")
    return exported(folder / "run", set(EXPORTS.entries()) - {"hf-eval-results"})


@pytest.fixture(scope="module", params=["toys", "real speech"])
def run(request, tmp_path_factory) -> Run:
    """Either."""
    folder = tmp_path_factory.mktemp("consumers")
    if request.param == "toys":
        return toy_run(folder)
    return real_run(folder, request.getfixturevalue("data_folder"))


@pytest.fixture(scope="module")
def nist(run) -> Run:
    """The same, counted by NIST's rules."""
    folder = run.folder.parent / "counted by nist"
    shutil.copytree(run.folder, folder)
    earmark.score(folder, normalizer="none", scorer="sclite")
    return exported(folder, {"trn", "trn-ref", "ctm", "stm"})


def sclite(run: Run, words: str) -> str:
    command = [str(SCTK), "sclite", "-s", *words.split()]
    return subprocess.run(command, cwd=run.exports, capture_output=True, text=True, check=True, timeout=60).stdout


def counted(report: str) -> list[int]:
    """Utterances, words, right, S, D, I of sclite's table."""
    [found] = re.findall(r"^ *\| Sum +\| +(\d+) +(\d+) \| +(\d+) +(\d+) +(\d+) +(\d+)", report, re.MULTILINE)
    return list(map(int, found))


def counts(run: Run) -> list[int]:
    facts = run.summary
    names = ("num_scored", "num_reference_words", "hits", "substitutions", "deletions", "insertions")
    return [facts[name] for name in names]


@needs_sctk
def test_sclite_counts_trn_and_ctm_with_stm_as_the_run(nist):
    """By ids, and by times: every hit, substitution, deletion and insertion."""
    assert counted(sclite(nist, "-r trn-ref trn -h trn trn -i rm -o rsum stdout")) == counts(nist)
    assert counted(sclite(nist, "-r stm stm -h ctm ctm -o rsum stdout")) == counts(nist)


def test_pandas_reads_the_tables(run):
    """A row an utterance, or a mistake, with the run's own counts; a formula of a spreadsheet is none."""
    pandas = pytest.importorskip("pandas")
    scored = len(run.texts)
    found = pandas.read_json(run.exports / "jsonl", lines=True)
    assert len(found) == run.summary["num_utterances"]
    assert (found["status"] == "scored").sum() == scored
    table = pandas.read_csv(run.exports / "csv", keep_default_na=False)
    assert table["id"].tolist() == found["id"].tolist()
    assert table["hypothesis"].str.lstrip("'").tolist() == [
        str(text or "").lstrip("'") for text in found["hypothesis"].where(found["hypothesis"].notna(), "")
    ]
    assert not table["reference"].str.startswith("=").any()
    results = pandas.read_csv(run.exports / "results-csv", keep_default_na=False)
    assert len(results) == scored
    assert {"transcriptions", "original_text", "dataset", "split"} <= set(results)
    workers = pandas.read_csv(run.exports / "results-summary-csv")
    assert {"num_samples", "wer", "rtfx", "total_time", "total_audio_length"} <= set(workers)
    assert workers["num_samples"].sum() == run.summary["num_utterances"]
    mistakes = pandas.read_parquet(run.exports / "mistakes")
    assert {"index", "reference", "prediction", "diff", "sample_wer", "sample_cer", "gpu_rank"} <= set(mistakes)
    assert len(mistakes) == sum(said.split() != heard.split() for said, heard in run.texts.values())


def kaldi(text: str) -> dict[str, str]:
    """As Kaldi reads a table: sorted lines, the key up to the first space."""
    lines = text.splitlines()
    assert lines == sorted(lines, key=lambda line: line.split(" ", 1)[0].encode())
    return {key: words for key, _, words in (line.partition(" ") for line in lines)}


def test_jiwer_and_kaldialign_find_the_runs_rate_in_kaldis_texts(run):
    """Two other scorers, from the texts alone."""
    jiwer, kaldialign = pytest.importorskip("jiwer"), pytest.importorskip("kaldialign")
    heard, said = kaldi(run.text("kaldi")), kaldi(run.text("kaldi-ref"))
    assert set(heard) == set(run.texts)
    references, hypotheses = [said[name] for name in heard], list(heard.values())
    assert jiwer.wer(references, hypotheses) == pytest.approx(run.summary["wer"])
    found = [kaldialign.edit_distance(*map(str.split, pair)) for pair in zip(references, hypotheses, strict=True)]
    num_errors = sum(run.summary[name] for name in ("substitutions", "deletions", "insertions"))
    assert sum(one["total"] for one in found) == num_errors


def test_icefalls_reader_finds_both_texts(run):
    """An id, a tab, and a list of Python, twice."""
    found: dict[str, dict[str, str]] = {}
    for line in filter(None, run.text("icefall").splitlines()):
        name, _, rest = line.partition(":\t")
        side, _, words = rest.partition("=")
        found.setdefault(name, {})[side] = " ".join(ast.literal_eval(words))
    assert {name: (one["ref"], one["hyp"]) for name, one in found.items()} == run.texts


def test_nemos_manifest_has_the_fields_that_its_tools_read(run):
    """The data explorer and ``transcribe_speech.py`` look for these names, each a text or a number."""
    kinds = {"audio_filepath": str, "duration": float, "text": str, "pred_text": str}
    rows = [json.loads(line) for line in run.text("nemo").splitlines()]
    assert [row["pred_text"] for row in rows] == [heard for _, heard in run.texts.values()]
    assert all(isinstance(row[name], kind) for row in rows for name, kind in kinds.items())


@pytest.mark.soak
def test_nemo_reads_its_manifest(run):
    """By the function that its own tools call."""
    reading = pytest.importorskip("nemo.collections.asr.parts.utils.manifest_utils")
    found = [(row["text"], row["pred_text"]) for row in reading.read_manifest(str(run.exports / "nemo"))]
    assert found == list(run.texts.values())


def test_the_leaderboards_scorer_finds_its_file_and_its_fields(run):
    """By the name, of which it makes model and data; a rate and a speed follow from the rows alone."""
    kaldialign = pytest.importorskip("kaldialign")
    [path] = (run.exports / "open-asr").iterdir()
    assert re.fullmatch(r"MODEL_[^/]+_DATASET_[^/]+_[^_/]+\.jsonl", path.name)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert all(set(row) == {"audio_filepath", "duration", "time", "text", "pred_text"} for row in rows)
    pairs = ([row["text"].split() for row in rows], [row["pred_text"].split() for row in rows])
    found = kaldialign.batch_error_rate(*pairs, merge_compounds=False)
    assert found["err_rate"] == pytest.approx(run.summary["wer"])
    assert sum(row["duration"] for row in rows) / sum(row["time"] for row in rows) > 0


def test_the_hub_reads_its_evaluation_results(run):
    """By the hub's own client, which refuses what its pages would."""
    hub = pytest.importorskip("huggingface_hub")
    yaml = pytest.importorskip("yaml")
    if not (run.exports / "hf-eval-results").exists():
        pytest.skip("no data of the hub")
    [found] = hub.parse_eval_result_entries(yaml.safe_load(run.text("hf-eval-results")))
    assert (found.dataset_id, found.dataset_revision) == ("owner/set", "0" * 40)
    assert found.value == pytest.approx(100 * run.summary["wer"], abs=0.005)


def test_segments_have_what_meeteval_asks_for(run):
    """A list of objects with these keys; times in order, and texts that say the run."""
    found = json.loads(run.text("seglst"))
    keys = {"session_id", "speaker", "start_time", "end_time", "words"}
    assert all(keys <= set(one) and 0 <= one["start_time"] < one["end_time"] for one in found)
    assert sorted(one["words"] for one in found) == sorted(heard for _, heard in run.texts.values())


def cues(path: Path) -> list[tuple[Fraction, Fraction, str]]:
    """Begin, end and text of each, as FFmpeg's demuxer reads them."""
    av = pytest.importorskip("av")
    with av.open(str(path)) as container:
        packets = [one for one in container.demux() if one.size]
        return [
            (one.pts * one.time_base, (one.pts + one.duration) * one.time_base, bytes(one).decode()) for one in packets
        ]


SUBTITLES: dict[str, Callable[[str], str]] = {
    "srt": lambda text: text,
    "vtt": lambda text: text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"),
}


@pytest.mark.parametrize("name", SUBTITLES)
def test_players_show_the_subtitles(run, name):
    """FFmpeg opens each file and finds every word, in cues that begin before they end and do not overlap."""
    said = []
    for path in sorted((run.exports / name).iterdir()):
        found = cues(path)
        assert all(begin < end for begin, end, _ in found), path
        assert all(one[1] <= after[0] for one, after in pairwise(found)), path
        said.append(" ".join(SUBTITLES[name](text) for _, _, text in found).split())
    assert sorted(filter(None, said)) == sorted(heard.split() for _, heard in run.texts.values() if heard)


def test_a_page_shows_the_markdown_as_one_table(run):
    """By a parser of CommonMark with tables: as many cells in the row as in the head, and the rate among them."""
    markdown = pytest.importorskip("markdown_it").MarkdownIt("commonmark").enable("table")
    tokens = markdown.parse(run.text("md"))
    kinds = [token.type for token in tokens]
    assert kinds.count("table_open") == 1
    assert kinds.count("th_open") == kinds.count("td_open")
    cells = [
        token.content for before, token in pairwise(tokens) if before.type == "td_open"
    ]  # fmt: skip
    assert f"{100 * run.summary['wer']:.2f}" in cells


def test_latex_has_a_cell_for_each_of_its_columns(run):
    """Counted by hand: one more or less is what its compiler refuses first."""
    text = run.text("latex")
    [columns] = re.findall(r"\\begin\{tabular\}\{([lcr]+)\}", text)
    rows = [line for line in text.splitlines() if line.rstrip().endswith(r"\\")]
    assert len(rows) == 2
    assert all(len(re.findall(r"(?<!\\)&", row)) + 1 == len(columns) for row in rows)
    assert text.count("{") == text.count("}")


def test_speechbrains_summary_is_its_dict(run):
    """With its own names, of which its recipes print the line of Kaldi."""
    found = json.loads(run.text("speechbrain"))
    assert found["WER"] == pytest.approx(100 * run.summary["wer"])
    assert found["num_scored_sents"] == run.summary["num_scored"]


def test_no_format_is_without_its_program():
    """A new one fails here until somebody opens it; sclite's own reports are compared in ``test_sclite_files``."""
    assert set(EXPORTS.entries()) == OPENED | {"pra", "dtl", "sys"}
