# SPDX-License-Identifier: LGPL-2.1-or-later
"""What one can ask about a scene, in the words of espy's tasks, and the true
answers.

    for q in ask(scene, rng): q.task, q.prompt, q.answer, q.truth

`truth` is what tests/nano/score.c checks an answer against; see README.md.
"""
import dataclasses
import json

import words

CAPTION = "Describe this image in one sentence."
CAPTIONS = {
    "en": [CAPTION, "Describe this image.", "What is in this image?", "What do you see?"],
    "de": [CAPTION + " Answer in German.", "Beschreibe dieses Bild in einem Satz."],
    "fr": [CAPTION + " Answer in French.", "Décris cette image en une phrase."],
    "es": [CAPTION + " Answer in Spanish.", "Describe esta imagen en una frase."],
    "zh": [CAPTION + " Answer in Chinese.", "用一句话描述这张图片。"],
}
ALT = "Write alt text for this image: one short, plain sentence."
DETAILED = "Describe this image in detail."
TAGS = "List the tags of this image as a JSON array of strings."
TEXT = "Please output only the text content from the image without any additional descriptions or formatting."
SAYS = "What does the text say?"
FIND = ("Locate every instance that belongs to the following categories: %s. "
        "Report bbox coordinates in JSON format.")
COUNT = "How many %s are there in this image? Answer with a number."
NO_TEXT = "There is no text."


@dataclasses.dataclass
class Question:
    task: str
    prompt: str
    answer: str
    truth: dict
    language: str = "en"
    mentions: tuple = ()  # (words of the prompt, box of the first thing that they name, or None)
    said: tuple = ()      # (words of the answer in their order, box of the thing they are about)


def _nothing(scene):
    return not scene.things


def noun_phrases(thing, language):
    """"red circle": the noun with its colour, without an article."""
    text = words.phrase(thing, language)
    return text if language == "zh" else text.removeprefix(
        next((a for a in ("an ", "a ", "eine ", "ein ", "une ", "un ", "des ", "una ", "unas ")
              if text.startswith(a)), ""))


def _about(scene, things, language="en"):
    """For the auxiliary loss on the answer: which thing each phrase is about."""
    def start(t):  # Chinese names the place first
        place = words.PLACES[language][t.row][t.column] + "有" if language == "zh" else ""
        return place + words.phrase(t, language)
    return tuple((start(t), box_of(t, scene.image.size)) for t in things)


def caption(scene, rng, language="en", prompt=None):
    prompt = prompt or str(rng.choice(CAPTIONS[language], p=(
        [.55, .15, .15, .15] if language == "en" else [.6, .4])))
    named = [t for t in scene.things if t.kind != "word"]
    truth = {"names": [t.names[language] for t in named],
             "colored": [noun_phrases(t, language).removeprefix("一个") for t in named if t.color],
             "words": [t.name for t in scene.things if t.kind == "word"]}
    if _nothing(scene):
        truth = {"exact": words.REFUSAL[language]}
    return Question("refusal" if _nothing(scene) else "caption", prompt,
                    words.caption(scene.things, scene.ground, language), truth, language,
                    said=_about(scene, scene.things, language))


def alt(scene, rng):
    phrases = [words.phrase(t, "en") for t in scene.things]
    text = words.REFUSAL["en"]
    if phrases:
        text = ", ".join(phrases[:-1]) + " and " + phrases[-1] if len(phrases) > 1 else phrases[0]
        text = text[0].upper() + text[1:] + "."
    return Question("alt", ALT, text, {"exact": text}, said=_about(scene, scene.things))


