"""What the tests of the engine ``modal`` look at, done in one process against a control plane of our own.

``python -m tests.engines.modal_scenarios FOLDER NAME...`` prints JSON: of each scenario what came of it. It is a
process of its own because the client reads its environment as it is imported, and its threads never end.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.engines.modal_control_plane import ControlPlane, Faults  # isort: skip  # before the client is imported

from earmark import EarmarkError, evaluate
from earmark.cli.main import run as cli
from earmark.engines import modal as engine
from earmark.engines import mounts
from earmark.verbs.stage import stage

DEMO = Path(engine.__file__).parents[2] / "demo"
PLANE = ControlPlane()
DATA = f"modal:{mounts.DATA}/demo"
_SCENARIOS: dict[str, Callable[[Path], Any]] = {}


def scenario(function: Callable[[Path], Any]) -> Callable[[Path], Any]:
    _SCENARIOS[function.__name__] = function
    return function


def run(folder: Path, *, quiet_s: float = 60.0) -> dict[str, Any]:
    """An evaluation in the cloud by a toy, as facts; what is silent for so long counts as lost."""
    engine.ModalEngine._quiet_s = lambda self: quiet_s
    summary = evaluate("noisy", DATA, out=folder, engine="modal", workers=2, batch_size=1)
    return facts_of(summary, folder)


def facts_of(summary: Any, folder: Path) -> dict[str, Any]:
    return {
        "hash": summary.scores_hash,
        "fingerprint": summary.spec_fingerprint,
        "num_scored": summary.num_scored,
        "num_failed": summary.num_failed,
        "parts": sorted(path.name for path in (folder / "parts").iterdir()),
    }


@scenario
def inline(folder: Path) -> Any:
    """The truth, of the same set on this machine."""
    here = mounts.Place.of(DATA).folder
    return facts_of(evaluate("noisy", here, out=folder, engine="inline", batch_size=1), folder)


@scenario
def real_recognizer(folder: Path) -> Any:
    """PocketSphinx, here and there, on three of the clips."""
    here = mounts.Place.of(DATA).folder
    same = {"options": {"grammar": str(DEMO / "commands.gram")}, "limit": 3}
    inline = evaluate("pocketsphinx", here, out=folder / "here", engine="inline", **same)
    there = evaluate("pocketsphinx", DATA, out=folder / "there", engine="modal", workers=1, **same)
    return [facts_of(inline, folder / "here"), facts_of(there, folder / "there")]


@scenario
def quiet_day(folder: Path) -> Any:
    facts = run(folder)
    key = (folder / "elsewhere.id").read_text()
    there = Path(mounts.mount_of(mounts.RESULTS), "runs", key, "parts")
    function = PLANE.functions["fu-do"]
    return facts | {
        "parts_there": sorted(path.name for path in there.iterdir()),
        "commits": dict(PLANE.commits),
        "retries": function.retry_policy.retries,
        "timeout_s": function.timeout_secs,
        "mounts": sorted(mount.mount_path for mount in function.volume_mounts),
        "num_attempts": PLANE.num_attempts,
    }


@scenario
def bad_day(folder: Path) -> Any:
    """An output is lost, one comes twice, the order is wrong, two calls fail, and a container falls over once."""
    fallen: list[object] = []

    def falls(arguments: tuple[Any, ...]) -> bool:
        is_first = is_task(arguments) and not fallen
        fallen.extend([0] if is_first else [])
        return is_first

    failing = {"FunctionPutInputs": 2, "FunctionGetOutputs": 3, "VolumeCommit": 1}
    PLANE.reset(Faults(lost=frozenset({3}), twice=frozenset({2, 4}), backwards=True, failing=failing, raises=falls))
    return run(folder, quiet_s=4.0) | {"fallen": len(fallen), "num_attempts": PLANE.num_attempts}


@scenario
def one_kills_its_container(folder: Path) -> Any:
    """The container falls over whenever it has a certain utterance: it alone is given up."""
    guilty = "pause-the-music"
    PLANE.reset(Faults(raises=lambda arguments: is_task(arguments) and guilty in ids_of(arguments[0].shard)))
    facts = run(folder)
    errors = [json.loads(line) for line in (folder / "errors.jsonl").read_text().splitlines()]
    return facts | {"errors": errors}


@scenario
def dead_driver(folder: Path) -> Any:
    """No output comes, so the driver gives up; the next one finds every part on the Volume."""
    PLANE.reset(Faults(loses=is_task))
    try:
        run(folder, quiet_s=2.0)
        error = ""
    except EarmarkError as raised:
        error = f"{raised.what}: {raised.cause}"
    parts_before = len(list((folder / "parts").glob("*"))) if (folder / "parts").is_dir() else 0
    PLANE.reset(Faults())
    facts = run(folder)
    return facts | {"error": error, "parts_before": parts_before, "tasks_after": PLANE.tasks}


@scenario
def staged_there(folder: Path) -> Any:
    """Files on the Volume become a staged set on it."""
    raw = Path(mounts.mount_of(mounts.DATA), "raw")
    shutil.copytree(DEMO / "clips", raw)
    summary = stage(f"modal:{mounts.DATA}/raw", f"modal:{mounts.DATA}/staged", engine="modal", workers=2)
    return {
        "target": summary.target,
        "num_staged": summary.num_staged,
        "is_there": Path(mounts.mount_of(mounts.DATA), "staged", "staged.json").is_file(),
        "commits": dict(PLANE.commits),
    }


@scenario
def removed(folder: Path) -> Any:
    """Twice, so that the second time there is none."""
    exits = [cli(["modal", "clean", "results", "--yes"]) for _ in range(2)]
    unasked = cli(["modal", "clean", "data"])
    return {"exits": exits, "unasked": unasked, "left": sorted(PLANE.volumes)}


@scenario
def local_data(folder: Path) -> Any:
    """Data of this machine are refused before anything begins."""
    try:
        evaluate("noisy", DEMO / "manifest.jsonl", out=folder, engine="modal")
    except EarmarkError as error:
        return {"what": error.what, "hint": error.hint, "has_folder": folder.exists()}


def is_task(arguments: tuple[Any, ...]) -> bool:
    return hasattr(arguments[0], "ticket")


def ids_of(shard: Any) -> set[str]:
    return {segment.id for batch in shard.batches for segment in batch.segments}


def main(folder: Path, names: list[str]) -> None:
    mounts.MOUNTS = str(folder / "mounts")
    stage(DEMO / "manifest.jsonl", mounts.Place.of(DATA).folder, engine="inline")
    found: dict[str, Any] = {}
    for name in names:
        PLANE.reset(Faults())
        try:
            found[name] = _SCENARIOS[name](folder / name)
        except Exception as error:  # noqa: BLE001  # the test that looks at it fails
            cause = getattr(error, "cause", None)
            found[name] = {"traceback": f"{traceback.format_exc()}{cause}"}
    print(json.dumps(found), flush=True)  # noqa: T201
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
