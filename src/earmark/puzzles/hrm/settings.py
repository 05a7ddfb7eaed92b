"""What a Hierarchical Reasoning Model is built from, as its ``all_config.yaml`` and its data say. Knows no torch.

The layout is that of the published checkpoints, https://github.com/sapientinc/HRM: the model's sizes stand under
``arch``; the size of the vocabulary and the length of a sequence are facts of the data and stand in their
``dataset.json``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from earmark.errors import MissingExtraError

Positions = Literal["rope", "learned"]
MODEL_CLASS = "HierarchicalReasoningModel_ACTV1"
"""The class of the published model: the part of ``arch.name`` that counts."""
ARCH_NAME = f"hrm.hrm_act_v1@{MODEL_CLASS}"
_MOST = 1 << 16  # no size of a model that fits anywhere is beyond it
_WHOLE = {
    "hidden_size": "hidden_size",
    "num_heads": "num_heads",
    "H_layers": "num_h_layers",
    "L_layers": "num_l_layers",
    "H_cycles": "num_h_cycles",
    "L_cycles": "num_l_cycles",
    "halt_max_steps": "halt_max_steps",
    "puzzle_emb_ndim": "puzzle_emb_ndim",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HrmSettings:
    """The sizes and rules of a model. The defaults are those of the published one for Sudoku.

    ``mlp_multiple`` is what the width of the feed-forward layers is rounded up to. ``halts_by_sign``: a row has
    answered where its halting score is above 0, not where it is above the score of going on. ``has_full_gradient``
    (of training alone): through all of a step, not only through its last calls. These three are ours; the published
    model has 256, no and no.
    """

    vocab_size: int = 11
    seq_len: int = 81
    num_puzzle_identifiers: int = 1
    hidden_size: int = 512
    num_heads: int = 8
    num_h_layers: int = 4
    num_l_layers: int = 4
    num_h_cycles: int = 2
    num_l_cycles: int = 2
    expansion: float = 4.0
    puzzle_emb_ndim: int = 512
    positions: Positions = "rope"
    halt_max_steps: int = 16
    halt_exploration_prob: float = 0.1
    rms_norm_eps: float = 1e-5
    rope_theta: float = 10_000.0
    mlp_multiple: int = 256
    halts_by_sign: bool = False
    has_full_gradient: bool = False

    @property
    def mlp_width(self) -> int:
        """Of the feed-forward layers, between their two projections."""
        return math.ceil(round(self.expansion * self.hidden_size * 2 / 3) / self.mlp_multiple) * self.mlp_multiple

    @property
    def num_puzzle_tokens(self) -> int:
        """How many tokens stand before the cells."""
        return -(-self.puzzle_emb_ndim // self.hidden_size)

    @property
    def num_tokens(self) -> int:
        """Of a sequence with all that stands before the cells."""
        return self.num_puzzle_tokens + self.seq_len

    @property
    def grid_size(self) -> int | None:
        """Of the Sudoku that the model takes: 4 or 9; None where its data are none."""
        size = math.isqrt(self.seq_len)
        is_grid = size in (4, 9) and size * size == self.seq_len and self.vocab_size == size + 2
        return size if is_grid else None

    @property
    def num_multiplications(self) -> int:
        """Of the matrix products for one puzzle in all steps: reckoned, to tell how long the work is."""
        width, tokens = self.hidden_size, self.num_tokens
        block = tokens * (4 * width * width + 3 * width * self.mlp_width) + 2 * tokens * tokens * width
        num_blocks = self.num_h_cycles * (self.num_l_cycles * self.num_l_layers + self.num_h_layers)
        return self.halt_max_steps * num_blocks * block

    def arch(self) -> dict[str, Any]:
        """The section ``arch`` of an ``all_config.yaml``; ``settings_from`` reads it back."""
        return {
            "name": ARCH_NAME,
            "loss": {"name": "losses@ACTLossHead", "loss_type": "stablemax_cross_entropy"},
            **{key: getattr(self, field) for key, field in _WHOLE.items()},
            "expansion": self.expansion,
            "halt_exploration_prob": self.halt_exploration_prob,
            "rms_norm_eps": self.rms_norm_eps,
            "rope_theta": self.rope_theta,
            "pos_encodings": self.positions,
            "mlp_multiple": self.mlp_multiple,
            "halts_by_sign": self.halts_by_sign,
            "has_full_gradient": self.has_full_gradient,
        }


def settings_from(document: Mapping[str, Any], *, vocab_size: int, seq_len: int) -> HrmSettings:
    """The settings that a parsed ``all_config.yaml`` gives. Raises ValueError, saying which value is none.

    What is not said is as in the published model, but for the sizes, which must be said.
    """
    arch = document.get("arch")
    if not isinstance(arch, Mapping):
        raise ValueError("it has no section arch")  # noqa: TRY004  # of the document, not of a call
    name = arch.get("name")
    if not isinstance(name, str) or name.rpartition("@")[2] != MODEL_CLASS:
        raise ValueError(f"arch.name is {name!r}, and only {MODEL_CLASS} is known")
    least = {"puzzle_emb_ndim": 0}
    settings = HrmSettings(
        vocab_size=vocab_size,
        seq_len=seq_len,
        **{field: _whole(arch, key, least.get(key, 1)) for key, field in _WHOLE.items()},
        expansion=_number(arch, "expansion", 4.0),
        halt_exploration_prob=_number(arch, "halt_exploration_prob", 0.1),
        rms_norm_eps=_number(arch, "rms_norm_eps", 1e-5),
        rope_theta=_number(arch, "rope_theta", 10_000.0),
        positions=_positions(arch),
        mlp_multiple=_whole({"mlp_multiple": 256, **arch}, "mlp_multiple", 1),
        halts_by_sign=_switch(arch, "halts_by_sign"),
        has_full_gradient=_switch(arch, "has_full_gradient"),
    )
    return _checked(settings)


def _checked(settings: HrmSettings) -> HrmSettings:
    if settings.hidden_size % settings.num_heads:
        raise ValueError(f"hidden_size {settings.hidden_size} is no multiple of num_heads {settings.num_heads}")
    if settings.positions == "rope" and settings.hidden_size // settings.num_heads % 2:
        raise ValueError("rope needs an even number of values in a head")
    if not 1 <= settings.mlp_width <= _MOST * 8:
        raise ValueError(f"expansion {settings.expansion} is out of range")
    return settings


def _whole(arch: Mapping[str, Any], key: str, least: int) -> int:
    value = arch.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _MOST:
        raise ValueError(f"arch.{key} is {value!r}, which is no whole number from {least} to {_MOST:,}")
    return value


def _number(arch: Mapping[str, Any], key: str, usual: float) -> float:
    value = arch.get(key, usual)
    if isinstance(value, str):  # YAML 1.1 reads 1e-5, which has no point, as a text
        try:
            value = float(value)
        except ValueError as error:
            raise ValueError(f"arch.{key} is {value!r}, which is no number") from error
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(f"arch.{key} is {value!r}, which is no number from 0")
    return float(value)


def _positions(arch: Mapping[str, Any]) -> Positions:
    value = arch.get("pos_encodings")
    if value not in ("rope", "learned"):
        raise ValueError(f"arch.pos_encodings is {value!r}, neither rope nor learned")
    return "learned" if value == "learned" else "rope"


def _switch(arch: Mapping[str, Any], key: str) -> bool:
    value = arch.get(key, False)
    if not isinstance(value, bool):
        raise ValueError(f"arch.{key} is {value!r}, neither true nor false")  # noqa: TRY004  # of the document
    return value


def parse_yaml(content: bytes) -> object:
    """Plain values of a YAML document; no tag builds anything.

    Raises ValueError for what is no plain YAML, and MissingExtraError without a reader of YAML.
    """
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise MissingExtraError("model", "hrm", "puzzles", "pyyaml") from error
    try:
        return yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError((str(error) or type(error).__name__).splitlines()[0]) from error


def to_yaml(document: Mapping[str, Any]) -> bytes:
    """The document as YAML, its keys in order. Raises MissingExtraError without a writer of YAML."""
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise MissingExtraError("model", "hrm", "puzzles", "pyyaml") from error
    return bytes(yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True), "utf-8")
