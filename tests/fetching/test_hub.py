"""The hub's own client against a hub on loopback. It reads HF_ENDPOINT once, so each look is a process."""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.fetching.servers import Repository, Server, etag_of, hub, serving

OLD, NEW = "a" * 40, "b" * 40
LARGE = random.Random(2).randbytes(200_000)
FILES = {"config.json": b"{}", "weights/model.bin": LARGE, "weights/vocab.txt": b"a\nb\n"}
TOKEN = "hf_canary0123456789"  # noqa: S105  # of a server that lives as long as the test

LOOK = """
import dataclasses, json, sys
from earmark.errors import EarmarkError
from earmark.fetching import FetchOptions, FetchProgress, fetch, fetch_folder
calls = json.loads(sys.argv[1])
for call in calls:
    told = []
    try:
        what = fetch_folder if call.pop("folder", False) else fetch
        patterns = {"patterns": tuple(call.pop("patterns"))} if "patterns" in call else {}
        name = call.pop("name")
        if "cache" in call: call["cache"] = FetchOptions().folder.with_name(call["cache"])
        found = what(name, **patterns, options=FetchOptions(progress=told.append, **call))
        answer = {"revision": found.revision, "path": str(found.path), "told": len(told)}
        answer["files"] = {str(one.path): one.sha256 for one in found.files} if what is fetch_folder else {}
        if what is fetch_folder: answer["hash"] = found.content_hash
    except EarmarkError as error:
        answer = {"error": type(error).__name__, "kind": getattr(error, "kind", None), "what": error.what,
                  "cause": error.cause, "hint": error.hint}
    print(json.dumps(answer))
"""


