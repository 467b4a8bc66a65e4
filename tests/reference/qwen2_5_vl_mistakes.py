# SPDX-License-Identifier: LGPL-2.1-or-later
"""The classic mistakes of a Qwen2.5-VL engine, made in the reference (see mistakes.py)."""
import torch
from torch import nn
from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl as M

import qwen2_mistakes as shared


def _mlp(model, act):
    for block in model.model.visual.blocks:
        block.mlp.act_fn = act


def _no_up_bias(model):
    for block in model.model.visual.blocks:
        nn.init.zeros_(block.mlp.up_proj.bias)


def _window_order(model, change):
    """change(window_index, cu_window_seqlens) -> both."""
    inner = M.get_vision_window_index

    def wrong(*args, **kwargs):
        return change(*inner(*args, **kwargs))
    M.get_vision_window_index = wrong


def _late_tiles(index, cu):
    """Windows of another size than the cells are ordered by: pairs of them joined."""
    ends = cu[::2]
    return index, ends if ends[-1] == cu[-1] else torch.cat([ends, cu[-1:]])


def _raster(index, cu):
    """Windows without the order that they are of."""
    return torch.arange(len(index)), cu


MISTAKES = {
    **shared.common(M),
    "vision MLP: GELU gate": lambda m: _mlp(m, nn.GELU()),
    "vision MLP: no up bias": _no_up_bias,
    "all layers see all": lambda m: setattr(
        m.model.visual, "fullatt_block_indexes", list(range(99))),
    "no layer sees all": lambda m: setattr(m.model.visual, "fullatt_block_indexes", []),
    "full layers one late": lambda m: setattr(
        m.model.visual, "fullatt_block_indexes",
        [i + 1 for i in m.model.visual.fullatt_block_indexes]),
    "windows joined in pairs": lambda m: _window_order(m, _late_tiles),
    "windows over cells in raster order": lambda m: _window_order(m, _raster),
    "windows a cell smaller": lambda m: setattr(
        m.model.visual, "window_size", m.model.visual.window_size - 28),
}

PATCHED = shared.patched(M) + [(M, "get_vision_window_index")]
CASES = [("bf16", "windows"), ("f32", "odd_size"), ("f32", "two_pictures")]
