# SPDX-License-Identifier: LGPL-2.1-or-later
"""Mistakes that engines of Qwen2-VL and Qwen2.5-VL can make alike. M: the reference's
module of the family."""
import torch
from torch import nn


def _eps(model, text, value):
    for name, m in model.named_modules():
        if hasattr(m, "variance_epsilon") and ("visual" not in name) == text:
            m.variance_epsilon = value
        if isinstance(m, nn.LayerNorm) and not text:
            m.eps = value


def _merger_gelu(model):
    model.model.visual.merger.mlp[1] = nn.GELU(approximate="tanh")


def _no_biases(model, which):
    for layer in model.model.language_model.layers:
        nn.init.zeros_(getattr(layer.self_attn, which).bias)


def _raster_rope(M):
    def raster(grid_thw, spatial_merge_size, kwargs=None):
        return torch.cat([torch.stack(torch.meshgrid(torch.arange(h), torch.arange(w),
                                                     indexing="ij"), -1).view(-1, 2)
                          for _, h, w in grid_thw.tolist()])
    M.get_vision_position_ids = raster


def _rope_halves(M):
    """Column before row."""
    inner = M.get_vision_position_ids
    M.get_vision_position_ids = lambda *args, **kwargs: inner(*args, **kwargs).flip(-1)


def _one_attention_block(M):
    M.get_vision_cu_seqlens = lambda grid, kwargs=None: torch.tensor([0, int(grid.prod(-1).sum())])


def _sections(model, section):
    for name, m in model.named_modules():
        if getattr(m, "mrope_section", None):
            m.mrope_section = section
    for layer in model.model.language_model.layers:
        attention = layer.self_attn
        if getattr(attention, "rope_parameters", None):
            attention.rope_parameters = dict(attention.rope_parameters, mrope_section=section)
    model.config.text_config.rope_parameters["mrope_section"] = section


def _positions_by_count(model):
    def wrong(input_ids, *args, **kwargs):
        n = input_ids.shape[1]
        return torch.arange(n).view(1, 1, n).expand(3, 1, n).clone(), torch.zeros(1, 1).long()
    model.model.get_rope_index = wrong


def _slices_exchanged(model):
    """Frames before channels: the patch weight read as [frame][channel]."""
    w = model.model.visual.patch_embed.proj.weight
    e, c, t, h, _ = w.shape
    w.data = w.data.reshape(e, t, c, h, h).transpose(1, 2).contiguous()


def common(M):
    return {
        "none": lambda m: None,
        "merger: tanh GELU": _merger_gelu,
        "text epsilon 3e-5": lambda m: _eps(m, True, 3e-5),
        "vision epsilon 1e-5": lambda m: _eps(m, False, 1e-5),
        "no q bias": lambda m: _no_biases(m, "q_proj"),
        "no v bias": lambda m: _no_biases(m, "v_proj"),
        "vision rope in raster order": lambda m: _raster_rope(M),
        "vision rope, column first": lambda m: _rope_halves(M),
        "attention across pictures": lambda m: _one_attention_block(M),
        "patches [frame][channel]": _slices_exchanged,
        "positions by count": _positions_by_count,
        "mrope sections in another order": lambda m: _sections(
            m, m.config.text_config.rope_parameters["mrope_section"][::-1]),
    }


def patched(M):
    return [(M, "get_vision_position_ids"), (M, "get_vision_cu_seqlens")]
