# SPDX-License-Identifier: LGPL-2.1-or-later
"""espy-nano: Hugging Face's Qwen3-VL classes at a small size, and a forward pass
for training that computes the same with less work.

    Pass.vision   [n, h, w, 3] u8, all of one grid -> tokens and taps
    Pass.text     several questions behind one picture in one sequence

What is faster: one batched attention instead of a loop over pictures, the patch
embedding as a matrix product (both frames of a picture are equal, so its two
temporal halves are added first), and questions that share their picture's
tokens: each sees the picture and itself, at the positions that it would have
alone. `check` compares with the classes' own forward.
"""
import dataclasses
import math

import torch
import torch.nn.functional as F
from torch import nn
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

import scenes

PATCH, MERGE = 16, 2
CELL = PATCH * MERGE
MIN_PIXELS, MAX_PIXELS = 24 * CELL * CELL, 64 * CELL * CELL

SIZES = {
    # 8 million parameters, of which a CPU sees 13 pictures a second.
    "small": dict(vision=dict(depth=6, hidden_size=192, intermediate_size=768, num_heads=3,
                              num_position_embeddings=256, deepstack_visual_indexes=[1, 3]),
                  text=dict(hidden_size=256, intermediate_size=512, num_hidden_layers=4,
                            num_attention_heads=4, num_key_value_heads=2, head_dim=64)),
    # 15 million, for a GPU; still below 16 MB in Q8_0.
    "large": dict(vision=dict(depth=8, hidden_size=256, intermediate_size=768, num_heads=4,
                              num_position_embeddings=256, deepstack_visual_indexes=[2, 4]),
                  text=dict(hidden_size=256, intermediate_size=768, num_hidden_layers=6,
                            num_attention_heads=4, num_key_value_heads=2, head_dim=64)),
}
SECTION = [12, 10, 10]


def config(size, tok):
    numbers = SIZES[size]
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": SECTION,
            "mrope_interleaved": True}
    rows = -(-tok.get_vocab_size() // 64) * 64
    text = dict(numbers["text"], vocab_size=rows, rope_parameters=rope, rms_norm_eps=1e-6,
                max_position_embeddings=4096, tie_word_embeddings=True)
    vision = dict(numbers["vision"], out_hidden_size=numbers["text"]["hidden_size"])
    ids = {name: tok.token_to_id(f"<|{name}|>") for name in
           ("image_pad", "video_pad", "vision_start", "vision_end")}
    return Qwen3VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=True,
                         image_token_id=ids["image_pad"], video_token_id=ids["video_pad"],
                         vision_start_token_id=ids["vision_start"],
                         vision_end_token_id=ids["vision_end"])


def build(size, tok):
    cfg = config(size, tok)
    model = Qwen3VLForConditionalGeneration(cfg)
    for name, p in model.named_parameters():
        if p.ndim >= 2:
            fan_in = p[0].numel()
            std = .02 if "embed" in name and "patch" not in name else 1 / math.sqrt(fan_in)
            if name.endswith(("attn.proj.weight", "o_proj.weight", "linear_fc2.weight", "down_proj.weight")):
                std *= .5
            nn.init.normal_(p, 0, std)
        elif "norm" not in name:
            nn.init.zeros_(p)
    return model


TENS, UNITS = 11, 10  # digits of a coordinate in hundredths, 0 to 100
DIGITS = 4 * (TENS + UNITS)


