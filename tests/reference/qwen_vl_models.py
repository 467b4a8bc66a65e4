# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tiny Qwen-VL checkpoints: their numbers, weights and files. The recipe for weights
that are random but not degenerate is that of checkpoint.py; the residual streams are
small, so that a wrong epsilon shows."""
import base64
import math
import os
import shutil

import torch
from safetensors.torch import save_file

from checkpoint import _coarse, _write_json

N_TOKENS, N_SPECIAL = 320, 217

MODELS = {
    # Pictures and queries as released: 448x448, 32x32 patches, 256 queries; no kv_proj;
    # L 512.
    "bf16": dict(
        seed=11, dtype=torch.bfloat16, bits=7, r=0.04, window=6144, length=512, n_queries=None,
        inner=72, layers=1, heads=4, kv=32, eps=1e-6, shards=1,
        visual=dict(heads=8, image_size=448, image_start_id=534, layers=2, mlp_ratio=0.4,
                    output_dim=128, patch_size=14, width=128)),
    # A table that shrinks, two heads of the resampler, 16 queries, L 64, a window of 200
    # tokens, another epsilon of the text, two shards.
    "f16": dict(
        seed=12, dtype=torch.float16, bits=7, r=0.05, window=200, length=64, n_queries=16,
        inner=40, layers=1, heads=8, kv=32, eps=1e-5, shards=2,
        visual=dict(heads=2, image_size=112, image_start_id=534, layers=3, mlp_ratio=2.53,
                    output_dim=256, patch_size=14, width=32)),
}


def config_of(spec):
    dim = spec["heads"] * spec["kv"]
    visual = dict(spec["visual"])
    if spec["n_queries"]:
        visual["n_queries"] = spec["n_queries"]
    return {
        "architectures": ["QWenLMHeadModel"], "model_type": "qwen", "hidden_size": dim,
        "num_hidden_layers": spec["layers"], "num_attention_heads": spec["heads"],
        "kv_channels": spec["kv"], "intermediate_size": 2 * spec["inner"],
        "layer_norm_epsilon": spec["eps"], "rotary_emb_base": 10000, "rotary_pct": 1.0,
        "seq_length": spec["length"], "max_position_embeddings": 8192, "use_dynamic_ntk": True,
        "use_logn_attn": True, "no_bias": True, "tie_word_embeddings": False,
        "vocab_size": N_TOKENS + N_SPECIAL + 3, "visual": visual,
    }


def _sine_table(side, dim):
    w = 10000.0 ** (-torch.arange(dim // 4, dtype=torch.float64) / (dim // 4))
    rows = [torch.cat([(c * w).sin(), (c * w).cos(), (r * w).sin(), (r * w).cos()])
            for r in range(side) for c in range(side)]
    return torch.stack(rows).float()


def _shapes(c):
    v, d, f = c["visual"], c["hidden_size"], c["intermediate_size"] // 2
    w, e, q = v["width"], v["output_dim"], v.get("n_queries", 256)
    m = int(w * v["mlp_ratio"])
    out = {"transformer.wte.weight": (c["vocab_size"], d)}
    for i in range(c["num_hidden_layers"]):
        h = f"transformer.h.{i}."
        out |= {h + "ln_1.weight": (d,), h + "attn.c_attn.weight": (3 * d, d),
                h + "attn.c_attn.bias": (3 * d,), h + "attn.c_proj.weight": (d, d),
                h + "ln_2.weight": (d,), h + "mlp.w1.weight": (f, d), h + "mlp.w2.weight": (f, d),
                h + "mlp.c_proj.weight": (d, f)}
    out |= {"transformer.ln_f.weight": (d,), "lm_head.weight": (c["vocab_size"], d)}
    p = "transformer.visual."
    out |= {p + "conv1.weight": (w, 3, v["patch_size"], v["patch_size"]),
            p + "positional_embedding": (256, w), p + "proj": (e, e)}
    norms = [("ln_pre", w), ("ln_post", e), ("attn_pool.ln_q", e), ("attn_pool.ln_kv", e)]
    pairs = [("attn_pool.attn.out_proj", e, e)]
    for i in range(v["layers"]):
        b = f"transformer.resblocks.{i}."
        norms += [(b + "ln_1", w), (b + "ln_2", w)]
        pairs += [(b + "attn.in_proj", 3 * w, w), (b + "attn.out_proj", w, w),
                  (b + "mlp.c_fc", m, w), (b + "mlp.c_proj", w, m)]
    for name, n in norms:
        out |= {p + name + ".weight": (n,), p + name + ".bias": (n,)}
    for name, rows, cols in pairs:
        out |= {p + name + ".weight": (rows, cols), p + name + ".bias": (rows,)}
    a = p + "attn_pool."
    out |= {a + "query": (q, e), a + "pos_embed": (q, e), a + "attn.in_proj_weight": (3 * e, e),
            a + "attn.in_proj_bias": (3 * e,)}
    if w != e:
        out[a + "kv_proj.weight"] = (e, w)
    return out


def _scale(name, shape, r):
    """(mean, deviation)"""
    per = 1 / math.sqrt(shape[-1]) if len(shape) == 2 else 1
    bias = name.endswith("bias")
    if "visual" in name:
        if "conv1" in name:
            return 0, 0.004
        if "positional_embedding" in name:
            return 0, 0.06
        if "ln_pre" in name:
            return (0, 0.2 * r) if bias else (r, 0.15 * r)
        if "ln_" in name:
            return (0, 0.1) if bias else (1, 0.15)
        if "attn_pool" in name:
            if "kv_proj" in name:
                return 0, per
            if "query" in name:
                return 0, 0.05
            if "in_proj" in name:
                return (0, 0.2) if bias else (0, 1.4 * per)
            return (0, 0.02) if bias else (0, 0.1 * per)  # out_proj
        if name.endswith("proj"):
            return 0, 2 * r * per
        if "in_proj" in name:
            return (0, 0.3) if bias else (0, 1.3 * per)
        if "out_proj" in name:
            return (0, 0.3 * r) if bias else (0, r * per)
        if "c_fc" in name:
            return (-1.8, 0.5) if bias else (0, 0.7 * per)
        return (0, 0.3 * r) if bias else (0, 8 * r * per)
    if "wte" in name:
        return 0, r
    if "lm_head" in name:
        return 0, 2.5 * per
    if "ln_" in name:
        return 1, 0.15
    if "c_attn" in name:
        return (0, 0.4) if bias else (0, 1.3 * per)
    if "attn.c_proj" in name:
        return 0, 3 * r * per
    if "w1" in name or "w2" in name:
        return 0, 1.4 * per
    return 0, 2.5 * r * per


def build(spec):
    """(config, tensors in float32, tensors as in the file)"""
    config, gen = config_of(spec), torch.Generator().manual_seed(spec["seed"])
    tensors, files = {}, {}
    for name, shape in _shapes(config).items():
        if name.endswith("pos_embed"):
            files[name] = _sine_table(int(math.sqrt(shape[0])), shape[1]).to(spec["dtype"])
        else:
            mean, std = _scale(name, shape, spec["r"])
            x = _coarse(mean + std * torch.randn(shape, generator=gen), spec["bits"])
            files[name] = x.to(spec["dtype"])
            assert torch.equal(files[name].float(), x), name
        tensors[name] = files[name].float()
    return config, tensors, files


def write_vocabulary(path, real):
    """The first ranks of the real vocabulary; real: its tokens in order, as bytes."""
    with open(path, "wb") as f:
        for rank, token in enumerate(real[:N_TOKENS]):
            f.write(base64.b64encode(token) + b" %d\n" % rank)


def save(spec, config, files, vocabulary, folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    _write_json(os.path.join(folder, "config.json"), config)
    _write_json(os.path.join(folder, "generation_config.json"), {
        "chat_format": "chatml", "eos_token_id": N_TOKENS, "pad_token_id": N_TOKENS,
        "max_window_size": spec["window"], "max_new_tokens": 512, "do_sample": True, "top_k": 0,
        "top_p": 0.5})
    _write_json(os.path.join(folder, "tokenizer_config.json"), {
        "model_max_length": 8192, "tokenizer_class": "QWenTokenizer",
        "auto_map": {"AutoTokenizer": ["tokenization_qwen.QWenTokenizer", None]}})
    shutil.copy(vocabulary, os.path.join(folder, "qwen.tiktoken"))
    names = sorted(files)
    if spec["shards"] == 1:
        save_file(files, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
        return
    weight_map = {}
    for k in range(spec["shards"]):
        part = f"model-{k + 1:05d}-of-{spec['shards']:05d}.safetensors"
        mine = {n: files[n].contiguous() for n in names[k::spec["shards"]]}
        save_file(mine, os.path.join(folder, part), metadata={"format": "pt"})
        weight_map.update({n: part for n in mine})
    _write_json(os.path.join(folder, "model.safetensors.index.json"),
                {"metadata": {}, "weight_map": weight_map})
