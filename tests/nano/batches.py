# SPDX-License-Identifier: LGPL-2.1-or-later
"""Batches for training, drawn by worker processes.

All pictures of a batch have one size (after the fit that espy makes), and each
row is one picture with several questions, or one sequence of pictures with one.
"""
import math
import multiprocessing
import os

import numpy as np
from PIL import Image

import emoji
import questions
import scenes
import sequences
import words
from model import CELL, MAX_PIXELS, MIN_PIXELS, PATCH

# What a token of an answer counts. One word decides a short answer, many alike words a long one.
WEIGHTS = {"count": 2.5, "find": 1.5, "text": 2.5, "caption": 2.0}
NEAR = .35  # share of pictures drawn at about the size at which they are seen


def fit(height, width, low=MIN_PIXELS, high=MAX_PIXELS):
    """The models' own "smart resize"."""
    h, w = max(CELL, round(height / CELL) * CELL), max(CELL, round(width / CELL) * CELL)
    if h * w > high:
        beta = math.sqrt(height * width / high)
        h, w = (max(CELL, math.floor(s / beta / CELL) * CELL) for s in (height, width))
    elif h * w < low:
        beta = math.sqrt(low / (height * width))
        h, w = (math.ceil(s * beta / CELL) * CELL for s in (height, width))
    return h, w


