# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the GGUF fixtures of tests/data/qwen3_vl/gguf and what they answer.

    write_gguf.py            needs what make_qwen3_vl.py wrote, llama.cpp-tools
                             (the converter's package `conversion`) and
                             llama.cpp-tools-extra (llama-gguf-split)

  micro-bf16.gguf + mmproj-micro-bf16.gguf         the converter's own output
  micro-f16-0000?-of-00002.gguf + mmproj-micro-f16 the same, split by llama-gguf-split
  q8_0/                                            from the checkpoint "bf16", untied
  one-file-clip.gguf     language model and mmproj in one file, keys clip.*
  one-file-native.gguf   ollama's own layout: keys qwen3vl.vision.*, q/k/v apart

Expectations of a file come from the numbers that it holds: tensors are
dequantised by gguf-py and put into the reference model. Where nothing was
rounded they must equal the checkpoint's.
"""
import os
import shutil
import subprocess
import sys

import gguf
import numpy as np
import torch

import common
import qwen3_vl_cases as cases
import qwen3_vl_models as models

sys.path.insert(1, "/usr/share/llama.cpp/llama.cpp-tools")
from conversion import ModelBase, ModelType, get_model_architecture, get_model_class  # noqa: E402
from conversion.base import TextModel  # noqa: E402

OUT = os.path.join(common.DATA, "gguf")
FTYPE = {"f32": gguf.LlamaFileType.ALL_F32, "f16": gguf.LlamaFileType.MOSTLY_F16,
         "bf16": gguf.LlamaFileType.MOSTLY_BF16, "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0}

# The converter tells the pre-tokeniser by the ids of a known text; a vocabulary
# of its own is unknown to it. This one splits as Qwen2's does.
TextModel.get_vocab_base_pre = lambda self, tokenizer: "qwen2"


def _no_sentencepiece(self):  # the checkpoint has none; the package is not needed then
    raise FileNotFoundError


TextModel._set_vocab_sentencepiece = _no_sentencepiece


def convert(source, path, outtype, mmproj):
    from pathlib import Path
    folder = Path(common.DATA) / source
    with torch.inference_mode():
        kind = ModelType.MMPROJ if mmproj else ModelType.TEXT
        arch = get_model_architecture(ModelBase.load_hparams(folder, False), kind)
        cls = get_model_class(arch, mmproj=mmproj)
        cls(folder, FTYPE[outtype], Path(path), model_name="tiny").write()


def split(path):
    stem = path.removesuffix(".gguf")
    subprocess.run(["llama-gguf-split", "--split", "--split-max-tensors", "26", path, stem],
                   check=True, stdout=subprocess.DEVNULL)
    os.remove(path)


# ----------------------------------------------------------- files in one piece

def _copy_meta(writer, reader, skip, rename=lambda k: k):
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key in skip:
            continue
        sub = field.types[1] if len(field.types) > 1 else None
        writer.add_key_value(rename(key), field.contents(), field.types[0], sub_type=sub)


def _add(writer, name, tensor, data=None):
    data = tensor.data if data is None else data
    writer.add_tensor(name, np.ascontiguousarray(data), raw_dtype=tensor.tensor_type)


def _finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def one_file_clip(language, mmproj, path):
    a, b = gguf.GGUFReader(language), gguf.GGUFReader(mmproj)
    writer = gguf.GGUFWriter(path, "qwen3vl")
    _copy_meta(writer, a, {"general.architecture"})
    _copy_meta(writer, b, {k for k in b.fields if k.startswith("general.")})
    for tensor in list(a.tensors) + list(b.tensors):
        _add(writer, tensor.name, tensor)
    _finish(writer)


def one_file_native(language, mmproj, path, spec):
    """The keys and names that ollama's converter of Qwen3-VL gives."""
    a, b = gguf.GGUFReader(language), gguf.GGUFReader(mmproj)
    writer = gguf.GGUFWriter(path, "qwen3vl")
    _copy_meta(writer, a, {"general.architecture", "qwen3vl.rope.dimension_sections",
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
        _add(writer, tensor.name, tensor)
    taps = vision["deepstack_visual_indexes"]
    parts = {t.name: t for t in b.tensors}
    for name, tensor in parts.items():
        if name == "v.patch_embd.weight":
            two = np.stack([tensor.data, parts["v.patch_embd.weight.1"].data], axis=2)
            _add(writer, "v.patch_embed.weight", tensor, two.reshape(-1, 2, 16, 16))
            continue
        if name == "v.patch_embd.weight.1":
            continue
        if "attn_qkv" in name:
            for letter, third in zip("qkv", np.split(tensor.data, 3)):
                _add(writer, name.replace("attn_qkv", "attn_" + letter), tensor, third)
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
        _add(writer, new, tensor)
    _finish(writer)


# --------------------------------------------------- numbers back to the reference

TEXT_NAMES = {"token_embd": "embed_tokens", "output_norm": "norm"}
LAYER_NAMES = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
               "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
               "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
               "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
               "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
BLOCK_NAMES = {"ln1": "norm1", "ln2": "norm2", "attn_qkv": "attn.qkv", "attn_out": "attn.proj",
               "ffn_up": "mlp.linear_fc1", "ffn_down": "mlp.linear_fc2"}
DEEPSTACK_NAMES = {"norm": "norm", "fc1": "linear_fc1", "fc2": "linear_fc2"}
VISION_NAMES = {"v.position_embd": "pos_embed", "v.post_ln": "merger.norm",
                "mm.0": "merger.linear_fc1", "mm.2": "merger.linear_fc2",
                "v.patch_embd": "patch_embed.proj"}


def _parameter(name, taps):
    stem, kind = name.rsplit(".", 1)
    words = stem.split(".")
    if stem == "output":
        return "lm_head." + kind
    if stem in TEXT_NAMES:
        return f"model.language_model.{TEXT_NAMES[stem]}.{kind}"
    if words[0] == "blk":
        return f"model.language_model.layers.{words[1]}.{LAYER_NAMES[words[2]]}.{kind}"
    if stem in VISION_NAMES:
        return f"model.visual.{VISION_NAMES[stem]}.{kind}"
    if words[1] == "deepstack":
        k = taps.index(int(words[2]))
        return f"model.visual.deepstack_merger_list.{k}.{DEEPSTACK_NAMES[words[3]]}.{kind}"
    return f"model.visual.blocks.{words[2]}.{BLOCK_NAMES[words[3]]}.{kind}"


def load_into(model, paths, taps):
    """Puts the dequantised tensors into the model; returns how many differ."""
    found = {}
    for path in paths:
        for t in gguf.GGUFReader(path).tensors:
            shape = [int(d) for d in reversed(t.shape)]
            found[t.name] = torch.from_numpy(
                np.array(gguf.quants.dequantize(t.data, t.tensor_type), dtype=np.float32)
            ).reshape(shape)
    found["v.patch_embd.weight"] = torch.stack(
        [found["v.patch_embd.weight"], found.pop("v.patch_embd.weight.1")], dim=2)
    params = dict(model.named_parameters())
    changed = 0
    with torch.no_grad():
        for name, value in found.items():
            p = params.pop(_parameter(name, taps))
            changed += not torch.equal(p, value)
            p.copy_(value)
    assert not params, sorted(params)
    return changed


def expect(label, source, paths):
    """Expectations of a file pair; none are written when nothing was rounded."""
    spec = models.MODELS[source]
    model, _ = models.build(spec)
    changed = load_into(model, paths, spec["vision"]["deepstack_visual_indexes"])
    print(f"{label}: {changed} tensors differ from the checkpoint's")
    if not changed:
        return
    ids_of = common.special_ids()
    folder = os.path.join(common.DATA, "expected", label)
    shutil.rmtree(folder, ignore_errors=True)
    for case in cases.GGUF_CASES:
        values, tensors, margin = common.run_case(model, common.load_request(case), common.REQUESTS,
                                                  spec["limits"], ids_of)
        common.save_expected(folder, case, values, tensors)
        print(f"  {case:15} margin {margin:.4f}")


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(os.path.join(OUT, "q8_0"))
    at = lambda name: os.path.join(OUT, name)  # noqa: E731
    for kind in ("bf16", "f16", "f32"):
        convert("micro", at(f"micro-{kind}.gguf"), kind, False)
        convert("micro", at(f"mmproj-micro-{kind}.gguf"), kind, True)
        expect(f"gguf-{kind}", "micro", [at(f"micro-{kind}.gguf"), at(f"mmproj-micro-{kind}.gguf")])
    one_file_clip(at("micro-f32.gguf"), at("mmproj-micro-f16.gguf"), at("one-file-clip.gguf"))
    one_file_native(at("micro-bf16.gguf"), at("mmproj-micro-f16.gguf"), at("one-file-native.gguf"),
                    models.MODELS["micro"])
    split(at("micro-f16.gguf"))
    os.remove(at("micro-f32.gguf"))
    os.remove(at("mmproj-micro-f32.gguf"))
    pair = [at("q8_0/tiny-q8_0.gguf"), at("q8_0/mmproj-tiny-q8_0.gguf")]
    convert("bf16", pair[0], "q8_0", False)
    convert("bf16", pair[1], "q8_0", True)
    expect("gguf-q8_0", "bf16", pair)


if __name__ == "__main__":
    main()
