# SPDX-License-Identifier: LGPL-2.1-or-later
"""GGUF fixtures, written by llama.cpp's own converter, and what they answer.

Needs what make_family.py wrote, llama.cpp-tools (the converter's package
`conversion`) and llama.cpp-tools-extra (llama-gguf-split). Which files a family
has stands in `<family>_gguf.py`, which is run.

Expectations of a file come from the numbers that it holds: tensors are
dequantised by gguf-py and put into the reference model. Where nothing was
rounded they must equal the checkpoint's.
"""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import gguf
import numpy as np
import torch

import checkpoint
import common

sys.path.insert(1, "/usr/share/llama.cpp/llama.cpp-tools")
from conversion import ModelBase, ModelType, get_model_architecture, get_model_class  # noqa: E402
from conversion.base import TextModel  # noqa: E402

FTYPE = {"f32": gguf.LlamaFileType.ALL_F32, "f16": gguf.LlamaFileType.MOSTLY_F16,
         "bf16": gguf.LlamaFileType.MOSTLY_BF16, "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0}

# The converter tells the pre-tokeniser by the ids of a known text; a vocabulary
# of its own is unknown to it. This one splits as Qwen2's does.
TextModel.get_vocab_base_pre = lambda self, tokenizer: "qwen2"


def _no_sentencepiece(self):  # the checkpoint has none; the package is not needed then
    raise FileNotFoundError


TextModel._set_vocab_sentencepiece = _no_sentencepiece


def convert(family, source, path, outtype, mmproj):
    folder = Path(common.folder_of(family, source))
    with torch.inference_mode():
        kind = ModelType.MMPROJ if mmproj else ModelType.TEXT
        arch = get_model_architecture(ModelBase.load_hparams(folder, False), kind)
        cls = get_model_class(arch, mmproj=mmproj)
        cls(folder, FTYPE[outtype], Path(path), model_name="tiny").write()


def split(path):
    """Into parts of 26 tensors; the whole is removed."""
    stem = path.removesuffix(".gguf")
    subprocess.run(["llama-gguf-split", "--split", "--split-max-tensors", "26", path, stem],
                   check=True, stdout=subprocess.DEVNULL)
    os.remove(path)


# ----------------------------------------------------------- files in one piece

def architecture_of(reader):
    return reader.fields["general.architecture"].contents()


def copy_meta(writer, reader, skip, rename=lambda k: k):
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key in skip:
            continue
        sub = field.types[1] if len(field.types) > 1 else None
        writer.add_key_value(rename(key), field.contents(), field.types[0], sub_type=sub)


def add(writer, name, tensor, data=None):
    data = tensor.data if data is None else data
    writer.add_tensor(name, np.ascontiguousarray(data), raw_dtype=tensor.tensor_type)


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def one_file_clip(language, mmproj, path):
    """Both parts in one file, the keys of the mmproj as they are."""
    a, b = gguf.GGUFReader(language), gguf.GGUFReader(mmproj)
    writer = gguf.GGUFWriter(path, architecture_of(a))
    copy_meta(writer, a, {"general.architecture"})
    copy_meta(writer, b, {k for k in b.fields if k.startswith("general.")})
    for tensor in list(a.tensors) + list(b.tensors):
        add(writer, tensor.name, tensor)
    finish(writer)


# --------------------------------------------------- numbers back to the reference

TEXT_NAMES = {"token_embd": "embed_tokens", "output_norm": "norm"}
LAYER_NAMES = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
               "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
               "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
               "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
               "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}


def text_parameter(name):
    """The reference's name of a language model's tensor; None: of the vision part, or
    one that only the family knows."""
    stem, kind = name.rsplit(".", 1)
    words = stem.split(".")
    if stem == "output":
        return "lm_head." + kind
    if stem in TEXT_NAMES:
        return f"model.language_model.{TEXT_NAMES[stem]}.{kind}"
    if words[0] == "blk" and words[2] in LAYER_NAMES:
        return f"model.language_model.layers.{words[1]}.{LAYER_NAMES[words[2]]}.{kind}"
    return None


def load_into(model, paths, rename):
    """Puts the dequantised tensors into the model; returns how many differ. rename
    turns {GGUF name: tensor} of all others into {parameter: tensor}."""
    found = {}
    for path in paths:
        for t in gguf.GGUFReader(path).tensors:
            shape = [int(d) for d in reversed(t.shape)]
            found[t.name] = torch.from_numpy(
                np.array(gguf.quants.dequantize(t.data, t.tensor_type), dtype=np.float32)
            ).reshape(shape)
    found["v.patch_embd.weight"] = torch.stack(
        [found["v.patch_embd.weight"], found.pop("v.patch_embd.weight.1")], dim=2)
    new = {text_parameter(name): found[name] for name in found if text_parameter(name)}
    new.update(rename({name: t for name, t in found.items() if not text_parameter(name)}))
    params = dict(model.named_parameters())
    changed = 0
    with torch.no_grad():
        for name, value in new.items():
            p = params.pop(name)
            changed += not torch.equal(p, value)
            p.copy_(value)
    assert not params, sorted(params)
    return changed


def expect(name, label, source, paths, rename, cases):
    """Expectations of a file pair; none are written when nothing was rounded."""
    family = common.family_of(name)
    spec = family.MODELS[source]
    model, _ = checkpoint.build(family, spec)
    changed = load_into(model, paths, lambda found: rename(found, spec))
    print(f"{label}: {changed} tensors differ from the checkpoint's")
    if not changed:
        return
    ids_of = common.special_ids()
    folder = common.folder_of(name, "expected", label)
    shutil.rmtree(folder, ignore_errors=True)
    for case in cases:
        values, tensors, margin = common.run_case(
            family, spec, model, common.load_request(name, case),
            common.folder_of(name, "requests"), ids_of)
        common.save_expected(folder, case, values, tensors)
        print(f"  {case:15} margin {margin:.4f}")
