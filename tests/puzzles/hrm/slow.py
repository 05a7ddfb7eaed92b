"""A step of the model once more, in NumPy and float64, cell by cell: what the fast one is compared with."""

from __future__ import annotations

import numpy as np

from earmark.puzzles.hrm.settings import HrmSettings


def rms(v):
    return v / np.sqrt((v**2).mean() + 1e-5)


def turned(v, place, theta):
    """Rotary: value i is paired with value i + half, and the pair is turned by place / theta^(2i / size)."""
    half = len(v) // 2
    out = np.empty_like(v)
    for i in range(half):
        angle = place / theta ** (2 * i / len(v))
        out[i] = v[i] * np.cos(angle) - v[i + half] * np.sin(angle)
        out[i + half] = v[i + half] * np.cos(angle) + v[i] * np.sin(angle)
    return out


def attention(tokens, qkv, o, settings):
    num, hidden = tokens.shape
    size = hidden // settings.num_heads
    projected = tokens @ qkv.T
    mixed = np.zeros_like(tokens)
    for head in range(settings.num_heads):
        at = slice(head * size, (head + 1) * size)
        q, k, v = (projected[:, part * hidden : (part + 1) * hidden][:, at] for part in range(3))
        if settings.positions == "rope":
            q = np.stack([turned(q[t], t, settings.rope_theta) for t in range(num)])
            k = np.stack([turned(k[t], t, settings.rope_theta) for t in range(num)])
        for t in range(num):
            scores = np.array([q[t] @ k[other] for other in range(num)]) / np.sqrt(size)
            weights = np.exp(scores - scores.max())
            mixed[t, at] = (weights / weights.sum()) @ v
    return mixed @ o.T


def feed_forward(token, gate_up, down):
    both = gate_up @ token
    gate, value = both[: len(both) // 2], both[len(both) // 2 :]
    return down @ (gate / (1 + np.exp(-gate)) * value)


def level(w, name, state, injected, num_layers, settings):
    x = state + injected
    for layer in range(num_layers):
        at = f"inner.{name}.layers.{layer}"
        mixed = attention(x, w[f"{at}.self_attn.qkv_proj.weight"], w[f"{at}.self_attn.o_proj.weight"], settings)
        x = np.stack([rms(row) for row in x + mixed])
        fed = [feed_forward(row, w[f"{at}.mlp.gate_up_proj.weight"], w[f"{at}.mlp.down_proj.weight"]) for row in x]
        x = np.stack([rms(row) for row in x + np.stack(fed)])
    return x


def begun(w, settings: HrmSettings):
    shape = (settings.num_tokens, settings.hidden_size)
    return np.broadcast_to(w["inner.H_init"], shape), np.broadcast_to(w["inner.L_init"], shape)


def step(w, settings: HrmSettings, ids, high, low):
    """One row: (cells,) of tokens and both states; the new states, logits (cells, vocabulary), both scores."""
    cells = w["inner.embed_tokens.embedding_weight"][ids]
    x = np.concatenate([w["inner.puzzle_emb.weights"][:1], cells])
    if settings.positions == "learned":
        x = 0.5**0.5 * (x + w["inner.embed_pos.embedding_weight"])
    x = x * settings.hidden_size**0.5
    for _ in range(settings.num_h_cycles):
        for _ in range(settings.num_l_cycles):
            low = level(w, "L_level", low, high + x, settings.num_l_layers, settings)
        high = level(w, "H_level", high, low, settings.num_h_layers, settings)
    logits = high[1:] @ w["inner.lm_head.weight"].T
    scores = w["inner.q_head.weight"] @ high[0] + w["inner.q_head.bias"]
    return high, low, logits, scores
