from __future__ import annotations

import dataclasses
import json
import logging
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from pyarrow import fs

from earmark.errors import FetchError, ManifestError, MissingAudioError, UsageError, without_secret
from earmark.fetching import FetchOptions
from earmark.planning.identity import data_fingerprint
from earmark.planning.index import index_source
from earmark.sources import open_source
from earmark.sources.naming import is_remote_manifest
from earmark.sources.remote_folder import RemoteFolder
from earmark.sources.urls import place_of, refused_place
from earmark.verbs.check import check
from earmark.verbs.evaluate import evaluate
from tests.fetching.servers import Repository, hub
from tests.sources import embedding
from tests.sources.loopback import serving
from tests.toys import write_wav

SECRET = "hunter2hunter2"  # noqa: S105  # of a server that lives as long as the test
AUDIO = ("clips/a.wav", "clips/b c.wav", "clips/ñandú.wav", "clips/a.wav")


def write_set(folder: Path) -> None:
    """A manifest of four rows and three files, with names that a URL must spell otherwise."""
    for seed, name in enumerate(sorted(set(AUDIO))):
        write_wav(folder / name, 0.25, seed=seed)
    rows = [
        {"id": f"u{n}", "audio": name, "text": f"text {n}", **({"start": 0.1, "duration": 0.1} if n == 3 else {})}
        for n, name in enumerate(AUDIO)
    ]
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_rows(path: Path, *audio: str) -> None:
    path.write_text("".join(json.dumps({"audio": name, "text": "x"}) + "\n" for name in audio))


@pytest.fixture
def options(tmp_path: Path) -> FetchOptions:
    return FetchOptions(cache=tmp_path / "cache", allow_private=True)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "www" / "sets" / "one"
    folder.mkdir(parents=True)
    write_set(folder)
    return folder


@pytest.fixture
def server(tmp_path: Path, data: Path) -> Iterator[tuple[str, Counter[str]]]:
    with serving(tmp_path / "www") as served:
        yield served


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """The query of a URL that reaches a bucket ``sets`` on loopback; the user part is ``key:SECRET``."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    moto.start()
    host, port = moto.get_host_and_port()
    client = fs.S3FileSystem(
        access_key="key", secret_key=SECRET, region="us-east-1", scheme="http", endpoint_override=f"{host}:{port}",
        allow_bucket_creation=True,
    )  # fmt: skip
    client.create_dir("sets")
    yield f"?scheme=http&endpoint_override={host}%3A{port}&region=us-east-1"
    moto.stop()


@pytest.fixture
def bucket(store: str, data: Path, tmp_path: Path) -> tuple[str, str]:
    """The URL of a copy of the set in the bucket, and the query that belongs to it."""
    name = f"s3://key:{SECRET}@sets/{tmp_path.name}"
    filesystem, path = fs.FileSystem.from_uri(name + store)
    fs.copy_files(str(data), path, destination_filesystem=filesystem)
    return name, store


def read(source) -> list[bytes]:
    return [Path(source.root, u.audio.uri).read_bytes() for u in source.utterances()]


def test_a_manifest_on_a_web_server_brings_its_audio(server, data, options):
    """The rows are those of the local file, and each audio file is fetched once, whatever its name and its rows."""
    url, asked = server
    source = open_source(f"{url}/sets/one/test.jsonl", fetching=options)
    local = open_source(str(data / "test.jsonl"))
    assert list(source.utterances()) == list(local.utterances())
    assert read(source) == read(local)
    assert asked == {
        "/sets/one/test.jsonl": 1, "/sets/one/clips/a.wav": 1, "/sets/one/clips/b%20c.wav": 1,
        "/sets/one/clips/%C3%B1and%C3%BA.wav": 1,
    }  # fmt: skip


def test_the_data_are_the_same_wherever_they_lie(server, bucket, data, options, tmp_path):
    """On a disk, on the web and in a bucket, one set has one fingerprint and one identity; names tell no secret."""
    url, _ = server
    name, query = bucket
    elsewhere = dataclasses.replace(options, cache=tmp_path / "another")
    sources = [
        open_source(str(data / "test.jsonl")),
        open_source(f"{url}/sets/one/test.jsonl", fetching=options),
        open_source(f"{name}/test.jsonl{query}", fetching=options),
        open_source(f"{name}/test.jsonl{query}", fetching=elsewhere),
        open_source(str(data / "test.jsonl"), audio_root=f"{name}{query}", fetching=options),
    ]
    assert len({source.fingerprint for source in sources}) == 1
    assert len({data_fingerprint(index_source(source)) for source in sources}) == 1
    assert len({source.root for source in sources}) == 4
    assert all(read(source) == read(sources[0]) for source in sources)
    assert not any(SECRET in f"{source.name}{source.root}" for source in sources)


def test_a_limit_brings_only_what_is_chosen(server, options):
    """The audio of the others stays where it is."""
    url, asked = server
    source = open_source(f"{url}/sets/one/test.jsonl", limit="1", fetching=options)
    assert [u.id for u in source.utterances()] == ["u0"]
    assert sorted(asked) == ["/sets/one/clips/a.wav", "/sets/one/test.jsonl"]


def test_many_files_of_the_same_bytes_are_brought_at_once(server, data, options):
    """Copies under many names, as silence has them, share their bytes in the cache and come in nobody's way."""
    names = [f"copies/{number}.wav" for number in range(200)]
    (data / "copies").mkdir()
    for name in names:
        (data / name).write_bytes(b"the same")
    write_rows(data / "m.jsonl", *names)
    source = open_source(f"{server[0]}/sets/one/m.jsonl", fetching=options)
    assert read(source) == [b"the same"] * 200


