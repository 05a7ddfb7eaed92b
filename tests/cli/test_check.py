from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from earmark.cli import check
from earmark.cli.main import run
from tests.toys import toy_source, write_manifest


@pytest.fixture
def manifest(tmp_path):
    return write_manifest(tmp_path / "m.jsonl", toy_source(tmp_path, 4, durations_s=[2.0, 2.5, 3.0, 3.5]))


@pytest.fixture
def earmark(capsys):
    """Runs a command line and gives its exit code, stdout and stderr."""

    def command(*words: object) -> tuple[int, str, str]:
        code = run([str(word) for word in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def test_usable_data_have_a_page_and_no_complaint(earmark, manifest):
    """Sizes, texts, lengths as a histogram, and what was decoded."""
    code, page, said = earmark("check", manifest)
    assert (code, said) == (0, "")
    for part in ("utterances  4, 0.2 minutes", "16 kHz 4", "decoded     4 of 4 (all)", "no problems found"):
        assert part in page
    assert "2 to 5 s  4  " + "█" * 30 in page


def test_json_is_one_object_and_nothing_else(earmark, manifest):
    """The same facts, on stdout alone."""
    code, out, said = earmark("check", manifest, "--json", "--decode", "none")
    assert (code, said) == (0, "")
    assert json.loads(out)["num_utterances"] == 4
    assert json.loads(out)["decoded"]["rule"] == "none"
    assert out.isascii()


def keys_of(value: object) -> set[str]:
    """All keys of an object, at any depth."""
    if isinstance(value, list):
        return set().union(*map(keys_of, value))
    return set(value) | keys_of(list(value.values())) if isinstance(value, dict) else set()


TOP_KEYS = [
    "schema_version", "verdict", "data", "num_utterances", "is_complete", "audio_s", "duration_s",
    "num_unknown_durations", "durations", "sample_rates_hz", "num_channels", "formats", "languages", "num_speakers",
    "speakers", "references", "characters", "decoded", "problems", "num_bad_rows", "bad_rows",
]  # fmt: skip


def test_json_has_the_keys_that_are_documented(earmark, manifest):
    """In their order, at any depth, and no others; a row is broken and a character strange, so that none is empty."""
    page = (Path(__file__).parents[2] / "docs" / "concepts" / "check.md").read_text()
    manifest.write_text(manifest.read_text() + '{"audio": "x", "text": "Ж"}\n{\n')
    found = json.loads(earmark("check", manifest, "--json")[1])
    assert list(found) == TOP_KEYS
    assert found["schema_version"] == 1
    documented = set(re.findall(r"`(\w+)`", page[page.index("## As JSON") :]))
    assert keys_of(found) <= documented
    assert {"from_s", "first_at", "is_control", "median", "column", "words_per_s"} <= keys_of(found)


def test_json_speaks_to_no_terminal_and_says_the_same(earmark, manifest):
    """Every kind of control character is escaped, and read back as it was."""
    strange = "\x00\x1b\x7f\x9b\u202e\u2028"
    rows = [{"id": f"{strange}{n}", "audio": f"{n}.wav", "text": strange} for n in range(2)]
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, text, _ = earmark("check", manifest, "--json")
    assert code == 2
    assert all(" " <= one <= "~" or one == "\n" for one in text)
    assert any(problem["first_id"] == f"{strange}0" for problem in json.loads(text)["problems"])


def test_a_long_check_says_how_far_it_is(earmark, manifest, monkeypatch):
    """On stderr alone; here after every utterance that is decoded, else every half minute."""
    monkeypatch.setattr(check, "_SAID_EVERY_S", 0.0)
    code, out, said = earmark("check", manifest, "--json")
    assert code == 0
    json.loads(out)
    assert said.splitlines()[-1] == "4 utterances looked at, 4 decoded"


def test_data_that_an_evaluation_refuses_are_listed_first(earmark, manifest):
    """Every bad row with its line, then exit code 2 with what it was."""
    manifest.write_text("{\n" + manifest.read_text() + "[]\n")
    code, page, said = earmark("check", manifest)
    assert code == 2
    assert "2  rows cannot be read" in page
    assert f"{manifest}:1:" in page
    assert f"{manifest}:6" in page
    assert "would not begin" in said
    assert "cause: 2 rows cannot be read" in said
    code, _, said = earmark("eval", "echo", "--data", manifest)
    assert code == 2
    assert f"earmark check {manifest} lists all that is broken" in said


def test_utterances_that_would_fail_are_exit_code_3(earmark, manifest, tmp_path):
    """As in an evaluation that allows none to fail."""
    (tmp_path / "000.wav").unlink()
    assert earmark("check", manifest)[0] == 2
    code, page, said = earmark("check", manifest, "--missing-audio", "fail")
    assert code == 3
    assert "an evaluation would begin, and these utterances fail" in page
    assert "earmark eval --max-errors 1\n" in said
    (tmp_path / "001.wav").write_bytes(b"no audio")
    assert "--max-errors 2\n" in earmark("check", manifest, "--missing-audio", "fail")[2]
    rest = earmark("check", manifest, "--missing-audio", "fail", "--decode", "none")[2]
    assert "--max-errors 2, or more: not all was decoded\n" in rest


def test_texts_and_names_do_not_speak_to_the_terminal(earmark, manifest):
    """Control characters of ids, names and references are spelled out."""
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    rows[0] |= {"id": "\x1b[31mred\u202e", "text": "bell\x07", "speaker": "\x1b]0;title\x07"}
    rows[1] |= {"audio": "\x1b[2J.wav"}
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    _, page, said = earmark("check", manifest)
    assert not any(one in page + said for one in "\x1b\x07\u202e")
    assert "\\x1b[31mred\\u202e" in page


def test_long_names_do_not_flood_the_page(earmark, manifest):
    """An id, a speaker and a name of a column of a hundred thousand characters; JSON has them whole."""
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    long = "x" * 100_000
    rows[0] |= {"id": long, "speaker": long, "text": " "}
    rows.append({long: 1})
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    _, page, said = earmark("check", manifest)
    assert len(page + said) < 5_000
    assert long in earmark("check", manifest, "--json")[1]


@pytest.mark.parametrize("words", [["--decode", "some"], ["--limit", "0"], ["--no-such-flag"], ["--normalizer", "x"]])
def test_a_flag_that_means_nothing_is_bad_usage(earmark, manifest, words):
    """Exit code 2, and nothing on stdout."""
    code, out, said = earmark("check", manifest, *words)
    assert (code, out) == (2, "")
    assert said.startswith("error: ")