def digits_loss(x, boxes):
    """x [n, DIGITS]: logits of the digits of four coordinates; boxes [n, 4], 0 to 100.
    Returns [n]."""
    tens, units = x.unflatten(-1, (4, TENS + UNITS)).split((TENS, UNITS), -1)

    def loss(logits, digit):
        return F.cross_entropy(logits.flatten(0, 1), digit.flatten(), reduction="none")
    return (loss(tens, boxes // 10) + loss(units, boxes % 10)).view(-1, 4).mean(-1)


class Heads(nn.Module):
    """Auxiliary heads of training, on every patch: the thing that covers it, its
    colour, its box, as numbers and in digits, and the characters in its left and right
    half; and within the text layers, at the end of each name in a question and before each
    phrase of an answer: whether the thing is there, and the digits of its box. Not part of the shipped model."""

    def __init__(self, curriculum, width, text_width, n_colors):
        super().__init__()
        self.n_chars = len(scenes.CHARACTERS) + 1
        self.sizes = [scenes.n_labels(curriculum), n_colors + 1, 2 * self.n_chars, 4, DIGITS]
        self.linear = nn.Linear(width, sum(self.sizes))
        self.named = nn.Linear(text_width, 1 + DIGITS)

    def mentions(self, states, named):
        """states: hidden [b, t, width] of some layers; named [n, 6]: row, place, box or -1s.
        Returns the loss and the share of digits that the last layer gets right."""
        loss, boxes, there = 0, named[:, 2:], named[:, 2] >= 0
        for x in states:
            x = x[named[:, 0], named[:, 1]].float()
            out = self.named(F.rms_norm(x, x.shape[-1:]))
            loss = loss + F.binary_cross_entropy_with_logits(out[:, 0], there.float())
            if there.any():
                loss = loss + digits_loss(out[there, 1:], boxes[there]).mean()
        if not there.any():
            return loss / len(states), 1.0
        with torch.no_grad():
            tens = out[there, 1:].unflatten(-1, (4, TENS + UNITS))[..., :TENS].argmax(-1)
            right = (tens == boxes[there] // 10).float().mean()
        return loss / len(states), float(right)

    def forward(self, x, labels, colors, chars, boxes):
        """x [n, p, width]; labels, colors [n, p]; chars [n, p, 2]; boxes [n, p, 4]
        in 0..1."""
        out = self.linear(x.float())
        a, b, c, d, e = out.split(self.sizes, -1)
        thing = (labels > 0).float()
        n = thing.sum().clamp(min=1)
        weight = torch.where(labels > 0, 2.0, .5)
        loss = (F.cross_entropy(a.flatten(0, 1), labels.flatten(), reduction="none") *
                weight.flatten()).sum() / weight.sum()
        colored = (colors > 0).flatten()
        loss = loss + .5 * F.cross_entropy(b.flatten(0, 1)[colored], colors.flatten()[colored]) \
            if colored.any() else loss
        weight = torch.where(chars > 0, 2.0, .2).flatten()
        c = c.unflatten(-1, (2, self.n_chars))
        loss = loss + (F.cross_entropy(c.flatten(0, 2), chars.flatten(), reduction="none") *
                       weight).sum() / weight.sum()
        loss = loss + 4 * ((d - boxes).abs().mean(-1) * thing).sum() / n
        at = labels > 0
        loss = loss + digits_loss(e[at], (boxes[at] * 100).round().long().clamp(0, 100)).mean()
        with torch.no_grad():
            right = ((a.argmax(-1) == labels) & (labels > 0)).sum() / n
            is_char = chars > 0
            read = (c.argmax(-1) == chars)[is_char].float().mean() if is_char.any() else right
        return loss, float(right), float(read)


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat((-b, a), -1) * sin


def attention(q, k, v, mask=None):
    """q, k, v [b, heads, t, head]; mask is added. On a CPU plain products are several
    times faster than the library's fused attention."""
    if q.is_cuda:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    scores = (q * q.shape[-1] ** -.5) @ k.transpose(-1, -2)
    return (scores if mask is None else scores + mask).softmax(-1) @ v


@dataclasses.dataclass
class Seen:
    tokens: torch.Tensor  # [n, cells, dim]
    taps: list            # of the same shape
    last: torch.Tensor    # [n, patches, width], in merged order


class Pass:
    def __init__(self, model, dtype):
        self.visual, self.language = model.model.visual, model.model.language_model
        self.cfg = model.config
        self.dtype = dtype
        self.grids = {}

    def linear(self, x, module):
        bias = module.bias
        return F.linear(x, module.weight.to(x.dtype), None if bias is None else bias.to(x.dtype))

    @staticmethod
    def layer_norm(x, m):
        return F.layer_norm(x, m.weight.shape, m.weight.to(x.dtype), m.bias.to(x.dtype), m.eps)

    @staticmethod
    def rms_norm(x, m):
        return F.rms_norm(x, m.weight.shape, m.weight.to(x.dtype), m.variance_epsilon)

    # ---------------------------------------------------------------- vision

    def _grid(self, h, w):
        """Rope and position rows of a grid in patches, in merged order."""
        if (h, w) in self.grids:
            return self.grids[h, w]
        order = torch.arange(h * w).view(h // 2, 2, w // 2, 2).permute(0, 2, 1, 3).flatten()
        row, col = order // w, order % w
        head = self.cfg.vision_config.hidden_size // self.cfg.vision_config.num_heads
        f = 10000.0 ** (-torch.arange(0, head // 2, 2).float() / (head // 2))
        angles = torch.cat((row[:, None] * f, col[:, None] * f), -1)
        angles = torch.cat((angles, angles), -1)
        side = int(self.cfg.vision_config.num_position_embeddings ** .5)
        y, x = torch.linspace(0, side - 1, h)[row], torch.linspace(0, side - 1, w)[col]
        y0, x0 = y.long(), x.long()
        y1, x1 = (y0 + 1).clamp(max=side - 1), (x0 + 1).clamp(max=side - 1)
        fy, fx = y - y0, x - x0
        rows = torch.stack((y0 * side + x0, y0 * side + x1, y1 * side + x0, y1 * side + x1))
        parts = torch.stack(((1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx))
        found = angles.cos().to(self.dtype), angles.sin().to(self.dtype), rows, parts
        self.grids[h, w] = found
        return found

    def _merge(self, x, m):
        n = x.shape[0]
        if m.use_postshuffle_norm:
            x = self.layer_norm(x.reshape(n, -1, m.hidden_size), m.norm)
        else:
            x = self.layer_norm(x, m.norm).reshape(n, -1, m.hidden_size)
        return self.linear(F.gelu(self.linear(x, m.linear_fc1)), m.linear_fc2)

    def vision(self, pixels):
        v = self.visual
        n, height, width, _ = pixels.shape
        h, w = height // PATCH, width // PATCH
        x = (pixels.to(self.dtype) - 127.5) / 127.5
        x = x.view(n, h // 2, 2, PATCH, w // 2, 2, PATCH, 3).permute(0, 1, 4, 2, 5, 7, 3, 6)
        x = x.reshape(n, h * w, 3 * PATCH * PATCH)
        kernel = v.patch_embed.proj.weight.sum(2).flatten(1)
        x = F.linear(x, kernel.to(x.dtype), v.patch_embed.proj.bias.to(x.dtype))
        cos, sin, rows, parts = self._grid(h, w)
        table = (v.pos_embed.weight[rows] * parts[..., None]).sum(0)
        x = x + table.to(x.dtype)
        taps, heads = [], self.cfg.vision_config.num_heads
        indexes = self.cfg.vision_config.deepstack_visual_indexes
        for i, block in enumerate(v.blocks):
            qkv = self.linear(self.layer_norm(x, block.norm1), block.attn.qkv)
            q, k, val = qkv.view(n, h * w, 3, heads, -1).permute(2, 0, 3, 1, 4)
            a = attention(rotate(q, cos, sin), rotate(k, cos, sin), val)
            x = x + self.linear(a.transpose(1, 2).flatten(2), block.attn.proj)
            y = self.linear(self.layer_norm(x, block.norm2), block.mlp.linear_fc1)
            x = x + self.linear(F.gelu(y, approximate="tanh"), block.mlp.linear_fc2)
            if i in indexes:
                taps.append(self._merge(x, v.deepstack_merger_list[indexes.index(i)]))
        return Seen(self._merge(x, v.merger), taps, x)

    # ------------------------------------------------------------------ text

    def _rope(self, positions):
        """positions [3, b, t] -> cos, sin [b, 1, t, head]."""
        f = self.language.rotary_emb.inv_freq
        angles = positions[..., None].float() * f
        mixed = angles[0].clone()
        for axis, offset in ((1, 1), (2, 2)):
            at = slice(offset, SECTION[axis] * 3, 3)
            mixed[..., at] = angles[axis][..., at]
        mixed = torch.cat((mixed, mixed), -1)[:, None]
        return mixed.cos().to(self.dtype), mixed.sin().to(self.dtype)

    def text(self, ids, positions, segments, seen, at, states=None):
        """ids, segments [b, t] (segment 0: the shared beginning; -1: padding);
        at [cells]: where the vision tokens stand, alike in each row. Returns the
        last hidden states [b, t, dim]; states, a list, receives those of each layer."""
        lm = self.language
        b, t = ids.shape
        x = F.embedding(ids, lm.embed_tokens.weight).to(self.dtype)
        if seen is not None:
            x = x.index_copy(1, at, seen.tokens.reshape(b, -1, x.shape[-1]))
        cos, sin = self._rope(positions)
        same = (segments[:, None, :] == 0) | (segments[:, None, :] == segments[:, :, None])
        same &= torch.ones(t, t, dtype=torch.bool, device=ids.device).tril()
        mask = torch.zeros(same.shape, dtype=self.dtype, device=ids.device)
        mask = mask.masked_fill_(~same, float("-inf"))[:, None]
        text = self.cfg.text_config
        heads, kv, d = text.num_attention_heads, text.num_key_value_heads, text.head_dim
        for i, layer in enumerate(lm.layers):
            y = self.rms_norm(x, layer.input_layernorm)
            s = layer.self_attn
            q = self.rms_norm(self.linear(y, s.q_proj).view(b, t, heads, d), s.q_norm)
            k = self.rms_norm(self.linear(y, s.k_proj).view(b, t, kv, d), s.k_norm)
            v = self.linear(y, s.v_proj).view(b, t, kv, d).transpose(1, 2)
            q, k = rotate(q.transpose(1, 2), cos, sin), rotate(k.transpose(1, 2), cos, sin)
            k, v = (u.repeat_interleave(heads // kv, 1) for u in (k, v))
            a = attention(q, k, v, mask)
            x = x + self.linear(a.transpose(1, 2).flatten(2), s.o_proj)
            y = self.rms_norm(x, layer.post_attention_layernorm)
            m = layer.mlp
            x = x + self.linear(F.silu(self.linear(y, m.gate_proj)) * self.linear(y, m.up_proj),
                                m.down_proj)
            if seen is not None and i < len(seen.taps):
                x = x.index_add(1, at, seen.taps[i].reshape(b, -1, x.shape[-1]))
            if states is not None:
                states.append(x)
        return self.rms_norm(x, lm.norm)

    def logits(self, hidden):
        return F.linear(hidden, self.language.embed_tokens.weight.to(hidden.dtype)).float()
