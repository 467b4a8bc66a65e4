# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the GGUF files of Qwen2-VL and Qwen2.5-VL share; see gguf_files.py.

  micro-bf16.gguf + mmproj-micro-bf16.gguf   the converter's own output
  one-file-clip.gguf      language model and mmproj (F16) in one file, keys clip.*
  mmproj-old.gguf         as converters once wrote it: the tower's ffn_up and ffn_down
                          exchanged
  q8_0/                   from the checkpoint "bf16", untied
"""
import os
import re
import shutil

import gguf
import torch

import common
import gguf_files

CASES = ["text", "unicode", "gguf_picture", "gguf_pictures"]

NAMES = {"ln1": "norm1", "ln2": "norm2", "attn_out": "attn.proj", "ffn_gate": "mlp.gate_proj",
         "v.post_ln": "merger.ln_q", "mm.0": "merger.mlp.0", "mm.2": "merger.mlp.2",
         "v.patch_embd": "patch_embed.proj"}


def rename(found, mlp):
    """{parameter of the reference: tensor}; mlp: its names of ffn_up and ffn_down."""
    names, new = dict(NAMES, ffn_up="mlp." + mlp[0], ffn_down="mlp." + mlp[1]), {}
    for name, tensor in found.items():
        stem, kind = name.rsplit(".", 1)
        block = re.match(r"v\.blk\.(\d+)\.(.*)", stem)
        if stem in names:
            new[f"model.visual.{names[stem]}.{kind}"] = tensor
        elif block[2] == "attn_q":
            parts = [found[name.replace("attn_q", "attn_" + letter)] for letter in "qkv"]
            new[f"model.visual.blocks.{block[1]}.attn.qkv.{kind}"] = torch.cat(parts)
        elif block[2] not in ("attn_k", "attn_v"):
            new[f"model.visual.blocks.{block[1]}.{names[block[2]]}.{kind}"] = tensor
    return new


def exchange(mmproj, path):
    reader = gguf.GGUFReader(mmproj)
    writer = gguf.GGUFWriter(path, "clip")
    gguf_files.copy_meta(writer, reader, {"general.architecture"})
    other = {"ffn_up": "ffn_down", "ffn_down": "ffn_up"}
    for tensor in reader.tensors:
        name = re.sub("ffn_up|ffn_down", lambda m: other[m[0]], tensor.name)
        gguf_files.add(writer, name, tensor)
    gguf_files.finish(writer)


def write(name, mlp):
    """All files; returns the function that gives the path of one."""
    out = common.folder_of(name, "gguf")
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(os.path.join(out, "q8_0"))
    at = lambda file: os.path.join(out, file)  # noqa: E731

    def expect(label, source, paths):
        gguf_files.expect(name, label, source, paths, lambda found, spec: rename(found, mlp), CASES)

    pair = [at("micro-bf16.gguf"), at("mmproj-micro-bf16.gguf")]
    gguf_files.convert(name, "micro", pair[0], "bf16", False)
    gguf_files.convert(name, "micro", pair[1], "bf16", True)
    expect("gguf-bf16", "micro", pair)
    f16 = at("mmproj-micro-f16.gguf")
    gguf_files.convert(name, "micro", f16, "f16", True)
    expect("gguf-f16", "micro", [pair[0], f16])
    gguf_files.one_file_clip(pair[0], f16, at("one-file-clip.gguf"))
    exchange(f16, at("mmproj-old.gguf"))
    os.remove(f16)
    pair = [at("q8_0/tiny-q8_0.gguf"), at("q8_0/mmproj-tiny-q8_0.gguf")]
    gguf_files.convert(name, "bf16", pair[0], "q8_0", False)
    gguf_files.convert(name, "bf16", pair[1], "q8_0", True)
    expect("gguf-q8_0", "bf16", pair)
    return at