def test_audio_that_is_not_there_is_missing_audio(server, data, options):
    """A file that the server does not have is counted, by the rule; one that came since is found."""
    (data / "clips" / "a.wav").rename(data / "later.wav")
    url, _ = server
    source = open_source(f"{url}/sets/one/test.jsonl", fetching=options)
    with pytest.raises(MissingAudioError) as caught:
        index_source(source)
    assert caught.value.num_missing == 2
    assert index_source(source, missing_audio="skip")["skip_reason"].null_count == 2
    (data / "later.wav").rename(data / "clips" / "a.wav")
    assert len(index_source(open_source(f"{url}/sets/one/test.jsonl", fetching=options))) == 4


def test_what_was_brought_serves_without_a_network(server, options):
    """A second call offline finds manifest and audio; without them it says what it would have fetched."""
    url, asked = server
    online = open_source(f"{url}/sets/one/test.jsonl", fetching=options)
    num_asked = sum(asked.values())
    offline = open_source(f"{url}/sets/one/test.jsonl", fetching=dataclasses.replace(options, offline=True))
    assert read(offline) == read(online)
    assert sum(asked.values()) == num_asked
    with pytest.raises(FetchError, match=r"absent\.jsonl") as caught:
        open_source(f"{url}/sets/one/absent.jsonl", fetching=dataclasses.replace(options, offline=True))
    assert caught.value.kind == "offline"


def test_changed_audio_is_brought_again(server, data, options):
    """Each run reads what lies there now: the server is asked whether a file changed."""
    url, _ = server
    before = read(open_source(f"{url}/sets/one/test.jsonl", fetching=options))
    changed = write_wav(data / "clips" / "a.wav", 0.5, seed=9)
    os.utime(changed, (2e9, 2e9))  # this server tells a file's version by its whole second
    after = read(open_source(f"{url}/sets/one/test.jsonl", fetching=options))
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, True, True, False]


def test_a_local_audio_root_serves_a_manifest_from_elsewhere(server, data, options, tmp_path):
    """``--audio-root FOLDER`` says that the audio is here, and none is fetched."""
    url, asked = server
    source = open_source(f"{url}/sets/one/test.jsonl", audio_root=str(data), fetching=options)
    assert source.root == str(data)
    assert sorted(asked) == ["/sets/one/test.jsonl"]


