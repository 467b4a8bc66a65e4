# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the GGUF fixtures of tests/data/qwen2_5_vl/gguf; see qwen2_gguf.py. Beside those

  one-file-native.gguf   ollama's own layout: architecture qwen25vl, keys qwen25vl.vision.*
"""
import gguf
import numpy as np

import gguf_files
import qwen2_5_vl_models as models
import qwen2_gguf


def one_file_native(language, mmproj, path, spec):
    """The keys and names that ollama's converter of Qwen2.5-VL gives."""
    a, b = gguf.GGUFReader(language), gguf.GGUFReader(mmproj)
    writer = gguf.GGUFWriter(path, "qwen25vl")
    gguf_files.copy_meta(writer, a, {"general.architecture", "qwen2vl.rope.dimension_sections"},
                         lambda key: key.replace("qwen2vl.", "qwen25vl."))
    vision, p = spec["vision"], "qwen25vl.vision."
    writer.add_array("qwen25vl.rope.mrope_section", spec["section"])
    for key, value in (("block_count", vision["depth"]), ("embedding_length", vision["hidden_size"]),
                       ("attention.head_count", vision["num_heads"]), ("num_channels", 3),
                       ("patch_size", 14), ("spatial_merge_size", 2), ("spatial_patch_size", 14),
                       ("window_size", 112), ("temporal_patch_size", 2)):
        writer.add_uint32(p + key, value)
    writer.add_float32(p + "attention.layer_norm_epsilon", 1e-6)
    writer.add_float32(p + "rope.freq_base", 10000.0)
    writer.add_array(p + "fullatt_block_indexes", vision["fullatt_block_indexes"])
    for tensor in a.tensors:
        gguf_files.add(writer, tensor.name, tensor)
    for tensor in b.tensors:
        name = tensor.name
        for old, new in (("v.patch_embd.weight.1", "v.patch_embd_1.weight"),
                         ("v.patch_embd.weight", "v.patch_embd_0.weight"),
                         ("v.post_ln", "v.merger.ln_q"), ("mm.", "v.merger.mlp.")):
            name = name.replace(old, new)
        gguf_files.add(writer, name, tensor, np.asarray(tensor.data))
    gguf_files.finish(writer)


if __name__ == "__main__":
    at = qwen2_gguf.write("qwen2_5_vl", ("up_proj", "down_proj"))
    one_file_native(at("micro-bf16.gguf"), at("mmproj-micro-bf16.gguf"),
                    at("one-file-native.gguf"), models.MODELS["micro"])
