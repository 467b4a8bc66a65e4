# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tiny Qwen3-VL checkpoints: their numbers, and how their weights are drawn.

Weights are random but not degenerate. The residual streams are small (about
0.04), so that a wrong epsilon shows; pre-activations of the vision MLPs are
mostly negative, where the forms of GELU differ; logits have a standard
deviation of 2 to 3.
"""
import json
import math

import torch
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration
from transformers.models.qwen3_vl.video_processing_qwen3_vl import Qwen3VLVideoProcessor

from common import VOCAB, special_ids

MODEL = Qwen3VLForConditionalGeneration
PIXELS = dict(patch_size=16, temporal_patch_size=2, merge_size=2, image_mean=[0.5] * 3,
              image_std=[0.5] * 3)
LIMITS = (65536, 16777216)  # of the release
FILMS = dict(processor=Qwen3VLVideoProcessor, stamps=True, whole=True)
SYSTEM = None  # no system turn of its own
SAMPLING = dict(do_sample=True, temperature=0.7, top_p=0.8, top_k=20, repetition_penalty=1.0)

MODELS = {
    # Release layout: rope_scaling, untied, one BF16 file.
    "bf16": dict(
        seed=1, dtype=torch.bfloat16, bits=7, residual=0.04, tied=False, layout="release",
        limits=(4096, 36864), limits_as="size", video_limits=(6144, 40000), shards=1,
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


def scale(name, shape, spec):
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


def config_json(spec, config):
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
