#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes a training state as a Hugging Face folder, from which `espy convert`
makes the model that ships.

    tests/nano/root.sh python3 tests/nano/export.py build-nano build-nano/espy-nano
"""
import argparse
import json
import os

import torch

import model as nano
import tokenizer

IMAGE = {"image_processor_type": "Qwen2VLImageProcessorFast", "patch_size": nano.PATCH,
         "temporal_patch_size": 2, "merge_size": nano.MERGE, "image_mean": [.5, .5, .5],
         "image_std": [.5, .5, .5],
         "size": {"shortest_edge": nano.MIN_PIXELS, "longest_edge": nano.MAX_PIXELS}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("state", help="folder of train.py")
    parser.add_argument("out", help="folder to write")
    parser.add_argument("--curriculum", choices=("small", "full"), default="small")
    parser.add_argument("--size", choices=tuple(nano.SIZES), default="small")
    args = parser.parse_args()
    tok = tokenizer.make(args.curriculum)
    model = nano.build(args.size, tok)
    state = torch.load(os.path.join(args.state, "state.pt"), map_location="cpu", weights_only=True)
    model.load_state_dict(state["model"])
    os.makedirs(args.out, exist_ok=True)
    model.save_pretrained(args.out)
    tokenizer.save(tok, args.out)
    ends = [tok.token_to_id("<|im_end|>"), tok.token_to_id("<|endoftext|>")]
    with open(os.path.join(args.out, "generation_config.json"), "w", encoding="utf-8") as f:
        json.dump({"do_sample": False, "eos_token_id": ends, "pad_token_id": ends[1]}, f, indent=1)
    with open(os.path.join(args.out, "preprocessor_config.json"), "w", encoding="utf-8") as f:
        json.dump(IMAGE, f, indent=1)
    print(json.dumps(state["done"]))


if __name__ == "__main__":
    main()
