# SPDX-License-Identifier: LGPL-2.1-or-later
"""Films through the reference: which frames, which pixels, which times.

A family says in FILMS how it takes them:

    processor  transformers' video processor, which resizes and cuts
    stamps     times stand in the prompt as text (Qwen3-VL); else one run of pads
    whole      limits are those of all frames together; else of each

Frames are lists of pictures, so no decoder takes part. MODELS.md decides where
transformers deviates from what the models were trained with: the outer vision start
and end around time stamps go, and positions after a clip go on behind the largest.
"""
import numpy as np
import torch
from transformers.models.qwen3_vl.processing_qwen3_vl import Qwen3VLProcessor
from transformers.models.qwen3_vl.video_processing_qwen3_vl import Qwen3VLVideoProcessor
from transformers.video_utils import VideoMetadata

PAD = "<|vision_start|><|video_pad|><|vision_end|>"


def choose(family, part, total):
    """Indices of the frames that are shown, and the rate that this makes."""
    fps = part.get("fps")
    if not part.get("do_sample_frames"):
        return list(range(total)), fps
    if family.FILMS["whole"]:
        meta = VideoMetadata(total_num_frames=total, fps=fps or 24.0)
        chosen = Qwen3VLVideoProcessor().sample_frames(meta)
        return [int(i) for i in chosen], len(chosen) / total * (fps or 24.0)
    # the official utility, MODELS.md 5.5
    fps = fps or 24.0
    wanted = min(max(total / fps * 2, 4), min(768, total) // 2 * 2, total)
    n = max(int(wanted) // 2 * 2, 1)
    return torch.linspace(0, total - 1, n).round().long().tolist(), n / total * fps


def limits_of(family, request, part, n, limits):
    """What the video processor is told: (least, most) areas."""
    low = part.get("min_pixels", request.get("min_pixels"))
    high = part.get("max_pixels", request.get("max_pixels"))
    total = part.get("total_pixels")
    if family.FILMS["whole"]:
        pairs = (n + 1) // 2 * 2
        least = low * pairs if low else limits[0]
        most = total or limits[1]
        most = min(most, high * pairs) if high else most
    else:
        cell = (family.PIXELS["patch_size"] * 2) ** 2
        least = low or max(128 * cell, limits[0])
        most = max(min(768 * cell, (total or 24576 * cell) / n * 2), int(least * 1.05))
        most = int(min(most, high or most, limits[1]))
    return min(least, most), most


def prepare(family, request, part, frames, limits):
    """Pixels, grid and times of one film; frames: RGB pictures of one size."""
    chosen, fed = choose(family, part, len(frames))
    least, most = limits_of(family, request, part, len(chosen), limits)
    clip = torch.from_numpy(np.stack([np.asarray(frames[i]) for i in chosen])).permute(0, 3, 1, 2)
    # do_sample_frames=False: the frames were chosen above
    out = family.FILMS["processor"](**family.PIXELS)(
        videos=[clip], do_sample_frames=False, size={"shortest_edge": least, "longest_edge": most},
        return_tensors="pt")
    at = part.get("times")
    rate = 1.0 if at else float(part.get("fps") or 24.0)
    times = Qwen3VLProcessor._calculate_timestamps(
        None, [at[i] for i in chosen] if at else list(chosen), rate)
    if at and not fed:
        fed = (len(at) - 1) / (at[-1] - at[0])
    return {"values": out["pixel_values_videos"], "grid": out["video_grid_thw"], "times": times,
            "seconds": 2 / fed if fed else 1.0}


def expand(family, text, films):
    """The prompt with the pads of each film."""
    pieces = text.split(PAD)
    assert len(pieces) == len(films) + 1
    out = pieces[0]
    for film, piece in zip(films, pieces[1:]):
        t, h, w = film["grid"][0].tolist()
        if family.FILMS["stamps"]:
            for time in film["times"]:
                out += f"<{time:.1f} seconds>" + PAD.replace("<|video_pad|>",
                                                             "<|video_pad|>" * (h * w // 4))
        else:
            out += PAD.replace("<|video_pad|>", "<|video_pad|>" * (t * h * w // 4))
        out += piece
    return out


def positions(family, spec, kinds, grids, films):
    """MODELS.md section 9; kinds: 0 text, 1 picture, 2 film. [3, 1, n]"""
    at, base, i = torch.zeros(3, 1, len(kinds), dtype=torch.long), 0, 0
    pictures = iter([] if grids is None else grids.tolist())
    blocks = iter([])
    per_second = spec["vision"].get("tokens_per_second") if isinstance(spec, dict) else None

    def block_of(kind):
        nonlocal blocks
        if kind == 1:
            return next(pictures), 1.0
        block = next(blocks, None)
        if block is None:
            film = next(films)
            t, h, w = film["grid"][0].tolist()
            single = [((1, h, w), 1.0)] * t
            blocks = iter(single if family.FILMS["stamps"] else [((t, h, w), film["seconds"])])
            block = next(blocks)
        return block

    films = iter(films)
    while i < len(kinds):
        if kinds[i] == 0:
            at[:, 0, i] = base
            base, i = base + 1, i + 1
            continue
        (t, h, w), seconds = block_of(int(kinds[i]))
        h, w, first = h // 2, w // 2, i
        for k in range(t):
            step = int(k * seconds * per_second) if per_second else k
            for r in range(h):
                for c in range(w):
                    at[:, 0, i] = torch.tensor([base + step, base + r, base + c])
                    i += 1
        base = 1 + int(at[:, 0, first:i].max())
    return at, base - len(kinds)
