# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tiny Qwen2.5-VL checkpoints."""
import torch
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

import qwen2_weights
from qwen2_weights import FILMS, LIMITS, PIXELS, SYSTEM, file_name, scale  # noqa: F401

MODEL = Qwen2_5_VLForConditionalGeneration
SAMPLING = dict(do_sample=True, temperature=0.000001, repetition_penalty=1.05)

MODELS = {
    # Release layout, untied, one BF16 file; the released windows of 4x4 cells; every
    # second layer sees the whole picture, the last does not.
    "bf16": dict(
        seed=24, dtype=torch.bfloat16, bits=7, residual=0.04, tied=False, layout="release",
        limits=(3136, 50176), limits_as="pixels", shards=1,
        text=dict(hidden_size=32, intermediate_size=64, num_hidden_layers=4,
                  num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-6),
        section=[1, 1, 2],
        vision=dict(depth=5, hidden_size=32, intermediate_size=60, num_heads=2,
                    out_hidden_size=32, fullatt_block_indexes=[1, 3],
                    tokens_per_second=2)),
    # Newer layout: text_config, rope_parameters, longer names; tied, two F32 shards;
    # windows of 2x2 cells, the layers that see all are no pattern.
    "f32": dict(
        seed=22, dtype=torch.float32, bits=13, residual=0.7, vision_residual=0.05, tied=True,
        layout="newer", limits=(3136, 50176), limits_as="size", shards=2,
        text=dict(hidden_size=36, intermediate_size=44, num_hidden_layers=3,
                  num_attention_heads=3, num_key_value_heads=1, rms_norm_eps=1e-5),
        section=[3, 1, 2],
        vision=dict(depth=4, hidden_size=16, intermediate_size=28, num_heads=2,
                    out_hidden_size=36, window_size=56, fullatt_block_indexes=[0, 3],
                    tokens_per_second=3)),
    # The source of most GGUF files: small, tied; weights of 5 significant bits. An
    # mmproj can only tell that every n-th layer sees all, and takes windows for granted.
    "micro": dict(
        seed=23, dtype=torch.bfloat16, bits=5, residual=1.5, vision_residual=0.05, tied=True,
        layout="release", limits=(3136, 50176), limits_as="size", shards=1,
        text=dict(hidden_size=32, intermediate_size=64, num_hidden_layers=3,
                  num_attention_heads=2, num_key_value_heads=1, rms_norm_eps=1e-6),
        section=[2, 3, 3],
        vision=dict(depth=4, hidden_size=16, intermediate_size=36, num_heads=2,
                    out_hidden_size=32, fullatt_block_indexes=[1, 3], tokens_per_second=2)),
}


def config_of(spec):
    return qwen2_weights.config_of(Qwen2_5_VLConfig, spec)


def config_json(spec, config):
    vision = dict(spec["vision"], in_chans=3, spatial_patch_size=14)
    if spec["layout"] != "release":
        vision.update(hidden_act="silu", in_channels=3, patch_size=14, spatial_merge_size=2,
                      temporal_patch_size=2)
    return qwen2_weights.config_json(spec, config, "qwen2_5_vl",
                                     "Qwen2_5_VLForConditionalGeneration", vision)
