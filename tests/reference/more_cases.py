# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random cases beside the committed ones, to be tried and thrown away.

    more_cases.py FAMILY FOLDER SEED COUNT

writes COUNT requests with pictures (PNG, JPEG, WebP; many sizes and modes) and
the reference's answers for each tiny checkpoint of a family into FOLDER, which
then serves as ESPY_PARITY_DATA of tests/parity/test_model, with the cases r0 r1 ...
"""
import os
import random
import sys

import numpy as np
from PIL import Image

import cases
import checkpoint
import common

WORDS = ("the a lake house? red, tree's 12 50% sky. <b> \n\n \t don't Привет 图片 ねこ café ½ x=1; "
         "👍🏽 ... -- (yes) नमस्ते สวัสดี #7").split(" ")


def picture(rng, path):
    longest = rng.choice([3, 20, 60, 150, 300])
    width, height = rng.randint(1, longest), rng.randint(1, longest)
    while max(width, height) / min(width, height) > 199:
        width, height = rng.randint(1, longest), rng.randint(1, longest)
    data = cases._draw(width, height, rng.randint(0, 10 ** 6))
    mode = rng.choice(["RGB", "RGB", "L", "RGBA", "CMYK"])
    if mode == "RGBA":
        alpha = np.random.default_rng(rng.randint(0, 999)).integers(0, 256, (height, width, 1))
        image = Image.fromarray(np.dstack([data, alpha.astype(np.uint8)]))
    else:
        image = Image.fromarray(data).convert(mode)
    kind = rng.choice({"RGBA": ["png", "webp"], "CMYK": ["jpg"], "L": ["png", "jpg"],
                       "RGB": ["png", "jpg", "webp"]}[mode])
    name = f"{path}.{kind}"
    if kind == "jpg":
        exif = Image.Exif()
        exif[0x0112] = rng.randint(1, 8)
        image.save(name, quality=rng.randint(30, 98), progressive=rng.random() < 0.3,
                   subsampling=rng.choice([0, 1, 2]) if mode == "RGB" else -1, exif=exif)
    elif kind == "webp":
        image.save(name, lossless=rng.random() < 0.5, quality=rng.randint(30, 98))
    else:
        image.save(name)
    return os.path.basename(name)


def words(rng):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 12)))


def request(rng, folder, case):
    out = {"messages": [], "max_tokens": 24, "ignore_eos": True}
    if rng.random() < 0.3:
        out["messages"].append({"role": "system", "content": words(rng)})
    count = 0
    for turn in range(rng.choice([1, 1, 2, 3])):
        parts = []
        for _ in range(rng.randint(1, 3)):
            if rng.random() < 0.5:
                parts.append({"type": "text", "text": words(rng)})
                continue
            name = picture(rng, os.path.join(folder, "pictures", f"{case}_{count}"))
            count += 1
            part = {"type": "image", "image": "../../pictures/" + name}
            if rng.random() < 0.3:
                part["min_pixels"] = 1024 * rng.randint(1, 8)
                part["max_pixels"] = part["min_pixels"] + rng.randint(2048, 20000)
            parts.append(part)
        out["messages"] += [{"role": "user", "content": parts},
                            {"role": "assistant", "content": words(rng)}]
    out["messages"].pop()
    if rng.random() < 0.4:
        out["min_pixels"], out["max_pixels"] = 2048, rng.randint(6000, 30000)
    out["repetition_penalty"] = rng.choice([1.0, 1.0, 1.1])
    out["add_vision_id"] = rng.random() < 0.3
    if rng.random() < 0.3:
        out["alpha"] = rng.choice(["drop", "white"])
    return out


def main(name, folder, seed, count):
    family, ids_of = common.family_of(name), common.special_ids()
    common.DATA = folder
    os.makedirs(os.path.join(folder, "pictures"), exist_ok=True)
    built = {}
    for run, spec in family.MODELS.items():
        built[run], files = checkpoint.build(family, spec)
        checkpoint.save(family, spec, built[run], files, common.folder_of(name, run))
    requests = common.folder_of(name, "requests")
    os.makedirs(requests, exist_ok=True)  # pictures are named from there
    k = attempt = 0
    while k < count:
        rng = random.Random(seed * 1000 + attempt)
        attempt += 1
        req = request(rng, folder, f"r{k}")
        try:
            answers = {run: common.run_case(family, family.MODELS[run], model, req, requests,
                                            ids_of)
                       for run, model in built.items()}
        except ValueError:  # an answer with a picture place in it, which the reference refuses
            continue
        common.write_request(name, f"r{k}", req)
        for run, (values, tensors, _) in answers.items():
            common.save_expected(common.folder_of(name, "expected", run), f"r{k}", values, tensors)
        k += 1


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
