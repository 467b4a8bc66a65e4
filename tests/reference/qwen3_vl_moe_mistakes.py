# SPDX-License-Identifier: LGPL-2.1-or-later
"""The classic mistakes with experts, made in the reference (see mistakes.py)."""
import torch


def _sparse(model):
    return [layer.mlp for layer in model.model.language_model.layers
            if hasattr(layer.mlp, "experts")]


def _route(model, route):
    """route(logits, top_k) -> weights, chosen"""
    for mlp in _sparse(model):
        def forward(x, gate=mlp.gate):
            logits = torch.nn.functional.linear(x.reshape(-1, gate.hidden_dim), gate.weight)
            return (logits, *route(logits, gate.top_k))
        mlp.gate.forward = forward


def _not_normalised(logits, k):
    return torch.softmax(logits, -1).topk(k, -1)


def _normalised(logits, k):
    weights, chosen = _not_normalised(logits, k)
    return weights / weights.sum(-1, keepdim=True), chosen


def _rounded(logits, k):
    chosen = logits.bfloat16().topk(k, -1).indices
    weights = torch.softmax(logits, -1).gather(-1, chosen)
    return weights / weights.sum(-1, keepdim=True), chosen


def _sigmoid(logits, k):
    weights, chosen = torch.sigmoid(logits).topk(k, -1)
    return weights / weights.sum(-1, keepdim=True), chosen


def _change(model, name, change):
    with torch.no_grad():
        for mlp in _sparse(model):
            p = getattr(mlp.experts, name)
            p.copy_(change(p.clone()))


def _misread(x):
    """The bytes of a file by inputs, taken for one by outputs."""
    return x.transpose(1, 2).contiguous().view(x.shape)


def _interleaved(x):
    return x.view(x.shape[0], -1, 2, x.shape[2]).transpose(1, 2).reshape(x.shape)


MISTAKES = {
    "none": lambda m: None,
    "not normalised": lambda m: _route(m, _not_normalised),
    "sigmoid for softmax": lambda m: _route(m, _sigmoid),
    "top-k of BF16 logits": lambda m: _route(m, _rounded),
    "one expert fewer": lambda m: _route(m, lambda logits, k: _normalised(logits, k - 1)),
    "gate and up exchanged": lambda m: _change(
        m, "gate_up_proj", lambda x: torch.cat(x.chunk(2, 1)[::-1], 1)),
    "gate and up interleaved": lambda m: _change(m, "gate_up_proj", _interleaved),
    "gate_up by outputs": lambda m: _change(m, "gate_up_proj", _misread),
    "down by outputs": lambda m: _change(m, "down_proj", _misread),
}
PATCHED = []

CASES = [("bf16", "tall"), ("f32", "two_pictures")]
