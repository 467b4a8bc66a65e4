# SPDX-License-Identifier: LGPL-2.1-or-later
"""Dropped vision tokens: requests with keep and drop_same through the reference.

    make_keep.py [--check-mistakes]     after make_family.py, whose folders it adds to

transformers has no such option. Its own modules run here on the patches that are left,
with the positions that these have in the whole picture: the functions that give the
vision tower its positions, sequences and windows are wrapped to answer for the true
grids and then to leave out what is dropped, and the language model is given its
positions. The choice is made anew from its description in core/generate/keep.h.
"""
import importlib
import os
import sys

import numpy as np
import torch
from PIL import Image

import cases
import checkpoint
import common

FAMILIES = {"qwen3_vl": "bf16", "qwen2_vl": "bf16", "qwen2_5_vl": "bf16"}
MISTAKES = ("raster", "other_seed", "close_ranks", "whole_windows")
MISTAKE = None


def picture(name, **more):
    return {"type": "image", "image": "../../pictures/" + name, **more}


def ask(*parts, **more):
    return lambda s: {"messages": [{"role": "user", "content": [
        *parts, {"type": "text", "text": "What is this?" + s}]}], **more}


def film(**more):
    return {"type": "video", "video": [f"../../pictures/still-{k}.png" for k in range(1, 7)],
            "fps": 2, "drop_same": True, **more}


CASES = {
    "keep": ask(picture("large.jpg"), keep=0.4, keep_seed=7),
    "keep_parts": ask(picture("photo.png", keep=0.5, keep_seed=3), picture("grey.png"),
                      picture("small.png", keep=0.01), keep=0.7),
    "drop_same": ask(film()),
}
ONLY = {"qwen2_vl": ["keep"], "qwen2_5_vl": ["keep", "keep_parts"]}


def write_pictures():
    """A disc that stands still for two frames at a time before a field that never moves."""
    y, x = np.mgrid[0:64, 0:96]
    for k in range(6):
        frame = np.stack([x * 2, y * 3, (x + y) % 64 * 3], -1) // 16 * 16
        step = k // 2 * (k > 1)
        frame[(x - 14 - 30 * step) ** 2 + (y - 18) ** 2 < 80] = (230, 60, 20)
        Image.fromarray(frame.astype(np.uint8)).save(
            os.path.join(common.DATA, "pictures", f"still-{k + 1}.png"), optimize=True)


# ------------------------------------------------------------------ the choice

def some(n, ratio, seed):
    state, kept = seed, []
    wanted = max(1, int(np.floor(ratio * n + 0.5)))
    for i in range(n):
        state = (state + 0x9E3779B97F4A7C15) % 2 ** 64
        x = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) % 2 ** 64
        x = ((x ^ x >> 27) * 0x94D049BB133111EB) % 2 ** 64
        if (x ^ x >> 31) % (n - i) < wanted - len(kept):
            kept.append(i)
    return kept


