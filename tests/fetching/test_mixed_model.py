"""One model from a hub, a folder here and a URL, with a name that could be two things: the case of the seed."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from pocketsphinx import get_model_path

from earmark.errors import FetchError
from earmark.fetching import FetchOptions
from earmark.recognizers.pocketsphinx import PocketSphinx
from tests.fetching.servers import Repository, Server, hub, serving

WHEEL = Path(get_model_path("en-us"))
COMMIT = "c" * 40
DEMO = Path(str(files("earmark") / "demo"))


@pytest.fixture(scope="module")
def acoustic() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((WHEEL / "en-us").iterdir())}


@pytest.fixture
def parts(tmp_path: Path, acoustic: dict[str, bytes]) -> Iterator[tuple[Server, Server]]:
    """The acoustic model on a hub, the language model at a URL, and the dictionary in the working folder."""
    shutil.copy(WHEEL / "cmudict-en-us.dict", tmp_path / "local.dict")
    row = json.loads((DEMO / "manifest.jsonl").read_text(encoding="utf-8").splitlines()[0])
    row["audio"] = str(DEMO / row["audio"])
    (tmp_path / "one.jsonl").write_text(json.dumps(row), encoding="utf-8")
    repository = Repository({COMMIT: {f"en-us/{name}": body for name, body in acoustic.items()}}, {"main": COMMIT})
    with hub({"models/speech/en-us": repository}) as models, serving() as web:
        web.files["/lm.bin"] = (WHEEL / "en-us.lm.bin").read_bytes()
        yield models, web


class Program:
    """The command line in a folder, with the hub and the web server of a test."""

    def __init__(self, folder: Path, models: Server) -> None:
        self.folder = folder
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("HF_", "EARMARK_"))},
            "HF_ENDPOINT": models.url,
            "HF_HOME": str(folder / "hf"),
            "EARMARK_CACHE": str(folder / "cache"),
            "EARMARK_ALLOW_PRIVATE": "127.0.0.1",
            "NO_COLOR": "1",
        }

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "earmark", *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


def evaluation(web: Server, out: str, hmm: str, *more: str, lm: str | None = None) -> list[str]:
    settings = [f"hmm={hmm}", "dictionary=./local.dict", f"lm={lm or f'{web.url}/lm.bin'}"]
    sets = [word for setting in settings for word in ("--set", setting)]
    return ["eval", "pocketsphinx", "-d", "one.jsonl", "--out", out, *sets, *more]


def test_a_model_is_put_together_from_a_hub_a_folder_and_a_url(parts, tmp_path: Path, acoustic):
    """A name that is a folder here, too, is refused; said clearly, it runs, is recorded, and resumes offline."""
    models, web = parts
    earmark = Program(tmp_path, models)
    (tmp_path / "speech").mkdir()
    (tmp_path / "speech" / "en-us").symlink_to(WHEEL / "en-us")

    refused = earmark(*evaluation(web, "run", "speech/en-us"))
    assert refused.returncode == 2
    assert "could be two things" in refused.stderr
    assert "./speech/en-us is the local one; hf:speech/en-us is the hub's" in refused.stderr
    assert not (tmp_path / "run").exists()

    done = earmark(*evaluation(web, "run", "hf:speech/en-us/en-us", "--workers", "1"))
    assert done.returncode == 0, done.stderr
    assert f"fetch  {web.url}/lm.bin" in done.stderr
    assert f"got    {web.url}/lm.bin" in done.stderr
    check_sources(tmp_path / "run", web, acoustic)

    # The same bytes from elsewhere are the same run, so there is nothing left to do.
    again = earmark(*evaluation(web, "run", "./speech/en-us", "--engine", "inline"))
    assert again.returncode == 0, again.stderr
    assert "1 of 1 are done already" in again.stderr

    num_requests = len(models.requests) + len(web.requests)
    offline = earmark(*evaluation(web, "offline", "hf:speech/en-us/en-us", "--offline", "--engine", "inline"))
    assert offline.returncode == 0, offline.stderr
    assert len(models.requests) + len(web.requests) == num_requests
    assert scores_hash(tmp_path / "offline") == scores_hash(tmp_path / "run")

    # Other bytes at the URL are another model, and the message names the part.
    web.files["/lm.bin"] = web.files["/lm.bin"] + b"\0"
    changed = earmark(*evaluation(web, "run", "hf:speech/en-us/en-us"))
    assert changed.returncode == 2
    assert "recognizer.sources.lm was" in changed.stderr


def check_sources(run: Path, web: Server, acoustic: dict[str, bytes]) -> None:
    found = json.loads((run / "spec.json").read_text(encoding="utf-8"))["recognizer"]["sources"]
    dictionary, hmm, lm = found
    assert [one["role"] for one in found] == ["dictionary", "hmm", "lm"]
    assert [one["kind"] for one in found] == ["local", "hub", "url"]
    assert [one["name"] for one in found] == ["./local.dict", "hf:speech/en-us/en-us", f"{web.url}/lm.bin"]
    assert [one["revision"] is not None for one in found] == [False, True, True]
    assert hmm["revision"] == COMMIT
    assert lm["sha256"] == hashlib.sha256((WHEEL / "en-us.lm.bin").read_bytes()).hexdigest()
    assert dictionary["sha256"] == hashlib.sha256((WHEEL / "cmudict-en-us.dict").read_bytes()).hexdigest()
    assert len(hmm["sha256"]) == 64


def scores_hash(run: Path) -> Any:
    return json.loads((run / "summary.json").read_text(encoding="utf-8"))["scores_hash"]


def test_the_audit_fetches_such_a_model_too(parts, tmp_path: Path):
    """Offline it says what is missing, and where to put it."""
    models, web = parts
    earmark = Program(tmp_path, models)
    words = evaluation(web, "run", str(WHEEL / "en-us"))
    words[0] = "audit"
    del words[4:6]
    offline = earmark(*words, "--offline")
    assert offline.returncode == 1
    assert f"error: cannot fetch {web.url}/lm.bin" in offline.stderr
    assert "put the file at" in offline.stderr
    assert not web.requests


def test_whole_parts_from_elsewhere_are_the_same_identity_as_the_wheels(parts, tmp_path: Path, options: FetchOptions):
    """Names are recorded, and are no identity."""
    _, web = parts
    plain = PocketSphinx().spec
    mixed = PocketSphinx(lm=f"{web.url}/lm.bin", hmm=str(WHEEL / "en-us"), fetching=options).spec
    assert mixed == plain
    assert [one.role for one in mixed.sources] == ["hmm", "lm"]
    assert plain.sources == ()


def test_a_worker_finds_the_files_or_fetches_the_same_again(parts, options: FetchOptions, tmp_path: Path):
    """On this machine by their path, and on another one by their digest; never another version in silence."""
    _, web = parts
    driver = PocketSphinx(lm=f"{web.url}/lm.bin", fetching=options)
    driver.spec  # noqa: B018  # the driver asks for it before work begins
    pickled = pickle.dumps(driver)
    num_requests = len(web.requests)
    with pickle.loads(pickled):
        assert len(web.requests) == num_requests
    shutil.rmtree(options.folder)
    with pickle.loads(pickled):
        assert len(web.requests) == num_requests + 1
    shutil.rmtree(options.folder)
    web.files["/lm.bin"] = b"another version"
    with pytest.raises(FetchError) as refused, pickle.loads(pickled):
        pytest.fail("it was loaded")
    assert refused.value.kind == "wrong"
