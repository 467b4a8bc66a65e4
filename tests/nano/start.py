# SPDX-License-Identifier: LGPL-2.1-or-later
"""Takes the weights of a shipped model (GGUF, vision inside) as the start of a
further training, so that no other state has to be kept. Token rows are matched
by their text: a curriculum with more words keeps what was learned."""
import re

import numpy as np
import torch
from gguf import GGUFReader
from gguf.quants import dequantize

RULES = [
    (r"model\.visual\.blocks\.(\d+)\.norm(\d)", r"v.blk.\1.ln\2"),
    (r"model\.visual\.blocks\.(\d+)\.attn\.qkv", r"v.blk.\1.attn_qkv"),
    (r"model\.visual\.blocks\.(\d+)\.attn\.proj", r"v.blk.\1.attn_out"),
    (r"model\.visual\.blocks\.(\d+)\.mlp\.linear_fc1", r"v.blk.\1.ffn_up"),
    (r"model\.visual\.blocks\.(\d+)\.mlp\.linear_fc2", r"v.blk.\1.ffn_down"),
    (r"model\.visual\.pos_embed", r"v.position_embd"),
    (r"model\.visual\.patch_embed\.proj", r"v.patch_embd"),
    (r"model\.visual\.merger\.norm", r"v.post_ln"),
    (r"model\.visual\.merger\.linear_fc1", r"mm.0"),
    (r"model\.visual\.merger\.linear_fc2", r"mm.2"),
    (r"model\.language_model\.layers\.(\d+)\.self_attn\.([qkv])_proj", r"blk.\1.attn_\2"),
    (r"model\.language_model\.layers\.(\d+)\.self_attn\.([qk])_norm", r"blk.\1.attn_\2_norm"),
    (r"model\.language_model\.layers\.(\d+)\.self_attn\.o_proj", r"blk.\1.attn_output"),
    (r"model\.language_model\.layers\.(\d+)\.mlp\.(gate|up|down)_proj", r"blk.\1.ffn_\2"),
    (r"model\.language_model\.layers\.(\d+)\.input_layernorm", r"blk.\1.attn_norm"),
    (r"model\.language_model\.layers\.(\d+)\.post_attention_layernorm", r"blk.\1.ffn_norm"),
    (r"model\.language_model\.norm", r"output_norm"),
]


def gguf_name(name, taps):
    """The GGUF's name of a parameter; taps: the blocks of the DeepStack mergers."""
    found = re.match(r"model\.visual\.deepstack_merger_list\.(\d+)\.(?:linear_)?(norm|fc\d)(.*)", name)
    if found:
        return f"v.deepstack.{taps[int(found[1])]}.{found[2]}{found[3]}"
    for pattern, to in RULES:
        if re.match(pattern, name):
            return re.sub(pattern, to, name, count=1)
    raise KeyError(name)


@torch.no_grad()
def load(model, tok, path):
    reader = GGUFReader(path)
    tensors = {t.name: t for t in reader.tensors}

    def values(name):
        t = tensors[name]
        return torch.from_numpy(dequantize(t.data, t.tensor_type).astype(np.float32))

    old = reader.fields["tokenizer.ggml.tokens"].contents()
    rows = {text: i for i, text in enumerate(old)}
    taps = model.config.vision_config.deepstack_visual_indexes
    for name, p in model.named_parameters():
        if "embed_tokens" in name:
            table = values("token_embd.weight")
            for text, i in tok.get_vocab(with_added_tokens=True).items():
                if text in rows:
                    p[i] = table[rows[text]]
        elif "patch_embed" in name and name.endswith("weight"):
            halves = [values("v.patch_embd.weight"), values("v.patch_embd.weight.1")]
            p.copy_(torch.stack([h.view(p.shape[0], 3, *p.shape[3:]) for h in halves], 2))
        else:
            p.copy_(values(gguf_name(name, taps)).view(p.shape))