def changed(now, before):
    """Cells, of patches [n][values] in the order of cells, that differ."""
    kept = [i for i in range(len(now) // 4)
            if not torch.equal(now[4 * i:4 * i + 4], before[4 * i:4 * i + 4])]
    return kept or [0]


def choices(request, parts, values, grids):
    """The cells of each picture."""
    out, images = [], [p for p in parts if "image" in p]
    for part, grid in zip(images, [] if grids is None else grids):
        n = int(grid.prod()) // 4
        has = part if part.get("keep") else request
        seed = has.get("keep_seed", 0) + (MISTAKE == "other_seed")
        out.append(some(n, has["keep"], seed) if has.get("keep") else list(range(n)))
    return out


# --------------------------------------------------------------------- wrapped

def patches_of(cells):
    return [4 * c + k for c in cells for k in range(4)]


def false_grids(keeps):
    return torch.tensor([[1, 2, 2 * len(k)] for k in keeps])


class Wrapped:
    """The position functions of a model's module, for true grids and chosen cells."""

    def __init__(self, model, sets):
        self.module = sys.modules[type(model.model.visual).__module__]
        self.sets = [(false_grids(keeps), grids, keeps) for grids, keeps in sets if keeps]
        self.saved = {}

    def true(self, grid):
        return next((g, k) for f, g, k in self.sets if torch.equal(f, grid))

    def rows(self, grids, keeps):
        """Where the chosen patches are among those of the true grids."""
        out, first = [], 0
        for grid, cells in zip(grids, keeps):
            chosen = range(len(cells)) if MISTAKE == "raster" else cells
            out += [first + p for p in patches_of(chosen)]
            first += int(grid.prod())
        return out

    def __enter__(self):
        for name in ("get_vision_position_ids", "get_vision_bilinear_indices_and_weights",
                     "get_vision_window_index"):
            if hasattr(self.module, name):
                self.saved[name] = getattr(self.module, name)
                setattr(self.module, name, getattr(self, name))
        return self

    def __exit__(self, *_):
        for name, function in self.saved.items():
            setattr(self.module, name, function)

    def get_vision_position_ids(self, grid, *args, **_):
        grids, keeps = self.true(grid)
        whole = self.saved["get_vision_position_ids"](grids, *args)
        return whole[self.rows(grids, keeps)]

    def get_vision_bilinear_indices_and_weights(self, grid, **more):
        grids, keeps = self.true(grid)
        more.pop("kwargs", None)
        ids, weights = self.saved["get_vision_bilinear_indices_and_weights"](grids, **more)
        rows = self.rows(grids, keeps)
        return ids[:, rows], weights[:, rows]

    def get_vision_window_index(self, grid, **more):
        grids, keeps = self.true(grid)
        more.pop("kwargs", None)
        if MISTAKE == "whole_windows":
            return self.saved["get_vision_window_index"](grid, **more)
        order, bounds = self.saved["get_vision_window_index"](grids, **more)
        rank, first, base = {}, 0, 0
        for g, cells in zip(grids, keeps):
            for i, c in enumerate(cells):
                rank[base + c] = first + i
            first, base = first + len(cells), base + int(g.prod()) // 4
        kept, ends = [], [0]
        for a, b in zip(bounds[:-1], bounds[1:]):
            kept += [rank[int(c)] for c in order[int(a) // 4:int(b) // 4] if int(c) in rank]
            if 4 * len(kept) > ends[-1]:
                ends.append(4 * len(kept))
        return torch.tensor(kept), torch.tensor(ends, dtype=torch.int32)


# ------------------------------------------------------------------- a request

def positions(kinds, grids, keeps):
    """[3, 1, n]; all grids in the order of the prompt."""
    at, base, i, k = torch.zeros(3, 1, len(kinds), dtype=torch.long), 0, 0, 0
    while i < len(kinds):
        if not kinds[i]:
            at[:, 0, i] = base
            base, i = base + 1, i + 1
            continue
        _, h, w = (int(v) for v in grids[k])
        for n, c in enumerate(keeps[k]):
            c = n if MISTAKE == "close_ranks" else c
            at[:, 0, i] = torch.tensor([base, base + c // (w // 2), base + c % (w // 2)])
            i += 1
        base, k = base + max(h, w) // 2, k + 1
    return at, base - len(kinds)


def shorten(ids, kinds, keeps, grids):
    """The prompt with a pad for each chosen cell."""
    out, i, k = [], 0, 0
    ids, kinds = ids[0].tolist(), kinds[0].tolist()
    while i < len(ids):
        if not kinds[i]:
            out.append(ids[i])
            i += 1
            continue
        out += [ids[i]] * len(keeps[k])
        i += int(grids[k].prod()) // 4
        k += 1
    return torch.tensor([out])


@torch.no_grad()
def run(family, spec, model, request, folder, ids_of):
    rendered, ids, kinds, values, grids, films = common.inputs_of(family, spec, request, folder,
                                                                  ids_of)
    _, parts = common.render(family, request)
    keeps = choices(request, parts, values, grids)
    film_grids, film_keeps, film_values = [], [], []
    for f in films:
        t, h, w = f["grid"][0].tolist()
        split = f["values"].split(h * w)
        for k in range(t):
            film_grids.append(torch.tensor([1, h, w]))
            film_keeps.append(changed(split[k], split[k - 1]) if k else list(range(h * w // 4)))
            film_values.append(split[k][patches_of(film_keeps[-1])])
    tensors, extra, all_grids, all_keeps = {}, {}, [], []
    if grids is not None:
        split = values.split([int(g.prod()) for g in grids])
        values = torch.cat([v[patches_of(k)] for v, k in zip(split, keeps)])
        extra.update(pixel_values=values, image_grid_thw=false_grids(keeps))
        all_grids, all_keeps = list(grids), keeps
    if films:  # no case has both
        extra.update(pixel_values_videos=torch.cat(film_values),
                     video_grid_thw=false_grids(film_keeps))
        all_grids, all_keeps = film_grids, film_keeps
    ids = shorten(ids, kinds, all_keeps, all_grids)
    kinds = (ids == ids_of["image_pad"]).int() + 2 * (ids == ids_of["video_pad"]).int()
    pos, delta = positions(kinds[0].tolist(), all_grids, all_keeps)
    sets = [(grids, keeps), (torch.stack(film_grids) if films else None, film_keeps)]
    with Wrapped(model, sets):
        for kind in ("image", "video"):
            grid = extra.get(f"{kind}_grid_thw")
            if grid is None:
                continue
            of = "pixel_values" if kind == "image" else "pixel_values_videos"
            merged, taps = common.vision(model, extra[of], grid)
            tensors[f"{kind}_embeds"] = merged
            tensors.update({f"{kind}_deepstack_{k}": t for k, t in enumerate(taps)})
        tokens, logits_of, margins = [], [], []
        run_ids, at, run_kinds = ids, pos, kinds
        for _ in range(common.N_STEPS):
            logits = model(input_ids=run_ids, attention_mask=torch.ones_like(run_ids),
                           position_ids=at, use_cache=False, logits_to_keep=1,
                           mm_token_type_ids=run_kinds, **extra).logits[0, -1].float()
            best = torch.topk(logits, 2).values
            logits_of.append(logits)
            margins.append(float(best[0] - best[1]))
            tokens.append(int(logits.argmax()))
            run_ids = torch.cat([run_ids, torch.tensor([[tokens[-1]]])], dim=1)
            run_kinds = torch.cat([run_kinds, torch.zeros(1, 1, dtype=run_kinds.dtype)], dim=1)
            at = torch.cat([at, torch.full((3, 1, 1), delta + at.shape[2])], dim=2)
    tensors["last_logits"] = logits_of[0]
    top = []
    for step in logits_of[:4]:
        lp = torch.log_softmax(step.double(), -1)
        best = torch.topk(lp, 5)
        top.append([[int(i), round(float(v), 6)] for v, i in zip(best.values, best.indices)])
    expected = {
        "rendered": rendered, "input_ids": ids[0].tolist(), "position_ids": pos[:, 0].tolist(),
        "rope_delta": delta, "image_grid_thw": [] if grids is None else grids.tolist(),
        "pixel_values": common.pixels_of(values),
        **({"video_grid_thw": torch.cat([f["grid"] for f in films]).tolist(),
            "video_times": [t for f in films for t in f["times"]],
            "pixel_values_videos": common.pixels_of(extra["pixel_values_videos"])}
           if films else {}),
        "tokens": tokens, "margins": [round(m, 4) for m in margins], "top_logprobs": top}
    tensors = {k: np.ascontiguousarray(v.numpy(), dtype=np.float32) for k, v in tensors.items()}
    return expected, tensors, min(margins)


def settle(name, family, run_name, model, case, ids_of):
    for closing in cases.CLOSING:
        request = CASES[case](closing)
        request.update(max_tokens=24, ignore_eos=True)
        out = run(family, family.MODELS[run_name], model, request,
                  common.folder_of(name, "requests"), ids_of)
        if out[2] >= common.MARGIN:
            return request, out
    sys.exit(f"{name} {case}: no closing words reach the margin")


def check(name, family, run_name, model, ids_of):
    """How far each mistake moves the numbers of the cases that it concerns."""
    global MISTAKE
    for case in ONLY.get(name, CASES):
        request, spec = common.load_request(name, case), family.MODELS[run_name]
        folder = common.folder_of(name, "requests")
        _, right, _ = run(family, spec, model, request, folder, ids_of)
        for MISTAKE in MISTAKES:
            _, wrong, _ = run(family, spec, model, request, folder, ids_of)
            moved = []
            for key in ("image_embeds", "video_embeds", "last_logits"):
                if key in right:
                    a, b = right[key].astype(np.float64), wrong[key].astype(np.float64)
                    moved.append(f"{key} {np.abs(a - b).max() / np.abs(a).max():.1e}")
            print(f"{name:10} {case:10} {MISTAKE:13} {', '.join(moved)}", flush=True)
        MISTAKE = None


def main():
    ids_of = common.special_ids()
    write_pictures()
    for name, run_name in FAMILIES.items():
        family = importlib.import_module(name + "_models")
        model, _ = checkpoint.build(family, family.MODELS[run_name])
        if "--check-mistakes" in sys.argv:
            check(name, family, run_name, model, ids_of)
            continue
        for case in ONLY.get(name, CASES):
            request, (values, tensors, margin) = settle(name, family, run_name, model, case, ids_of)
            common.write_request(name, case, request)
            common.save_expected(common.folder_of(name, "expected", run_name), case, values,
                                 tensors)
            print(f"{name:10} {case:10} ids {len(values['input_ids'])} grids "
                  f"{values['image_grid_thw']} margin {margin:.4f}", flush=True)


if __name__ == "__main__":
    main()
