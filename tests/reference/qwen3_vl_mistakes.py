# SPDX-License-Identifier: LGPL-2.1-or-later
"""The classic mistakes of a Qwen3-VL engine, made in the reference (see mistakes.py)."""
import torch
from torch import nn
from transformers.models.qwen3_vl import modeling_qwen3_vl as M


class QuickGELU(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


def _set_act(modules, act):
    for m in modules:
        m.act_fn = act


def _eps(model, text, value):
    for m in model.modules():
        if text and isinstance(m, M.Qwen3VLTextRMSNorm):
            m.variance_epsilon = value
        if not text and isinstance(m, nn.LayerNorm):
            m.eps = value


def _blocked_mrope(model):
    def blocked(freqs, section):
        out = freqs[0].clone()
        a, b = section[0], section[0] + section[1]
        out[..., a:b] = freqs[1][..., a:b]
        out[..., b:] = freqs[2][..., b:]
        return out
    model.model.language_model.rotary_emb.apply_interleaved_mrope = blocked


def _table(model, grid_change):
    """Replaces the position table's interpolation by half-pixel centres."""
    def wrong(grid_thw, num_grid_per_side=None, spatial_merge_size=None, kwargs=None):
        index, weight = [], []
        for t, h, w in grid_thw.tolist():
            s = num_grid_per_side
            y = ((torch.arange(h) + 0.5) * s / h - 0.5).clamp(0, s - 1)
            x = ((torch.arange(w) + 0.5) * s / w - 0.5).clamp(0, s - 1)
            y0, x0 = y.int(), x.int()
            y1, x1 = (y0 + 1).clamp(max=s - 1), (x0 + 1).clamp(max=s - 1)
            fy, fx = y - y0, x - x0
            ii, ww = [], []
            for ya, wy in ((y0, 1 - fy), (y1, fy)):
                for xa, wx in ((x0, 1 - fx), (x1, fx)):
                    i = (ya[:, None] * s + xa[None]).view(h // 2, 2, w // 2, 2)
                    v = (wy[:, None] * wx[None]).view(h // 2, 2, w // 2, 2)
                    ii.append(i.permute(0, 2, 1, 3).reshape(-1))
                    ww.append(v.permute(0, 2, 1, 3).reshape(-1))
            index.append(torch.stack(ii).repeat(1, t))
            weight.append(torch.stack(ww).repeat(1, t))
        return torch.cat(index, 1), torch.cat(weight, 1)
    M.get_vision_bilinear_indices_and_weights = wrong


def _raster_rope(model):
    def raster(grid_thw, spatial_merge_size, kwargs=None):
        return torch.cat([torch.stack(torch.meshgrid(torch.arange(h), torch.arange(w),
                                                     indexing="ij"), -1).view(-1, 2).repeat(t, 1)
                          for t, h, w in grid_thw.tolist()])
    M.get_vision_position_ids = raster


def _one_attention_block(model):
    M.get_vision_cu_seqlens = lambda grid, kwargs=None: torch.tensor([0, int(grid.prod(-1).sum())])


def _taps(model, change):
    visual = model.model.visual
    inner = visual.forward

    def wrong(*args, **kwargs):
        out = inner(*args, **kwargs)
        out.deepstack_features = change(out.deepstack_features)
        return out
    visual.forward = wrong


def _identity_norms(model, which):
    for layer in model.model.language_model.layers:
        setattr(layer.self_attn, which, nn.Identity())


def _positions(model):
    """After a picture, count its tokens instead of its longer side."""
    inner = model.model.get_rope_index

    def wrong(input_ids, *args, **kwargs):
        pos, _ = inner(input_ids, *args, **kwargs)
        n = input_ids.shape[1]
        return torch.arange(n).view(1, 1, n).expand_as(pos).clone(), torch.zeros(1, 1).long()
    model.model.get_rope_index = wrong


def _order_of_norm_and_merge(model):
    """DeepStack norm per patch (first quarter of its weights) before merging."""
    for merger in model.model.visual.deepstack_merger_list:
        width = merger.norm.weight.shape[0] // 4
        norm = nn.LayerNorm(width, eps=1e-6)
        norm.weight.data, norm.bias.data = merger.norm.weight[:width], merger.norm.bias[:width]
        merger.norm, merger.use_postshuffle_norm = norm, False


def _frames(model, first, second):
    """The slices of the patch embedding for the two frames of a pair."""
    w = model.model.visual.patch_embed.proj.weight
    a, b = w.data[:, :, 0].clone(), w.data[:, :, 1].clone()
    w.data[:, :, 0], w.data[:, :, 1] = first(a, b), second(a, b)


MISTAKES = {
    "none": lambda m: None,
    "vision MLP: erf GELU": lambda m: _set_act([b.mlp for b in m.model.visual.blocks], nn.GELU()),
    "vision MLP: quick GELU": lambda m: _set_act(
        [b.mlp for b in m.model.visual.blocks], QuickGELU()),
    "merger: tanh GELU": lambda m: _set_act([m.model.visual.merger], nn.GELU(approximate="tanh")),
    "DeepStack: tanh GELU": lambda m: _set_act(m.model.visual.deepstack_merger_list,
                                               nn.GELU(approximate="tanh")),
    "text epsilon 1e-5": lambda m: _eps(m, True, 1e-5),
    "vision epsilon 1e-5": lambda m: _eps(m, False, 1e-5),
    "mrope in blocks": _blocked_mrope,
    "half-pixel position table": lambda m: _table(m, None),
    "vision rope in raster order": _raster_rope,
    "attention across pictures": _one_attention_block,
    "last tap missing": lambda m: _taps(m, lambda f: f[:-1]),
    "taps exchanged": lambda m: _taps(m, lambda f: list(f[::-1])),
    "taps one layer late": lambda m: _taps(m, lambda f: [torch.zeros_like(f[0])] + list(f)),
    "no q norm": lambda m: _identity_norms(m, "q_norm"),
    "no k norm": lambda m: _identity_norms(m, "k_norm"),
    "positions by count": _positions,
    "DeepStack norm before merging": _order_of_norm_and_merge,
    "film: frames of a pair exchanged": lambda m: _frames(m, lambda a, b: b, lambda a, b: a),
    "film: the first frame twice": lambda m: _frames(m, lambda a, b: a + b, lambda a, b: 0 * b),
}

# What a mistake may replace outside its model.
PATCHED = [(M, "get_vision_bilinear_indices_and_weights"), (M, "get_vision_position_ids"),
           (M, "get_vision_cu_seqlens")]

CASES = [("bf16", "two_pictures"), ("f32", "two_pictures"), ("f16", "tall"), ("bf16", "film4")]
