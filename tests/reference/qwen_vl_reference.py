# SPDX-License-Identifier: LGPL-2.1-or-later
"""Qwen-VL of 2023 as plain PyTorch functions over a dictionary of tensors, written
down from MODELS-qwen-vl.md; transformers never had it. Everything in float32, the
whole sequence at each step, no cache.

`wrong` names one deliberate mistake (MISTAKES), see qwen_vl_mistakes.py."""
import math

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)

MISTAKES = [
    "in_proj as blocks", "proj transposed", "w1 and w2 exchanged", "rope on neighbours",
    "positions on values", "no positions on queries", "no positions on keys",
    "halves of pos_embed exchanged", "table nearest", "table bilinear", "table aligned corners",
    "table with Pillow's kernel", "aspect kept", "picture bilinear", "vertical pass first",
    "alpha over white", "no NTK", "NTK while generating", "no logn", "logn one late",
    "tanh GELU", "vision epsilon 1e-5", "text epsilon", "no ln_pre", "no c_attn bias",
    "mean before 255",
]


class QwenVL:
    def __init__(self, config, tensors, wrong="none"):
        self.c, self.v, self.w, self.wrong = config, config["visual"], tensors, wrong
        self.eps = 1e-5 if wrong == "vision epsilon 1e-5" else 1e-6

    def t(self, name):
        return self.w["transformer." + name]

    # --------------------------------------------------------------- pixels

    def picture(self, path):
        """[3, S, S]"""
        side, image = self.v["image_size"], Image.open(path)
        if self.wrong == "alpha over white" and image.mode == "RGBA":
            white = Image.new("RGB", image.size, (255, 255, 255))
            white.paste(image, mask=image.getchannel("A"))
            image = white
        image = image.convert("RGB")
        if self.wrong == "aspect kept":
            long = max(image.size)
            square = Image.new("RGB", (long, long))
            square.paste(image, ((long - image.width) // 2, (long - image.height) // 2))
            image = square
        kind = Image.BILINEAR if self.wrong == "picture bilinear" else Image.BICUBIC
        # one pass a call, so that the horizontal one comes first in any Pillow
        first = (image.width, side) if self.wrong == "vertical pass first" else (side, image.height)
        image = image.resize(first, kind).resize((side, side), kind)
        x = torch.from_numpy(np.array(image)).permute(2, 0, 1).float()
        mean, std = (torch.tensor(a).view(3, 1, 1) for a in (MEAN, STD))
        if self.wrong == "mean before 255":
            return (x - mean * 255) / (std * 255)
        return (x / 255 - mean) / std

    def patches(self, x):
        """[G * G, 3 * P * P]"""
        p, g = self.v["patch_size"], self.v["image_size"] // self.v["patch_size"]
        return x.view(3, g, p, g, p).permute(1, 3, 0, 2, 4).reshape(g * g, 3 * p * p)

    # --------------------------------------------------------------- vision

    def _norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.t(name + ".weight"), self.t(name + ".bias"), self.eps)

    def _linear(self, x, name):
        return F.linear(x, self.t(name + ".weight"), self.t(name + ".bias"))

    def _table(self, table, n):
        m, t = int(math.sqrt(len(table))), int(math.sqrt(n))
        if m == t:
            return table
        picture = table.t().reshape(1, -1, m, m)
        how = dict(mode="bicubic", align_corners=False)
        if self.wrong == "table nearest":
            how = dict(mode="nearest")
        elif self.wrong == "table bilinear":
            how = dict(mode="bilinear", align_corners=False)
        elif self.wrong == "table aligned corners":
            how = dict(mode="bicubic", align_corners=True)
        elif self.wrong == "table with Pillow's kernel":
            how["antialias"] = True  # with a = -0.5
        return F.interpolate(picture, size=(t, t), **how).reshape(-1, n).t()

    def _block(self, x, at):
        n, width, heads = len(x), self.v["width"], self.v["heads"]
        d = width // heads
        h = self._norm(x, at + "ln_1")
        qkv = self._linear(h, at + "attn.in_proj")
        if self.wrong == "in_proj as blocks":
            q, k, v = (a.reshape(n, heads, d).transpose(0, 1) for a in qkv.split(width, -1))
        else:
            q, k, v = (a.transpose(0, 1) for a in qkv.view(n, heads, 3, d).unbind(2))
        o = torch.softmax((q / math.sqrt(d)) @ k.transpose(1, 2), -1) @ v
        x = x + self._linear(o.transpose(0, 1).reshape(n, width), at + "attn.out_proj")
        h = self._linear(self._norm(x, at + "ln_2"), at + "mlp.c_fc")
        h = F.gelu(h, approximate="tanh" if self.wrong == "tanh GELU" else "none")
        return x + self._linear(h, at + "mlp.c_proj")

    def _resample(self, x):
        """[Q, E]"""
        p, e, n = "visual.attn_pool.", self.v["output_dim"], len(x)
        if "transformer." + p + "kv_proj.weight" in self.w:
            x = F.linear(x, self.t(p + "kv_proj.weight"))
        kv, q = self._norm(x, p + "ln_kv"), self._norm(self.t(p + "query"), p + "ln_q")
        at = self.t(p + "pos_embed")
        if self.wrong == "halves of pos_embed exchanged":
            at = torch.cat([at[:, e // 2:], at[:, :e // 2]], -1)
        keys_at = self._table(at, n)
        w = self.t(p + "attn.in_proj_weight").split(e)
        b = self.t(p + "attn.in_proj_bias").split(e)
        q = F.linear(q if self.wrong == "no positions on queries" else q + at, w[0], b[0])
        k = F.linear(kv if self.wrong == "no positions on keys" else kv + keys_at, w[1], b[1])
        v = F.linear(kv + keys_at if self.wrong == "positions on values" else kv, w[2], b[2])
        q, k, v = (a.view(-1, e // 128, 128).transpose(0, 1) for a in (q, k, v))
        o = torch.softmax(q @ k.transpose(1, 2) / math.sqrt(128), -1) @ v
        o = self._linear(o.transpose(0, 1).reshape(-1, e), p + "attn.out_proj")
        proj = self.t("visual.proj")
        return self._norm(o, "visual.ln_post") @ (proj.t() if self.wrong == "proj transposed" else proj)

    @torch.no_grad()
    def vision(self, patches):
        x = F.linear(patches, self.t("visual.conv1.weight").flatten(1))
        x = x + self._table(self.t("visual.positional_embedding"), len(x))
        if self.wrong != "no ln_pre":
            x = self._norm(x, "visual.ln_pre")
        for i in range(self.v["layers"]):
            x = self._block(x, f"visual.transformer.resblocks.{i}.")
        return self._resample(x)

    # ------------------------------------------------------------- language

    def _rms(self, x, name):
        eps = self.c["layer_norm_epsilon"] * (10 if self.wrong == "text epsilon" else 1)
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * self.t(name + ".weight")

    def _base(self, n):
        alpha, length = 1, self.c["seq_length"]
        if not self.c["use_dynamic_ntk"] or self.wrong == "no NTK":
            return self.c["rotary_emb_base"]
        while length < n:
            alpha, length = alpha * 2, length * 2
        alpha = max(2 * alpha - 1, 1) if n > self.c["seq_length"] else 1
        d = self.c["kv_channels"]
        return self.c["rotary_emb_base"] * alpha ** (d / (d - 2))

    def _rope(self, x, base):
        """x [heads, n, d]"""
        n, d = x.shape[1:]
        f = 1.0 / base ** (torch.arange(0, d, 2).float() / d)
        angle = torch.outer(torch.arange(n).float(), f)
        cos, sin = angle.cos(), angle.sin()
        if self.wrong == "rope on neighbours":
            a, b = x[..., 0::2], x[..., 1::2]
            return torch.stack([a * cos - b * sin, b * cos + a * sin], -1).flatten(-2)
        a, b = x[..., :d // 2], x[..., d // 2:]
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

    def _logn(self, n):
        length = self.c["seq_length"]
        if not self.c["use_logn_attn"] or self.wrong == "no logn":
            return torch.ones(n, 1)
        late = 1 if self.wrong == "logn one late" else 0
        return torch.tensor([[math.log(t + 1 - late) / math.log(length) if t + 1 - late > length else 1.0]
                             for t in range(n)])

    def _attention(self, x, at, base):
        n, dim = x.shape
        heads, d = self.c["num_attention_heads"], self.c["kv_channels"]
        bias = None if self.wrong == "no c_attn bias" else self.t(at + "c_attn.bias")
        qkv = F.linear(x, self.t(at + "c_attn.weight"), bias)
        q, k, v = (a.view(n, heads, d).transpose(0, 1) for a in qkv.split(dim, -1))
        q, k = self._rope(q, base) * self._logn(n), self._rope(k, base)
        scores = q @ k.transpose(1, 2) / math.sqrt(d)
        scores = scores.masked_fill(torch.ones(n, n).triu(1).bool(), -math.inf)
        o = torch.softmax(scores, -1) @ v
        return F.linear(o.transpose(0, 1).reshape(n, dim), self.t(at + "c_proj.weight"))

    @torch.no_grad()
    def logits(self, ids, slots, features, n_prompt):
        """Of the last token. slots: the places of the features [n, E]; n_prompt: the
        tokens of ids that were the prompt."""
        base = self._base(len(ids) if self.wrong == "NTK while generating" else n_prompt)
        x = self.t("wte.weight")[torch.tensor(ids)].clone()
        if slots:
            x[slots] = features
        for i in range(self.c["num_hidden_layers"]):
            at = f"h.{i}."
            x = x + self._attention(self._rms(x, at + "ln_1"), at + "attn.", base)
            h = self._rms(x, at + "ln_2")
            up, gate = (F.linear(h, self.t(at + f"mlp.{w}.weight")) for w in ("w1", "w2"))
            if self.wrong == "w1 and w2 exchanged":
                up, gate = gate, up
            x = x + F.linear(up * F.silu(gate), self.t(at + "mlp.c_proj.weight"))
        return F.linear(self._rms(x[-1], "ln_f"), self.w["lm_head.weight"])