def write_other_manifests(folder: Path) -> dict[str, str]:
    """One audio file, named by manifests of other kinds: the names of the data."""
    (folder / "es" / "clips").mkdir(parents=True)
    (folder / "es" / "test.tsv").write_text("path\tsentence\na.wav\tx\n")
    (folder / "wav.scp").write_text("u a.wav\n")
    (folder / "text").write_text("u x\n")
    (folder / "m.json").write_text(json.dumps({"u": {"wav": "{data_root}/a.wav", "words": "x"}}))
    source = {"type": "file", "channels": [0], "source": "a.wav"}
    cut = {"id": "u", "start": 0, "duration": 0.25, "recording": {"id": "r", "duration": 0.25, "sources": [source]}}
    (folder / "cuts.jsonl").write_text(json.dumps(cut) + "\n")
    return {"common-voice": "es:test", "kaldi": "", "speechbrain": "m.json", "lhotse": "cuts.jsonl"}


@pytest.mark.parametrize("kind", ["common-voice", "kaldi", "speechbrain", "lhotse"])
def test_the_audio_of_any_manifest_may_be_elsewhere(server, data, options, tmp_path, kind):
    """``--audio-root URL`` brings the audio of Common Voice, Kaldi, SpeechBrain and Lhotse, too."""
    (tmp_path / "local").mkdir()
    name = write_other_manifests(tmp_path / "local")[kind]
    root = f"{server[0]}/sets/one/clips"
    source = open_source(f"{kind}:{tmp_path}/local/{name}", audio_root=root, fetching=options)
    assert read(source) == [(data / "clips" / "a.wav").read_bytes()]
    assert len(index_source(source)) == 1


def test_a_local_manifest_fetches_no_url(server, data, options):
    """A URL in a row of a file on this machine is a file that is not there, and no server hears of it."""
    url, asked = server
    write_rows(data / "m.jsonl", f"{url}/sets/one/clips/a.wav")
    for limit in (None, "1"):
        with pytest.raises(MissingAudioError) as caught:
            index_source(open_source(str(data / "m.jsonl"), fetching=options, limit=limit))
        assert caught.value.cause == "a URL in a local manifest is not fetched"
    assert not asked


def test_urls_in_rows_lead_only_to_the_same_server(server, data, options):
    """An absolute URL is followed where it stays with the data, and refused where it leads elsewhere."""
    url, asked = server
    write_rows(data / "m.jsonl", f"{url}/sets/one/clips/a.wav")
    source = open_source(f"{url}/sets/one/m.jsonl", fetching=options)
    assert Path(source.root, next(iter(source.utterances())).audio.uri).is_file()
    with serving(data) as (other, unasked):
        write_rows(data / "n.jsonl", "clips/a.wav", f"{other}/clips/a.wav")
        source = open_source(f"{url}/sets/one/n.jsonl", fetching=options)
        with pytest.raises(MissingAudioError, match="1 of 2 utterances") as caught:
            index_source(source)
        assert "is somewhere else" in str(caught.value.cause)
        assert not unasked
    assert asked["/sets/one/n.jsonl"] == 1


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("../two/a.wav", "leads out of"),
        ("clips/../../a.wav", "leads out of"),
        ("/etc/passwd", "a path of another machine"),
        ("s3://other/a.wav", "is somewhere else"),
        ("hf:owner/name/a.wav", "is somewhere else"),
        ("http://169.254.169.254/latest", "is somewhere else"),
    ],
)
def test_a_row_that_leads_elsewhere_is_refused(server, data, options, uri, problem):
    """Nothing outside the folder of the data is fetched or read: the row has no audio, and says why."""
    write_rows(data / "m.jsonl", uri, "clips/a.wav")
    source = open_source(f"{server[0]}/sets/one/m.jsonl", fetching=options)
    assert [Path(source.root, one.audio.uri).exists() for one in source.utterances()] == [False, True]
    with pytest.raises(MissingAudioError) as caught:
        index_source(source)
    assert problem in str(caught.value.cause)
    table = index_source(source, missing_audio="skip")
    assert [reason is not None for reason in table["skip_reason"].to_pylist()] == [True, False]