def detailed(scene, rng):
    n = len(scene.things)
    if not n:
        return Question("refusal", DETAILED, words.REFUSAL["en"], {"exact": words.REFUSAL["en"]})
    places = words.PLACES["en"]
    sentences = [f"There {'is' if n == 1 else 'are'} {n} thing{'s' if n > 1 else ''} "
                 f"{words.ground_phrase(scene.ground, 'en')}."]
    for t in scene.things:
        p = words.phrase(t, "en")
        sentences.append(f"{p[0].upper()}{p[1:]} is {places[t.row][t.column]}.")
    text = " ".join(sentences)
    return Question("detailed", DETAILED, text, {"exact": text}, said=_about(scene, scene.things))


def tags(scene, rng):
    seen = {}
    for t in scene.things:
        seen.setdefault("text" if t.kind == "word" else t.words, box_of(t, scene.image.size))
    text = json.dumps(list(seen))
    return Question("tags", TAGS, text, {"exact": text},
                    said=tuple((f'"{tag}"', box) for tag, box in seen.items()))


def text(scene, rng, prompt=None):
    found = [t.name for t in scene.things if t.kind == "word"]
    answer = "\n".join(found) or NO_TEXT
    return Question("text" if found else "no_text", prompt or str(rng.choice([TEXT, SAYS])),
                    answer, {"exact": answer},
                    said=tuple((t.name, box_of(t, scene.image.size)) for t in scene.things
                               if t.kind == "word"))


def _groups(scene):
    """Every description that some thing answers to: {words: [things]}."""
    groups = {}
    for t in scene.things:
        if t.kind == "word":
            continue
        groups.setdefault(t.name, []).append(t)
        if t.color:
            groups.setdefault(t.words, []).append(t)
    return groups


def _mention(scene, name, spelled=None):
    """For the auxiliary loss on the prompt: where a name of it is."""
    things = _groups(scene).get(name)
    return spelled or name, box_of(things[0], scene.image.size) if things else None


def _absent(scene, rng, vocabulary):
    """A description near the scene that nothing answers to."""
    present = _groups(scene)
    shapes = [t for t in scene.things if t.color]
    for _ in range(20):
        if shapes and rng.random() < .5:
            t = shapes[rng.integers(len(shapes))]
            name = (f"{rng.choice(list(words.COLORS))} {t.name}" if rng.random() < .5
                    else f"{t.color} {rng.choice(list(words.SHAPES))}")
        elif rng.random() < .5:
            name = f"{rng.choice(list(words.COLORS))} {rng.choice(list(words.SHAPES))}"
        else:
            name = str(rng.choice(vocabulary))
        if name not in present:
            return name
    return "unicorn"


def count(scene, rng, vocabulary):
    groups = _groups(scene)
    if groups and rng.random() < .8:
        # Groups of several more often than chance has them.
        names = list(groups)
        weight = [len(groups[n]) ** 1.5 for n in names]
        name = names[rng.choice(len(names), p=[w / sum(weight) for w in weight])]
        n = len(groups[name])
    else:
        name, n = _absent(scene, rng, vocabulary), 0
    return Question("count", COUNT % words.plural(name), str(n), {"exact": str(n)},
                    mentions=(_mention(scene, name, words.plural(name)),))


def presence(scene, rng, vocabulary):
    groups = _groups(scene)
    there = bool(groups) and rng.random() < .5
    name = str(rng.choice(list(groups))) if there else _absent(scene, rng, vocabulary)
    article = "" if name in words.PLURAL_NAMES else words.article(name)[:-len(name)]
    is_ = "Are there" if name in words.PLURAL_NAMES else "Is there"
    answer = "Yes." if there else "No."
    return Question("presence", f"{is_} {article}{name} in this image?", answer, {"exact": answer},
                    mentions=(_mention(scene, name),))


def _unique(scene):
    groups = _groups(scene)
    found = []
    for t in scene.things:
        if t.kind == "word":
            continue
        if len(groups[t.name]) == 1:
            found.append((t, t.name))
        if t.color and len(groups[t.words]) == 1:
            found.append((t, t.words))
    return found


