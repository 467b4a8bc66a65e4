# SPDX-License-Identifier: LGPL-2.1-or-later
"""A tiny checkpoint: random weights by a family's recipe, and its files.

Weights are multiples of a power of two per tensor. With 7 significant bits
(`bits`) a value is the same number in BF16, F16 and F32, so a conversion that
loses nothing must give the same answer; it also keeps the files small in git.
"""
import json
import math
import os
import shutil

import torch
from safetensors.torch import save_file

from common import TOKENIZER, TOKENIZER_FILES, special_ids


def _coarse(x, bits):
    step = 2.0 ** math.ceil(math.log2(float(x.abs().max()) / (2 ** bits - 1)))
    return torch.round(x / step) * step


def _fp8(x, gen):
    """x as E4M3 in blocks of 128x128: (bytes, scales, the numbers they mean)."""
    rows, cols = (x.shape[0] + 127) // 128, (x.shape[1] + 127) // 128
    out = torch.empty_like(x)
    q = torch.empty(x.shape, dtype=torch.float8_e4m3fn)
    scales = torch.empty(rows, cols)
    for i in range(rows):
        for j in range(cols):
            at = (slice(128 * i, 128 * i + 128), slice(128 * j, 128 * j + 128))
            x[at] *= float(0.6 + 0.8 * torch.rand((), generator=gen))  # no two blocks alike
            scales[i, j] = (x[at].abs().max() / 448).bfloat16().float()
            q[at] = (x[at] / scales[i, j]).clamp(-448, 448).to(torch.float8_e4m3fn)
            out[at] = q[at].float() * scales[i, j]
    return q, scales, out


def build(family, spec):
    """The reference model in float32, and the tensors of its file. A family that
    stores some parameters in another form has store(name, x, spec, fp8): the tensors
    of the file and the numbers that they mean, or None for the usual ones."""
    model = family.MODEL(family.config_of(spec)).eval()
    gen = torch.Generator().manual_seed(spec["seed"])
    files, store = {}, hasattr(family, "store")
    with torch.no_grad():
        for name, p in model.named_parameters():
            mean, std = family.scale(name, p.shape, spec)
            file = family.file_name(name, spec) if hasattr(family, "file_name") else name
            x = _coarse(mean + std * torch.randn(p.shape, generator=gen), spec["bits"])
            other = family.store(name, x, spec, lambda y: _fp8(y, gen)) if store else None
            if other:
                tensors, x = other
                files.update(tensors)
            elif spec.get("fp8") and "language_model.layers" in name and p.dim() == 2:
                q, scales, x = _fp8(x, gen)
                files[file] = q
                wide = "q_proj" in name  # both types of scale occur in releases
                files[file + "_scale_inv"] = scales if wide else scales.bfloat16()
            else:
                files[file] = x.to(spec["dtype"])
                assert torch.equal(files[file].float(), x), name
            p.copy_(x)
    files.pop("lm_head.weight" if spec["tied"] else "", None)
    return model, files


def _write_json(path, value):
    with open(path, "w") as f:
        json.dump(value, f, indent=1)
        f.write("\n")


def save(family, spec, model, files, folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    _write_json(os.path.join(folder, "config.json"), family.config_json(spec, model.config))
    ids = special_ids()
    _write_json(os.path.join(folder, "generation_config.json"), {
        "eos_token_id": [ids["im_end"], ids["endoftext"]], "pad_token_id": ids["endoftext"],
        **family.SAMPLING})
    low, high = spec["limits"]
    pre = {"image_processor_type": "Qwen2VLImageProcessorFast", **family.PIXELS}
    if spec["limits_as"] != "pixels":
        other = spec["limits_as"] == "both"
        pre["size"] = {"shortest_edge": family.LIMITS[0] if other else low,
                       "longest_edge": family.LIMITS[1] if other else high}
    if spec["limits_as"] != "size":
        pre["min_pixels"], pre["max_pixels"] = low, high
    _write_json(os.path.join(folder, "preprocessor_config.json"), pre)
    if "video_limits" in spec:
        low, high = spec["video_limits"]
        _write_json(os.path.join(folder, "video_preprocessor_config.json"), dict(
            family.PIXELS, size={"shortest_edge": low, "longest_edge": high}))
    for name in TOKENIZER_FILES:
        shutil.copy(os.path.join(TOKENIZER, name), folder)
    names = sorted(files)
    if spec["shards"] == 1:
        save_file(files, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
        return
    weight_map = {}
    for k in range(spec["shards"]):  # dealt out in turn: neighbours lie apart
        part = f"model-{k + 1:05d}-of-{spec['shards']:05d}.safetensors"
        mine = {n: files[n] for n in names[k::spec["shards"]]}
        save_file(mine, os.path.join(folder, part), metadata={"format": "pt"})
        weight_map.update({n: part for n in mine})
    total = sum(t.numel() * t.element_size() for t in files.values())
    _write_json(os.path.join(folder, "model.safetensors.index.json"),
                {"metadata": {"total_size": total}, "weight_map": weight_map})
