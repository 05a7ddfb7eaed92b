"""Data sets of the hub, by the hub's own client and a hub on loopback; it reads HF_ENDPOINT once, so in processes."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from earmark.errors import UsageError
from earmark.sources.hugging_face import HubName
from tests.fetching.servers import Repository, Server, hub
from tests.sources.embedding import clip, shard

OLD, NEW, CONVERSION = "a" * 40, "b" * 40, "c" * 40
TOKEN = "hf_canary0123456789"  # noqa: S105  # of a server that lives as long as the test

README = b"""---
configs:
- config_name: es_419
  default: true
  data_files:
  - {split: test, path: es_419/test-*}
  - {split: train, path: es_419/train-*}
- config_name: en_us
  data_files: [{split: test, path: en_us/test-*}]
---
"""

LOOK = """
import hashlib, itertools, json, sys
from pathlib import Path
from earmark.errors import EarmarkError
from earmark.fetching import FetchOptions
from earmark.sources import open_source
for call in json.loads(sys.argv[1]):
    try:
        options = FetchOptions(offline=call.pop("offline", False))
        source = open_source(call.pop("name"), fetching=options, **call)
        rows = [[u.id, u.reference, hashlib.sha256(Path(source.root, u.audio.uri).read_bytes()).hexdigest()]
                for u in source.utterances()]
        answer = {"name": source.name, "fingerprint": source.fingerprint, "rows": rows}
    except EarmarkError as error:
        answer = {"error": type(error).__name__, "kind": getattr(error, "kind", None), "what": error.what,
                  "cause": error.cause, "hint": error.hint}
    print(json.dumps(answer))
