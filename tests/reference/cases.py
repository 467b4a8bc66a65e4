# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pictures and requests of the parity cases, which every family shares.

Which run of a family runs which cases stands in tests/parity/<family>.json.
"""
import os

import numpy as np
from PIL import Image


def _draw(width, height, seed):
    """Gradients, hard edges, stripes and a little noise, u8 RGB."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    u, v = x / max(width - 1, 1), y / max(height - 1, 1)
    k = rng.uniform(0.5, 3.0, 6)
    p = np.stack([0.5 + 0.5 * np.sin(6.28 * (k[i] * u + k[i + 3] * v) + i) for i in range(3)], -1)
    cx, cy, r = rng.uniform(0.3, 0.7, 3) * (width, height, min(width, height))
    p[(x - cx) ** 2 + (y - cy) ** 2 < (0.6 * r) ** 2] *= (0.2, 0.9, 0.4)
    p[(x // 7 + y // 5) % 4 == 0] += (0.15, -0.1, 0.2)
    out = np.clip(p * 255, 0, 255) // 8 * 8
    return np.clip(out + rng.integers(0, 3, out.shape), 0, 255).astype(np.uint8)


def _write_films(at, png):
    """A disc that crosses a striped field: 9 frames; and 2 small frames."""
    y, x = np.mgrid[0:56, 0:72]
    for k in range(9):
        frame = np.stack([x * 2 + k * 5, y * 3, (x + y + 7 * k) % 64 * 3], -1) // 16 * 16
        frame[(x - 8 - 7 * k) ** 2 + (y - 14 - 3 * k) ** 2 < 90] = (230, 60 + 12 * k, 20)
        Image.fromarray(frame.astype(np.uint8)).save(at(f"film-{k + 1}.png"), **png)
    for k in range(2):
        frame = np.stack([x * 3 + 90 * k, y * 4, x * y % 256], -1)[:36, :40] // 32 * 32
        Image.fromarray(frame.astype(np.uint8)).save(at(f"tiny-{k + 1}.png"), **png)


def write_pictures(folder):
    os.makedirs(folder, exist_ok=True)

    def at(name):
        return os.path.join(folder, name)

    png = dict(optimize=True)
    _write_films(at, png)
    Image.fromarray(_draw(96, 64, 1)).save(at("photo.png"), **png)
    Image.fromarray(_draw(131, 77, 2)).save(at("odd.png"), **png)
    Image.fromarray(_draw(1, 1, 3)).save(at("dot.png"), **png)
    Image.fromarray(_draw(20, 9, 4)).save(at("small.png"), **png)
    Image.fromarray(_draw(30, 900, 5)).save(at("tall.png"), **png)
    Image.fromarray(_draw(400, 10, 6)).save(at("wide.png"), **png)
    y, x = np.mgrid[0:72, 0:80]
    alpha = np.clip((x * 5 + y * 3) % 400 - 60, 0, 255).astype(np.uint8)
    rgba = np.dstack([_draw(80, 72, 7), alpha])
    Image.fromarray(rgba).save(at("rgba.png"), **png)
    Image.fromarray(_draw(100, 60, 8)[..., 1]).save(at("grey.png"), **png)
    Image.fromarray(_draw(120, 90, 9)).save(at("photo.jpg"), quality=85)
    Image.fromarray(_draw(251, 190, 11)).save(at("large.jpg"), quality=80)
    upright = Image.fromarray(_draw(110, 70, 10))
    exif = Image.Exif()
    exif[0x0112] = 6  # the top of the scene is at the right of the stored rows
    upright.save(at("rotated.jpg"), quality=88, subsampling=0, exif=exif)


def _image(name, **more):
    return {"type": "image", "image": "../../pictures/" + name, **more}


def _film(*numbers, name="film", **more):
    return {"type": "video", "video": [f"../../pictures/{name}-{k}.png" for k in numbers], **more}


def _watch(question, *numbers, **more):
    return {"messages": [_user(_film(*numbers, **more), _text(question))]}


def _text(text):
    return {"type": "text", "text": text}


def _user(*parts):
    return {"role": "user", "content": list(parts)}


def _ask(name, question, **more):
    return {"messages": [_user(_image(name), _text(question))], **more}


ALL_LIMITS = dict(min_pixels=4096, max_pixels=8192)

# name -> function of the closing words. Words are varied until every greedy
# step of every model that runs the case has its margin.
CASES = {
    "text": lambda s: {"messages": [{"role": "user", "content": "Where is the cat?" + s}]},
    "unicode": lambda s: {"messages": [_user(_text(
        "Was zeigt das? 42 × ½ cafe\u0301 \u00e9 日本語 👩‍🚀  \n\tКот's" + s))]},
    "picture": lambda s: _ask("photo.png", "Describe this image." + s),
    "odd_size": lambda s: _ask("odd.png", "What is in the picture?" + s),
    "dot": lambda s: _ask("dot.png", "What colour is it?" + s),
    "small": lambda s: _ask("small.png", "How many people are there?" + s),
    "tall": lambda s: _ask("tall.png", "What does the sign say?" + s),
    "wide": lambda s: _ask("wide.png", "Describe this image." + s),
    "rgba": lambda s: _ask("rgba.png", "Describe this image." + s),
    "rgba_drop": lambda s: _ask("rgba.png", "Describe this image." + s, alpha="drop"),
    "grey": lambda s: _ask("grey.png", "Is it day or night?" + s),
    "jpeg": lambda s: _ask("photo.jpg", "Describe this image." + s),
    "windows": lambda s: _ask("large.jpg", "Describe this image." + s),
    "rotated": lambda s: _ask("rotated.jpg", "Which way is up?" + s),
    "two_pictures": lambda s: {"messages": [_user(
        _image("photo.png"), _image("grey.png"), _text("What is different?" + s))]},
    "turns": lambda s: {"messages": [
        _user(_text("Look at this: "), _image("photo.jpg"), _text(" What is it?")),
        {"role": "assistant", "content": "A house beside a lake."},
        _user(_text("What colour is the house?")),
        {"role": "assistant", "content": [_text("It is red.")]},
        _user(_text("Are you sure?" + s))]},
    "vision_id": lambda s: {"messages": [
        _user(_image("small.png"), _text("First.")),
        {"role": "assistant", "content": "I see."},
        _user(_image("photo.png"), _image("dot.png"), _text("Compare them." + s))],
        "add_vision_id": True},
    "system": lambda s: {"messages": [
        {"role": "system", "content": "You answer in one short sentence."},
        _user(_text("What is this?" + s), _image("odd.png"))]},
    "pixels_part": lambda s: {"messages": [_user(
        _image("photo.png", min_pixels=12288, max_pixels=16384),
        _image("odd.png", max_pixels=5120), _text("Compare." + s))], **ALL_LIMITS},
    "pixels_request": lambda s: _ask("photo.jpg", "Describe this image." + s, **ALL_LIMITS),
    "penalty": lambda s: _ask("photo.png", "Describe this image." + s, repetition_penalty=1.3),
    "prompt": lambda s: {"prompt": "The picture shows a small red house" + s},
    "gguf_picture": lambda s: _ask("photo.jpg", "Describe this image." + s, **ALL_LIMITS),
    "gguf_pictures": lambda s: {"messages": [_user(
        _image("grey.png"), _image("odd.png", max_pixels=5120), _text("Compare." + s))],
        **ALL_LIMITS},
    "prompt_picture": lambda s: {"prompt": "<|im_start|>user\n<img>../../pictures/photo.png</img>"
                                 "What is this?" + s + "<|im_end|>\n<|im_start|>assistant\n"},
    # films
    "film4": lambda s: _watch("What happens?" + s, 1, 3, 5, 7, fps=2),
    "film5": lambda s: _watch("Describe this video." + s, 1, 2, 4, 6, 9, fps=1),
    "film9": lambda s: _watch("Where does it go?" + s, *range(1, 10), fps=3.7),
    "film1": lambda s: _watch("What is it?" + s, 5, fps=2),
    "film_small": lambda s: _watch("What changes?" + s, 1, 2, name="tiny", fps=0.5),
    "film_no_fps": lambda s: _watch("What happens?" + s, 1, 2, 3, 4, 5, 6),
    "film_sampled": lambda s: _watch("What happens?" + s, *range(1, 10), fps=3,
                                     do_sample_frames=True),
    "film_sampled_no_fps": lambda s: _watch("What happens?" + s, *range(1, 10),
                                            do_sample_frames=True),
    "film_times": lambda s: _watch("When does it stop?" + s, 1, 3, 7, 8, 9,
                                   times=[0.5, 1.25, 7, 61.5, 3600]),
    "film_limits": lambda s: _watch("What happens?" + s, 2, 4, 6, fps=2, min_pixels=8192,
                                    max_pixels=12288),
    "film_total": lambda s: _watch("What happens?" + s, 2, 4, 6, 8, fps=2, total_pixels=9000),
    "film_picture": lambda s: {"messages": [_user(
        _image("grey.png"), _text("Then: "), _film(1, 4, 7, fps=1.5),
        _image("small.png"), _text("Compare." + s))]},
    "film_turns": lambda s: {"messages": [
        _user(_film(1, 2, 3, fps=2), _text("What moves?")),
        {"role": "assistant", "content": "A disc."},
        _user(_image("photo.jpg"), _text("And here?")),
        {"role": "assistant", "content": "Nothing moves."},
        _user(_text("Now "), _film(9, 7, fps=1), _film(1, 2, name="tiny", fps=4),
              _text("which?" + s))], "add_vision_id": True},
    "gguf_film": lambda s: {"messages": [_user(
        _film(2, 8, 5, fps=2, min_pixels=4096, max_pixels=8192), _text("What moves?" + s))]},
    "film_prompt": lambda s: {"prompt": "Look: <|vision_start|><|video_pad|><|vision_end|>"
                              " The film shows a red disc" + s,
                              "images": [_film(3, 6, 9, fps=2)]},
}

CLOSING = ("", " ", " Please.", " Thank you.", " Now.", " Look again.", "\n", " Say it.", " Well?",
           " Quickly.", " In a word.", "\n\n", " Hm.", " A dog?", " Two.", " Yes.", " No.", " So?",
           " The lake.", " Trees?", " Red.", " Sky.", " OK.", " Go.", " It is late.", " A bench.",
           " Behind it?", " White.", " Left.", " Right.", " Green?", " Three.", " 7", " 19", " !")

def request_of(case, closing):
    request = CASES[case](closing)
    request["max_tokens"] = 24
    request["ignore_eos"] = True
    return request
