from __future__ import annotations

import json
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import earmark
from earmark.errors import ManifestError, MissingColumnError, UsageError
from tests.sources.loopback import serving
from tests.toys import write_wav


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Counter[str]]]:
    """Three clips and a manifest of five rows, of which the second and the last are broken."""
    folder = tmp_path / "www"
    rows = []
    for name in "abc":
        write_wav(folder / f"{name}.wav", 1.0, seed=ord(name))
        rows.append(json.dumps({"id": name, "audio": f"{name}.wav", "text": f"the text of {name}"}))
    rows.insert(1, '{"id": "x" "audio": "a.wav"}')
    (folder / "m.jsonl").write_text("\n".join([*rows, "[]", ""]))
    (folder / "doubled.csv").write_text("audio,text,text\na.wav,hello,hello\n")
    (folder / "m.csv").write_text("audio,words\na.wav,hello\n")
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))
    with serving(folder) as (url, asked):
        monkeypatch.setenv("EARMARK_ALLOW_PRIVATE", "127.0.0.1")
        yield url, asked


def test_broken_rows_of_data_elsewhere_are_counted_under_the_name_that_was_given(server):
    """Each once, though the rows are read to bring the audio, to look at it, and to listen to it."""
    url, _ = server
    found = earmark.check(f"{url}/m.jsonl")
    assert found.data == f"{url}/m.jsonl"
    assert [(row.path, row.line) for row in found.bad_rows] == [(f"{url}/m.jsonl", 2), (f"{url}/m.jsonl", 5)]
    assert (found.num_utterances, found.decoded.num_utterances, found.is_complete) == (3, 3, True)
    assert [problem.kind for problem in found.problems] == ["bad_row"]
    assert found.problems[0].first_at == f"{url}/m.jsonl:2"


def test_a_limit_brings_no_more_than_is_looked_at(server):
    """Neither the audio of the others, nor complaints about rows behind the last of them."""
    url, asked = server
    found = earmark.check(f"{url}/m.jsonl", limit=2)
    assert (found.num_utterances, found.num_bad_rows) == (2, 1)
    assert sorted(asked) == ["/a.wav", "/b.wav", "/m.jsonl"]


def test_a_message_about_data_elsewhere_names_what_the_user_typed(server, tmp_path):
    """Of an evaluation as of a check: the place in the cache says nothing to anybody."""
    url, _ = server
    with pytest.raises(MissingColumnError) as no_column:
        earmark.check(f"{url}/m.csv")
    with pytest.raises(ManifestError) as broken:
        earmark.evaluate("echo", f"{url}/m.jsonl", out=tmp_path / "run")
    assert broken.value.path == f"{url}/m.jsonl"
    assert broken.value.line == 2
    assert (broken.value.hint or "").endswith(f"earmark check {url}/m.jsonl lists all that is broken")
    for error in (no_column.value, broken.value):
        said = " ".join([str(error), error.what, error.cause or "", error.hint or ""])
        assert f"{url}/m." in said
        assert "cache" not in said


def test_what_is_not_there_is_one_clear_error(server):
    """No such file on the server, and no server."""
    url, _ = server
    with pytest.raises(earmark.EarmarkError, match=r"cannot fetch http://127\.0\.0\.1.*/gone\.jsonl"):
        earmark.check(f"{url}/gone.jsonl")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(earmark.EarmarkError, match="cannot fetch"):
            earmark.check(f"http://127.0.0.1:{nobody.getsockname()[1]}/m.jsonl")
    with pytest.raises(ManifestError, match=r"doubled\.csv:1: two columns are called 'text'"):
        earmark.check(f"{url}/doubled.csv")
    with pytest.raises(UsageError, match="cannot tell what"):
        earmark.check(f"{url}/folder")
