from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import UnknownNameError, UsageError
from earmark.fetching import resolve
from earmark.sources import open_source
from earmark.sources.naming import known_split, without_device, without_split
from earmark.sources.remote_folder import RemoteFolder

WORDS = st.text(st.characters(exclude_characters="/:@\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
PATHS = st.lists(WORDS, min_size=1, max_size=4).map(lambda words: "absent/" + "/".join(words))


@given(PATHS, st.none() | WORDS, st.none() | WORDS)
def test_a_name_is_taken_apart_from_its_end(path, split, device):
    """Path, split and device come out as they went in, and a path alone stays one."""
    name = path + (f":{split}" if split else "") + (f"@{device}" if device else "")
    rest, found_device = without_device(name)
    assert (*without_split(rest), found_device) == (path, split, device)


@pytest.mark.parametrize("name", ["a:b@c", "corpus@home", "es:test"])
def test_what_exists_is_a_path_as_it_is_written(tmp_path, monkeypatch, name):
    """A folder whose name has a colon or an at sign is that folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    assert without_device(name) == (name, None)
    assert without_split(name) == (name, None)
    assert without_device(f"{name}/MTG@sc") == (f"{name}/MTG", "sc")
    assert without_split(without_device(f"{name}:dev")[0]) == (name, "dev")


def test_an_unknown_split_lists_the_known_ones():
    """The kind, the slip, and what there is."""
    assert known_split("split", "dev", ["dev", "test"]) == "dev"
    with pytest.raises(UnknownNameError, match="no split 'tset'") as caught:
        known_split("split", "tset", ["dev", "test"])
    assert (caught.value.known, caught.value.near) == (["dev", "test"], ["test"])


FOLDERS = ("https://host/a/", "s3://key:secret@bucket/a/?region=x", "hf:owner/name@main/a/", "gs://bucket/")


@given(
    st.sampled_from(FOLDERS), st.text(max_size=30) | st.sampled_from(["a/../../b", "//other/x", "https://host@evil/x"])
)
def test_no_row_leads_out_of_where_the_data_lie(folder, uri):
    """Whatever a row says, the file is refused, or lies in the folder, or on the same server by its own URL."""
    remote = RemoteFolder.named(folder)
    name = ""
    with contextlib.suppress(UsageError):
        name = remote.file(uri)
    if not name:
        return
    assert name.startswith(remote.begin) or RemoteFolder(name).server == remote.server
    assert ".." not in name.removeprefix(remote.begin).removesuffix(remote.end).split("/")


@pytest.mark.parametrize("url", ["https://host/a.wav", "http://host"])
def test_a_url_that_is_no_manifest_is_told(url):
    """It is not looked for on the disk, and not fetched to see."""
    with pytest.raises(UsageError):
        open_source(url)


def test_a_broken_url_is_told():
    """As the audio root, and in a row."""
    with pytest.raises(UsageError):
        RemoteFolder.named("https://[bad")
    with pytest.raises(UsageError):
        RemoteFolder.named("https://host/a").file("https://[bad/x.wav")
    assert resolve("https://host/a").kind == "url"


def test_a_tilde_behind_a_prefix_is_the_home(tmp_path, monkeypatch):
    """The shell leaves it as it is there."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "kaldi").mkdir()
    assert open_source("kaldi:~/kaldi").root == str(tmp_path / "kaldi")
