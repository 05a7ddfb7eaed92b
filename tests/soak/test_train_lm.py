"""The language model alone, on real speech: a system of digits that stays as it is makes fewer errors with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.training.lm_toys import write_lm_toy

pytestmark = pytest.mark.soak


def trained(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "earmark", "train", *words, "--device", "cpu"], check=True)


def summary(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "summary.json").read_text())
    return found


def test_a_language_model_lowers_perplexity_and_errors_of_digits(data_folder, tmp_path):
    """Both recipes as they come: the system is trained, and then its language model, beside it."""
    data = data_folder / "digits" / "manifest.jsonl"
    if not data.is_file():
        pytest.skip(f"no digits/manifest.jsonl in {data_folder}")
    digits, with_lm = tmp_path / "digits", tmp_path / "digits_lm"
    trained("digits_ctc", "--set", f"data.source={data}", "--out", str(digits))
    more = ("--set", f"data.source={data}", "--set", f"model.pretrained={digits / 'model'}")
    trained("digits_lm", *more, "--out", str(with_lm))
    perplexity = [one["perplexity"] for one in json.loads((with_lm / "epochs.json").read_text())]
    alone = summary(digits / "runs" / "after")["wer"]
    before, after = (summary(with_lm / "runs" / name)["wer"] for name in ("before", "after"))
    print(f"perplexity {perplexity[0]:.2f} to {perplexity[-1]:.2f}; WER {alone:.2%} alone, {before:.2%}, {after:.2%}")
    assert min(perplexity) < perplexity[0]
    assert after < alone
    assert after < before


def test_two_ranks_that_torchrun_starts_learn_what_one_learns(tmp_path):
    """The losses are the same within rounding, and the weights on both ranks are equal."""
    toy = str(write_lm_toy(tmp_path / "toy"))
    alone, together = tmp_path / "alone", tmp_path / "together"
    same = ("--set", "model.hyperparams=still.yaml")  # what is drawn within a network differs
    still = (tmp_path / "toy" / "lm.yaml").read_text().replace("dropout: 0.1", "dropout: 0.0")
    (tmp_path / "toy" / "still.yaml").write_text(still)
    trained(toy, *same, "--out", str(alone))
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d"]
    line = [*launcher, "--rdzv-endpoint=127.0.0.1:0", "-m", "earmark", "train", toy, *same, "--out", str(together)]
    subprocess.run(
        [sys.executable, *line, "--engine", "torchrun", "--device", "cpu"],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True,
    )  # fmt: skip
    one, two = (json.loads((out / "epochs.json").read_text()) for out in (alone, together))
    assert [one_epoch["perplexity"] for one_epoch in two] == pytest.approx(
        [one_epoch["perplexity"] for one_epoch in one], rel=1e-3
    )
    assert json.loads((together / "experiment.json").read_text())["num_ranks"] == 2
