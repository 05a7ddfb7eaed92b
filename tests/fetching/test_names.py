"""What a name means, and that nothing shadows anything in silence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import UsageError
from earmark.fetching import resolve

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["./a", "../a", "/a", "~/a", "./hf:a", "./https:"])
def test_a_local_path_says_that_it_is_one(here: Path, name: str):
    """By how it begins, whether it exists or not."""
    place = resolve(name)
    assert place.kind == "local"
    assert place.locator == os.path.abspath(Path(name).expanduser())  # noqa: PTH100  # it follows no links


@pytest.mark.parametrize(
    ("name", "locator", "revision", "file"),
    [
        ("hf:a/b", "models/a/b", None, ""),
        ("hf:a/b@main", "models/a/b", "main", ""),
        (f"hf:a/b@{COMMIT}/c/d.bin", "models/a/b", COMMIT, "c/d.bin"),
        ("hf:a/b.c-d_e/x", "models/a/b.c-d_e", None, "x"),
        ("hf:datasets/a/b@v1.0/x/", "datasets/a/b", "v1.0", "x"),
        ("hf:a/b@refs/pr/1/x", "models/a/b", "refs/pr/1", "x"),
        ("hf:a/b@refs/convert/parquet/x/y", "models/a/b", "refs/convert/parquet", "x/y"),
    ],
)
def test_a_hub_name_is_taken_apart(here: Path, name: str, locator: str, revision: str | None, file: str):
    """Repository, revision and file, even where a local file has its name."""
    (here / "a").mkdir()
    place = resolve(name)
    assert (place.kind, place.locator, place.revision, place.file) == ("hub", locator, revision, file)
    assert place.is_pinned == (revision == COMMIT)


@pytest.mark.parametrize("name", ["hf:", "hf:a", "hf:a/", "hf:a/../b", "hf:a/b/../c", "hf:a/b@", "hf:a//b", "hf:-a/b"])
def test_what_is_no_hub_name_is_bad_usage(name: str):
    """The hint shows the form."""
    with pytest.raises(UsageError):
        resolve(name)


def test_a_bare_name_that_is_a_folder_here_could_be_two_things(here: Path):
    """The hint says how to say which; neither wins."""
    (here / "owner" / "name").mkdir(parents=True)
    for bare in (None, "hub"):
        with pytest.raises(UsageError, match="two things") as refused:
            resolve("owner/name", bare=bare)
        assert "./owner/name" in str(refused.value.hint)
        assert "hf:owner/name" in str(refused.value.hint)
    assert resolve("./owner/name").kind == "local"
    assert resolve("hf:owner/name").kind == "hub"


def test_a_link_that_leads_nowhere_collides_as_well(here: Path):
    """It stands for something that was local yesterday."""
    (here / "owner").mkdir()
    (here / "owner" / "name").symlink_to("gone")
    with pytest.raises(UsageError, match="two things"):
        resolve("owner/name")


def test_a_bare_file_is_local_since_no_repository_is_a_file(here: Path):
    """But where a model is meant it could be one."""
    (here / "owner").mkdir()
    (here / "owner" / "name.csv").write_text("x")
    assert resolve("owner/name.csv").kind == "local"
    with pytest.raises(UsageError, match="two things"):
        resolve("owner/name.csv", bare="hub")


@pytest.mark.parametrize("name", ["plain", "a/b/c", "a b/c"])
def test_a_bare_name_without_the_hubs_form_is_local(here: Path, name: str):
    """There is nothing that it could collide with."""
    (here / name).mkdir(parents=True)
    assert resolve(name, bare="hub").kind == "local"


def test_a_bare_name_that_does_not_exist_is_the_hubs_where_a_model_is_meant(here: Path):
    """Anywhere else it is an error with near names."""
    (here / "data").mkdir()
    (here / "data" / "train.csv").write_text("x")
    assert resolve("data/trian.csv", bare="hub").kind == "hub"
    with pytest.raises(UsageError) as refused:
        resolve("data/trian.csv")
    assert "./data/train.csv" in str(refused.value.hint)
    assert "hf:data/trian.csv" in str(refused.value.hint)


@pytest.mark.parametrize(
    "name", ["file:///etc/passwd", "ftp://a/b", "librispeech:x", "", " ", "a\0b", "https://", "s3://"]
)
def test_other_names_are_bad_usage(here: Path, name: str):
    """No scheme that we do not know, and nothing without a server or a bucket."""
    with pytest.raises(UsageError):
        resolve(name)


def test_no_name_shows_a_secret():
    """Neither a password nor a signature, in whatever is printed of a place."""
    for name in (
        "https://me:hunter2@example.com/x?size=1&X-Amz-Signature=hunter2&token=hunter2",
        "s3://key:hunter2@bucket/x?region=eu",
    ):
        place = resolve(name)
        assert "hunter2" not in place.name
        assert "hunter2" not in repr(place)
    assert resolve("https://example.com/x?size=1&sig=2").name == "https://example.com/x?size=1&..."


@pytest.mark.parametrize(
    "name",
    [
        "s3://AKIAKEY:/hunter2@bucket/x.csv",
        "s3://AKIAKEY:12/x.csv",
        "gs://bob:0/hunter2@bucket/x",
        "https://bob:/hunter2@host/x",
        "https://bob:65535/hunter2@host/x",
        "https://bob:12?hunter2@host/x",
        "https://bob:12 34/hunter2@host/x",
        "https://bob:12/34 hunter2@host/x",
    ],
)
def test_a_password_that_looks_like_a_port_and_a_path_is_refused(name: str):
    """Nothing is asked of a server called like a user, and nothing of the password is shown."""
    with pytest.raises(UsageError) as refused:
        resolve(name)
    assert "%2F" in str(refused.value.hint)
    shown = f"{refused.value.what} {refused.value.cause} {refused.value.hint}"
    assert not any(word in shown for word in ("hunter2", "bob", "AKIAKEY"))


def test_a_port_is_no_password():
    """And a path may have an @ that is written so, or at a server without a port."""
    for name in ("https://host:8000/a%40b.wav", "https://me:x@host:8000/a.wav", "https://host/a@b.wav", "s3://b/a@b:c"):
        assert resolve(name).name == name.replace("me:x@", "")


@given(st.text())
def test_any_name_is_a_place_or_bad_usage(name: str):
    """And the name of its file is harmless."""
    try:
        place = resolve(name)
    except UsageError:
        return
    assert "/" not in place.file_name
    assert place.file_name not in ("", ".", "..")


@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
def test_a_file_name_from_a_url_is_harmless(path: str):
    """Whatever the server calls its file."""
    name = resolve("https://example.com/" + path.replace("/", "")).file_name
    assert "/" not in name
    assert not name.startswith(".")
    assert 0 < len(name) <= 100
