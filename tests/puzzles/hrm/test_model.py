from __future__ import annotations

import numpy as np
import pytest
import torch

from earmark.puzzles.hrm.model import Carry, Hrm, truncated_normal
from earmark.puzzles.hrm.settings import HrmSettings
from tests.puzzles.hrm import slow
from tests.puzzles.hrm.checkpoints import LEARNED, TINY, model

PUBLISHED = {
    "inner.H_init": (512,),
    "inner.L_init": (512,),
    "inner.embed_tokens.embedding_weight": (11, 512),
    "inner.lm_head.weight": (11, 512),
    "inner.q_head.weight": (2, 512),
    "inner.q_head.bias": (2,),
    "inner.puzzle_emb.weights": (1, 512),
    **{
        f"inner.{level}_level.layers.{layer}.{part}.weight": shape
        for level in "HL"
        for layer in range(4)
        for part, shape in {
            "self_attn.qkv_proj": (1536, 512),
            "self_attn.o_proj": (512, 512),
            "mlp.gate_up_proj": (3072, 512),
            "mlp.down_proj": (512, 1536),
        }.items()
    },
}


def test_the_published_shape_has_the_published_keys_and_number_of_parameters():
    """27,275,266 parameters and 1,536 values in buffers, under the keys of the published checkpoints."""
    with torch.device("meta"):
        published = Hrm(HrmSettings())
    assert {key: tuple(value.shape) for key, value in published.state_dict().items()} == PUBLISHED
    assert sum(one.numel() for one in published.parameters()) == 27_275_266
    assert sum(one.numel() for one in published.buffers()) == 1_536
    kinds = {key: value.dtype for key, value in published.state_dict().items()}
    assert {key for key, kind in kinds.items() if kind == torch.bfloat16} == {"inner.H_init", "inner.L_init"}


def test_the_published_shape_multiplies_as_often_as_was_reckoned():
    """13.74 GFLOP a puzzle and step: two for each multiplication, and the few of the heads left out."""
    assert 2 * HrmSettings().num_multiplications / 16 == pytest.approx(13.74e9, rel=1e-3)


@pytest.mark.parametrize("settings", [TINY, LEARNED], ids=["rope", "learned positions"])
def test_steps_are_those_of_the_slow_truth(settings):
    """Two steps agree with the loops in float64: to rounding in float64, and closely in float32."""
    ids = np.random.default_rng(0).integers(1, 6, size=(2, 16))
    tiny = model(settings)
    weights = {key: value.double().numpy() for key, value in tiny.state_dict().items()}
    for dtype, tolerance in ((torch.float32, 2e-4), (torch.float64, 1e-9)):
        fast = model(settings).to(dtype)
        carry, truth = fast.begun(2), [slow.begun(weights, settings)] * 2
        for _ in range(2):
            carry, said = fast(carry, torch.from_numpy(ids))
            for row in range(2):
                high, low, logits, scores = slow.step(weights, settings, ids[row], *truth[row])
                truth[row] = (high, low)
                np.testing.assert_allclose(carry.high[row], high, atol=tolerance)
                np.testing.assert_allclose(carry.low[row], low, atol=tolerance)
                np.testing.assert_allclose(said.logits[row], logits, atol=tolerance)
                np.testing.assert_allclose([said.q_halt[row], said.q_continue[row]], scores, atol=tolerance)


def gradient_of(settings: HrmSettings, key: str) -> torch.Tensor:
    tiny = model(settings).requires_grad_()
    carry, said = tiny(tiny.begun(1), torch.ones((1, 16), dtype=torch.int64))
    (carry.high.sum() + said.logits.square().sum()).backward()
    return tiny.get_parameter(key).grad


def test_gradient_goes_through_the_last_calls_or_through_all():
    """One step back reaches every weight; the whole way back gives another gradient, that of plain autograd."""
    key = "inner.L_level.layers.0.mlp.down_proj.weight"
    last, whole = gradient_of(TINY, key), gradient_of(LEARNED, key)
    assert last.abs().sum() > 0
    assert whole.abs().sum() > 0
    tiny = model(TINY).requires_grad_()
    x = tiny.inner.embedded(torch.ones((1, 16), dtype=torch.int64))
    begun = tiny.begun(1)
    with torch.no_grad():  # all but the last call of each level
        low = begun.low
        for _ in range(2):
            low = tiny.inner.L_level(low, begun.high + x, tiny.inner._turn(x))
        high = tiny.inner.H_level(begun.high, low, tiny.inner._turn(x))
        low = tiny.inner.L_level(low, high + x, tiny.inner._turn(x))
    low = tiny.inner.L_level(low, high + x, tiny.inner._turn(x))
    high = tiny.inner.H_level(high, low, tiny.inner._turn(x))
    (high.sum() + tiny.inner.said(Carry(high, low)).logits.square().sum()).backward()
    torch.testing.assert_close(tiny.get_parameter(key).grad, last)


def test_a_model_begins_undecided():
    """Before training it never stops by itself: the bias of both scores is -5 and their weights are 0."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        fresh = Hrm(TINY)
    _, said = fresh(fresh.begun(2), torch.ones((2, 16), dtype=torch.int64))
    assert said.q_halt.tolist() == said.q_continue.tolist() == [-5.0, -5.0]
    assert not fresh.has_answered(said).any()


def test_first_weights_have_the_deviation_that_was_asked_for():
    """The cut at two deviations is corrected, so a little beyond two is the most."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        values = truncated_normal((200_000,), 0.5)
    assert abs(float(values.std()) - 0.5) < 0.005
    assert float(values.abs().max()) <= 2 * 0.5 / 0.8796


def test_a_long_puzzle_embedding_takes_several_tokens():
    """It is filled up to whole tokens, as the published one does."""
    from dataclasses import replace

    long = model(replace(TINY, puzzle_emb_ndim=24))
    assert long.settings.num_puzzle_tokens == 2
    x = long.inner.embedded(torch.ones((1, 16), dtype=torch.int64))
    assert x.shape == (1, 18, 16)
    assert float(x[0, 1, 8:].abs().sum()) == 0
    assert float(x[0, 1, :8].abs().sum()) > 0
