"""What is shown of a URL: never what could be a secret, and always which file it is."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.cli.main import run
from earmark.errors import EarmarkError
from earmark.redaction import without_secret, without_user
from earmark.store import layout
from earmark.store.folder import LocalFolder
from earmark.store.run import RunStore
from earmark.verbs.run_log import logged

SECRET = "hunter2hunter2"  # noqa: S105  # of no server
NOISE = st.text(st.characters(codec="utf-8", exclude_characters="/?#", exclude_categories=["Z", "C"]), max_size=8)
KEYS = ["code", "pwd", "jwt", "k", "X-Amz-Signature", "AWSAccessKeyId", "se", "hdnea", "secret_key", "t oken", ""]


@given(before=NOISE, after=NOISE, scheme=st.sampled_from(["https", "s3", "gs", "HTTP", "proxy+s", ""]))
def test_no_user_part_is_shown(before: str, after: str, scheme: str):
    """Whatever stands around the secret, a ``@`` and a ``:`` among it."""
    shown = without_secret(f"see '{scheme}://key:{before}{SECRET}{after}@host.example/a/b.wav' and s3://x/y")
    assert SECRET not in shown
    assert shown.startswith(f"see '{scheme}://")
    assert shown.endswith("' and s3://x/y")


@given(key=st.one_of(st.sampled_from(KEYS), NOISE), before=NOISE, after=NOISE)
def test_no_value_of_an_unknown_key_is_shown(key: str, before: str, after: str):
    """Nor a query without a key; what is harmless stays."""
    value = quote(f"{before}{SECRET}{after}")
    for query in (f"zz{quote(key)}={value}", f"region=eu&{value}&version=3", f"region={value}@", value):
        shown = without_secret(f"https://host.example/a.wav?{query}")
        assert SECRET not in shown
        assert shown.startswith("https://host.example/a.wav?")


@given(st.text(st.sampled_from("ab:/@?#&=.%'\",;)]} \n\\")), st.text(max_size=5))
def test_showing_again_changes_nothing(text: str, more: str):
    """What has been shown has nothing left to hide, so a message may be made of messages."""
    once = without_secret(f"{more}://{text}")
    assert without_secret(once) == once


@given(user=NOISE, rest=NOISE)
def test_a_url_without_its_user_keeps_all_else(user: str, rest: str):
    """So it is told from others by its query."""
    bare = without_user(f"https://{user}@host/a?{quote(rest)}#b")
    assert bare in (f"https://host/a?{quote(rest)}#b", f"https://{user}@host/a?{quote(rest)}#b")
    assert without_user(f"https://me:hunter2@host/a?{quote(rest)}") == f"https://host/a?{quote(rest)}"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:p@ss@host/a@b.wav", "https://host/a@b.wav"),
        ("s3://key:sec/ret@bucket/x", "s3://..."),
        ("s3://AKIAKEY:/abcSECRETdef@bucket/x.csv", "s3://..."),
        ("https://bob:/abcSECRETdef@host/x", "https://..."),
        ("https://bob:65535/abcSECRETdef@host/x", "https://..."),
        ("https://bob:12?abcSECRETdef@host/x", "https://..."),
        ("https://me@bob:12/abcSECRETdef@host/x", "https://..."),
        ("gs://key:12/x", "gs://..."),
        ("https://host:8000/a.wav", "https://host:8000/a.wav"),
        ("https://user:12 34SECRET@host/x", "https://host/x"),
        ("https://a user:12SECRET@host/x", "https://host/x"),
        ("see 'https://user:12 34/SECRET@host/x' and a@b", "see 'https://..."),
        ("https://host:80 has s3://k:s@b/x of a@b", "https://host:80 has s3://b/x of a@b"),
        ("s3://b/x?region=eu&endpoint_override=127.0.0.1%3A80", "s3://b/x?region=eu&endpoint_override=127.0.0.1%3A80"),
        ("s3://b/x?endpoint_override=u:p@host&scheme=http", "s3://b/x?scheme=http&..."),
        ("https://host/x?size=1&sig=2", "https://host/x?size=1&..."),
        ("https://host/x#access_token=2", "https://host/x#..."),
        ("https://web.archive.example/https://me:p@host/x", "https://web.archive.example/https://host/x"),
        ("(https://host/a, s3://k:s@b/c)", "(https://host/a, s3://b/c)"),
        ("no URL: me@host, a?b=c", "no URL: me@host, a?b=c"),
    ],
)
def test_what_is_shown(url: str, shown: str):
    """By example."""
    assert without_secret(url) == shown


def test_an_error_shows_no_secret():
    """Whoever makes it."""
    error = EarmarkError("s3://k:s@b/x", cause="https://h/x?code=1", hint="https://u:p@w@h/")
    assert (error.what, error.cause, error.hint) == ("s3://b/x", "https://h/x?...", "https://h/")


def test_no_log_and_no_traceback_shows_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Though they have the words of libraries, which may hold the URL that they were given."""

    def fail(*_: object, **__: object) -> None:
        raise ValueError(f"what is s3://key:{SECRET}@bucket/x?sig={SECRET}")

    monkeypatch.setattr("earmark.verbs.cache.cache", fail)
    assert run(["cache", "-vv"]) == 1
    shown = capsys.readouterr().err
    assert SECRET not in shown
    assert "what is s3://bucket/x?..." in shown
    with pytest.raises(ValueError, match="what is"), logged(RunStore(LocalFolder(tmp_path))):
        fail()
    written = (tmp_path / layout.LOG).read_text()
    assert SECRET not in written
    assert "what is s3://bucket/x?..." in written
