# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes tests/data/qwen_vl: requests, checkpoints, expectations.

    make_qwen_vl.py [GGUF]             GGUF, with Qwen2's own vocabulary: cuts
                                       tests/data/tokenizer/qwen.tiktoken out of it anew
    make_qwen_vl.py --check-mistakes   how far each deliberate mistake moves vision
                                       tokens, logits and later steps

The pictures are those of the other families (cases.py).
"""
import json
import os
import shutil
import sys

import numpy as np
import torch

import common
import qwen_vl_cases as cases
import qwen_vl_models as models
from qwen_vl_reference import MISTAKES, QwenVL
from qwen_vl_tokens import Tokenizer, chat, raw

FAMILY = "qwen_vl"
VOCABULARY = os.path.join(common.TOKENIZER, "qwen.tiktoken")
REQUESTS = common.folder_of(FAMILY, "requests")


def real_tokens(path):
    """The ordinary tokens of a GGUF's vocabulary as bytes, in order."""
    from gguf import GGUFReader
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = iter(range(256, 512))
    byte_of = {chr(b) if b in plain else chr(next(rest)): b for b in range(256)}
    tokens = GGUFReader(path).fields["tokenizer.ggml.tokens"].contents()
    return [bytes(byte_of[c] for c in token) for token in tokens[:models.N_TOKENS]]


def prepare(model, tokenizer, request, window):
    """(ids, slots, pictures as patches, turns left out)"""
    left_out = 0
    if "prompt" in request:
        ids, paths = raw(tokenizer, request)
    else:
        ids, paths, left_out = chat(tokenizer, request, window)
    pad = tokenizer.special["<imgpad>"]
    slots = [i for i, t in enumerate(ids) if t == pad]
    patches = [model.patches(model.picture(os.path.join(REQUESTS, p))) for p in paths]
    assert len(slots) == len(paths) * tokenizer.n_slots
    return ids, slots, patches, left_out


def run_case(model, tokenizer, request, window):
    ids, slots, patches, left_out = prepare(model, tokenizer, request, window)
    features = torch.cat([model.vision(p) for p in patches]) if patches else None
    tokens, steps, margins = [], [], []
    for _ in range(common.N_STEPS):
        logits = model.logits(ids + tokens, slots, features, len(ids))
        best = torch.topk(logits, 2)
        steps.append(logits)
        margins.append(float(best.values[0] - best.values[1]))
        tokens.append(int(best.indices[0]))
    top = []
    for step in steps[:4]:
        best = torch.topk(torch.log_softmax(step.double(), -1), 5)
        top.append([[int(i), round(float(v), 6)] for v, i in zip(best.values, best.indices)])
    g = model.v["image_size"] // model.v["patch_size"]
    values = torch.cat(patches) if patches else None
    expected = {
        "rendered": None,
        "input_ids": ids,
        "position_ids": [list(range(len(ids)))] * 3,
        "rope_delta": 0,
        "image_grid_thw": [[1, g, g]] * len(patches),
        "pixel_values": None if values is None else {
            "shape": list(values.shape), "fnv1a": common.fnv1a(values.contiguous().numpy().tobytes())},
        "tokens": tokens, "margins": [round(m, 4) for m in margins], "top_logprobs": top,
    }
    tensors = {"last_logits": steps[0]}
    if patches:
        tensors["image_embeds"] = features
    tensors = {k: np.ascontiguousarray(v.numpy(), dtype=np.float32) for k, v in tensors.items()}
    return expected, tensors, min(margins), left_out


def variants(case, tokenizers, spec):
    """Requests of a case, one after the other."""
    if case in cases.CASES:
        for closing in cases.CLOSING:
            yield cases.finished(cases.CASES[case](closing))
        return

    def count(request):
        return len(chat(tokenizers["f16"], request, spec["window"])[0])
    for first in range(100, 160):
        yield cases.finished(cases.of_length(cases.LENGTHS[case], str(first), count))


def settle(case, built, takers):
    tokenizers = {name: built[name][1] for name in built}
    best = 0
    for request in variants(case, tokenizers, models.MODELS["f16"]):
        results = {}
        for name in takers:
            model, tokenizer = built[name]
            results[name] = run_case(model, tokenizer, request, models.MODELS[name]["window"])
            if results[name][2] < common.MARGIN:
                break
        worst = min(r[2] for r in results.values())
        if worst >= common.MARGIN:
            return request, results
        best = max(best, worst)
    sys.exit(f"{case}: nothing reaches the margin (best {best:.4f})")


def tokenizer_of(config):
    return Tokenizer(VOCABULARY, config["visual"].get("n_queries", 256))


def main():
    if len(sys.argv) > 1:
        models.write_vocabulary(VOCABULARY, real_tokens(sys.argv[1]))
    built, runs = {}, common.runs_of(FAMILY)
    for name, spec in models.MODELS.items():
        config, tensors, files = models.build(spec)
        built[name] = QwenVL(config, tensors), tokenizer_of(config)
        models.save(spec, config, files, VOCABULARY, common.folder_of(FAMILY, name))
        shutil.rmtree(common.folder_of(FAMILY, "expected", name), ignore_errors=True)
    shutil.rmtree(REQUESTS, ignore_errors=True)
    os.makedirs(REQUESTS)
    for case in [*cases.CASES, *cases.LENGTHS]:
        takers = [name for name in built if case in runs[name]["cases"]]
        request, results = settle(case, built, takers)
        common.write_request(FAMILY, case, request)
        for name, (expected, tensors, margin, left_out) in results.items():
            common.save_expected(common.folder_of(FAMILY, "expected", name), case, expected, tensors)
            print(f"{name:5} {case:15} ids {len(expected['input_ids']):4} pictures "
                  f"{len(expected['image_grid_thw'])} left out {left_out} logits std "
                  f"{tensors['last_logits'].std():.2f} margin {margin:.4f} distinct "
                  f"{len(set(expected['tokens']))}", flush=True)


def check_mistakes():
    """Vision tokens: relative L2; logits: the largest change at the prompt's end, and at
    the last of the greedy steps of the truth."""
    for name, case in (("bf16", "rgba"), ("bf16", "two_pictures"), ("f16", "tall"), ("f16", "n65"),
                       ("f16", "cross"), ("f16", "cross_twice")):
        spec = models.MODELS[name]
        config, tensors, _ = models.build(spec)
        tokenizer, request, truth = tokenizer_of(config), common.load_request(FAMILY, case), None
        with open(common.folder_of(FAMILY, "expected", name, case + ".json")) as f:
            tokens = json.load(f)["tokens"]
        print(f"{name}, {case}:")
        for wrong in ["none"] + MISTAKES:
            model = QwenVL(config, tensors, wrong)
            ids, slots, patches, _ = prepare(model, tokenizer, request, spec["window"])
            features = torch.cat([model.vision(p) for p in patches]) if patches else torch.ones(1)
            got = (features, model.logits(ids, slots, features, len(ids)),
                   model.logits(ids + tokens[:-1], slots, features, len(ids)))
            truth = truth or got
            moved = [float((a - b).abs().max()) for a, b in zip(got[1:], truth[1:])]
            rel = float((got[0] - truth[0]).norm() / truth[0].norm())
            print(f"  {wrong:32} vision {rel:.1e}   logits {moved[0]:.1e}   later {moved[1]:.1e}",
                  flush=True)


if __name__ == "__main__":
    if "--check-mistakes" in sys.argv:
        check_mistakes()
    else:
        main()
