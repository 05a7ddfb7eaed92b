"""The whole golden matrix: recognizers, engines, workers, fresh and resumed; one and the same scores, to the byte.

A covering selection is in every test run. The groups of torchrun do all their runs one after the other, since each rank
takes seconds to start.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from earmark.recognizers.doubles import Noisy
from earmark.store import layout
from earmark.verbs.evaluate import evaluate
from tests.engines.raylets import two_nodes
from tests.test_golden_matrix import (
    RECOGNIZERS,
    check_same,
    check_shares,
    clips,
    scores,
    source,
    sphinx,
    stop_early,
    truths,
)
from tests.toys import ToySource

pytestmark = [pytest.mark.soak, pytest.mark.filterwarnings("ignore::ResourceWarning:ray")]

__all__ = ["source", "truths"]  # the fixtures of the selection
ROOT = Path(__file__).parents[2]
PATIENCE_S = 600.0
KINDS = ("fresh", "resumed")
PLACES = [("inline", 1), ("processes", 1), ("processes", 2), ("processes", 3)]
RANK = """
import pickle, sys
from pathlib import Path
from earmark.verbs.evaluate import evaluate
from tests.test_golden_matrix import RECOGNIZERS

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    source = pickle.loads((folder / "source").read_bytes())
    chosen = {"normalizer": "none", "max_batch_s": 1.0, "engine": "torchrun", "workers": None}
    for name, make in RECOGNIZERS.items():
        for kind in ("fresh", "resumed"):
            out = folder / name / kind
            evaluate(make(source.texts), source, out=str(out), **chosen)
"""


@pytest.mark.parametrize(("engine", "workers"), PLACES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", RECOGNIZERS)
def test_processes(source, truths, tmp_path, name, kind, engine, workers):
    """Engines, workers and interruptions change who does the work and when, never an answer."""
    make = partial(RECOGNIZERS[name], source.texts)
    is_resumed = kind == "resumed"
    check_same(truths[name], make, source, tmp_path / "run", is_resumed=is_resumed, engine=engine, workers=workers)


@pytest.mark.parametrize("name", RECOGNIZERS)
def test_shares(source, truths, tmp_path, name):
    """Three drivers that share the run by hand, one of them stopped and begun again, with other engines."""
    check_shares(truths[name], partial(RECOGNIZERS[name], source.texts), source, tmp_path / "run")


@pytest.mark.parametrize("num_ranks", [1, 2, 3])
def test_torchrun(source, truths, tmp_path, num_ranks):
    """Ranks of a real group, for each recognizer, fresh and resumed."""
    (tmp_path / "source").write_bytes(pickle.dumps(source))
    script = tmp_path / "rank.py"
    script.write_text(RANK)
    for name in RECOGNIZERS:
        stop_early(RECOGNIZERS[name](source.texts), source, tmp_path / name / "resumed")
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={num_ranks}"]
    command = [sys.executable, *launcher, str(script), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for name, kind in product(RECOGNIZERS, KINDS):
        assert (tmp_path / name / kind / layout.SCORES).read_bytes() == truths[name], f"{name}, {kind}"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of a processor each."""
    import ray

    with two_nodes() as nodes:
        ray.init(address=nodes.address, log_to_driver=False)
        yield nodes
        ray.shutdown()


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", RECOGNIZERS)
def test_ray(cluster, source, truths, tmp_path, name, kind, workers):
    """Actors of a cluster with two processors; where a third worker has no room, two do the work."""
    make = partial(RECOGNIZERS[name], source.texts)
    is_resumed = kind == "resumed"
    check_same(truths[name], make, source, tmp_path / "run", is_resumed=is_resumed, engine="ray", workers=workers)


@pytest.mark.parametrize(("kind", "workers"), [("fresh", 3), ("resumed", 2), ("resumed", 3)])
def test_real_recognition(tmp_path, kind, workers):
    """PocketSphinx carries no state from one utterance to the next, so order and workers do not matter."""
    truth = scores(sphinx(), clips(), tmp_path / "truth")
    check_same(truth, sphinx, clips(), tmp_path / "run", is_resumed=kind == "resumed", workers=workers)


def test_a_run_goes_from_engine_to_engine(cluster, source: ToySource, tmp_path):
    """Begun inline, gone on with in processes, and ended on Ray: the scores are those of one engine."""
    noisy, out = Noisy(source.texts, error_rate=0.3), tmp_path / "run"
    stop_early(noisy, source, out)
    stop_early(noisy, source, out, engine="processes", workers=2)
    evaluate(noisy, source, out=str(out), normalizer="none", max_batch_s=1.0, engine="ray", workers=2)
    assert (out / layout.SCORES).read_bytes() == scores(noisy, source, tmp_path / "truth")
