# SPDX-License-Identifier: LGPL-2.1-or-later
"""The classic mistakes of a Qwen2-VL engine, made in the reference (see mistakes.py)."""
from torch import nn
from transformers.models.qwen2_vl import modeling_qwen2_vl as M

import qwen2_mistakes as shared


def _mlp(model, act):
    for block in model.model.visual.blocks:
        block.mlp.act = act


MISTAKES = {
    **shared.common(M),
    "vision MLP: erf GELU": lambda m: _mlp(m, nn.GELU()),
    "vision MLP: tanh GELU": lambda m: _mlp(m, nn.GELU(approximate="tanh")),
}

PATCHED = shared.patched(M)
CASES = [("bf16", "two_pictures"), ("f32", "two_pictures"), ("micro", "windows")]
