# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the GGUF fixtures of tests/data/qwen3_vl_moe/gguf; see gguf_files.py.

  micro-bf16.gguf + mmproj-micro-bf16.gguf   the converter's own output
  micro-fused.gguf   gate and up of all experts in one tensor, as newer converters can
  q8_0/              the converter's, untied, from a checkpoint that is not kept
  k/                 Q4_K_M by llama-quantize, from another such
"""
import os
import shutil
import subprocess

import gguf
import numpy as np
import torch

import checkpoint
import common
import gguf_files
import qwen3_vl_gguf as dense
import qwen3_vl_moe_models as models

NAME = "qwen3_vl_moe"
OUT = common.folder_of(NAME, "gguf")
CASES = ["text", "unicode", "gguf_picture", "gguf_pictures"]

SMALL = dict(
    models.MODELS["bf16"], seed=719,
    text=dict(hidden_size=64, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4,
              num_key_value_heads=2, head_dim=32, rms_norm_eps=1e-6, num_experts=16,
              num_experts_per_tok=5, moe_intermediate_size=32), section=[6, 5, 5])

# Rows of whole K blocks everywhere.
WIDE = dict(
    seed=18, dtype=torch.bfloat16, bits=7, residual=1.0, vision_residual=0.05, tied=True,
    layout="release", experts="by input", limits=(4096, 36864), limits_as="size", shards=1,
    text=dict(hidden_size=256, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4,
              num_key_value_heads=2, head_dim=64, rms_norm_eps=1e-6, num_experts=3,
              num_experts_per_tok=2, moe_intermediate_size=256),
    section=[12, 10, 10],
    vision=dict(depth=2, hidden_size=16, intermediate_size=32, num_heads=2,
                num_position_embeddings=64, deepstack_visual_indexes=[0, 1]))


def rename(found, spec):
    """{parameter of the reference: tensor} of what qwen3_vl and the experts have."""
    out, halves = {}, {}
    for name in list(found):
        words = name.split(".")
        if words[0] != "blk":
            continue
        layer = f"model.language_model.layers.{words[1]}.mlp."
        if words[2] == "ffn_gate_inp":
            out[layer + "gate.weight"] = found.pop(name)
        elif words[2] == "ffn_down_exps":
            out[layer + "experts.down_proj"] = found.pop(name)
        else:
            halves.setdefault(layer, {})[words[2]] = found.pop(name)
    for layer, two in halves.items():
        out[layer + "experts.gate_up_proj"] = torch.cat([two["ffn_gate_exps"], two["ffn_up_exps"]],
                                                        1)
    out.update(dense.rename(found, spec))
    return out


def fuse(path, fused):
    """The same file with gate and up of each layer in one tensor."""
    reader = gguf.GGUFReader(path)
    writer = gguf.GGUFWriter(fused, gguf_files.architecture_of(reader))
    gguf_files.copy_meta(writer, reader, {"general.architecture"})
    parts = {t.name: t for t in reader.tensors}
    for name, tensor in parts.items():
        if ".ffn_up_exps." in name:
            continue
        if ".ffn_gate_exps." in name:
            up = parts[name.replace("_gate_", "_up_")]
            both = np.concatenate([tensor.data, up.data], axis=1)
            gguf_files.add(writer, name.replace("_gate_", "_gate_up_"), tensor, both)
        else:
            gguf_files.add(writer, name, tensor)
    gguf_files.finish(writer)


def convert_pair(source, stem, folder, kind):
    pair = [os.path.join(folder, f"{stem}.gguf"), os.path.join(folder, f"mmproj-{stem}.gguf")]
    for path, mmproj in zip(pair, (False, True)):
        gguf_files.convert(NAME, source, path, kind, mmproj)
    return pair


def expect(label, source, paths, cases=tuple(CASES)):
    gguf_files.expect(NAME, label, source, paths, rename, cases)


def convert_spec(source, spec, stem, folder, kind):
    """The files of a checkpoint that is not kept."""
    models.MODELS[source] = spec
    model, files = checkpoint.build(models, spec)
    checkpoint.save(models, spec, model, files, common.folder_of(NAME, source))
    pair = convert_pair(source, stem, os.path.join(OUT, folder), kind)
    shutil.rmtree(common.folder_of(NAME, source))
    return pair


def quantised():
    """k/: the converter's BF16 file through llama-quantize."""
    pair = convert_spec("wide", WIDE, "wide-bf16", "k", "bf16")
    small = os.path.join(OUT, "k", "wide-q4_k_m.gguf")
    subprocess.run(["llama-quantize", pair[0], small, "Q4_K_M", "1"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.remove(pair[0])
    expect("gguf-k", "wide", [small, pair[1]], ("text", "gguf_picture", "gguf_pictures"))


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    for folder in ("q8_0", "k"):
        os.makedirs(os.path.join(OUT, folder))
    pair = convert_pair("micro", "micro-bf16", OUT, "bf16")
    expect("gguf-bf16", "micro", pair)
    fuse(pair[0], os.path.join(OUT, "micro-fused.gguf"))
    expect("gguf-q8_0", "small", convert_spec("small", SMALL, "tiny-q8_0", "q8_0", "q8_0"))
    quantised()


if __name__ == "__main__":
    main()