class Maker:
    """Turns scenes into rows, rows into batches."""

    def __init__(self, curriculum, tok, seed):
        self.curriculum, self.tok = curriculum, tok
        self.rng = np.random.default_rng(seed)
        self.vocabulary = [n["en"] for _, n, _ in emoji.known(curriculum)]
        self.waiting = {}
        self.pad = tok.token_to_id("<|image_pad|>")
        self.colors = {c: i + 1 for i, c in enumerate(words.COLORS)}

    def ids(self, text):
        return self.tok.encode(text).ids

    def _pixels(self, image):
        h, w = fit(image.height, image.width)
        return np.asarray(image.resize((w, h), Image.Resampling.BICUBIC))

    def _targets(self, scene, h, w):
        """What the auxiliary heads are to find, per patch in merged order."""
        gh, gw = h // PATCH, w // PATCH
        height, width = scene.things_map.shape
        y = ((np.arange(gh) + .5) * height / gh).astype(int)
        x = ((np.arange(gw) + .5) * width / gw).astype(int)
        things = scene.things_map[np.ix_(y, x)]
        half = ((np.arange(2 * gw) + .5) * width / (2 * gw)).astype(int)
        chars = scene.chars_map[np.ix_(y, half)]
        label = np.array([0] + [t.label for t in scene.things], np.uint8)[things]
        color = np.array([0] + [self.colors.get(t.color, 0) for t in scene.things], np.uint8)[things]
        box = np.array([[0] * 4] + [t.box for t in scene.things], np.float32)[things]
        box /= np.array([width, height, width, height], np.float32)

        def merged(a):
            return a.reshape(gh // 2, 2, gw // 2, 2, -1).transpose(0, 2, 1, 3, 4).reshape(gh * gw, -1)
        return merged(label)[:, 0], merged(color)[:, 0], merged(chars.reshape(gh, gw, 2)), merged(box)

    def page(self):
        """Many words and nothing else: far more letters to a look than a scene has."""
        scene = scenes.draw(self.rng, self.curriculum, near=NEAR, n_words=int(self.rng.integers(4, 9)),
                            n_things=(1, 0, 0, 0, 0))
        q = questions.text(scene, self.rng)
        pixels = self._pixels(scene.image)
        return {"pixels": [pixels], "times": [], "targets": self._targets(scene, *pixels.shape[:2]),
                "asked": [self._pair(q)], "page": True}

    def single(self, budget):
        """A picture with as many questions as fit into budget tokens."""
        rng = self.rng
        # Fuller than what is scored: more to learn from each look.
        scene = (scenes.draw_unknown(rng, near=NEAR) if rng.random() < .2
                 else scenes.draw(rng, self.curriculum, near=NEAR,
                                  n_words=int(rng.choice(4, p=[.4, .35, .15, .1])),
                                  n_things=(.1, .15, .2, .25, .3)))
        asked, left = [], budget
        for q in questions.ask(scene, rng, self.vocabulary, 11):
            pair = self._pair(q)
            n = len(pair[0]) + len(pair[1])
            if n <= left or not asked:
                asked.append(pair)
                left -= n
        pixels = self._pixels(scene.image)
        return {"pixels": [pixels], "times": [], "targets": self._targets(scene, *pixels.shape[:2]),
                "asked": asked}

    def _pair(self, q):
        """Ids of prompt and answer, the weight of the answer, and [(place in the ids of both,
        box in hundredths or -1s)]: where a name of the question ends, and the place before
        each phrase of the answer that is about one thing."""
        def hundredths(box):
            return [min(round(v / 10), 100) for v in box] if box else [-1] * 4
        prompt = self.tok.encode(q.prompt + "<|im_end|>\n<|im_start|>assistant\n")
        answer = self.tok.encode(q.answer + "<|im_end|>")
        named, at = [], 0
        for name, box in getattr(q, "mentions", ()):
            at = q.prompt.index(name, at) + len(name)
            place = next(i for i, (_, end) in enumerate(prompt.offsets) if end >= at)
            named.append((place, hundredths(box)))
        lower, at = q.answer.lower(), 0
        for phrase, box in getattr(q, "said", ()):
            start = lower.index(phrase.lower(), at)
            place = next(i for i, (_, end) in enumerate(answer.offsets) if end > start)
            named.append((len(prompt.ids) + place - 1, hundredths(box)))
            at = start + len(phrase)
        return prompt.ids, answer.ids, WEIGHTS.get(getattr(q, "task", ""), 1.0), named

    def several(self):
        rng = self.rng
        film = rng.random() < .6
        size = scenes.random_size(rng, NEAR)
        s = (sequences.frames if film else sequences.pair)(rng, self.curriculum, size)
        return {"pixels": [self._pixels(i) for i in s.images], "times": s.times, "targets": None,
                "asked": [self._pair(s)]}

    def row_key(self, row):
        return len(row["pixels"]), bool(row["times"]), "page" in row, row["pixels"][0].shape

    def batches(self, size, budget, share_several, share_pages):
        """Endless. size: pictures in a batch."""
        while True:
            kind = self.rng.random()
            row = (self.several() if kind < share_several else
                   self.page() if kind < share_several + share_pages else self.single(budget))
            key = self.row_key(row)
            rows = self.waiting.setdefault(key, [])
            rows.append(row)
            if len(rows) * key[0] >= size:
                self.waiting[key] = []
                yield self.batch(rows)

    def batch(self, rows):
        n_images = len(rows[0]["pixels"])
        h, w = rows[0]["pixels"][0].shape[:2]
        n_cells = h * w // CELL ** 2
        start, end = self.ids("<|vision_start|>"), self.ids("<|vision_end|>")
        prefixes, at = [], []
        for row in rows:
            ids = self.ids("<|im_start|>user\n")
            at = []
            for k in range(n_images):
                if row["times"]:
                    ids += self.ids(f"<{row['times'][k]:.1f} seconds>")
                ids += start
                at += range(len(ids), len(ids) + n_cells)
                ids += [self.pad] * n_cells + end
            prefixes.append(ids)
        positions, nxt = self._prefix_positions(prefixes[0], h // CELL, w // CELL)
        rows_ids, rows_seg, rows_pos, rows_lab, rows_weight, named = [], [], [], [], [], []
        for row, ids in zip(rows, prefixes):
            seg, pos, lab = [0] * len(ids), list(positions), [-100] * len(ids)
            ids, weights = list(ids), []
            for k, (q, a, weight, about) in enumerate(row["asked"]):
                named += [(len(rows_ids), len(ids) + place, *box) for place, box in about]
                weights += [weight] * len(a)
                ids += q + a
                seg += [k + 1] * len(q + a)
                pos += [(nxt + i,) * 3 for i in range(len(q + a))]
                # The label of a place is the token after it.
                lab += [-100] * (len(q) - 1) + a + [-100]
            rows_ids.append(ids), rows_seg.append(seg), rows_pos.append(pos), rows_lab.append(lab)
            rows_weight += weights
        t = max(map(len, rows_ids))

        def padded(lists, fill):
            return np.array([r + [fill] * (t - len(r)) for r in lists], np.int64)
        out = {"pixels": np.stack([p for r in rows for p in r["pixels"]]), "at": np.array(at),
               "ids": padded(rows_ids, 0), "segments": padded(rows_seg, -1),
               "labels": padded(rows_lab, -100), "weights": np.array(rows_weight, np.float32),
               "named": np.array(named, np.int64).reshape(-1, 6),
               "positions": padded(rows_pos, (0, 0, 0)).transpose(2, 0, 1), "targets": None}
        if rows[0]["targets"]:
            out["targets"] = [np.stack(x) for x in zip(*(r["targets"] for r in rows))]
        return out

    def _prefix_positions(self, ids, rows, columns):
        positions, base, i = [], 0, 0
        while i < len(ids):
            if ids[i] != self.pad:
                positions.append((base,) * 3)
                base, i = base + 1, i + 1
                continue
            positions += [(base, base + r, base + c) for r in range(rows) for c in range(columns)]
            base, i = base + max(rows, columns), i + rows * columns
        return positions, base


def _work(queue, curriculum, seed, cpu, settings):
    import tokenizer
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    maker = Maker(curriculum, tokenizer.make(curriculum), seed)
    for batch in maker.batches(*settings):
        queue.put(batch)


def stream(curriculum, seed, n_workers, settings, cpu=None):
    """A queue of batches; settings as Maker.batches takes them."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue(maxsize=12)
    for k in range(n_workers):
        context.Process(target=_work, args=(queue, curriculum, [seed, k], cpu, settings),
                        daemon=True).start()
    return queue
