# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tiny Qwen3-VL checkpoints with experts.

The reference keeps the experts by outputs, gate_up [experts, 2 * Im, H] and down
[experts, H, Im]; a file has them (`experts`) by inputs as released, by outputs as
other tools save them, or each on its own.

A token near a tie of two experts may go to either for the sake of a rounding. The
expectations tell how near: `routing_margins`, for the prompt and with each token of
the answer, is the least difference over all layers and tokens so far between the
logit of the last expert that is chosen and that of the first that is not. Logits
deviate by ROUTER; cases with less than ROUTING_MARGIN are not taken. Seeds are such
that a text is clear (above 0.012), so that a run whose inputs are rounded has one to
compare.
"""
import torch
from transformers import Qwen3VLMoeConfig, Qwen3VLMoeForConditionalGeneration

import qwen3_vl_models as dense
from common import special_ids
from qwen3_vl_models import LIMITS, PIXELS, SAMPLING, SYSTEM, VOCAB  # noqa: F401

ROUTER = 2.5
ROUTING_MARGIN = 5e-5
OWN = ("num_experts", "num_experts_per_tok", "moe_intermediate_size", "mlp_only_layers",
       "decoder_sparse_step")  # of text_config


class MODEL(Qwen3VLMoeForConditionalGeneration):
    """The reference's class, which lets the chosen probabilities add up to 1, whatever
    norm_topk_prob says."""

    def __init__(self, config):
        super().__init__(config)
        self.routing_margins, self._margin = [], float("inf")
        self.register_forward_hook(self._tell)
        for layer in self.model.language_model.layers:
            if not hasattr(layer.mlp, "gate"):
                continue
            layer.mlp.gate.register_forward_hook(self._watch)

    def _watch(self, gate, inputs, outputs):
        best = outputs[0].topk(min(gate.top_k + 1, gate.num_experts), -1).values
        if best.shape[-1] > gate.top_k:
            self._margin = min(self._margin, float((best[..., -2] - best[..., -1]).min()))

    def _tell(self, *_):
        self.routing_margins.append(self._margin)
        self._margin = float("inf")


MODELS = {
    # As released: by inputs; one layer without experts.
    "bf16": dict(
        seed=531, dtype=torch.bfloat16, bits=7, residual=0.04, tied=False, layout="release",
        experts="by input", limits=(4096, 36864), limits_as="size", shards=1,
        text=dict(hidden_size=48, intermediate_size=80, num_hidden_layers=4,
                  num_attention_heads=4, num_key_value_heads=2, head_dim=16, rms_norm_eps=1e-6,
                  num_experts=16, num_experts_per_tok=4, moe_intermediate_size=20,
                  mlp_only_layers=[1]),
        section=[3, 3, 2],
        vision=dict(depth=4, hidden_size=24, intermediate_size=40, num_heads=2,
                    num_position_embeddings=144, deepstack_visual_indexes=[0, 2, 3])),
    # By outputs, gate_up a square: the shape of down tells. Every second layer has
    # experts; the names of the newer config, two shards.
    "f32": dict(
        seed=12, dtype=torch.float32, bits=13, residual=0.5, vision_residual=0.05, tied=True,
        layout="newer", experts="by output", limits=(4096, 36864), limits_as="pixels", shards=2,
        text=dict(hidden_size=48, intermediate_size=64, num_hidden_layers=4,
                  num_attention_heads=4, num_key_value_heads=2, head_dim=16, rms_norm_eps=1e-6,
                  num_experts=12, num_experts_per_tok=2, moe_intermediate_size=24,
                  decoder_sparse_step=2),
        section=[3, 3, 2],
        vision=dict(depth=3, hidden_size=16, intermediate_size=40, num_heads=2,
                    num_position_embeddings=64, deepstack_visual_indexes=[0, 1, 2])),
    # By inputs, down a square: the shape of gate_up tells. Eight of many experts.
    "f16": dict(
        seed=1163, dtype=torch.float16, bits=10, residual=0.06, tied=False, layout="release",
        experts="by input", limits=(4096, 36864), limits_as="both", shards=1,
        text=dict(hidden_size=32, intermediate_size=72, num_hidden_layers=2,
                  num_attention_heads=6, num_key_value_heads=2, head_dim=24, rms_norm_eps=1e-5,
                  num_experts=32, num_experts_per_tok=8, moe_intermediate_size=32),
        section=[4, 4, 4],
        vision=dict(depth=3, hidden_size=16, intermediate_size=56, num_heads=2,
                    num_position_embeddings=64, deepstack_visual_indexes=[0, 2])),
    # Each expert on its own, in FP8 with blocks that are partial at both edges.
    "fp8": dict(
        seed=14, dtype=torch.bfloat16, bits=7, residual=0.4, vision_residual=0.05, tied=True,
        layout="release", experts="each", limits=(4096, 36864), limits_as="size", shards=1,
        fp8=True,
        text=dict(hidden_size=144, intermediate_size=64, num_hidden_layers=2,
                  num_attention_heads=4, num_key_value_heads=2, head_dim=32, rms_norm_eps=1e-6,
                  num_experts=3, num_experts_per_tok=2, moe_intermediate_size=136,
                  mlp_only_layers=[1]),
        section=[6, 5, 5],
        vision=dict(depth=2, hidden_size=16, intermediate_size=40, num_heads=2,
                    num_position_embeddings=64, deepstack_visual_indexes=[0, 1])),
    # FP8 by inputs in one tensor, gate and up in blocks of their own.
    "fp8-stack": dict(
        seed=15, dtype=torch.bfloat16, bits=7, residual=0.4, vision_residual=0.05, tied=True,
        layout="release", experts="by input", limits=(4096, 36864), limits_as="size", shards=1,
        fp8=True,
        text=dict(hidden_size=144, intermediate_size=64, num_hidden_layers=2,
                  num_attention_heads=4, num_key_value_heads=2, head_dim=32, rms_norm_eps=1e-6,
                  num_experts=3, num_experts_per_tok=2, moe_intermediate_size=128,
                  mlp_only_layers=[0]),
        section=[6, 5, 5],
        vision=dict(depth=2, hidden_size=16, intermediate_size=40, num_heads=2,
                    num_position_embeddings=64, deepstack_visual_indexes=[0, 1])),
    # The source of most GGUF files; the same with norm_topk_prob false is "plain".
    "micro": dict(
        seed=156, dtype=torch.bfloat16, bits=5, residual=1.5, vision_residual=0.05, tied=True,
        layout="release", experts="by input", limits=(4096, 36864), limits_as="size", shards=1,
        text=dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                  num_attention_heads=4, num_key_value_heads=2, head_dim=16, rms_norm_eps=1e-6,
                  num_experts=16, num_experts_per_tok=3, moe_intermediate_size=32),
        section=[3, 3, 2],
        vision=dict(depth=3, hidden_size=16, intermediate_size=40, num_heads=2,
                    num_position_embeddings=64, deepstack_visual_indexes=[0, 2])),
}
MODELS["plain"] = dict(MODELS["micro"], norm_topk_prob=False)


def config_of(spec):
    ids = special_ids()
    rope = {"rope_type": "default", "rope_theta": 5000000.0, "mrope_section": spec["section"],
            "mrope_interleaved": True}
    text = dict(spec["text"], vocab_size=VOCAB, rope_parameters=rope,
                max_position_embeddings=4096, tie_word_embeddings=spec["tied"])
    config = Qwen3VLMoeConfig(
        text_config=text, tie_word_embeddings=spec["tied"],
        vision_config=dict(spec["vision"], out_hidden_size=spec["text"]["hidden_size"]),
        image_token_id=ids["image_pad"], video_token_id=ids["video_pad"],
        vision_start_token_id=ids["vision_start"], vision_end_token_id=ids["vision_end"])
    config._attn_implementation = "eager"
    config._experts_implementation = "eager"
    return config


def scale(name, shape, spec):
    if name.endswith("mlp.gate.weight"):
        return 0, ROUTER / shape[1] ** 0.5
    return dense.scale(name, shape[-2:], spec)


def store(name, x, spec, fp8):
    """The experts' tensors of a file, and the numbers in them."""
    if ".experts." not in name:
        return (({name: x.to(spec["dtype"])}, x) if name.endswith("mlp.gate.weight") else None)
    stem, kind = name.rsplit(".", 1)
    parts = {"gate_proj": 0, "up_proj": 1} if kind == "gate_up_proj" else {kind: 0}
    blocks = list(x.chunk(len(parts), 1))
    scales = {}
    if spec.get("fp8"):
        for i, block in enumerate(blocks):
            made = [fp8(expert) for expert in block]
            blocks[i] = torch.stack([m[0] for m in made])
            scales[i] = torch.stack([m[1] for m in made]).bfloat16()
            block.copy_(torch.stack([m[2] for m in made]))
    else:
        blocks = [b.to(spec["dtype"]) for b in blocks]
        assert torch.equal(torch.cat([b.float() for b in blocks], 1), x), name
    if spec["experts"] == "each":
        out = {}
        for part, i in parts.items():
            for e in range(x.shape[0]):
                out[f"{stem}.{e}.{part}.weight"] = blocks[i][e].clone()
                if scales:
                    out[f"{stem}.{e}.{part}.weight_scale_inv"] = scales[i][e].clone()
        return out, x
    turn = ((lambda t: t.transpose(1, 2).contiguous()) if spec["experts"] == "by input"
            else (lambda t: t))
    out = {name: turn(torch.cat(blocks, 1))}
    if scales:
        out[name + "_scale_inv"] = turn(torch.cat(list(scales.values()), 1))
    return out, x


def config_json(spec, config):
    own = {k: v for k, v in spec["text"].items() if k in OWN}
    plain = {k: v for k, v in spec["text"].items() if k not in OWN}
    out = dense.config_json(dict(spec, text=plain), config)
    text = out["text_config"]
    text.update(own)
    out.update(architectures=["Qwen3VLMoeForConditionalGeneration"], model_type="qwen3_vl_moe")
    text["model_type"] = "qwen3_vl_moe_text"
    out["vision_config"]["model_type"] = "qwen3_vl_moe"
    if spec["layout"] == "release":
        text.setdefault("decoder_sparse_step", 1)
        text.setdefault("mlp_only_layers", [])
        text["norm_topk_prob"] = spec.get("norm_topk_prob", True)
    else:  # as this version of the library writes it
        text["num_local_experts"] = text.pop("num_experts")
        text["mlp_only_layers"] = None
    if spec.get("fp8"):
        out["quantization_config"]["modules_to_not_convert"].append("mlp.gate")
    return out
