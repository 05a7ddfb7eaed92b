"""A run's folder is a run's: what is somebody else's is left as it is, and what an interrupted start left goes on."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from pyarrow import fs

from earmark.errors import FolderError
from earmark.recognizers.doubles import Echo
from earmark.store import layout
from earmark.store.object_folder import ObjectFolder
from earmark.store.run import RunStore
from earmark.verbs.arguments import Arguments
from earmark.verbs.evaluate import evaluate
from earmark.verbs.forecast import forecast
from earmark.verbs.out_folder import check_run
from earmark.verbs.score import score
from earmark.verbs.show import show
from tests.toys import ToySource, toy_source

FOREIGN = {
    "results": ["summary.json", "scores.parquet", "honest.json"],
    "parts that --fresh would remove": ["parts/mine.txt"],
    "a sweep": ["sweep.json", "puzzles.parquet", "oracle.json"],
    "another spec": ["spec.json"],
    "runs": ["first/spec.json"],
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ToySource:
    return toy_source(tmp_path_factory.mktemp("audio"), 3)


@pytest.fixture(scope="module")
def finished(source: ToySource, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the toy's own answers."""
    out = tmp_path_factory.mktemp("finished") / "run"
    evaluate(**asked(source, out))
    return out


def asked(source: ToySource, out: Path, **more) -> dict:
    return {"model": Echo(source.texts), "data": source, "out": out, "max_batch_s": 1.0, **more}


def write(folder: Path, name: str, data: bytes = b"{}") -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_somebody_elses_is_refused_and_left(source, tmp_path, kind, fresh):
    """A run and its forecast say so before anything is written or removed."""
    out = tmp_path / "out"
    for name in FOREIGN[kind]:
        write(out, name)
    before = sorted(tmp_path.rglob("*"))
    arguments = asked(source, out, fresh=fresh)
    for verb in (lambda: evaluate(**arguments), lambda: forecast(Arguments(**arguments))):
        with pytest.raises(FolderError) as refused:
            verb()
        assert (refused.value.hint or "").startswith("--out ")
    assert sorted(tmp_path.rglob("*")) == before
    assert {(out / name).read_bytes() for name in FOREIGN[kind]} == {b"{}"}


@pytest.mark.parametrize("shard", [None, "1/1"])
def test_what_an_interrupted_start_left_is_no_hindrance(source, finished, tmp_path, shard):
    """Locks, logs, a temporary file, the utterances, and the empty folders of a run that was thrown away."""
    write(tmp_path, layout.UTTERANCES, (finished / layout.UTTERANCES).read_bytes())
    for name in (".lock", ".lock-2-of-3", ".tmp-spec.json-00", layout.LOG, "run-2-of-3.log"):
        write(tmp_path, name, b"")
    for name in (layout.PARTS, layout.MISTAKES, layout.ATTEMPTS, layout.RESULTS, layout.RESULTS_SUMMARIES):
        (tmp_path / name).mkdir()
    assert evaluate(**asked(source, tmp_path, shard=shard)).wer == 0.0


def test_a_run_with_files_of_its_user_goes_on_and_begins_again(source, tmp_path):
    """What was exported into it, say, stays where it is."""
    evaluate(**asked(source, tmp_path))
    write(tmp_path, "exported.trn")
    evaluate(**asked(source, tmp_path))
    evaluate(**asked(source, tmp_path, fresh=True))
    assert (tmp_path / "exported.trn").exists()


def test_an_object_store_is_looked_at_alike(finished):
    """Other files are refused; a start, and a run, go on."""
    filesystem, path = fs.FileSystem.from_uri("mock:///bucket/run")
    folder = ObjectFolder("mock:///bucket/run", filesystem, path)
    check_run(RunStore(folder))
    folder.write(layout.UTTERANCES, b"")
    check_run(RunStore(folder))
    folder.write("parts/mine.txt", b"mine")
    with pytest.raises(FolderError, match="mock:///bucket/run"):
        check_run(RunStore(folder))
    folder.write(layout.SPEC, (finished / layout.SPEC).read_bytes())
    check_run(RunStore(folder))


def test_a_run_without_a_part_is_told_to_go_on(finished, tmp_path):
    """Neither is it sent from one verb to the other, nor is a score of nothing written."""
    for name in (layout.SPEC, layout.UTTERANCES, layout.PLAN):
        write(tmp_path, name, (finished / name).read_bytes())
    for verb in (show, score):
        with pytest.raises(FolderError) as refused:
            verb(tmp_path)
        assert refused.value.hint == "type the command that made the run: it goes on"
    assert not (tmp_path / layout.SUMMARY).exists()
    for part in (finished / layout.PARTS).iterdir():
        write(tmp_path, f"{layout.PARTS}/{part.name}", part.read_bytes())
    with pytest.raises(FolderError) as refused:
        show(tmp_path)
    assert refused.value.hint == f"earmark score {tmp_path}"


def test_an_import_without_a_part_is_told_to_come_again(finished, tmp_path):
    """No command transcribed it."""
    spec = RunStore.at(str(finished)).spec()
    assert spec is not None
    imported = dataclasses.replace(spec.recognizer, version="imported-0123456789ab")
    write(tmp_path, layout.SPEC, dataclasses.replace(spec, recognizer=imported).to_json().encode())
    with pytest.raises(FolderError) as refused:
        score(tmp_path)
    assert refused.value.hint == f"earmark score FILE --out {tmp_path} imports it again"
