# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the makers of parity fixtures share.

A request goes through the reference in the steps that espy traces:

    request -> rendered text, pictures -> ids, pixel_values, grids
            -> vision tokens, DeepStack features -> logits -> greedy ids

Pixels come from transformers' image processor (torchvision backend), the
numbers from transformers' own model classes in float32. Prompts follow the
family's chat format. Nothing here reads what espy computes.

A family is a module `<family>_models`; see README.md for what it holds.
"""
import importlib
import json
import os
import re

import numpy as np
import torch
from PIL import Image, ImageOps
from safetensors.numpy import save_file
from transformers import PreTrainedTokenizerFast, Qwen2VLImageProcessor

import films as F

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "data")
RUNS = os.path.join(HERE, "..", "parity")
TOKENIZER = os.path.join(DATA, "tokenizer")
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt")

VOCAB = 832       # rows of an embedding; 800 have a token
N_STEPS = 24      # greedy tokens of each case
MARGIN = 0.01     # least distance of best and second logit at each step

torch.set_num_threads(1)


def family_of(name):
    return importlib.import_module(name + "_models")


def runs_of(name):
    """The runs of tests/parity/<family>.json: {run: {model, expected, cases, ...}}."""
    with open(os.path.join(RUNS, name + ".json")) as f:
        return json.load(f)


def folder_of(name, *below):
    return os.path.join(DATA, name, *below)


def tokenizer():
    return PreTrainedTokenizerFast(tokenizer_file=os.path.join(TOKENIZER, "tokenizer.json"))


def special_ids():
    tok = tokenizer()
    names = ("image_pad", "video_pad", "vision_start", "vision_end", "im_end", "endoftext")
    return {n: tok.convert_tokens_to_ids(f"<|{n}|>") for n in names}


# ------------------------------------------------------------------- prompts

VISION = "<|vision_start|><|image_pad|><|vision_end|>"


def render(family, request):
    """The prompt with one placeholder per picture or film, and their parts."""
    parts = []
    counts = {"image": 0, "video": 0}
    if "images" in request:
        return request["prompt"], request["images"]
    if "prompt" in request:
        def found(match):
            parts.append({"image": match.group(1)})
            return VISION
        return re.sub(r"<img>(.*?)</img>", found, request["prompt"]), parts
    text = ""
    if family.SYSTEM and request["messages"][0]["role"] != "system":
        text = "<|im_start|>system\n" + family.SYSTEM + "<|im_end|>\n"
    for message in request["messages"]:
        text += "<|im_start|>" + message["role"] + "\n"
        content = message["content"]
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        for part in content:
            if part["type"] == "text":
                text += part["text"]
                continue
            parts.append(part)
            counts[part["type"]] += 1
            if request.get("add_vision_id"):
                text += {"image": "Picture", "video": "Video"}[part["type"]]
                text += f" {counts[part['type']]}: "
            text += VISION if part["type"] == "image" else F.PAD
        text += "<|im_end|>\n"
    return text + "<|im_start|>assistant\n", parts


# ------------------------------------------------------------------ pictures

def load_picture(path, alpha):
    """8-bit RGB, upright; alpha over white as the models' utilities do it."""
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode == "RGBA" and alpha != "drop":
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(image, mask=image.getchannel("A"))
        return white
    return image.convert("RGB")


def pixels(family, request, parts, folder, limits):
    processor = Qwen2VLImageProcessor(**family.PIXELS)
    values, grids = [], []
    parts = [part for part in parts if "image" in part]
    for part in parts:
        low = part.get("min_pixels", request.get("min_pixels", limits[0]))
        high = part.get("max_pixels", request.get("max_pixels", limits[1]))
        image = load_picture(os.path.join(folder, part["image"]), request.get("alpha"))
        out = processor(images=[image], min_pixels=low, max_pixels=high, return_tensors="pt")
        values.append(out["pixel_values"])
        grids.append(out["image_grid_thw"])
    if not parts:
        return None, None
    return torch.cat(values), torch.cat(grids)