@pytest.mark.parametrize("form", ["{}", "./{}", "/{}", "//{}"])
def test_no_row_gets_the_audio_of_another_one(server, data, options, form):
    """A row may name exactly the place of one that is refused, or of one that has a URL; a folder may be called so."""
    url, _ = server
    refused, followed = "http://169.254.169.254/a.wav", f"{url}/sets/one/clips/a.wav"
    for place in (refused_place(refused), place_of(followed), "paths/x.wav"):
        write_wav(data / place, 0.25, seed=7)
    named = [form.format(place) for place in (refused_place(refused), place_of(followed), "paths/x.wav")]
    write_rows(data / "m.jsonl", refused, followed, *named)
    source = open_source(f"{url}/sets/one/m.jsonl", fetching=options)
    paths = [Path(source.root, one.audio.uri) for one in source.utterances()]
    assert not paths[0].exists()
    assert paths[1].read_bytes() == (data / "clips/a.wav").read_bytes()
    is_relative = not form.startswith("/")
    for path, name in zip(paths[2:], named, strict=True):
        assert path.exists() == is_relative
        if is_relative:
            assert path.read_bytes() == (data / name).read_bytes()


def test_a_check_counts_rows_that_lead_elsewhere(server, data, options, monkeypatch):
    """They are missing audio like any other, of which --missing-audio says what becomes; the first one says why."""
    monkeypatch.setenv("EARMARK_CACHE", str(options.cache))
    monkeypatch.setenv("EARMARK_ALLOW_PRIVATE", "127.0.0.1")
    write_rows(data / "m.jsonl", "clips/a.wav", "http://127.0.0.1:9/x.wav", "../y.wav")
    found = check(f"{server[0]}/sets/one/m.jsonl", decode="none", missing_audio="fail")
    (problem,) = (one for one in found.problems if one.kind == "missing_audio")
    assert (found.num_utterances, found.verdict, problem.number) == (3, "fails", 2)
    assert problem.detail.startswith("http://127.0.0.1:9/x.wav is somewhere else")


def test_a_private_address_is_refused_unless_allowed(server, tmp_path):
    """The defences of fetching hold for data, too."""
    with pytest.raises(FetchError) as caught:
        open_source(f"{server[0]}/sets/one/test.jsonl", fetching=FetchOptions(cache=tmp_path / "cache"))
    assert caught.value.kind == "address"


def test_a_failure_that_is_no_missing_file_ends_it(server, data, options):
    """A file that may not be read is an error at once, and never counted as one that is not there."""
    write_rows(data / "m.jsonl", "clips/a.wav", "denied.wav")
    with pytest.raises(FetchError) as caught:
        open_source(f"{server[0]}/sets/one/m.jsonl", fetching=options)
    assert caught.value.kind == "denied"


def test_names_that_no_disk_takes_are_told(server, data, options):
    """A file and a folder of one name, as an object store has them, are an error of the cache, and no traceback."""
    write_rows(data / "m.jsonl", "clips/a.wav", "clips/")
    with pytest.raises(FetchError) as caught:
        open_source(f"{server[0]}/sets/one/m.jsonl", fetching=options)
    assert caught.value.kind == "disk"


def test_a_broken_row_from_elsewhere_is_told_by_file_and_line(server, data, options):
    """The error is that of the manifest, which lies in the cache under its own name."""
    (data / "m.csv").write_text("audio,text\na.wav\n")
    with pytest.raises(ManifestError, match=r"m\.csv:2:\d+: 1 cells, where the header has 2"):
        open_source(f"{server[0]}/sets/one/m.csv", fetching=options)


