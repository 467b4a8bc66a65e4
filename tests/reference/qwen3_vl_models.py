# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tiny Qwen3-VL checkpoints: their numbers, their weights, their files.

Weights are random but not degenerate. The residual streams are small (about
0.04), so that a wrong epsilon shows; pre-activations of the vision MLPs are
mostly negative, where the forms of GELU differ; logits have a standard
deviation of 2 to 3.

Weights are multiples of a power of two per tensor. With 7 significant bits
(`bits`) a value is the same number in BF16, F16 and F32, so a conversion that
loses nothing must give the same answer; it also keeps the files small in git.
"""
import json
import math
import os
import shutil

import torch
from safetensors.torch import save_file
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

from common import TOKENIZER, TOKENIZER_FILES, special_ids

VOCAB = 832  # rows; 800 have a token

MODELS = {
    # Release layout: rope_scaling, untied, one BF16 file.
    "bf16": dict(
        seed=1, dtype=torch.bfloat16, bits=7, residual=0.04, tied=False, layout="release",
        limits=(4096, 36864), limits_as="size", shards=1,
        text=dict(hidden_size=64, intermediate_size=96, num_hidden_layers=4,
                  num_attention_heads=4, num_key_value_heads=2, head_dim=32, rms_norm_eps=1e-6),
        section=[6, 5, 5],
        vision=dict(depth=5, hidden_size=32, intermediate_size=80, num_heads=2,
                    num_position_embeddings=144, deepstack_visual_indexes=[0, 2, 3])),
    # Newer layout: rope_parameters; tied, two F32 shards with an index. Vision
    # heads of 12, a wide table.
    "f32": dict(
        seed=2, dtype=torch.float32, bits=13, residual=0.7, vision_residual=0.05, tied=True, layout="newer",
        limits=(4096, 36864), limits_as="pixels", shards=2,
        text=dict(hidden_size=48, intermediate_size=64, num_hidden_layers=4,
                  num_attention_heads=4, num_key_value_heads=2, head_dim=16, rms_norm_eps=1e-6),
        section=[3, 3, 2],
        vision=dict(depth=4, hidden_size=24, intermediate_size=40, num_heads=2,
                    num_position_embeddings=400, deepstack_visual_indexes=[0, 1, 3])),
    # F16, the released position table of 2304, three query heads to a key head,
    # an epsilon that only the text may use; explicit limits beside `size`.
    "f16": dict(
        seed=3, dtype=torch.float16, bits=10, residual=0.06, tied=False, layout="release",
        limits=(4096, 36864), limits_as="both", shards=1,
        text=dict(hidden_size=48, intermediate_size=72, num_hidden_layers=4,
                  num_attention_heads=6, num_key_value_heads=2, head_dim=24, rms_norm_eps=1e-5),
        section=[4, 4, 4],
        vision=dict(depth=4, hidden_size=40, intermediate_size=56, num_heads=2,
                    num_position_embeddings=2304, deepstack_visual_indexes=[1, 2, 3])),
    # FP8 E4M3 with scales of 128x128 blocks (partial at both edges) for the
    # language model's matrices, BF16 for the rest; two taps.
    "fp8": dict(
        seed=4, dtype=torch.bfloat16, bits=7, residual=0.04, tied=False, layout="release",
        limits=(4096, 36864), limits_as="size", shards=1, fp8=True,
        text=dict(hidden_size=144, intermediate_size=136, num_hidden_layers=3,
                  num_attention_heads=4, num_key_value_heads=2, head_dim=32, rms_norm_eps=1e-6),
        section=[6, 5, 5],
        vision=dict(depth=3, hidden_size=24, intermediate_size=40, num_heads=2,
                    num_position_embeddings=144, deepstack_visual_indexes=[0, 1])),
    # The source of most GGUF files: small, tied; weights of 5 significant bits.
    "micro": dict(
        seed=5, dtype=torch.bfloat16, bits=5, residual=1.5, vision_residual=0.05, tied=True,
        layout="release", limits=(4096, 36864), limits_as="size", shards=1,
        text=dict(hidden_size=32, intermediate_size=64, num_hidden_layers=4,
                  num_attention_heads=4, num_key_value_heads=2, head_dim=16, rms_norm_eps=1e-6),
        section=[3, 3, 2],
        vision=dict(depth=4, hidden_size=16, intermediate_size=40, num_heads=2,
                    num_position_embeddings=64, deepstack_visual_indexes=[0, 2, 3])),
}


def config_of(spec):
    ids = special_ids()
    rope = {"rope_type": "default", "rope_theta": 5000000.0, "mrope_section": spec["section"],
            "mrope_interleaved": True}
    text = dict(spec["text"], vocab_size=VOCAB, rope_parameters=rope,
                max_position_embeddings=4096, tie_word_embeddings=spec["tied"])
    vision = dict(spec["vision"], out_hidden_size=spec["text"]["hidden_size"])
    config = Qwen3VLConfig(
        text_config=text, vision_config=vision, tie_word_embeddings=spec["tied"],
        image_token_id=ids["image_pad"], video_token_id=ids["video_pad"],
        vision_start_token_id=ids["vision_start"], vision_end_token_id=ids["vision_end"])
    config._attn_implementation = "eager"
    return config


def _scale(name, shape, spec):
    """(mean, deviation) of a parameter."""
    r = spec["residual"]
    fan = shape[-1] if len(shape) == 2 else 1
    per = 1 / math.sqrt(fan)
    bias = name.endswith(".bias")
    if "visual" in name:
        v = spec.get("vision_residual", r)
        if "patch_embed" in name:
            return (0, 0.3 * v) if bias else (0, v / (0.3 * math.sqrt(1536)))
        if "pos_embed" in name:
            return 0, 0.7 * v
        if "norm" in name:
            return (0, 0.1) if bias else (1, 0.15)
        if "qkv" in name:
            return (0, 0.3) if bias else (0, 1.3 * per)
        if "attn.proj" in name:
            return (0, 0.3 * v) if bias else (0, v * per)
        if "merger" in name:
            if "linear_fc1" in name:
                return (-1.8, 0.5) if bias else (0, 0.7 * per)
            gain = 16 if "deepstack" in name else 8
            return (0, 0.3 * r) if bias else (0, gain * r * per)
        if "linear_fc1" in name:
            return (-1.8, 0.5) if bias else (0, 0.7 * per)
        return (0, 0.3 * v) if bias else (0, 8 * v * per)
    if "embed_tokens" in name:
        return (0, 2.5 / math.sqrt(shape[1])) if spec["tied"] else (0, r)
    if "lm_head" in name:
        return 0, 2.5 * per
    if "q_norm" in name or "k_norm" in name:
        return 1.2, 0.2
    if "norm" in name:
        return 1, 0.15
    if "q_proj" in name or "k_proj" in name:
        return 0, 0.05 * per
    if "o_proj" in name:
        return 0, 2 * r * per
    if "down_proj" in name:
        return 0, 2.5 * r * per
    if "gate_proj" in name or "up_proj" in name:
        return 0, 1.4 * per
    return 0, per


def _coarse(x, bits):
    step = 2.0 ** math.ceil(math.log2(float(x.abs().max()) / (2 ** bits - 1)))
    return torch.round(x / step) * step


def _fp8(x, gen):
    """x as E4M3 in blocks of 128x128: (bytes, scales, the numbers they mean)."""
    rows, cols = (x.shape[0] + 127) // 128, (x.shape[1] + 127) // 128
    out = torch.empty_like(x)
    q = torch.empty(x.shape, dtype=torch.float8_e4m3fn)
    scales = torch.empty(rows, cols)
    for i in range(rows):
        for j in range(cols):
            at = (slice(128 * i, 128 * i + 128), slice(128 * j, 128 * j + 128))
            x[at] *= float(0.6 + 0.8 * torch.rand((), generator=gen))  # no two blocks alike
            scales[i, j] = (x[at].abs().max() / 448).bfloat16().float()
            q[at] = (x[at] / scales[i, j]).clamp(-448, 448).to(torch.float8_e4m3fn)
            out[at] = q[at].float() * scales[i, j]
    return q, scales, out


def build(spec):
    """The reference model in float32, and the tensors of its file."""
    model = Qwen3VLForConditionalGeneration(config_of(spec)).eval()
    gen = torch.Generator().manual_seed(spec["seed"])
    files = {}
    with torch.no_grad():
        for name, p in model.named_parameters():
            mean, std = _scale(name, p.shape, spec)
            x = _coarse(mean + std * torch.randn(p.shape, generator=gen), spec["bits"])
            if spec.get("fp8") and "language_model.layers" in name and p.dim() == 2:
                q, scales, x = _fp8(x, gen)
                files[name] = q
                wide = "q_proj" in name  # both types of scale occur in releases
                files[name + "_scale_inv"] = scales if wide else scales.bfloat16()
            else:
                files[name] = x.to(spec["dtype"])
                assert torch.equal(files[name].float(), x), name
            p.copy_(x)
    files.pop("lm_head.weight" if spec["tied"] else "", None)
    return model, files


def _config_json(spec, config):
    d = json.loads(config.to_json_string(use_diff=False))
    keep_text = list(spec["text"]) + ["vocab_size", "max_position_embeddings", "hidden_act",
                                      "attention_bias"]
    text = {k: d["text_config"][k] for k in keep_text}
    text["model_type"] = "qwen3_vl_text"
    rope = {"rope_type": "default", "mrope_section": spec["section"], "mrope_interleaved": True}
    if spec["layout"] == "release":
        text["rope_theta"] = 5000000
        text["rope_scaling"] = rope
    else:
        text["rope_parameters"] = dict(rope, rope_theta=5000000.0)
    vision = {k: d["vision_config"][k] for k in
              list(spec["vision"]) + ["out_hidden_size", "hidden_act", "in_channels", "patch_size",
                                      "spatial_merge_size", "temporal_patch_size"]}
    vision["model_type"] = "qwen3_vl"
    out = {"architectures": ["Qwen3VLForConditionalGeneration"], "model_type": "qwen3_vl"}
    for key in ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id",
                "tie_word_embeddings"):
        out[key] = d[key]
    out["text_config"] = text
    out["vision_config"] = vision
    if spec.get("fp8"):
        out["quantization_config"] = {
            "activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8",
            "weight_block_size": [128, 128], "modules_to_not_convert": ["lm_head", "model.visual"]}
    return out


def _write_json(path, value):
    with open(path, "w") as f:
        json.dump(value, f, indent=1)
        f.write("\n")


def save(spec, model, files, folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    _write_json(os.path.join(folder, "config.json"), _config_json(spec, model.config))
    ids = special_ids()
    _write_json(os.path.join(folder, "generation_config.json"), {
        "eos_token_id": [ids["im_end"], ids["endoftext"]], "pad_token_id": ids["endoftext"],
        "do_sample": True, "temperature": 0.7, "top_p": 0.8, "top_k": 20,
        "repetition_penalty": 1.0})
    low, high = spec["limits"]
    pre = {"image_processor_type": "Qwen2VLImageProcessorFast", "patch_size": 16,
           "temporal_patch_size": 2, "merge_size": 2, "image_mean": [0.5] * 3,
           "image_std": [0.5] * 3}
    if spec["limits_as"] != "pixels":
        other = spec["limits_as"] == "both"
        pre["size"] = {"shortest_edge": 65536 if other else low,
                       "longest_edge": 16777216 if other else high}
    if spec["limits_as"] != "size":
        pre["min_pixels"], pre["max_pixels"] = low, high
    _write_json(os.path.join(folder, "preprocessor_config.json"), pre)
    for name in TOKENIZER_FILES:
        shutil.copy(os.path.join(TOKENIZER, name), folder)
    names = sorted(files)
    if spec["shards"] == 1:
        save_file(files, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
        return
    weight_map = {}
    for k in range(spec["shards"]):  # dealt out in turn: neighbours lie apart
        part = f"model-{k + 1:05d}-of-{spec['shards']:05d}.safetensors"
        mine = {n: files[n] for n in names[k::spec["shards"]]}
        save_file(mine, os.path.join(folder, part), metadata={"format": "pt"})
        weight_map.update({n: part for n in mine})
    total = sum(t.numel() * t.element_size() for t in files.values())
    _write_json(os.path.join(folder, "model.safetensors.index.json"),
                {"metadata": {"total_size": total}, "weight_map": weight_map})