"""


class Looker:
    """Opens data sets and reads all their rows, in a process of its own, with this hub as the only one."""

    def __init__(self, server: Server, tmp_path: Path) -> None:
        self.server = server
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("HF_")},
            "HF_ENDPOINT": server.url,
            "HF_HOME": str(tmp_path / "hf"),
            "EARMARK_CACHE": str(tmp_path / "cache"),
        }

    def __call__(self, *calls: dict[str, Any], **environment: str) -> list[dict[str, Any]]:
        done = self.run("-c", LOOK, json.dumps(calls), **environment)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words],
            env={**self.environment, **environment},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    def fetched(self) -> set[str]:
        """The files whose bytes were asked for."""
        return {one.path.split("/resolve/")[1] for one in self.server.requests if "/resolve/" in one.path}


def rows(split: str, first: int, count: int, start: int = 0) -> list[list[str]]:
    numbers = range(first, first + count)
    return [[f"{split}/{start + n - first}", f"text {n}", sha256(clip(n)).hexdigest()] for n in numbers]


@pytest.fixture
def repositories() -> dict[str, Repository]:
    old = {"README.md": README, "es_419/test-0.parquet": shard(90, 1)}
    new = {
        "README.md": README,
        "es_419/test-00000-of-00002.parquet": shard(0, 4),
        "es_419/test-00001-of-00002.parquet": shard(4, 3),
        "es_419/train-00000-of-00001.parquet": shard(20, 1),
        "en_us/test-00000-of-00001.parquet": shard(30, 1),
    }
    plain = {"data/test-00000-of-00001.parquet": shard(40, 2)}
    scripted = {"README.md": b"# no head", "fleurs.py": b"pass", "data/es_419/test.tsv": b"1\tx\n"}
    converted = {"es_419/test/0000.parquet": shard(50, 2), "es_419/partial-train/0000.parquet": shard(60, 1)}
    return {
        "datasets/owner/many": Repository({OLD: old, NEW: new}, {"main": NEW, "v1": OLD}),
        "datasets/astroza/es-cl-asr-test-only": Repository({OLD: plain}, {"main": OLD}),
        "datasets/google/fleurs": Repository(
            {OLD: scripted, CONVERSION: converted}, {"main": OLD, "refs/convert/parquet": CONVERSION}
        ),
        "datasets/owner/nothing": Repository({OLD: {"x.txt": b"x"}}, {"main": OLD}),
        "datasets/owner/gated": Repository({OLD: plain}, {"main": OLD}, is_gated=True),
    }


@pytest.fixture
def look(repositories: dict[str, Repository], tmp_path: Path) -> Iterator[Looker]:
    with hub(repositories) as server:
        yield Looker(server, tmp_path)


def test_a_split_is_read_at_the_commit_that_its_revision_names(look: Looker):
    """A branch, a tag, a commit and none: the rows of that commit, whose name is the one that is recorded."""
    default, named, tag, commit, english = look(
        {"name": "hf:owner/many:test"},
        {"name": "hf:datasets/owner/many@main/es_419:test"},
        {"name": "hf:owner/many@v1/es_419:test"},
        {"name": f"hf:owner/many@{NEW}/es_419:test"},
        {"name": "hf:owner/many/en_us"},
    )
    assert default["rows"] == rows("test", 0, 7)
    assert default["name"] == f"hf:owner/many@{NEW}/es_419:test"
    assert named == commit == default
    assert tag["rows"] == rows("test", 90, 1)
    assert tag["name"] == f"hf:owner/many@{OLD}/es_419:test"
    assert (english["name"], english["rows"]) == (f"hf:owner/many@{NEW}/en_us:test", rows("test", 30, 1))
    assert len({one["fingerprint"] for one in (default, tag, english)}) == 3
    assert (
        len(
            [
                one
                for one in look.server.requests
                if f"/resolve/{NEW}/es_419/test-00000" in one.path and one.method == "GET"
            ]
        )
        == 1
    )


def test_the_set_of_the_chilean_leaderboard_is_there_by_its_name(look: Looker):
    """One configuration and one split need no word."""
    (found,) = look({"name": "hf:astroza/es-cl-asr-test-only"})
    assert found["rows"] == rows("test", 40, 2)
    assert found["name"] == f"hf:astroza/es-cl-asr-test-only@{OLD}:test"


@pytest.mark.parametrize("limit", [3, 4])
def test_a_limit_fetches_only_the_shards_that_it_needs(look: Looker, limit: int):
    """Three rows of seven lie in the first of two shards, and four fill it: the second is asked for by the fifth."""
    (found,) = look({"name": "hf:owner/many/es_419:test", "limit": str(limit)})
    assert found["rows"] == rows("test", 0, limit)
    first = {f"{NEW}/README.md", f"{NEW}/es_419/test-00000-of-00002.parquet"}
    assert look.fetched() == first
    done = look.run("-m", "earmark", "check", "hf:owner/many/es_419:test", "--limit", str(limit), "--json")
    assert (done.returncode, json.loads(done.stdout)["num_utterances"]) == (0, limit), done.stderr
    assert look.fetched() == first
    look({"name": "hf:owner/many/es_419:test", "limit": "5"})
    assert look.fetched() == {*first, f"{NEW}/es_419/test-00001-of-00002.parquet"}


def test_one_file_of_a_data_set_has_a_name(look: Looker):
    """Its path stands where the configuration would."""
    found, absent = look(
        {"name": "hf:owner/many@main/es_419/test-00001-of-00002.parquet"}, {"name": "hf:owner/many/no.parquet"}
    )
    assert found["rows"] == rows("test", 4, 3)
    assert found["name"] == f"hf:owner/many@{NEW}/es_419/test-00001-of-00002.parquet"
    assert (absent["error"], absent["kind"]) == ("FetchError", "missing")


def test_what_is_no_parquet_is_read_as_the_hub_converted_it(look: Looker):
    """By the conversion's own commit, which is recorded; a part of a split is none; a revision is not passed over."""
    found, part, pinned, again = look(
        {"name": "hf:google/fleurs/es_419:test"},
        {"name": "hf:google/fleurs/es_419:train"},
        {"name": f"hf:google/fleurs@{OLD}/es_419:test"},
        {"name": f"hf:google/fleurs@{CONVERSION}/es_419:test"},
    )
    assert found["rows"] == rows("test", 50, 2)
    assert found["name"] == f"hf:google/fleurs@{CONVERSION}/es_419:test"
    assert (part["error"], part["cause"]) == ("UnknownNameError", "known: test")
    assert pinned["error"] == "UsageError"
    assert pinned["hint"].endswith(f" hf:google/fleurs@{CONVERSION}/es_419:test")
    assert again == found
    (nothing,) = look({"name": "hf:owner/nothing:test"})
    assert nothing["error"] == "UsageError"
    assert "the hub has converted none" in nothing["cause"]


def test_unknown_names_are_answered_with_the_known_ones(look: Looker):
    """Configuration, split, repository and revision."""
    config, split, repository, revision = look(
        {"name": "hf:owner/many/es_149:test"},
        {"name": "hf:owner/many/es_419:tests"},
        {"name": "hf:owner/none:test"},
        {"name": "hf:owner/many@v9/es_419:test"},
    )
    assert (config["error"], config["cause"], config["hint"]) == (
        "UnknownNameError", "known: en_us, es_419", "did you mean es_419?",
    )  # fmt: skip
    assert (split["what"], split["hint"]) == ("no split of hf:owner/many/es_419 'tests'", "did you mean test?")
    assert (repository["error"], repository["kind"]) == ("FetchError", "missing")
    assert (revision["error"], revision["kind"]) == ("FetchError", "missing")