def test_names_of_manifests_elsewhere():
    """By their endings, before a query; Parquet on the hub is a data set of its own kind."""
    yes = ("s3://b/train.csv", "gs://b/a/b.tsv?x=1", "https://h/test.JSONL?sig=a/b", "hf:o/n@r/file.csv")
    no = ("s3://b/folder", "https://h/a.tar.gz", "hf:o/n/data/a.parquet", "hf:google/fleurs/es_419:test", "train.csv")
    assert all(map(is_remote_manifest, yes))
    assert not any(map(is_remote_manifest, no))


def test_folders_on_the_hub_are_of_data_sets():
    """A name of data means a data set, with its files as they are called."""
    folder = RemoteFolder.named("hf:owner/name@main/a b")
    assert folder.file("c d.wav") == "hf:datasets/owner/name@main/a b/c d.wav"
    assert RemoteFolder.named("hf:datasets/owner/name").file("x.wav") == "hf:datasets/owner/name/x.wav"


def test_samples_need_their_audio_here(server, data, options):
    """Samples become seconds by the rate in the file, which is not here yet: so it is refused, not guessed."""
    (data / "m.csv").write_text("ID,wav,start,stop,wrd\nu,clips/a.wav,0,100,x\n")
    with pytest.raises(UsageError, match="cannot tell the seconds"):
        open_source(f"speechbrain:{data}/m.csv", audio_root=f"{server[0]}/sets/one", fetching=options)


def test_a_row_with_a_signed_url_is_recorded_without_its_secrets(server, data, options, tmp_path):
    """Two that differ by their query alone are two files, however long it is; no path, id or table tells a secret."""
    url, asked = server
    signed = f"{url.replace('://', f'://me:{SECRET}@')}/sets/one/clips/a.wav?X-Amz-Signature={SECRET * 30}"
    write_rows(data / "m.jsonl", f"{signed}&part=1", f"{signed}&part=2", "clips/b c.wav")
    source = open_source(f"{url}/sets/one/m.jsonl", fetching=options)
    rows = list(source.utterances())
    assert len({row.audio.uri for row in rows}) == len({row.id for row in rows}) == 3
    assert read(source)[:2] == [(data / "clips" / "a.wav").read_bytes()] * 2
    assert sum(count for path, count in asked.items() if "Signature" in path) == 2
    recorded = index_source(source).drop_columns(["index"]).to_pylist()
    assert SECRET not in json.dumps(recorded)
    files = [path for path in tmp_path.joinpath("cache").rglob("*") if "partial" not in path.parts]
    assert not [path for path in files if SECRET in str(path)]
    assert not [path for path in files if path.is_file() and SECRET in path.read_bytes().decode(errors="replace")
                and not path.read_bytes().startswith(b'{"audio"')]  # the manifest itself  # fmt: skip


@pytest.mark.parametrize("where", ["web", "bucket"])
def test_parquet_with_audio_in_it_is_read_from_elsewhere_as_from_here(request, data, options, where):
    """Its rows have their audio, and it is the same data; a run that goes on has it written again."""
    (data / "test.parquet").write_bytes(embedding.shard(0, 5))
    local = open_source(str(data / "test.parquet"), fetching=options)
    if where == "web":
        name = f"{request.getfixturevalue('server')[0]}/sets/one/test.parquet"
    else:
        begin, query = request.getfixturevalue("bucket")
        filesystem, path = fs.FileSystem.from_uri(begin + query)
        fs.copy_files(str(data), path, destination_filesystem=filesystem)
        name = f"{begin}/test.parquet{query}"
    source = open_source(name, fetching=options)
    assert index_source(source) == index_source(local)
    assert read(source) == [embedding.clip(number) for number in range(5)]
    assert (source.fingerprint, source.name) == (local.fingerprint, without_secret(name))
    shutil.rmtree(source.root)
    source.restore()
    assert read(source) == [embedding.clip(number) for number in range(5)]