def films_of(family, request, parts, folder, limits):
    out = []
    for part in parts:
        if "video" in part:
            frames = [load_picture(os.path.join(folder, name), request.get("alpha"))
                      for name in part["video"]]
            out.append(F.prepare(family, request, part, frames, limits))
    return out


def fnv1a(data):
    h = 0xCBF29CE484222325
    for byte in data:
        h = ((h ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{h:016x}"


# --------------------------------------------------------------------- model

def inputs_of(family, spec, request, folder, ids_of):
    """Everything up to the model: rendered, ids, kinds, pixel_values, grids, films."""
    rendered, parts = render(family, request)
    limits = spec["limits"]
    values, grids = pixels(family, request, parts, folder, limits)
    films = films_of(family, request, parts, folder, spec.get("video_limits", limits))
    text = rendered
    if grids is not None:
        pieces = rendered.split("<|image_pad|>")
        assert len(pieces) == len(grids) + 1
        text = pieces[0]
        for grid, piece in zip(grids, pieces[1:]):
            text += "<|image_pad|>" * (int(grid.prod()) // 4) + piece
    if films:
        text = F.expand(family, text, films)
    ids = torch.tensor([tokenizer()(text, add_special_tokens=False)["input_ids"]])
    kinds = (ids == ids_of["image_pad"]).int() + 2 * (ids == ids_of["video_pad"]).int()
    return rendered, ids, kinds, values, grids, films


def positions_of(family, spec, model, ids, kinds, grids, films):
    """By MODELS.md; the library agrees but for films without time stamps."""
    if grids is None and not films:
        n = ids.shape[1]
        return torch.arange(n).view(1, 1, n).expand(3, 1, n).clone(), 0
    pos, delta = F.positions(family, spec, kinds[0].tolist(), grids, films)
    if not films or family.FILMS["stamps"]:
        video = torch.cat([f["grid"] for f in films]) if films else None
        theirs, delta2 = model.model.get_rope_index(ids, kinds, image_grid_thw=grids,
                                                    video_grid_thw=video)
        assert torch.equal(theirs, pos) and int(delta2) == delta
    return pos, delta


def visual_inputs(kinds, values, grids, films):
    """What the model's forward and generate take beside the ids."""
    out = {}
    if grids is not None:
        out.update(pixel_values=values, image_grid_thw=grids)
    if films:
        out.update(pixel_values_videos=torch.cat([f["values"] for f in films]),
                   video_grid_thw=torch.cat([f["grid"] for f in films]))
    return dict(out, mm_token_type_ids=kinds) if out else out


@torch.no_grad()
def last_logits(model, ids, kinds, values, grids, films=(), family=None, spec=None):
    extra = visual_inputs(kinds, values, grids, films)
    if films and not family.FILMS["stamps"]:
        extra["position_ids"] = F.positions(family, spec, kinds[0].tolist(), grids, films)[0]
    out = model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False,
                logits_to_keep=1, **extra)
    return out.logits[0, -1].float()


@torch.no_grad()
def greedy(family, spec, model, ids, kinds, values, grids, films, penalty):
    """N_STEPS ids, the log-probabilities and the margin of each step. Each step
    recomputes the whole sequence: no cache, so nothing is shared with generate,
    which is run beside it as a check."""
    tokens, logits_of, margins = [], [], []
    run_ids, run_kinds = ids, kinds
    for _ in range(N_STEPS):
        logits = last_logits(model, run_ids, run_kinds, values, grids, films, family, spec)
        logits_of.append(logits)
        scores = logits.clone()
        if penalty != 1.0:
            seen = torch.unique(run_ids[0])
            s = scores[seen]
            scores[seen] = torch.where(s > 0, s / penalty, s * penalty)
        best = torch.topk(scores, 2).values
        margins.append(float(best[0] - best[1]))
        token = int(scores.argmax())
        tokens.append(token)
        run_ids = torch.cat([run_ids, torch.tensor([[token]])], dim=1)
        run_kinds = torch.cat([run_kinds, torch.zeros(1, 1, dtype=run_kinds.dtype)], dim=1)
    if films and not family.FILMS["stamps"]:
        return tokens, logits_of, margins  # generate has other positions
    model.model.rope_deltas = None
    extra = visual_inputs(kinds, values, grids, films)
    check = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False,
                           max_new_tokens=N_STEPS, min_new_tokens=N_STEPS, eos_token_id=None,
                           pad_token_id=0, repetition_penalty=penalty, **extra)
    if min(margins) > 1e-3:
        assert check[0, ids.shape[1]:].tolist() == tokens, "generate disagrees with plain forwards"
    return tokens, logits_of, margins


@torch.no_grad()
def vision(model, values, grids):
    out = model.model.visual(values, grid_thw=grids, return_dict=True)
    return out.pooler_output, list(getattr(out, "deepstack_features", ()))


def pixels_of(values):
    return values if values is None else {"shape": list(values.shape), "fnv1a": fnv1a(
        values.contiguous().numpy().tobytes())}


def run_case(family, spec, model, request, folder, ids_of):
    """One request through the reference. Returns (json part, tensors, margin)."""
    rendered, ids, kinds, values, grids, films = inputs_of(family, spec, request, folder, ids_of)
    pos, delta = positions_of(family, spec, model, ids, kinds, grids, films)
    tensors = {}
    if grids is not None:
        merged, taps = vision(model, values, grids)
        tensors["image_embeds"] = merged
        for k, tap in enumerate(taps):
            tensors[f"image_deepstack_{k}"] = tap
    if films:
        merged, taps = vision(model, torch.cat([f["values"] for f in films]),
                              torch.cat([f["grid"] for f in films]))
        tensors["video_embeds"] = merged
        for k, tap in enumerate(taps):
            tensors[f"video_deepstack_{k}"] = tap
    if hasattr(model, "routing_margins"):
        model.routing_margins.clear()
    tokens, logits, margins = greedy(family, spec, model, ids, kinds, values, grids, films,
                                     float(request.get("repetition_penalty", 1.0)))
    tensors["last_logits"] = logits[0]
    top = []
    for step in logits[:4]:
        lp = torch.log_softmax(step.double(), -1)
        best = torch.topk(lp, 5)
        top.append([[int(i), round(float(v), 6)] for v, i in zip(best.values, best.indices)])
    expected = {
        "rendered": rendered if "<img>" not in request.get("prompt", "") else None,
        "input_ids": ids[0].tolist(),
        "position_ids": pos[:, 0].tolist(),
        "rope_delta": delta,
        "image_grid_thw": [] if grids is None else grids.tolist(),
        "pixel_values": pixels_of(values),
        **({"video_grid_thw": torch.cat([f["grid"] for f in films]).tolist(),
            "video_times": [t for f in films for t in f["times"]],
            "pixel_values_videos": pixels_of(torch.cat([f["values"] for f in films]))}
           if films else {}),
        "tokens": tokens,
        "margins": [round(m, 4) for m in margins],
        "top_logprobs": top,
    }
    if hasattr(model, "routing_margins"):
        expected["routing_margins"] = [round(m, 6) for m in model.routing_margins[:N_STEPS]]
    tensors = {k: np.ascontiguousarray(v.numpy(), dtype=np.float32) for k, v in tensors.items()}
    return expected, tensors, min(margins)


def save_expected(folder, case, expected, tensors):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, case + ".json"), "w") as f:
        f.write("{\n" + ",\n".join(f" {json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}"
                                   for k, v in expected.items()) + "\n}\n")
    save_file(tensors, os.path.join(folder, case + ".safetensors"))


def write_request(name, case, request):
    os.makedirs(folder_of(name, "requests"), exist_ok=True)
    with open(folder_of(name, "requests", case + ".json"), "w") as f:
        json.dump(request, f, indent=1, ensure_ascii=False)
        f.write("\n")


def load_request(name, case):
    with open(folder_of(name, "requests", case + ".json")) as f:
        return json.load(f)
