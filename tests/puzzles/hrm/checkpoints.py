"""Checkpoints made on the spot: small models with weights by chance, in the published layout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from earmark.puzzles.hrm.model import Hrm
from earmark.puzzles.hrm.settings import HrmSettings, to_yaml

TINY = HrmSettings(
    vocab_size=6,
    seq_len=16,
    hidden_size=16,
    num_heads=2,
    num_h_layers=1,
    num_l_layers=2,
    num_h_cycles=2,
    num_l_cycles=2,
    puzzle_emb_ndim=16,
    halt_max_steps=3,
    mlp_multiple=16,
)
LEARNED = replace(TINY, positions="learned", halts_by_sign=True, has_full_gradient=True)


def model(settings: HrmSettings = TINY, seed: int = 0) -> Hrm:
    """By chance, with a head for halting that says something, and a puzzle's token that is not zero."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = Hrm(settings)
        made.inner.q_head.weight.data.normal_()
        made.inner.q_head.bias.data.zero_()
        made.inner.puzzle_emb.weights.normal_()
    return made.eval().requires_grad_(requires_grad=False)


def state_of(settings: HrmSettings = TINY, seed: int = 0, prefix: str = "model.") -> dict[str, Any]:
    return {f"{prefix}{key}": value.clone() for key, value in model(settings, seed).state_dict().items()}


def write_config(folder: Path, settings: HrmSettings = TINY, **more: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "all_config.yaml").write_bytes(to_yaml({"arch": settings.arch(), **more}))


def write_checkpoint(
    folder: Path, settings: HrmSettings = TINY, *, step: int = 7, seed: int = 0, state: object = None
) -> Path:
    """The folder's ``step_<step>``, with the settings beside it."""
    write_config(folder, settings)
    path = folder / f"step_{step}"
    torch.save(state_of(settings, seed) if state is None else state, path)
    return path
