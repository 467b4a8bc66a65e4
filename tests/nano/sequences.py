# SPDX-License-Identifier: LGPL-2.1-or-later
"""Several pictures of one scene: pairs that differ in one thing, and frames in
which one thing appears, moves or disappears."""
import dataclasses

import numpy as np

import emoji
import scenes
import words


@dataclasses.dataclass
class Sequence:
    images: list         # of one size
    times: list          # seconds of each frame; empty for a pair
    prompt: str
    answer: str


@dataclasses.dataclass
class _Sprite:
    thing: scenes.Thing
    fill: object         # RGB or image
    alpha: object
    at: tuple
    kind: tuple


def _sprite(rng, curriculum, canvas, taken):
    """One more thing whose words nothing else has, placed; None if there is no room."""
    side = (canvas.image.width * canvas.image.height) ** .5
    pixels = min(rng.uniform(max(16, .18 * side), .36 * side), .8 * min(canvas.image.size))
    for _ in range(12):
        kind, what, color = scenes._kinds(rng, curriculum, 1)[0]
        if kind == "shape":
            thing = scenes.shape_thing(what, color)
            drawn = scenes.render_shape(rng, thing, pixels, canvas.ground_rgb)
        else:
            thing = scenes.emoji_thing(curriculum, what)
            drawn = scenes.render_emoji(rng, emoji.known(curriculum)[what][0], pixels)
        if drawn and thing.words not in taken:
            break
    else:
        return None
    at = canvas.find_place(*drawn[1].size)
    if at is None:
        return None
    thing.box = (*at, at[0] + drawn[1].width, at[1] + drawn[1].height)
    canvas.things.append(thing)
    taken.add(thing.words)
    return _Sprite(thing, *drawn, at, (kind, what, color))


def _compose(base, sprites):
    image = base.copy()
    for s in sprites:
        if isinstance(s.fill, tuple):
            image.paste(s.fill, (*s.at, s.at[0] + s.alpha.width, s.at[1] + s.alpha.height), s.alpha)
        else:
            image.paste(s.fill, s.at, s.alpha)
    return image


def _setting(rng, curriculum, size, n):
    ground, rgb, _, base = scenes._base(rng, *size)
    canvas = scenes._Canvas(rng, base, rgb, (0, 0, *size))
    taken = set()
    sprites = [s for s in (_sprite(rng, curriculum, canvas, taken) for _ in range(n)) if s]
    return canvas, base, sprites


def pair(rng, curriculum, size):
    """Two pictures and what is different."""
    canvas, base, sprites = _setting(rng, curriculum, size, int(rng.integers(2, 5)))
    if not sprites:
        return pair(rng, curriculum, size)
    change = rng.choice(["added", "missing", "color", "nothing"], p=[.3, .3, .3, .1])
    one = sprites[rng.integers(len(sprites))]
    first, second = sprites, sprites
    if change == "color" and not one.thing.color:
        change = "missing"
    if change == "added":
        first = [s for s in sprites if s is not one]
        answer = f"{words.article(one.thing.words)} was added."
        answer = answer[0].upper() + answer[1:]
    elif change == "missing":
        second = [s for s in sprites if s is not one]
        answer = f"The {one.thing.words} is missing."
    elif change == "color":
        for color in rng.permutation(list(words.COLORS)):
            thing = scenes.shape_thing(one.thing.name, str(color))
            if color != one.thing.color and scenes._distance(
                    words.COLORS[color][0], canvas.ground_rgb) > 200:
                break
        recolored = dataclasses.replace(one, thing=thing,
                                        fill=scenes._near(rng, words.COLORS[thing.color][0], 9))
        second = [recolored if s is one else s for s in sprites]
        answer = f"The {one.thing.words} is now {thing.color}."
    else:
        answer = "Nothing is different."
    images = [scenes._wear(rng, _compose(base, s)) for s in (first, second)]
    return Sequence(images, [], "What is different?", answer)


def frames(rng, curriculum, size, n_frames=None):
    """Four to eight frames and what happens in them."""
    n = n_frames or int(rng.integers(4, 9))
    step = float(rng.choice([.5, 1.0]))
    canvas, base, sprites = _setting(rng, curriculum, size, int(rng.integers(1, 4)))
    if not sprites:
        return frames(rng, curriculum, size, n_frames)
    one, still = sprites[0], sprites[1:]
    event = rng.choice(["appears", "disappears", "left", "right", "up", "down"])
    at = [one.at] * n
    shown = [True] * n
    name = one.thing.words
    if event in ("appears", "disappears"):
        turn = int(rng.integers(1, n))
        shown = [(k >= turn) == (event == "appears") for k in range(n)]
        answer = f"{words.article(name)} {event}." if event == "appears" else f"The {name} {event}."
        answer = answer[0].upper() + answer[1:]
    else:
        axis, sign = {"left": (0, -1), "right": (0, 1), "up": (1, -1), "down": (1, 1)}[event]
        room = size[axis] - one.alpha.size[axis]
        length = rng.uniform(.55, 1) * room
        start = rng.uniform(0, room - length)
        path = np.linspace(start, start + length, n)[::sign]
        at = [(int(p), one.at[1]) if axis == 0 else (one.at[0], int(p)) for p in path]
        answer = f"The {name} moves {'to the ' if axis == 0 else ''}{event}."
    images = []
    for k in range(n):
        moved = [dataclasses.replace(one, at=at[k])] if shown[k] else []
        images.append(_compose(base, still + moved))
    return Sequence(images, [step * k for k in range(n)], "What happens?", answer)
