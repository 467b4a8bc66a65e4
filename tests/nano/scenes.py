# SPDX-License-Identifier: LGPL-2.1-or-later
"""Draws labelled pictures, endlessly: coloured shapes, emoji, words and numbers
on flat, graded, textured and noisy grounds.

    scene = draw(numpy.random.default_rng(seed), "small")

A scene holds the picture as stored (`jpeg` bytes, or PNG where nothing was
lost), its things with boxes in pixels, and two label maps for the auxiliary
losses of training. Boxes are those of the pixels that were drawn.
"""
import dataclasses
import functools
import glob
import io
import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

import emoji
import words

CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
EMOJI_FONT = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
UNSUITED = ("Thin", "Hairline", "ExtraLight", "UltraCondensed", "UltraExpanded", "Math", "Emoji",
            "LinLibertine_I.", "LinBiolinum_K", "_DR", "Keyboard", "VF")
WORD_LIST = "/usr/share/dict/american-english"


@dataclasses.dataclass
class Thing:
    kind: str                 # "shape", "emoji", "word"
    name: str                 # English; of a word, the word
    color: str | None = None  # shapes
    names: dict = dataclasses.field(default_factory=dict)
    genders: dict = dataclasses.field(default_factory=dict)
    label: int = 0            # 1.., index of the kind of thing; see n_labels
    box: tuple = (0, 0, 0, 0)  # x1, y1, x2, y2 in pixels, right and bottom exclusive
    row: int = 0              # of the 3x3 places, by the centre
    column: int = 0

    @property
    def words(self):
        """As questions name it."""
        return f"{self.color} {self.name}" if self.color else self.name


@dataclasses.dataclass
class Scene:
    image: Image.Image
    things: list
    ground: str
    things_map: np.ndarray  # [H][W] u8: index in things + 1, 0 none
    chars_map: np.ndarray   # [H][W] u8: index in CHARACTERS + 1, 0 none
    seed: int = 0


# ------------------------------------------------------------- what there is

def n_labels(curriculum):
    """Kinds of thing: none, the shapes, the emoji, words."""
    return 1 + len(words.SHAPES) + len(emoji.known(curriculum)) + 1


@functools.cache
def fonts():
    paths = sorted(glob.glob("/usr/share/fonts/truetype/*/**/*.ttf", recursive=True) +
                   glob.glob("/usr/share/fonts/opentype/*/*.otf"))
    return [p for p in paths if not any(u in p for u in UNSUITED)]


@functools.cache
def _word_list():
    with open(WORD_LIST, encoding="utf-8") as f:
        return [w for w in f.read().split() if w.isascii() and w.isalpha() and w.islower()]


@functools.cache
def _words_of(longest):
    return [w for w in _word_list() if 2 <= len(w) <= longest]


@functools.lru_cache(maxsize=512)
def _font(path, size):
    return ImageFont.truetype(path, size)


@functools.cache
def _emoji_sprite(char):
    image = Image.new("RGBA", (160, 160))
    font = _font(EMOJI_FONT, 109)
    ImageDraw.Draw(image).text((80, 80), char, font=font, embedded_color=True, anchor="mm")
    box = image.getchannel("A").getbbox()
    return image.crop(box) if box else None


def _polygon(points):
    def draw(d, s):
        d.polygon([((x + 1) / 2 * s, (y + 1) / 2 * s) for x, y in points], fill=255)
    return draw


def _star_points():
    return [(math.sin(k * math.pi / 5) * r, -math.cos(k * math.pi / 5) * r)
            for k in range(10) for r in [1 if k % 2 == 0 else 0.42]]


def _heart_points():
    t = np.linspace(0, 2 * math.pi, 80)
    x = 16 * np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    return list(zip(x / 17, (y - y.min()) / (y.max() - y.min()) * 1.9 - 0.95))


