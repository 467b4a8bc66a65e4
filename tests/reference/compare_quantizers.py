# SPDX-License-Identifier: LGPL-2.1-or-later
"""How much espy's quantisers lose, against those of llama.cpp.

    compare_quantizers.py make FOLDER       a checkpoint, saved by transformers itself
    compare_quantizers.py compare F32.gguf NAME=OURS.gguf,THEIRS.gguf ...

compare_quantizers.sh runs both, and the two programs between. The checkpoint's
matrices have values of several distributions, among them heavy tails and rows
of very different size, so that no one of them decides. For each type the root mean
square errors of all matrices that both files hold in that type are told, plain and
weighted by the squares of the values, and the ratio of ours to theirs.
"""
import sys

import numpy as np


def make(folder):
    import shutil
    import torch
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    torch.manual_seed(3)
    config = Qwen3VLConfig(
        text_config=dict(hidden_size=256, intermediate_size=512, num_hidden_layers=8,
                         num_attention_heads=4, num_key_value_heads=2, head_dim=64, vocab_size=832,
                         max_position_embeddings=4096, tie_word_embeddings=True,
                         rope_parameters=dict(rope_type="default", rope_theta=5e6,
                                              mrope_section=[12, 10, 10], mrope_interleaved=True)),
        vision_config=dict(depth=4, hidden_size=256, num_heads=4, intermediate_size=512,
                           out_hidden_size=256, num_position_embeddings=144,
                           deepstack_visual_indexes=[0, 1, 2]),
        tie_word_embeddings=True, image_token_id=786, video_token_id=787,
        vision_start_token_id=783, vision_end_token_id=784)
    model = Qwen3VLForConditionalGeneration(config)
    for i, p in enumerate(model.parameters()):
        if p.ndim < 2:
            continue
        x = torch.randn(p.shape)
        if i % 5 == 1:  # Laplace
            x = torch.distributions.Laplace(0.0, 0.7).sample(p.shape)
        elif i % 5 == 2:  # heavy tails
            x = torch.distributions.StudentT(4.0).sample(p.shape)
        elif i % 5 == 3:  # rows of different size
            x = x * torch.exp(torch.randn((p.shape[0],) + (1,) * (p.ndim - 1)))
        elif i % 5 == 4:  # off centre
            x = torch.rand(p.shape) * 2 - 0.7
        p.data = x * 0.02
    model.save_pretrained(folder)
    for name in "tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt":
        shutil.copy("tests/data/qwen3_vl/bf16/" + name, folder)


def load(path):
    import gguf
    return {t.name: t for t in gguf.GGUFReader(path).tensors}


def values(t):
    import gguf
    return np.array(gguf.quants.dequantize(t.data, t.tensor_type), dtype=np.float64)


def errors(x, t):
    d = (values(t).reshape(x.shape) - x) ** 2
    return np.sum(d), np.sum(d * x * x)


def compare(truth, pairs):
    exact = {name: values(t) for name, t in load(truth).items()}
    worst = 0.0
    print("type     matrices  ours/theirs  weighted  largest of one matrix")
    for pair in pairs:
        name, files = pair.split("=")
        ours, theirs = (load(path) for path in files.split(","))
        sums, ratios = np.zeros(4), []
        for key, t in ours.items():
            u = theirs.get(key)
            if u is None or t.tensor_type != u.tensor_type or t.tensor_type.name != name:
                continue
            a, b = errors(exact[key], t), errors(exact[key], u)
            sums += np.array([*a, *b])
            ratios.append(np.sqrt(a[0] / b[0]))
        plain, weighted = np.sqrt(sums[0] / sums[2]), np.sqrt(sums[1] / sums[3])
        print(f"{name:8} {len(ratios):8} {plain:12.4f} {weighted:9.4f} {max(ratios):9.4f}")
        worst = max(worst, plain)
    if worst > 1.02:
        sys.exit("a type loses more than 2 % beyond llama.cpp's")


if sys.argv[1] == "make":
    make(sys.argv[2])
else:
    compare(sys.argv[2], sys.argv[3:])