def relation(scene, rng):
    """Where one thing is, seen from another; only where one axis clearly decides."""
    unique = _unique(scene)
    for _ in range(12):
        if len(unique) < 2:
            return None
        (a, name_a), (b, name_b) = (unique[i] for i in rng.choice(len(unique), 2, replace=False))
        if a is b:
            continue
        dx, dy = ((a.box[i] + a.box[i + 2] - b.box[i] - b.box[i + 2]) / 2 for i in (0, 1))
        if max(abs(dx), abs(dy)) < 1.6 * min(abs(dx), abs(dy)):
            continue
        answer = (("To the right." if dx > 0 else "To the left.") if abs(dx) > abs(dy)
                  else ("Below." if dy > 0 else "Above."))
        return Question("relation", f"Where is the {name_a} relative to the {name_b}?", answer,
                        {"exact": answer}, mentions=(_mention(scene, name_a), _mention(scene, name_b)))
    return None


def color(scene, rng):
    unique = [(t, name) for t, name in _unique(scene) if t.color and name == t.name]
    if not unique:
        return None
    t, name = unique[rng.integers(len(unique))]
    answer = t.color.capitalize() + "."
    return Question("color", f"What color is the {name}?", answer, {"exact": answer},
                    mentions=(_mention(scene, name),))


def box_of(thing, size):
    """x1, y1, x2, y2 in per mille of the picture."""
    return [round(v * 1000 / size[i % 2]) for i, v in enumerate(thing.box)]


def find(scene, rng, vocabulary, n_absent=None):
    groups = _groups(scene)
    names = list(rng.permutation(list(groups)))[:rng.integers(1, 4)] if groups else []
    # No thing under two names.
    chosen, taken = [], set()
    if rng.random() < .5:
        names = names[:1]
    for name in map(str, names):
        if not taken & {id(t) for t in groups[name]}:
            chosen.append(name)
            taken |= {id(t) for t in groups[name]}
    if rng.random() < .25 or not chosen:
        chosen.append(_absent(scene, rng, vocabulary))
    if any(t.kind == "word" for t in scene.things) and rng.random() < .3:
        chosen.append("text")
        groups["text"] = [t for t in scene.things if t.kind == "word"]
    found = [{"bbox_2d": box_of(t, scene.image.size), "label": name}
             for name in chosen for t in groups.get(name, [])]
    # Taught to a hundredth of a side: a finer last digit is noise to so small a model.
    said = [{**f, "bbox_2d": [round(v, -1) for v in f["bbox_2d"]]} for f in found]
    mentions = tuple((name, box_of(groups[name][0], scene.image.size) if name in groups else None)
                     for name in chosen)
    return Question("find", FIND % ", ".join(chosen), json.dumps(said), {"boxes": found},
                    mentions=mentions,
                    said=tuple((json.dumps(f["bbox_2d"])[1:], f["bbox_2d"]) for f in said))


def ask(scene, rng, vocabulary, n):
    """n questions of one scene for training, the commonest tasks most often."""
    other = str(rng.choice(["de", "fr", "es", "zh"]))
    has_text = any(t.kind == "word" for t in scene.things)
    makers = [
        (1.8, lambda: caption(scene, rng)), (.8, lambda: caption(scene, rng, other)),
        (.15, lambda: alt(scene, rng)), (.1, lambda: detailed(scene, rng)),
        (.5, lambda: tags(scene, rng)), (1.6 if has_text else .12, lambda: text(scene, rng)),
        (1.0, lambda: count(scene, rng, vocabulary)), (.4, lambda: presence(scene, rng, vocabulary)),
        (.6, lambda: relation(scene, rng)), (.3, lambda: color(scene, rng)),
        (3.0, lambda: find(scene, rng, vocabulary)), (1.5, lambda: find(scene, rng, vocabulary)),
    ]
    weights = [w for w, _ in makers]
    picks = rng.choice(len(makers), min(n, len(makers)), replace=False,
                       p=[w / sum(weights) for w in weights])
    return [q for q in (makers[i][1]() for i in picks) if q]