LOOK = """
import sys
from pathlib import Path
from earmark.sources import open_source
source = open_source(sys.argv[1], limit="2")
print(source.name)
for utterance in source.utterances():
    path = Path(source.root, utterance.audio.uri)
    print(utterance.id, utterance.audio.uri, path.read_bytes() == Path(sys.argv[2], utterance.audio.uri).read_bytes())
"""


@pytest.mark.parametrize("revision", ["", "@v1", f"@{'a' * 40}"])
def test_a_manifest_on_the_hub_brings_its_audio_of_the_same_commit(data, tmp_path, revision):
    """The hub's own client fetches both at one commit, whatever the branch names, and the data's name has it."""
    files = {f"sets/one/{path.relative_to(data)}": path.read_bytes() for path in data.rglob("*") if path.is_file()}
    repository = Repository({"a" * 40: files}, {"main": "a" * 40, "v1": "a" * 40})
    with hub({"datasets/owner/name": repository}) as server:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        environment |= {
            "HF_ENDPOINT": server.url,
            "HF_HOME": str(tmp_path / "hf"),
            "EARMARK_CACHE": str(tmp_path / "c"),
        }
        name = f"hf:owner/name{revision}/sets/one/test.jsonl"
        done = subprocess.run(
            [sys.executable, "-c", LOOK, name, str(data)],
            env=environment, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        asked = {request.path for request in server.requests if request.method == "GET" and "/resolve/" in request.path}
    assert done.returncode == 0, done.stderr
    at_commit = f"hf:owner/name@{'a' * 40}/sets/one/test.jsonl"
    assert done.stdout.splitlines() == [at_commit, "u0 clips/a.wav True", "u1 clips/b c.wav True"]
    assert {path.rpartition("/resolve/")[2].split("/")[0] for path in asked} <= {"a" * 40, "main", "v1"}
    assert any(f"/resolve/{'a' * 40}/sets/one/clips/a.wav" in path for path in asked)


def test_an_evaluation_of_data_elsewhere_is_that_of_the_same_data_here(bucket, data, tmp_path, monkeypatch):
    """The whole way, workers included: the same hypotheses, the same hash of scores."""
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))
    name, query = bucket
    here = evaluate("noisy", data / "test.jsonl", out=tmp_path / "here")
    there = evaluate("noisy", f"{name}/test.jsonl{query}", out=tmp_path / "there", engine="processes", workers=2)
    assert (here.num_scored, here.num_failed) == (4, 0)
    assert there.scores_hash == here.scores_hash
    assert evaluate("noisy", f"{name}/test.jsonl{query}", out=tmp_path / "here").scores_hash == here.scores_hash
    assert SECRET not in "".join(path.read_text() for path in (tmp_path / "there").glob("*.json"))


@pytest.mark.parametrize(
    "uri",
    [
        "s3://bucket/x.wav?endpoint_override=127.0.0.1:1&scheme=http",
        "s3://key:secret@bucket/x.wav",
        "s3://bucket/x.wav#part",
    ],
)
def test_a_row_never_says_which_server_gets_signed_requests(uri):
    """Only the user's own words do; the refusal tells no secret."""
    with pytest.raises(UsageError, match=r"more than a bucket and a path|somewhere else|has a '#'") as caught:
        RemoteFolder.named("s3://bucket/data").file(uri)
    assert "secret" not in f"{caught.value} {caught.value.cause} {caught.value.hint}"


def test_a_whole_url_in_a_row_is_asked_for_as_the_user_said():
    """With the user's key, server and region."""
    folder = RemoteFolder.named("s3://key:secret@bucket/data?region=eu-west-1")
    assert folder.file("s3://bucket/other/x.wav") == "s3://key:secret@bucket/other/x.wav?region=eu-west-1"