OUTLINES = {
    "circle": lambda d, s: d.ellipse((0, 0, s - 1, s - 1), fill=255),
    "square": _polygon([(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),
    "triangle": _polygon([(0, -0.95), (0.98, 0.8), (-0.98, 0.8)]),
    "star": _polygon(_star_points()),
    "heart": _polygon(_heart_points()),
    "diamond": _polygon([(0, -1), (0.62, 0), (0, 1), (-0.62, 0)]),
    "hexagon": _polygon([(math.cos(k * math.pi / 3), math.sin(k * math.pi / 3)) for k in range(6)]),
    "cross": _polygon([(-.32, -1), (.32, -1), (.32, -.32), (1, -.32), (1, .32), (.32, .32),
                       (.32, 1), (-.32, 1), (-.32, .32), (-1, .32), (-1, -.32), (-.32, -.32)]),
    "arrow": _polygon([(-1, -.26), (.15, -.26), (.15, -.72), (1, 0), (.15, .72), (.15, .26),
                       (-1, .26)]),
    "ring": lambda d, s: (d.ellipse((0, 0, s - 1, s - 1), fill=255),
                          d.ellipse((s * .27, s * .27, s * .73, s * .73), fill=0)),
}
FREE_ROTATION = {"circle", "ring", "triangle", "star", "hexagon", "arrow"}


@functools.cache
def _shape_mask(name):
    image = Image.new("L", (256, 256))
    OUTLINES[name](ImageDraw.Draw(image), 256)
    return image.crop(image.getbbox())


# -------------------------------------------------------------------- colours

def _distance(a, b):
    """Between two RGB colours, weighted roughly as the eye does; 0..765."""
    mean = (a[0] + b[0]) / 2
    r, g, b_ = (float(x) - float(y) for x, y in zip(a, b))
    return math.sqrt((2 + mean / 256) * r * r + 4 * g * g + (3 - mean / 256) * b_ * b_)


def _near(rng, rgb, spread):
    return tuple(int(np.clip(c + rng.normal(0, spread), 0, 255)) for c in rgb)


# -------------------------------------------------------------------- grounds

def _ground(rng, width, height, rgb):
    """A picture of one base colour: flat, graded, striped, chequered, dotted or noisy."""
    kind = rng.choice(["flat", "graded", "stripes", "checks", "dots", "noise"],
                      p=[.34, .2, .1, .1, .1, .16])
    if kind in ("flat", "noise"):
        image = Image.new("RGB", (width, height), rgb)
        if kind == "flat":
            return image
        grain = rng.normal(0, rng.uniform(4, 16), (height, width, 1 if rng.random() < .5 else 3))
        return Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))
    other = _near(rng, rgb, 14)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle, period = rng.uniform(0, math.pi), rng.uniform(.05, .25) * math.hypot(width, height)
    u = x * math.cos(angle) + y * math.sin(angle)
    v = -x * math.sin(angle) + y * math.cos(angle)
    if kind == "graded":
        t = (u - u.min()) / max(float(u.max() - u.min()), 1)
        other = _near(rng, rgb, 24)
    elif kind == "stripes":
        t = (np.sin(u * (2 * math.pi / period)) > 0).astype(np.float32)
    elif kind == "checks":
        t = ((np.floor(u / period) + np.floor(v / period)) % 2).astype(np.float32)
    else:
        t = ((u % period - period / 2) ** 2 + (v % period - period / 2) ** 2 <
             (period * .25) ** 2).astype(np.float32)
    a, b = (np.array(c, np.float32) for c in (rgb, other))
    return Image.fromarray((a + (b - a) * t[..., None]).clip(0, 255).astype(np.uint8))


# --------------------------------------------------------------------- things