def test_a_gated_set_says_how_to_give_a_token_and_never_prints_it(look: Looker):
    """Without one: where to accept the terms. With one: the rows, and the token goes only to the hub."""
    (refused,) = look({"name": "hf:owner/gated:test"})
    assert (refused["kind"], "HF_TOKEN" in refused["hint"]) == ("denied", True)
    (found,) = look({"name": "hf:owner/gated:test"}, HF_TOKEN=TOKEN)
    assert found["rows"] == rows("test", 40, 2)
    assert TOKEN not in json.dumps([refused, found])


def test_what_was_read_once_is_read_again_without_a_network(look: Looker, tmp_path: Path):
    """``--offline``: the same rows, and no request; what was never asked for is told."""
    name = "hf:owner/many/es_419:test"
    (first,) = look({"name": name})
    num_requests = len(look.server.requests)
    again, never = look({"name": name, "offline": True}, {"name": "hf:owner/gated:test", "offline": True})
    assert again == first
    assert (never["error"], never["kind"]) == ("FetchError", "offline")
    assert len(look.server.requests) == num_requests


def test_without_a_network_it_is_told_what_to_bring_and_the_two_lines_work(look: Looker, tmp_path: Path):
    """Repository, revision, files and sizes where they are known; what is brought so has the same identity."""
    name = "hf:owner/many/es_419:test"
    (unknown,) = look({"name": name, "offline": True})
    assert (unknown["kind"], "owner/many at its main line" in unknown["cause"]) == ("offline", True)
    assert unknown["hint"].splitlines()[1:] == [
        "hf download owner/many --repo-type dataset --local-dir many",
        "and then --data parquet:many/es_419:test",
    ]
    (part,) = look({"name": name, "limit": "3"})
    (known,) = look({"name": name, "offline": True})
    sizes = [
        f"es_419/test-0000{n}-of-00002.parquet ({len(shard(*one)):,} bytes)" for n, one in enumerate([(0, 4), (4, 3)])
    ]
    assert known["kind"] == "offline"
    assert known["cause"].splitlines()[1:] == [f"wanted of the data set owner/many at {NEW}: ", *sizes]
    _, download, then = known["hint"].splitlines()
    assert f"--revision {NEW}" in download
    command = [str(Path(sys.executable).parent / "hf"), *shlex.split(download)[1:]]
    environment = {**look.environment, "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "many" / "en_us").exists()
    typed = shlex.split(then)[-1].replace("parquet:", f"parquet:{tmp_path}/")
    brought, fetched = look({"name": typed, "offline": True}, {"name": name})
    assert (brought["rows"], brought["fingerprint"]) == (rows("test", 0, 7), fetched["fingerprint"])
    assert part["rows"] == brought["rows"][:3]


def test_an_evaluation_by_name_records_the_commit(look: Looker, tmp_path: Path):
    """The command line, worker processes and a limit: the run's identity holds what the name led to."""
    out = tmp_path / "run"
    words = ["-m", "earmark", "eval", "noisy", "--data", "hf:owner/many/es_419:test", "--limit", "3", "--out", str(out)]
    done = look.run(*words, "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert json.loads((out / "spec.json").read_text())["data"]["name"] == f"hf:owner/many@{NEW}/es_419:test"
    assert json.loads((out / "summary.json").read_text())["num_scored"] == 3
    assert look.fetched() == {f"{NEW}/README.md", f"{NEW}/es_419/test-00000-of-00002.parquet"}


@pytest.mark.parametrize("name", ["", "owner", "owner/name@", "owner/name:", "owner/name/x:y/z", "/b/c"])
def test_a_name_that_is_none_is_refused(name: str):
    """The message says the form."""
    with pytest.raises(UsageError, match="names no data set"):
        HubName.parse(name)


def test_the_parts_of_a_name():
    """Each may be left out but the repository."""
    assert HubName.parse("google/fleurs@refs/pr/3/es_419:test") == HubName(
        "google/fleurs", "refs/pr/3", "es_419", "test"
    )
    assert HubName.parse("a/b:test.clean") == HubName("a/b", None, None, "test.clean")
    assert HubName.parse("//datasets/a/b") == HubName("a/b", None, None, None)
