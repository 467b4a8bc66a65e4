# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tiny checkpoints of Qwen2-VL and Qwen2.5-VL share: how weights are drawn,
the config as released (text fields at the top level) and as newer tools save it, and
the names of tensors in either.

As in qwen3_vl_models.py residual streams are small, pre-activations mostly negative
and logits have a standard deviation of 2 to 3. Without norms of q and k the biases
have a say in attention, so they are as large as what the matrices give.
"""
import json
import math

from transformers import Qwen2VLVideoProcessor

from common import VOCAB, special_ids

PIXELS = dict(patch_size=14, temporal_patch_size=2, merge_size=2,
              image_mean=[0.48145466, 0.4578275, 0.40821073],
              image_std=[0.26862954, 0.26130258, 0.27577711])
LIMITS = (3136, 12845056)
FILMS = dict(processor=Qwen2VLVideoProcessor, stamps=False, whole=False)
SYSTEM = "You are a helpful assistant."


def config_of(family_config, spec):
    ids = special_ids()
    rope = {"rope_type": "default", "rope_theta": 1000000.0, "mrope_section": spec["section"]}
    text = dict(spec["text"], vocab_size=VOCAB, rope_parameters=rope, max_position_embeddings=4096,
                tie_word_embeddings=spec["tied"], bos_token_id=ids["endoftext"],
                eos_token_id=ids["im_end"])
    config = family_config(
        text_config=text, vision_config=dict(spec["vision"]), tie_word_embeddings=spec["tied"],
        image_token_id=ids["image_pad"], video_token_id=ids["video_pad"],
        vision_start_token_id=ids["vision_start"], vision_end_token_id=ids["vision_end"])
    config._attn_implementation = "eager"
    return config


def _vision_scale(name, per, bias, spec):
    r = spec["residual"]
    v = spec.get("vision_residual", r)
    if "patch_embed" in name:
        return 0, v / (0.8 * math.sqrt(1176))
    if "norm" in name or "ln_q" in name:
        return (0, 0.1) if bias else (1, 0.15)
    if "qkv" in name:
        return (0, 0.3) if bias else (0, 1.3 * per)
    if "attn.proj" in name:
        return (0, 0.3 * v) if bias else (0, v * per)
    if "merger.mlp.2" in name:
        return (0, 0.3 * r) if bias else (0, 8 * r * per)
    if "fc1" in name or "gate_proj" in name or "merger.mlp.0" in name:
        return (-1.8, 0.5) if bias else (0, 0.7 * per)
    if "up_proj" in name:
        return (0, 0.5) if bias else (0, 1.2 * per)
    return (0, 0.3 * v) if bias else (0, 8 * v * per)  # fc2, down_proj


def scale(name, shape, spec):
    """(mean, deviation) of a parameter."""
    r = spec["residual"]
    per = 1 / math.sqrt(shape[-1]) if len(shape) == 2 else 1
    bias = name.endswith(".bias")
    if "visual" in name:
        return _vision_scale(name, per, bias, spec)
    if "embed_tokens" in name:
        return (0, 2.5 / math.sqrt(shape[1])) if spec["tied"] else (0, r)
    if "lm_head" in name:
        return 0, 2.5 * per
    if "norm" in name:
        return 1, 0.15
    if "q_proj" in name or "k_proj" in name:
        sharp = 1.8 if spec["tied"] else 1.2  # a tied model says one word over and over
        return (0, 0.8) if bias else (0, sharp * per)
    if "v_proj" in name:
        return (0, 0.4) if bias else (0, per)
    if "o_proj" in name:
        return 0, 2 * r * per
    if "down_proj" in name:
        return 0, 2.5 * r * per
    return 0, 1.4 * per  # gate_proj, up_proj


def file_name(name, spec):
    """As released: the two prefixes without "language_model" and "model"."""
    if spec["layout"] != "release":
        return name
    return name.replace("model.language_model.", "model.").replace("model.visual.", "visual.")


def config_json(spec, config, model_type, architecture, vision):
    """vision: what vision_config says; elsewhere it means the defaults of the class."""
    d = json.loads(config.to_json_string(use_diff=False))
    out = {"architectures": [architecture], "model_type": model_type}
    for key in ("image_token_id", "video_token_id", "vision_start_token_id",
                "vision_end_token_id", "tie_word_embeddings"):
        out[key] = d[key]
    text = {k: d["text_config"][k] for k in
            list(spec["text"]) + ["vocab_size", "max_position_embeddings", "hidden_act",
                                  "bos_token_id", "eos_token_id", "use_sliding_window"]}
    if spec["layout"] == "release":
        out.update(text, rope_theta=1000000.0,
                   rope_scaling={"type": "mrope", "mrope_section": spec["section"]})
    else:
        rope = {"rope_type": "default", "mrope_section": spec["section"], "rope_theta": 1000000.0}
        out["text_config"] = dict(text, model_type=model_type + "_text", rope_parameters=rope)
    out["vision_config"] = dict(vision, model_type=model_type)
    return out