class _Canvas:
    """The picture while things are put on it, with its label maps."""

    def __init__(self, rng, image, ground_rgb, inner):
        self.rng, self.image, self.ground_rgb = rng, image, ground_rgb
        self.inner = inner  # x1, y1, x2, y2: where things may lie
        self.things_map = Image.new("L", image.size)
        self.chars_map = Image.new("L", image.size)
        self.things = []

    def find_place(self, w, h):
        x1, y1, x2, y2 = self.inner
        if w >= x2 - x1 or h >= y2 - y1:
            return None
        gap = 2 + 0.01 * math.hypot(x2 - x1, y2 - y1)
        for _ in range(40):
            x = int(self.rng.integers(x1, x2 - w + 1))
            y = int(self.rng.integers(y1, y2 - h + 1))
            if all(x > t.box[2] + gap or x + w < t.box[0] - gap or
                   y > t.box[3] + gap or y + h < t.box[1] - gap for t in self.things):
                return x, y
        return None

    def put(self, thing, rgb_or_image, alpha, chars=None, at=None):
        """alpha: L image, cropped; chars: L image of the same size or None."""
        place = at or self.find_place(*alpha.size)
        if place is None:
            return False
        x, y = place
        width, height = self.image.size
        if isinstance(rgb_or_image, Image.Image):
            self.image.paste(rgb_or_image, place, alpha)
        else:
            self.image.paste(rgb_or_image, (x, y, x + alpha.width, y + alpha.height), alpha)
        mask = alpha.point(lambda a: 255 if a > 96 else 0)
        self.things.append(thing)
        self.things_map.paste(len(self.things), (x, y, x + alpha.width, y + alpha.height), mask)
        if chars:
            self.chars_map.paste(chars, place, chars.point(lambda a: 255 if a else 0))
        left, top, right, bottom = mask.getbbox() or (0, 0, *alpha.size)
        thing.box = (x + left, y + top, x + right, y + bottom)
        cx, cy = (thing.box[0] + thing.box[2]) / 2, (thing.box[1] + thing.box[3]) / 2
        thing.column, thing.row = min(int(cx / width * 3), 2), min(int(cy / height * 3), 2)
        return True


def _angle(rng, widest):
    return float(rng.uniform(-widest, widest)) if rng.random() < .7 else 0.0


def _turned(image, size, angle):
    scale = size / max(image.size)
    image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))),
                         Image.Resampling.BICUBIC, reducing_gap=2.0)
    if angle:
        image = image.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    alpha = image.getchannel("A") if image.mode == "RGBA" else image
    box = alpha.point(lambda a: 255 if a > 24 else 0).getbbox()
    return image.crop(box) if box else None


def shape_thing(name, color):
    names, genders = words.shape_names(name)
    return Thing("shape", name, color, names, genders, 1 + list(words.SHAPES).index(name))


def emoji_thing(curriculum, index):
    _, names, genders = emoji.known(curriculum)[index]
    return Thing("emoji", names["en"], None, names, genders, 1 + len(words.SHAPES) + index)


def render_shape(rng, thing, size, ground_rgb):
    """(RGB, alpha), or None where the colour would not stand out."""
    rgb = _near(rng, words.COLORS[thing.color][0], 9)
    if _distance(rgb, ground_rgb) < 170:
        return None
    angle = _angle(rng, 180 if thing.name in FREE_ROTATION else 18)
    alpha = _turned(_shape_mask(thing.name), size, angle)
    return alpha and (rgb, alpha)


def render_emoji(rng, char, size):
    sprite = _emoji_sprite(char)
    image = sprite and _turned(sprite, size, _angle(rng, 35))
    return image and (image.convert("RGB"), image.getchannel("A"))


def random_word(rng, curriculum):
    longest = 5 if curriculum == "small" else 8
    if rng.random() < .3:
        return "".join(rng.choice(list("0123456789"), rng.integers(1, longest + 1)))
    if rng.random() < .25:  # no word at all, so that letters have to be read
        word = "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), rng.integers(2, longest + 1)))
    else:
        word = str(rng.choice(_words_of(longest)))
    return [word, word.upper(), word.capitalize()][rng.integers(3)]


def _put_word(canvas, text, cap_height, label):
    rng = canvas.rng
    font = _font(fonts()[rng.integers(len(fonts()))], max(9, int(cap_height * 1.4)))
    for _ in range(20):
        rgb = tuple(int(c) for c in rng.integers(0, 256, 3))
        if rng.random() < .5:
            rgb = _near(rng, words.COLORS[str(rng.choice(list(words.COLORS)))][0], 9)
        if _distance(rgb, canvas.ground_rgb) > 240:
            break
    else:
        rgb = (0, 0, 0) if sum(canvas.ground_rgb) > 380 else (255, 255, 255)
    left, top, right, bottom = font.getbbox(text)
    size = (right - left + 4, bottom - top + 4)
    x1, y1, x2, y2 = canvas.inner
    if size[0] > .96 * (x2 - x1) or size[1] > .96 * (y2 - y1) or min(size) < 5:
        return False
    alpha, chars = Image.new("L", size), Image.new("L", size)
    ImageDraw.Draw(alpha).text((2 - left, 2 - top), text, font=font, fill=255)
    d = ImageDraw.Draw(chars)
    for i, c in enumerate(text):
        a, b = (font.getlength(text[:k]) + 2 - left for k in (i, i + 1))
        d.rectangle((round(a), 0, max(round(b) - 1, round(a)), size[1]),
                    fill=1 + CHARACTERS.index(c))
    if rng.random() < .3:
        angle = float(rng.uniform(-14, 14))
        alpha = alpha.rotate(angle, Image.Resampling.BICUBIC, expand=True)
        chars = chars.rotate(angle, Image.Resampling.NEAREST, expand=True)
    box = alpha.getbbox()
    if not box:
        return False
    return canvas.put(Thing("word", text, label=label), rgb, alpha.crop(box), chars.crop(box))