class Looker:
    """Fetches in a process of its own, with this hub as the only one."""

    def __init__(self, server: Server, tmp_path: Path) -> None:
        self.server = server
        self.cache = tmp_path / "cache"
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("HF_")},
            "HF_ENDPOINT": server.url,
            "HF_HOME": str(tmp_path / "hf"),
            "EARMARK_CACHE": str(self.cache),
        }

    def __call__(self, *calls: dict[str, Any], **environment: str) -> list[dict[str, Any]]:
        done = subprocess.run(
            [sys.executable, "-c", LOOK, json.dumps(calls)],
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        self.stderr = done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def repositories() -> dict[str, Repository]:
    return {
        "models/owner/name": Repository({OLD: {**FILES, "config.json": b"old"}, NEW: FILES}, {"main": NEW, "v1": OLD}),
        "datasets/owner/name": Repository({OLD: {"data.csv": b"a,b\n"}}, {"main": OLD}),
        "models/owner/gated": Repository({OLD: {"x": b"x"}}, {"main": OLD}, is_gated=True),
        "models/evil/repo": Repository({OLD: {"a": b"x", "../../evil": b"x"}}, {"main": OLD}),
    }


@pytest.fixture
def look(repositories: dict[str, Repository], tmp_path: Path) -> Iterator[Looker]:
    with hub(repositories) as server:
        yield Looker(server, tmp_path)


def test_a_branch_is_resolved_to_a_commit_and_a_commit_needs_no_network(look: Looker):
    """The same bytes are fetched once, and their commit is known."""
    main, tag, again = look(
        {"name": "hf:owner/name/weights/model.bin"},
        {"name": "hf:owner/name@v1/config.json"},
        {"name": "hf:owner/name/weights/model.bin"},
    )
    assert (main["revision"], tag["revision"], again["revision"]) == (NEW, OLD, NEW)
    assert Path(main["path"]).read_bytes() == LARGE
    assert Path(main["path"]).name == "model.bin"
    assert Path(tag["path"]).read_bytes() == b"old"
    assert main["told"] >= 2
    assert len(look.server.asked(f"/owner/name/resolve/{NEW}/weights/model.bin")) == 1
    num_requests = len(look.server.requests)
    pinned, offline = look(
        {"name": f"hf:owner/name@{NEW}/weights/model.bin"},
        {"name": "hf:owner/name/weights/model.bin", "offline": True},
    )
    assert pinned["path"] == offline["path"] == main["path"]
    assert offline["revision"] == NEW
    assert len(look.server.requests) == num_requests
    assert look.stderr == ""


def test_a_data_set_is_no_model(look: Looker):
    """Both may have one name."""
    data, model = look({"name": "hf:datasets/owner/name/data.csv"}, {"name": "hf:owner/name/data.csv"})
    assert Path(data["path"]).read_bytes() == b"a,b\n"
    assert (model["error"], model["kind"]) == ("FetchError", "missing")


def test_a_snapshot_is_a_commit_whole(look: Looker):
    """All files under their paths, one folder of it, or those that match; found again without the network."""
    whole, part, chosen = look(
        {"name": "hf:owner/name", "folder": True},
        {"name": "hf:owner/name@main/weights", "folder": True},
        {"name": "hf:owner/name", "folder": True, "patterns": ["*.txt"]},
    )
    base = Path(whole["path"])
    assert {path.relative_to(base).as_posix(): path.read_bytes() for path in base.rglob("*") if path.is_file()} == FILES
    assert whole["revision"] == NEW
    assert sorted(path.name for path in Path(part["path"]).iterdir()) == ["model.bin", "vocab.txt"]
    assert [Path(path).name for path in chosen["files"]] == ["vocab.txt"]
    assert len(look.server.asked(f"/owner/name/resolve/{NEW}/weights/model.bin")) == 1
    num_requests = len(look.server.requests)
    pinned, offline = look(
        {"name": f"hf:owner/name@{NEW}", "folder": True}, {"name": "hf:owner/name", "folder": True, "offline": True}
    )
    assert len(look.server.requests) == num_requests
    assert pinned["hash"] == offline["hash"] == whole["hash"]


def test_a_branch_that_moved_is_another_snapshot(look: Looker, repositories: dict[str, Repository]):
    """What was fetched before stays for whoever uses it."""
    (first,) = look({"name": "hf:owner/name", "folder": True})
    repositories["models/owner/name"].branches["main"] = OLD
    (second,) = look({"name": "hf:owner/name", "folder": True})
    assert (first["revision"], second["revision"]) == (NEW, OLD)
    assert (Path(first["path"]) / "config.json").read_bytes() == b"{}"
    assert (Path(second["path"]) / "config.json").read_bytes() == b"old"


def test_a_gated_repository_says_how_to_give_a_token_and_takes_one(look: Looker):
    """The token is in no message and in no file of the cache."""
    (refused,) = look({"name": "hf:owner/gated/x"})
    assert (refused["error"], refused["kind"]) == ("FetchError", "denied")
    assert "HF_TOKEN" in refused["hint"]
    assert f"{look.server.url}/owner/gated" in refused["hint"]
    found, missing = look({"name": "hf:owner/gated/x"}, {"name": "hf:owner/nothing/x"}, HF_TOKEN=TOKEN)
    assert Path(found["path"]).read_bytes() == b"x"
    assert TOKEN not in json.dumps([found, missing]) + look.stderr
    kept = [path.read_bytes() for path in look.cache.rglob("*") if path.is_file()]
    assert not any(TOKEN.encode() in one for one in kept)


def test_what_is_not_there_is_said(look: Looker):
    """A repository, a revision and a file."""
    repository, revision, file, folder = look(
        {"name": "hf:owner/nothing/x"},
        {"name": "hf:owner/name@nothing/config.json"},
        {"name": "hf:owner/name/nothing"},
        {"name": "hf:owner/name/nothing", "folder": True},
    )
    assert {one["kind"] for one in (repository, revision, file, folder)} == {"missing"}
    assert "HF_TOKEN" in repository["hint"]
    assert "revision" in revision["cause"]


def test_a_path_that_leads_out_of_a_snapshot_is_refused(look: Looker, tmp_path: Path):
    """Whoever makes a repository chooses its paths."""
    (refused,) = look({"name": "hf:evil/repo", "folder": True})
    assert (refused["error"], refused["kind"]) == ("FetchError", "server")
    assert not [*tmp_path.rglob("evil")]


MODEL = f"/owner/name/resolve/{NEW}/weights/model.bin"
HALF = len(LARGE) // 2


def test_a_dropped_connection_is_gone_on_with(look: Looker):
    """With a range of the same version."""

    def drop_once(handler: Any, number: int) -> None:
        if number == 1:
            return handler.hang_up_after(LARGE, HALF)
        return handler.file(LARGE)

    look.server.tricks[MODEL] = drop_once
    (found,) = look({"name": "hf:owner/name/weights/model.bin"})
    assert Path(found["path"]).read_bytes() == LARGE
    assert [one.headers.get("range") for one in look.server.asked(MODEL)] == [None, f"bytes={HALF}-"]


def test_a_fetch_that_was_killed_goes_on_where_it_stopped(look: Looker):
    """SIGKILL in the middle of a file of a folder: the next process asks for the rest only, and the bytes are right."""

    def stall(handler: Any, _: int) -> None:
        handler.hang_up_after(LARGE, HALF)
        look.server.release.wait()

    look.server.tricks[MODEL] = stall
    script = (
        "from earmark.fetching import FetchOptions, fetch_folder\n"
        "tell = lambda one: print(one.done_bytes, flush=True)\n"
        "fetch_folder('hf:owner/name', patterns=['*.bin'], options=FetchOptions(progress=tell))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], env=look.environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert any(int(line) == HALF for line in process.stdout)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    look.server.tricks[MODEL] = lambda handler, _: handler.file(LARGE)
    (found,) = look({"name": "hf:owner/name", "folder": True, "patterns": ["*.bin"]})
    assert (Path(found["path"]) / "weights/model.bin").read_bytes() == LARGE
    last = look.server.asked(MODEL)[-1].headers
    assert (last["range"], last["if-range"]) == (f"bytes={HALF}-", etag_of(LARGE))


def _ignores_range(handler: Any) -> None:
    handler.answer(200, LARGE, ETag=etag_of(LARGE))


def _has_another_version(handler: Any) -> None:
    handler.file(LARGE, etag='"another"')


def _mixes_versions(handler: Any) -> None:
    if "Range" not in handler.headers:
        return handler.file(LARGE, etag='"another"')
    told = {"Content_Range": f"bytes {HALF}-{len(LARGE) - 1}/{len(LARGE)}", "ETag": '"another"'}
    return handler.answer(206, bytes(len(LARGE) - HALF), **told)


def _lies_about_the_range(handler: Any) -> None:
    if "Range" not in handler.headers:
        return handler.file(LARGE)
    told = {"Content_Range": f"bytes {HALF}-{len(LARGE) - 1}/{len(LARGE)}", "ETag": etag_of(LARGE)}
    return handler.answer(206, LARGE[HALF:-1] + b"xxx", **told)


def _has_other_bytes_of_the_same_version(handler: Any) -> None:
    if "Range" not in handler.headers:
        return handler.file(LARGE)
    told = {"Content_Range": f"bytes {HALF}-{len(LARGE) - 1}/{len(LARGE)}", "ETag": etag_of(LARGE)}
    return handler.answer(206, bytes(len(LARGE) - HALF), **told)


@pytest.mark.parametrize(
    "trick",
    [
        _ignores_range,
        _has_another_version,
        _mixes_versions,
        _lies_about_the_range,
        _has_other_bytes_of_the_same_version,
    ],
)
def test_a_server_that_goes_on_wrongly_gives_the_right_file(look: Looker, trick: Callable[[Any], None]):
    """What does not belong together is thrown away, and the file comes from its beginning."""

    def drop_once(handler: Any, number: int) -> None:
        return handler.hang_up_after(LARGE, HALF) if number == 1 else trick(handler)

    look.server.tricks[MODEL] = drop_once
    (found,) = look({"name": "hf:owner/name/weights/model.bin"})
    assert Path(found["path"]).read_bytes() == LARGE


def test_a_file_that_is_shorter_than_the_hub_says_is_refused(look: Looker):
    """Also where its server promises no more than it sends."""
    look.server.tricks[MODEL] = lambda handler, _: handler.file(LARGE[:-1])
    (refused,) = look({"name": "hf:owner/name/weights/model.bin"})
    assert refused["kind"] == "wrong"
    assert "must have 200,000" in refused["cause"]
    assert not [path for path in (look.cache / "partial").rglob("*") if path.is_file()]


def test_a_signed_address_gets_no_token_and_is_shown_and_kept_nowhere(look: Looker):
    """The hub redirects to one for each large file; where it is private, that is said."""
    with serving() as storage:
        signed = f"{storage.url}/model.bin?X-Amz-Signature=canary"
        storage.tricks["/model.bin?X-Amz-Signature=canary"] = lambda handler, _: handler.file(LARGE)
        look.server.tricks[MODEL] = lambda handler, _: handler.answer(302, Location=signed)
        call = {"name": "hf:owner/name/weights/model.bin"}
        (refused,) = look(call, HF_TOKEN=TOKEN)
        (found,) = look(call, HF_TOKEN=TOKEN, EARMARK_ALLOW_PRIVATE="127.0.0.1")
    assert (refused["kind"], storage.port) == ("address", urlsplit(signed).port)
    assert "EARMARK_ALLOW_PRIVATE=127.0.0.1" in refused["hint"]
    assert Path(found["path"]).read_bytes() == LARGE
    assert look.server.asked(MODEL)[-1].headers["authorization"] == f"Bearer {TOKEN}"
    assert [one.headers.get("authorization") for one in storage.requests] == [None]
    kept = b"".join(path.read_bytes() for path in look.cache.rglob("*") if path.is_file())
    assert "canary" not in json.dumps([refused, found]) + look.stderr
    assert b"canary" not in kept
    assert TOKEN.encode() not in kept


def test_a_proxy_of_the_environment_is_used_for_the_hub(look: Looker):
    """As its client does: on a cluster it may be the only way out. It is asked by the name of the hub."""
    proxied = {"HF_ENDPOINT": "http://hub.invalid", "HTTP_PROXY": look.server.url.replace("//", "//me:word@")}
    (found,) = look({"name": "hf:owner/name/weights/model.bin"}, **proxied)
    assert Path(found["path"]).read_bytes() == LARGE
    (asked,) = look.server.asked(f"http://hub.invalid{MODEL}")
    assert asked.headers["host"] == "hub.invalid"
    assert asked.headers["proxy-authorization"] == f"Basic {base64.b64encode(b'me:word').decode()}"
    look.server.tricks[MODEL] = lambda handler, _: handler.answer(302, Location="http://169.254.169.254/x")
    (refused,) = look({"name": f"hf:owner/name@{NEW}/weights/model.bin", "cache": "other"}, **proxied)
    assert (refused["kind"], "169.254.169.254" in refused["cause"]) == ("address", True)
    (unusable,) = look({"name": "hf:owner/name/config.json"}, **{**proxied, "HTTP_PROXY": "socks5://127.0.0.1:9"})
    assert (unusable["error"], unusable["kind"]) == ("FetchError", "unreachable")
    assert unusable["hint"].startswith("HTTP_PROXY=HOST:PORT names one")


def test_terms_that_only_the_file_asks_for_are_said(look: Looker):
    """The hub shows the list of a gated repository to all, and refuses its files."""
    told = {"X_Error_Code": "GatedRepo", "X_Error_Message": "Access is restricted"}
    look.server.tricks[MODEL] = lambda handler, _: handler.answer(403, **told)
    (refused,) = look({"name": "hf:owner/name/weights/model.bin"})
    assert (refused["kind"], "HF_TOKEN" in refused["hint"]) == ("denied", True)
    assert "accepted the terms" in refused["cause"]


def test_an_account_that_was_not_let_in_is_told_so(look: Looker):
    """A token is there already, so it is no use to ask for one."""
    told = {"X_Error_Code": "GatedRepo", "X_Error_Message": "Access is restricted"}
    look.server.tricks[MODEL] = lambda handler, _: handler.answer(403, **told)
    (refused,) = look({"name": "hf:owner/name/weights/model.bin"}, HF_TOKEN=TOKEN)
    assert refused["cause"] == "its owner has not let in the account of the token that was given"
    assert f"{look.server.url}/owner/name " in refused["hint"]
    assert "HF_TOKEN" not in refused["hint"]
    assert TOKEN not in json.dumps(refused)


@pytest.mark.parametrize(
    ("status", "kind", "cause"), [(404, "missing", "knows no such"), (503, "server", "answers 503")]
)
def test_an_answer_without_a_reason_is_said_plainly(look: Looker, status: int, kind: str, cause: str):
    """With the name as it was typed, and how to do without the hub."""
    look.server.tricks["/api/models/owner/name"] = lambda handler, _: handler.answer(status)
    (refused,) = look({"name": "hf:owner/name/config.json"})
    assert (refused["kind"], refused["what"]) == (kind, "cannot fetch hf:owner/name/config.json")
    assert cause in refused["cause"]
    assert "bring it here by hand" in refused["hint"]
    assert "/api/" not in refused["cause"]


@pytest.mark.parametrize("name", ["weights/model.bin", "weights/vocab.txt"])
def test_wrong_bytes_of_the_right_length_are_caught(look: Looker, name: str):
    """The client looks at the size only; the hub states a digest for each file."""
    wrong = bytes(len(FILES[name]))
    look.server.tricks[f"/owner/name/resolve/{NEW}/{name}"] = lambda handler, _: handler.answer(200, wrong)
    (refused,) = look({"name": f"hf:owner/name/{name}"})
    assert (refused["error"], refused["kind"]) == ("FetchError", "wrong")
    assert len(look.server.asked(f"/owner/name/resolve/{NEW}/{name}")) == 2


def test_without_a_network_the_way_out_is_said(look: Looker):
    """Neither a hub nor a copy."""
    (refused,) = look({"name": "hf:owner/name/config.json"}, HF_ENDPOINT="http://127.0.0.1:9", HF_HUB_ETAG_TIMEOUT="1")
    assert refused["kind"] == "unreachable"
    assert "put the file at" in refused["hint"]
    (refused,) = look({"name": "hf:owner/name", "folder": True, "offline": True})
    assert refused["kind"] == "offline"
    assert "put the folder at" in refused["hint"]
