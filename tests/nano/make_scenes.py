#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Draws scenes that were never trained on and writes what espy-score reads.

    tests/nano/root.sh python3 tests/nano/make_scenes.py build/scenes --first 0 --count 500

OUT/scenes.jsonl has one question a line (README.md tells its fields),
OUT/names.json every name that a caption may hold. Scene N is drawn from the
seed N; training's seeds are pairs of numbers, so none is met twice.
"""
import argparse
import json
import os

import numpy as np

import emoji
import questions
import scenes
import sequences
import words


def names(curriculum):
    found = {}
    for language in emoji.LANGUAGES:
        found[language] = ([n[language] for _, n, _ in emoji.known(curriculum)] +
                           [words.shape_names(s)[0][language] for s in words.SHAPES])
    return found


def ask(scene, rng, vocabulary, seed):
    """One question of each task that the scene has an answer for."""
    asked = [questions.caption(scene, rng, "en", questions.CAPTION)]
    if seed % 2 == 0:
        other = emoji.LANGUAGES[1 + seed // 2 % 4]
        asked.append(questions.caption(scene, rng, other, questions.CAPTIONS[other][0]))
    if not scene.things:
        return asked
    asked += [questions.count(scene, rng, vocabulary), questions.presence(scene, rng, vocabulary),
              questions.relation(scene, rng), questions.color(scene, rng),
              questions.text(scene, rng, questions.TEXT), questions.find(scene, rng, vocabulary),
              questions.tags(scene, rng)]
    return [q for q in asked if q]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out")
    parser.add_argument("--first", type=int, default=0, help="seed of the first scene")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--curriculum", choices=("small", "full"), default="small")
    parser.add_argument("--near", type=float, default=0, metavar="SHARE",
                        help="of pictures that are no larger than the model needs")
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    vocabulary = [n["en"] for _, n, _ in emoji.known(args.curriculum)]
    with open(os.path.join(args.out, "names.json"), "w", encoding="utf-8") as f:
        json.dump(names(args.curriculum), f, ensure_ascii=False, indent=0)
    with open(os.path.join(args.out, "scenes.jsonl"), "w", encoding="utf-8") as out:
        def write(files, times, q):
            out.write(json.dumps({"task": q.task, "language": q.language, "images": files,
                                  "times": times, "prompt": q.prompt, "answer": q.answer,
                                  "truth": q.truth}, ensure_ascii=False) + "\n")

        for seed in range(args.first, args.first + args.count):
            rng = np.random.default_rng(seed)
            scene = (scenes.draw_unknown(rng, near=args.near) if seed % 10 == 9 else
                     scenes.draw(rng, args.curriculum, near=args.near))
            file = f"{seed:06d}.jpg"
            scene.image.save(os.path.join(args.out, file), quality=92)
            for q in ask(scene, rng, vocabulary, seed):
                write([file], [], q)
            if seed % 5 == 0:
                film = seed % 10 == 0
                make = sequences.frames if film else sequences.pair
                s = make(rng, args.curriculum, scenes.random_size(rng, args.near))
                files = [f"{seed:06d}-{k}.jpg" for k in range(len(s.images))]
                for file, image in zip(files, s.images):
                    image.save(os.path.join(args.out, file), quality=92)
                write(files, s.times, questions.Question(
                    "frames" if film else "pair", s.prompt, s.answer, {"exact": s.answer}))


if __name__ == "__main__":
    main()