# --------------------------------------------------------------------- scenes

def random_size(rng, near):
    """Width and height, aspect ratio 1:3 to 3:1, sides of 64 to 1024. A share near
    (0 to 1) is drawn not much larger than the model will see it, which is quick."""
    while True:
        ratio = math.exp(rng.uniform(-math.log(3), math.log(3)))
        if near and rng.random() < near:
            side = rng.uniform(130, 290)
        else:
            side = math.exp(rng.uniform(math.log(64), math.log(1024)))
        w, h = round(side * math.sqrt(ratio)), round(side / math.sqrt(ratio))
        if 64 <= min(w, h) and max(w, h) <= 1024:
            return w, h


def _inner(rng, width, height):
    """The whole picture, or what a screenshot's margins leave."""
    if rng.random() > .12:
        return 0, 0, width, height
    m = [int(rng.uniform(0, .1) * s) for s in (width, height, width, height)]
    return m[0], m[1], width - m[2], height - m[3]


def _base(rng, width, height):
    ground = str(rng.choice(list(words.GROUNDS)))
    rgb = _near(rng, words.GROUNDS[ground][0], 5)
    inner = _inner(rng, width, height)
    image = Image.new("RGB", (width, height), tuple(int(c) for c in rng.integers(150, 256, 3)))
    x1, y1, x2, y2 = inner
    image.paste(_ground(rng, x2 - x1, y2 - y1, rgb), (x1, y1))
    if inner[1] > 4 and rng.random() < .6:  # a window's title bar
        d = ImageDraw.Draw(image)
        d.rectangle((0, 0, width, inner[1] - 1), fill=(60, 62, 70))
        r = inner[1] * .25
        for k, c in enumerate(((235, 90, 80), (240, 190, 60), (90, 200, 90))):
            d.ellipse((r + k * 3 * r, r, 3 * r + k * 3 * r, 3 * r), fill=c)
    return ground, rgb, inner, image


def _wear(rng, image):
    """Blur, a shift of the colours, noise, JPEG."""
    if rng.random() < .15:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(.3, .0035 * sum(image.size) + .4)))
    if rng.random() < .3:
        a = np.asarray(image, np.float32) * rng.uniform(.92, 1.08, 3) + rng.uniform(-8, 8)
        image = Image.fromarray(a.clip(0, 255).astype(np.uint8))
    if rng.random() < .5:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(rng.integers(40, 96)))
        image = Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")
    return image


def _kinds(rng, curriculum, n):
    """n unnamed things: often some of them alike, so that there is to count."""
    def one():
        if rng.random() < .55:
            return ("shape", str(rng.choice(list(words.SHAPES))), str(rng.choice(list(words.COLORS))))
        return ("emoji", int(rng.integers(len(emoji.known(curriculum)))), None)
    chosen = [one() for _ in range(n)]
    if n > 1 and rng.random() < .45:
        for i in range(1, n):
            if rng.random() < .7:
                chosen[i] = chosen[0]
                if chosen[0][0] == "shape" and rng.random() < .35:
                    chosen[i] = (*chosen[0][:2], str(rng.choice(list(words.COLORS))))
    return chosen


THINGS = (.2, .26, .24, .17, .13)  # chances of one to five


