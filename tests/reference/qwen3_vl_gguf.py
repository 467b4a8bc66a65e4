# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the GGUF fixtures of tests/data/qwen3_vl/gguf; see gguf_files.py.

  micro-bf16.gguf + mmproj-micro-bf16.gguf         the converter's own output
  micro-f16-0000?-of-00002.gguf + mmproj-micro-f16 the same, split by llama-gguf-split
  q8_0/                                            from the checkpoint "bf16", untied
  one-file-clip.gguf     language model and mmproj in one file, keys clip.*
  one-file-native.gguf   ollama's own layout: keys qwen3vl.vision.*, q/k/v apart
"""
import os
import shutil

import gguf
import numpy as np

import common
import gguf_files
import qwen3_vl_models as models

NAME = "qwen3_vl"
OUT = common.folder_of(NAME, "gguf")
CASES = ["text", "unicode", "gguf_picture", "gguf_pictures"]

BLOCK_NAMES = {"ln1": "norm1", "ln2": "norm2", "attn_qkv": "attn.qkv", "attn_out": "attn.proj",
               "ffn_up": "mlp.linear_fc1", "ffn_down": "mlp.linear_fc2"}
DEEPSTACK_NAMES = {"norm": "norm", "fc1": "linear_fc1", "fc2": "linear_fc2"}
VISION_NAMES = {"v.position_embd": "pos_embed", "v.post_ln": "merger.norm",
                "mm.0": "merger.linear_fc1", "mm.2": "merger.linear_fc2",
                "v.patch_embd": "patch_embed.proj"}


def rename(found, spec):
    """{parameter of the reference: tensor} of the vision part's tensors."""
    taps = spec["vision"]["deepstack_visual_indexes"]
    return {_parameter(name, taps): tensor for name, tensor in found.items()}


def _parameter(name, taps):
    stem, kind = name.rsplit(".", 1)
    words = stem.split(".")
    if stem in VISION_NAMES:
        return f"model.visual.{VISION_NAMES[stem]}.{kind}"
    if words[1] == "deepstack":
        k = taps.index(int(words[2]))
        return f"model.visual.deepstack_merger_list.{k}.{DEEPSTACK_NAMES[words[3]]}.{kind}"
    return f"model.visual.blocks.{words[2]}.{BLOCK_NAMES[words[3]]}.{kind}"


def one_file_native(language, mmproj, path, spec):
    """The keys and names that ollama's converter of Qwen3-VL gives."""
    a, b = gguf.GGUFReader(language), gguf.GGUFReader(mmproj)
    writer = gguf.GGUFWriter(path, "qwen3vl")
    gguf_files.copy_meta(writer, a, {"general.architecture", "qwen3vl.rope.dimension_sections",
                           "qwen3vl.n_deepstack_layers"})
    vision, p = spec["vision"], "qwen3vl.vision."
    writer.add_array("qwen3vl.rope.mrope_section", spec["section"])
    writer.add_array("qwen3vl.mrope_sections", spec["section"])
    for key, value in (("block_count", vision["depth"]), ("embedding_length", vision["hidden_size"]),
                       ("attention.head_count", vision["num_heads"]), ("num_channels", 3),
                       ("patch_size", 16), ("spatial_merge_size", 2), ("temporal_patch_size", 2),
                       ("shortest_edge", spec["limits"][0]), ("longest_edge", spec["limits"][1])):
        writer.add_uint32(p + key, value)
    writer.add_float32(p + "attention.layer_norm_epsilon", 1e-6)
    writer.add_float32(p + "rope.freq_base", 10000.0)
    writer.add_array(p + "deepstack_visual_indexes", vision["deepstack_visual_indexes"])
    writer.add_array(p + "image_mean", [0.5] * 3)
    writer.add_array(p + "image_std", [0.5] * 3)
    for tensor in a.tensors:
        gguf_files.add(writer, tensor.name, tensor)
    taps = vision["deepstack_visual_indexes"]
    parts = {t.name: t for t in b.tensors}
    for name, tensor in parts.items():
        if name == "v.patch_embd.weight":
            two = np.stack([tensor.data, parts["v.patch_embd.weight.1"].data], axis=2)
            gguf_files.add(writer, "v.patch_embed.weight", tensor, two.reshape(-1, 2, 16, 16))
            continue
        if name == "v.patch_embd.weight.1":
            continue
        if "attn_qkv" in name:
            for letter, third in zip("qkv", np.split(tensor.data, 3)):
                gguf_files.add(writer, name.replace("attn_qkv", "attn_" + letter), tensor, third)
            continue
        if name.startswith("v.deepstack."):
            _, _, block, rest = name.split(".", 3)
            rest = rest.replace("fc1", "linear_fc1").replace("fc2", "linear_fc2")
            new = f"v.deepstack_merger.{taps.index(int(block))}.{rest}"
        else:
            new = name
            for old, text in (("v.patch_embd.", "v.patch_embed."), ("position_embd", "pos_embed"),
                              ("v.post_ln", "v.merger.norm"), ("mm.0", "v.merger.linear_fc1"),
                              ("mm.2", "v.merger.linear_fc2"), (".ln1", ".norm1"),
                              (".ln2", ".norm2"), ("ffn_up", "mlp.linear_fc1"),
                              ("ffn_down", "mlp.linear_fc2")):
                new = new.replace(old, text)
        gguf_files.add(writer, new, tensor)
    gguf_files.finish(writer)


def expect(label, source, paths):
    gguf_files.expect(NAME, label, source, paths, rename, CASES)


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(os.path.join(OUT, "q8_0"))
    at = lambda name: os.path.join(OUT, name)  # noqa: E731
    for kind in ("bf16", "f16", "f32"):
        gguf_files.convert(NAME, "micro", at(f"micro-{kind}.gguf"), kind, False)
        gguf_files.convert(NAME, "micro", at(f"mmproj-micro-{kind}.gguf"), kind, True)
        expect(f"gguf-{kind}", "micro", [at(f"micro-{kind}.gguf"), at(f"mmproj-micro-{kind}.gguf")])
    gguf_files.one_file_clip(at("micro-f32.gguf"), at("mmproj-micro-f16.gguf"), at("one-file-clip.gguf"))
    one_file_native(at("micro-bf16.gguf"), at("mmproj-micro-f16.gguf"), at("one-file-native.gguf"),
                    models.MODELS["micro"])
    gguf_files.split(at("micro-f16.gguf"))
    os.remove(at("micro-f32.gguf"))
    os.remove(at("mmproj-micro-f32.gguf"))
    pair = [at("q8_0/tiny-q8_0.gguf"), at("q8_0/mmproj-tiny-q8_0.gguf")]
    gguf_files.convert(NAME, "bf16", pair[0], "q8_0", False)
    gguf_files.convert(NAME, "bf16", pair[1], "q8_0", True)
    expect("gguf-q8_0", "bf16", pair)


if __name__ == "__main__":
    main()
