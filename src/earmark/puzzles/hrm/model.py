"""The network of the Hierarchical Reasoning Model with adaptive computation time, version 1, in PyTorch.

Written from the paper (Wang et al. 2025, "Hierarchical Reasoning Model", arXiv:2506.21734) and the published layout of
its weights: a state dict of https://github.com/sapientinc/HRM fits. Knows one step of the recursion; how many steps are
made, and which rows leave, is ``recursion``'s and the training's.

Names of modules with capital letters are the published ones: they are the keys of the weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  # as everybody calls it
from torch import Tensor, nn

from earmark.puzzles.hrm.settings import HrmSettings

_Q_BIAS = -5.0
_EMBEDDED_WITH_POSITIONS = math.sqrt(0.5)  # keeps the variance of a sum of two
_TRUNCATED_STD = 0.87962566103423978  # of a standard normal that is cut at -2 and 2


@dataclass(frozen=True, slots=True)
class Carry:
    """What goes from a step to the next: two states, each (rows, tokens, hidden)."""

    high: Tensor
    low: Tensor

    def detached(self) -> Carry:
        """The same values, through which no gradient goes."""
        return Carry(self.high.detach(), self.low.detach())


@dataclass(frozen=True, slots=True)
class Said:
    """The answer at a step: logits (rows, cells, vocabulary), and the scores of halting and of going on (rows,)."""

    logits: Tensor
    q_halt: Tensor
    q_continue: Tensor


class Weight(nn.Module):
    """A matrix that multiplies from the right, with a bias or none, each under the published key."""

    def __init__(self, num_in: int, num_out: int, *, has_bias: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(truncated_normal((num_out, num_in), num_in**-0.5))
        self.bias = nn.Parameter(torch.zeros(num_out)) if has_bias else None

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


class Embedding(nn.Module):
    """A vector for each token, under the published key."""

    def __init__(self, num_rows: int, num_values: int) -> None:
        super().__init__()
        self.embedding_weight = nn.Parameter(truncated_normal((num_rows, num_values), num_values**-0.5))

    def forward(self, ids: Tensor) -> Tensor:
        return F.embedding(ids, self.embedding_weight)


class PuzzleEmbedding(nn.Module):
    """A vector for each kind of puzzle. A buffer: the published model trains it beside the other weights."""

    weights: Tensor

    def __init__(self, num_rows: int, num_values: int) -> None:
        super().__init__()
        self.register_buffer("weights", torch.zeros(num_rows, num_values))


class Attention(nn.Module):
    """Every token looks at every one; no bias."""

    def __init__(self, settings: HrmSettings) -> None:
        super().__init__()
        self._num_heads = settings.num_heads
        self.qkv_proj = Weight(settings.hidden_size, 3 * settings.hidden_size)
        self.o_proj = Weight(settings.hidden_size, settings.hidden_size)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor] | None) -> Tensor:
        """(rows, tokens, hidden), and cosines and sines of the positions where those are turned into queries, keys."""
        rows, tokens, hidden = x.shape
        heads = self.qkv_proj(x).view(rows, tokens, 3, self._num_heads, hidden // self._num_heads)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        if turn is not None:
            query, key = _turned(query, *turn), _turned(key, *turn)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.o_proj(mixed.transpose(1, 2).reshape(rows, tokens, hidden))  # type: ignore[no-any-return]


class FeedForward(nn.Module):
    """SwiGLU: a gate and a value from one matrix, and back."""

    def __init__(self, settings: HrmSettings) -> None:
        super().__init__()
        self.gate_up_proj = Weight(settings.hidden_size, 2 * settings.mlp_width)
        self.down_proj = Weight(settings.mlp_width, settings.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.gate_up_proj(x).chunk(2, dim=-1)
        return self.down_proj(F.silu(gate) * value)  # type: ignore[no-any-return]


class Block(nn.Module):
    """Attention, then feed-forward; the sum with what came in is normalised after each."""

    def __init__(self, settings: HrmSettings) -> None:
        super().__init__()
        self._eps = settings.rms_norm_eps
        self.self_attn = Attention(settings)
        self.mlp = FeedForward(settings)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor] | None) -> Tensor:
        x = _normalised(x + self.self_attn(x, turn), self._eps)
        return _normalised(x + self.mlp(x), self._eps)


class Level(nn.Module):
    """A stack of blocks over the sum of a state and what is injected into it."""

    def __init__(self, settings: HrmSettings, num_layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Block(settings) for _ in range(num_layers))

    def forward(self, state: Tensor, injected: Tensor, turn: tuple[Tensor, Tensor] | None) -> Tensor:
        x = state + injected
        for layer in self.layers:
            x = layer(x, turn)
        return x


class Inner(nn.Module):
    """One step of the recursion, and what is said after it."""

    H_init: Tensor
    L_init: Tensor

    def __init__(self, settings: HrmSettings) -> None:
        super().__init__()
        self._settings = settings
        width = settings.hidden_size
        self.embed_tokens = Embedding(settings.vocab_size, width)
        self.lm_head = Weight(width, settings.vocab_size)
        self.q_head = Weight(width, 2, has_bias=True)
        if settings.puzzle_emb_ndim:
            self.puzzle_emb = PuzzleEmbedding(settings.num_puzzle_identifiers, settings.puzzle_emb_ndim)
        if settings.positions == "learned":
            self.embed_pos = Embedding(settings.num_tokens, width)
        self.H_level = Level(settings, settings.num_h_layers)
        self.L_level = Level(settings, settings.num_l_layers)
        self.register_buffer("H_init", truncated_normal((width,), 1.0).bfloat16())
        self.register_buffer("L_init", truncated_normal((width,), 1.0).bfloat16())
        self._turns: dict[tuple[torch.device, torch.dtype], tuple[Tensor, Tensor]] = {}
        with torch.no_grad():
            self.q_head.weight.zero_()
            if self.q_head.bias is not None:
                self.q_head.bias.fill_(_Q_BIAS)

    def embedded(self, ids: Tensor) -> Tensor:
        """(rows, cells) of tokens as (rows, tokens, hidden); every puzzle is of the first kind."""
        settings = self._settings
        x = self.embed_tokens(ids)
        if settings.puzzle_emb_ndim:
            kind = self.puzzle_emb.weights[0].to(x.dtype)
            kind = F.pad(kind, (0, settings.num_puzzle_tokens * settings.hidden_size - kind.numel()))
            kind = kind.view(1, settings.num_puzzle_tokens, settings.hidden_size).expand(len(ids), -1, -1)
            x = torch.cat((kind, x), dim=1)
        if settings.positions == "learned":
            x = _EMBEDDED_WITH_POSITIONS * (x + self.embed_pos.embedding_weight)
        return math.sqrt(settings.hidden_size) * x  # type: ignore[no-any-return]

    def step(self, carry: Carry, x: Tensor) -> Carry:
        """One step: each high cycle ends several low ones. Gradient goes through the last calls, or through all."""
        settings, turn = self._settings, self._turn(x)
        num_low = settings.num_h_cycles * settings.num_l_cycles
        high, low = carry.high, carry.low
        for index in range(num_low):
            is_last = index == num_low - 1
            with torch.set_grad_enabled(torch.is_grad_enabled() and (is_last or settings.has_full_gradient)):
                low = self.L_level(low, high + x, turn)
                if (index + 1) % settings.num_l_cycles == 0:
                    high = self.H_level(high, low, turn)
        return Carry(high, low)

    def said(self, carry: Carry) -> Said:
        """What the state says. The first token is the one that halting is read from; the scores are of 32 bits."""
        logits = self.lm_head(carry.high[:, self._settings.num_puzzle_tokens :])
        scores = _at_least_float32(self.q_head(carry.high[:, 0]))
        return Said(logits, scores[:, 0], scores[:, 1])

    def _turn(self, x: Tensor) -> tuple[Tensor, Tensor] | None:
        """Cosines and sines of the positions, (tokens, values of a head), made once for a device."""
        if self._settings.positions != "rope":
            return None
        dtype = torch.promote_types(x.dtype, torch.float32)
        key = (x.device, dtype)
        if key not in self._turns:
            size = self._settings.hidden_size // self._settings.num_heads
            steps = torch.arange(0, size, 2, dtype=dtype, device=x.device) / size
            frequencies = 1.0 / self._settings.rope_theta**steps
            angles = torch.outer(torch.arange(self._settings.num_tokens, dtype=dtype, device=x.device), frequencies)
            angles = torch.cat((angles, angles), dim=-1)
            self._turns[key] = (angles.cos(), angles.sin())
        return self._turns[key]


class Hrm(nn.Module):
    """The model. Its state dict has the published keys without their first word, ``model.``."""

    def __init__(self, settings: HrmSettings) -> None:
        super().__init__()
        self.settings = settings
        self.inner = Inner(settings)

    def begun(self, num_rows: int) -> Carry:
        """The states before the first step."""
        inner, shape = self.inner, (num_rows, self.settings.num_tokens, self.settings.hidden_size)
        dtype = inner.lm_head.weight.dtype
        return Carry(inner.H_init.to(dtype).expand(shape).clone(), inner.L_init.to(dtype).expand(shape).clone())

    def forward(self, carry: Carry, ids: Tensor) -> tuple[Carry, Said]:
        """One step over tokens (rows, cells), and what is said after it."""
        after = self.inner.step(carry, self.inner.embedded(ids))
        return after, self.inner.said(after)

    def has_answered(self, said: Said) -> Tensor:
        """Of each row, whether the model itself would stop here, bool (rows,)."""
        return said.q_halt > (0.0 if self.settings.halts_by_sign else said.q_continue)


def truncated_normal(shape: tuple[int, ...], std: float) -> Tensor:
    """Normal numbers of this standard deviation, from which those beyond two (before the correction) are kept out."""
    return nn.init.trunc_normal_(torch.empty(shape), std=1.0, a=-2.0, b=2.0).mul_(std / _TRUNCATED_STD)


def _at_least_float32(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _normalised(x: Tensor, eps: float) -> Tensor:
    """Divided by the root of the mean square of its last dimension, without a weight; computed in 32 bits or more."""
    return F.rms_norm(_at_least_float32(x), (x.shape[-1],), eps=eps).to(x.dtype)


def _turned(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Rotary positions over (rows, heads, tokens, values): the halves of the values are turned together."""
    wide = x.to(cosines.dtype)
    first, second = wide.chunk(2, dim=-1)
    return (wide * cosines + torch.cat((-second, first), dim=-1) * sines).to(x.dtype)