def draw(rng, curriculum, size=None, near=0, n_words=None, n_things=THINGS):
    """A scene of one to five things, a word or number among them in two of five."""
    width, height = size or random_size(rng, near)
    ground, rgb, inner, image = _base(rng, width, height)
    canvas = _Canvas(rng, image, rgb, inner)
    n = int(rng.choice(5, p=n_things)) + 1
    n_words = int(rng.random() < .4) if n_words is None else n_words
    side = math.sqrt((inner[2] - inner[0]) * (inner[3] - inner[1]))
    short = min(inner[2] - inner[0], inner[3] - inner[1])
    # Nothing is drawn too small to be recognised by a person.
    least = max(15, .15 * side)
    for _ in range(n_words):
        cap = rng.uniform(max(9, .055 * side), max(11, .2 * side))
        n -= _put_word(canvas, random_word(rng, curriculum), cap,
                       n_labels(curriculum) - 1)
    for kind, what, color in _kinds(rng, curriculum, max(n, 0)):
        pixels = min(rng.uniform(least, max(least + 1, .42 * side)), .92 * short)
        if kind == "shape":
            thing = shape_thing(what, color)
            drawn = render_shape(rng, thing, pixels, rgb)
            while not drawn:
                thing = shape_thing(what, str(rng.choice(list(words.COLORS))))
                drawn = render_shape(rng, thing, pixels, rgb)
        else:
            thing = emoji_thing(curriculum, what)
            drawn = render_emoji(rng, emoji.known(curriculum)[what][0], pixels)
        canvas.put(thing, *drawn)
    if not canvas.things:
        return draw(rng, curriculum, size, near, n_words, n_things)
    return _finish(rng, canvas, ground)


def _finish(rng, canvas, ground):
    # Left to right, then top to bottom, whatever the order of drawing.
    order = sorted(range(len(canvas.things)),
                   key=lambda i: (canvas.things[i].box[0], canvas.things[i].box[1]))
    rank = np.zeros(256, np.uint8)
    for new, old in enumerate(order):
        rank[old + 1] = new + 1
    return Scene(_wear(rng, canvas.image), [canvas.things[i] for i in order], ground,
                 rank[np.asarray(canvas.things_map)], np.asarray(canvas.chars_map))


def draw_unknown(rng, size=None, near=0):
    """Nothing that espy-nano knows: an empty ground, other emoji, scribbles, blots
    or clouds."""
    width, height = size or random_size(rng, near)
    ground, rgb, inner, image = _base(rng, width, height)
    kind = rng.choice(["empty", "strangers", "scribble", "blots", "clouds"],
                      p=[.12, .4, .16, .16, .16])
    side = math.sqrt(width * height)
    d = ImageDraw.Draw(image)
    if kind == "strangers":
        canvas = _Canvas(rng, image, rgb, inner)
        for _ in range(rng.integers(1, 5)):
            drawn = render_emoji(rng, str(rng.choice(emoji.strangers())),
                                 min(rng.uniform(.15, .42) * side, .92 * min(width, height)))
            if drawn:
                canvas.put(Thing("stranger", ""), *drawn)
    elif kind == "scribble":
        for _ in range(rng.integers(2, 12)):
            points = rng.uniform((0, 0), (width, height), (rng.integers(2, 7), 2))
            d.line([tuple(p) for p in points], fill=tuple(int(c) for c in rng.integers(0, 256, 3)),
                   width=int(rng.integers(1, 2 + side * .02)), joint="curve")
    elif kind == "blots":
        for _ in range(rng.integers(3, 10)):
            n = int(rng.integers(5, 12))
            centre, r = rng.uniform((0, 0), (width, height)), rng.uniform(.05, .3) * side
            t = np.sort(rng.uniform(0, 2 * math.pi, n))
            r = r * rng.uniform(.4, 1.1, n)
            d.polygon([(centre[0] + q * math.cos(a), centre[1] + q * math.sin(a))
                       for a, q in zip(t, r)], fill=tuple(int(c) for c in rng.integers(0, 256, 3)))
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0, .02) * side))
    elif kind == "clouds":
        total = np.zeros((height, width, 3), np.float32)
        for octave in range(2, 7):
            cells = rng.uniform(0, 1, (2 ** octave, 2 ** octave, 3)).astype(np.float32) * 255
            layer = Image.fromarray(cells.astype(np.uint8)).resize((width, height),
                                                                   Image.Resampling.BICUBIC)
            total += np.asarray(layer, np.float32) * .6 ** octave
        total -= total.min()
        image = Image.fromarray((total / max(float(total.max()), 1) * 255).astype(np.uint8))
    none = np.zeros((height, width), np.uint8)
    return Scene(_wear(rng, image), [], ground, none, none)
