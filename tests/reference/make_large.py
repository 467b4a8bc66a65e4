# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes a Qwen3-VL checkpoint of a released size with random BF16 weights, to
measure loading, memory and speed. Its answers mean nothing.

    tests/reference/root.sh run python3 tests/reference/make_large.py 2b OUT [VOCAB.gguf]

OUT becomes a Hugging Face folder. The vocabulary comes from a GGUF file, or else
from tests/data/tokenizer.
"""
import json
import os
import shutil
import sys

import torch
from safetensors.torch import save_file

SIZES = {  # dim, layers, heads, kv heads, MLP, ViT depth, width, MLP, taps
    "0.2b": (1024, 8, 16, 8, 3072, 8, 512, 2048, [1, 3, 5]),  # of no release
    "2b": (2048, 28, 16, 8, 6144, 24, 1024, 4096, [5, 11, 17]),
    "4b": (2560, 36, 32, 8, 9728, 24, 1024, 4096, [5, 11, 17]),
    # of no release: with EXPERTS, and dense with as many numbers for each token
    "moe": (1024, 16, 16, 4, 2048, 12, 512, 2048, [2, 5, 8]),
    "active": (1024, 16, 16, 4, 2048, 12, 512, 2048, [2, 5, 8]),
}
EXPERTS = {"moe": (64, 4, 512)}  # experts, of them for each token, their MLP
VOCAB, HEAD = 151936, 128


def tensors(experts, dim, layers, heads, kv, mlp, depth, width, vmlp, taps):
    """Names and shapes; shapes of one dimension are norms and biases. Experts lie by
    inputs, as released."""
    text, vision, cell = "model.language_model.", "model.visual.", 4 * width
    yield text + "embed_tokens.weight", (VOCAB, dim)
    yield text + "norm.weight", (dim,)
    for i in range(layers):
        layer = f"{text}layers.{i}."
        for name in "input_layernorm", "post_attention_layernorm":
            yield f"{layer}{name}.weight", (dim,)
        for name, rows in ("q", heads), ("k", kv), ("v", kv):
            yield f"{layer}self_attn.{name}_proj.weight", (rows * HEAD, dim)
        yield f"{layer}self_attn.o_proj.weight", (dim, heads * HEAD)
        for name in "q", "k":
            yield f"{layer}self_attn.{name}_norm.weight", (HEAD,)
        if experts:
            n, _, narrow = experts
            yield layer + "mlp.gate.weight", (n, dim)
            yield layer + "mlp.experts.gate_up_proj", (n, dim, 2 * narrow)
            yield layer + "mlp.experts.down_proj", (n, narrow, dim)
            continue
        for name in "gate", "up":
            yield f"{layer}mlp.{name}_proj.weight", (mlp, dim)
        yield f"{layer}mlp.down_proj.weight", (dim, mlp)
    yield vision + "patch_embed.proj.weight", (width, 3, 2, 16, 16)
    yield vision + "patch_embed.proj.bias", (width,)
    yield vision + "pos_embed.weight", (2304, width)
    for i in range(depth):
        for name, rows, cols in (("attn.qkv", 3 * width, width), ("attn.proj", width, width),
                                 ("mlp.linear_fc1", vmlp, width), ("mlp.linear_fc2", width, vmlp)):
            yield f"{vision}blocks.{i}.{name}.weight", (rows, cols)
            yield f"{vision}blocks.{i}.{name}.bias", (rows,)
        for name in "norm1", "norm2":
            yield f"{vision}blocks.{i}.{name}.weight", (width,)
            yield f"{vision}blocks.{i}.{name}.bias", (width,)
    mergers = [("merger.", width)] + [(f"deepstack_merger_list.{k}.", cell) for k in range(len(taps))]
    for name, norm in mergers:
        for part, shape in (("norm.weight", (norm,)), ("norm.bias", (norm,)),
                            ("linear_fc1.weight", (cell, cell)), ("linear_fc1.bias", (cell,)),
                            ("linear_fc2.weight", (dim, cell)), ("linear_fc2.bias", (dim,))):
            yield vision + name + part, shape


def values(name, shape, generator):
    if len(shape) == 1:
        bias = name.endswith("bias")
        x = torch.randn(shape, generator=generator) * 0.02 + (0.0 if bias else 1.0)
    else:
        columns = 1
        for n in shape[1:2] if "experts" in name else shape[1:]:
            columns *= n
        x = torch.randn(shape, generator=generator) * columns ** -0.5
    return x.to(torch.bfloat16)


def write_vocabulary(out, gguf_path):
    """Returns the ids of the special tokens by their text."""
    if not gguf_path:
        folder = "tests/data/tokenizer"
        for name in os.listdir(folder):
            if name.endswith((".json", ".txt")):
                shutil.copy(os.path.join(folder, name), out)
        added = json.load(open(os.path.join(folder, "tokenizer.json")))["added_tokens"]
        return {t["content"]: t["id"] for t in added}
    from gguf import GGUFReader

    fields = GGUFReader(gguf_path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    types = fields["tokenizer.ggml.token_type"].contents()
    merges = fields["tokenizer.ggml.merges"].contents()
    added = [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False,
              "normalized": False, "special": True}
             for i, (t, kind) in enumerate(zip(tokens, types)) if kind == 3]
    special = {t["content"]: t["id"] for t in added}
    pattern = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"
               r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    tokenizer = {
        "version": "1.0", "added_tokens": added, "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}]},
        "decoder": {"type": "ByteLevel"},
        "model": {"type": "BPE", "merges": merges, "vocab": {
            t: i for i, (t, kind) in enumerate(zip(tokens, types)) if kind == 1}},
    }
    with open(os.path.join(out, "tokenizer.json"), "w") as f:
        json.dump(tokenizer, f, ensure_ascii=False)
    return special


def main():
    size, out = sys.argv[1:3]
    numbers, experts = SIZES[size], EXPERTS.get(size)
    dim, layers, heads, kv, mlp, depth, width, vmlp, taps = numbers
    os.makedirs(out, exist_ok=True)
    special = write_vocabulary(out, sys.argv[3] if len(sys.argv) > 3 else None)
    config = {
        "model_type": "qwen3_vl", "tie_word_embeddings": True,
        "image_token_id": special["<|image_pad|>"], "video_token_id": special["<|video_pad|>"],
        "vision_start_token_id": special["<|vision_start|>"],
        "vision_end_token_id": special["<|vision_end|>"],
        "text_config": {"hidden_size": dim, "num_hidden_layers": layers, "num_attention_heads": heads,
                        "num_key_value_heads": kv, "head_dim": HEAD, "intermediate_size": mlp,
                        "vocab_size": VOCAB, "rms_norm_eps": 1e-6, "rope_theta": 5000000,
                        "max_position_embeddings": 262144,
                        "rope_scaling": {"mrope_section": [24, 20, 20], "mrope_interleaved": True,
                                         "rope_type": "default"}},
        "vision_config": {"depth": depth, "hidden_size": width, "num_heads": 16,
                          "intermediate_size": vmlp, "patch_size": 16, "out_hidden_size": dim,
                          "deepstack_visual_indexes": taps, "num_position_embeddings": 2304},
    }
    if experts:
        config["model_type"] = "qwen3_vl_moe"
        config["text_config"].update(zip(("num_experts", "num_experts_per_tok",
                                          "moe_intermediate_size"), experts))
    with open(os.path.join(out, "config.json"), "w") as f:
        json.dump(config, f, indent=1)
    generator = torch.Generator().manual_seed(1)
    data = {name: values(name, shape, generator) for name, shape in tensors(experts, *numbers)}
    save_file(data, os.path.join(out, "model.safetensors"))


main()
