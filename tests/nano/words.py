# SPDX-License-Identifier: LGPL-2.1-or-later
"""The words of espy-nano's answers in five languages: colours, shapes, places,
grounds, and how they make a phrase."""
from emoji import LANGUAGES

# name: (RGB, German stem, French m/f, Spanish m/f, Chinese)
COLORS = {
    "red": ((220, 30, 35), "rot", "rouge", "rouge", "rojo", "roja", "红色"),
    "orange": ((250, 135, 15), "orange", "orange", "orange", "naranja", "naranja", "橙色"),
    "yellow": ((250, 215, 20), "gelb", "jaune", "jaune", "amarillo", "amarilla", "黄色"),
    "green": ((30, 150, 55), "grün", "vert", "verte", "verde", "verde", "绿色"),
    "blue": ((30, 85, 215), "blau", "bleu", "bleue", "azul", "azul", "蓝色"),
    "purple": ((125, 40, 165), "lila", "violet", "violette", "morado", "morada", "紫色"),
    "pink": ((250, 125, 185), "rosa", "rose", "rose", "rosa", "rosa", "粉色"),
    "brown": ((120, 72, 35), "braun", "marron", "marron", "marrón", "marrón", "棕色"),
    "black": ((18, 18, 20), "schwarz", "noir", "noire", "negro", "negra", "黑色"),
    "white": ((248, 248, 248), "weiß", "blanc", "blanche", "blanco", "blanca", "白色"),
}
UNINFLECTED = {"lila", "rosa", "orange"}

# name: (German and gender, French and gender, Spanish and gender, Chinese)
SHAPES = {
    "circle": ("Kreis", "m", "cercle", "m", "círculo", "m", "圆形"),
    "square": ("Quadrat", "n", "carré", "m", "cuadrado", "m", "正方形"),
    "triangle": ("Dreieck", "n", "triangle", "m", "triángulo", "m", "三角形"),
    "star": ("Stern", "m", "étoile", "f", "estrella", "f", "星形"),
    "heart": ("Herz", "n", "cœur", "m", "corazón", "m", "心形"),
    "diamond": ("Raute", "f", "losange", "m", "rombo", "m", "菱形"),
    "hexagon": ("Sechseck", "n", "hexagone", "m", "hexágono", "m", "六边形"),
    "cross": ("Kreuz", "n", "croix", "f", "cruz", "f", "十字形"),
    "arrow": ("Pfeil", "m", "flèche", "f", "flecha", "f", "箭头"),
    "ring": ("Ring", "m", "anneau", "m", "anillo", "m", "圆环"),
}

# [row][column], by the centre of the thing.
PLACES = {
    "en": (("at the top left", "at the top", "at the top right"),
           ("on the left", "in the center", "on the right"),
           ("at the bottom left", "at the bottom", "at the bottom right")),
    "de": (("oben links", "oben", "oben rechts"), ("links", "in der Mitte", "rechts"),
           ("unten links", "unten", "unten rechts")),
    "fr": (("en haut à gauche", "en haut", "en haut à droite"),
           ("à gauche", "au centre", "à droite"),
           ("en bas à gauche", "en bas", "en bas à droite")),
    "es": (("arriba a la izquierda", "arriba", "arriba a la derecha"),
           ("a la izquierda", "en el centro", "a la derecha"),
           ("abajo a la izquierda", "abajo", "abajo a la derecha")),
    "zh": (("左上角", "上方", "右上角"), ("左边", "中间", "右边"), ("左下角", "下方", "右下角")),
}

# name: (RGB, names in the other languages)
GROUNDS = {
    "white": ((255, 255, 255), "weißem", "blanc", "blanco", "白色"),
    "light gray": ((200, 200, 203), "hellgrauem", "gris clair", "gris claro", "浅灰色"),
    "dark gray": ((75, 76, 80), "dunkelgrauem", "gris foncé", "gris oscuro", "深灰色"),
    "black": ((10, 10, 12), "schwarzem", "noir", "negro", "黑色"),
    "light blue": ((170, 205, 240), "hellblauem", "bleu clair", "azul claro", "浅蓝色"),
    "dark blue": ((25, 35, 95), "dunkelblauem", "bleu foncé", "azul oscuro", "深蓝色"),
    "light green": ((180, 225, 175), "hellgrünem", "vert clair", "verde claro", "浅绿色"),
    "dark green": ((20, 70, 40), "dunkelgrünem", "vert foncé", "verde oscuro", "深绿色"),
    "beige": ((238, 225, 195), "beigem", "beige", "beige", "米色"),
    "light pink": ((250, 215, 225), "hellrosa", "rose clair", "rosa claro", "浅粉色"),
}

REFUSAL = {
    "en": "I can't tell what this is.",
    "de": "Ich kann nicht erkennen, was das ist.",
    "fr": "Je ne peux pas dire ce que c'est.",
    "es": "No puedo decir qué es esto.",
    "zh": "我看不出这是什么。",
}


def color_names(color):
    """Every form in which an answer may name a colour, per language."""
    _, de, fr_m, fr_f, es_m, es_f, zh = COLORS[color]
    german = [de] if de in UNINFLECTED else [de + end for end in ("er", "e", "es")]
    return {"en": [color], "de": german, "fr": [fr_m, fr_f], "es": [es_m, es_f], "zh": [zh]}


def article(name):
    """English; none before what is plural already."""
    if name in PLURAL_NAMES:
        return name
    vowel = name[0].lower() in "aeiou" and not name.startswith("uni")
    return ("an " if vowel else "a ") + name


PLURAL_NAMES = {"grapes", "cherries", "french fries", "scissors", "glasses"}


def plural(name):
    if name in PLURAL_NAMES or name in ("fish", "deer"):
        return name
    if name.endswith("fly"):
        return name[:-1] + "ies"
    if name.endswith("y") and name[-2] not in "aeiou":
        return name[:-1] + "ies"
    if name.endswith("mouse"):
        return name[:-5] + "mice"
    if name.endswith(("leaf", "wolf")):
        return name[:-1] + "ves"
    if name.endswith("cactus"):
        return name[:-2] + "i"
    return name + ("es" if name.endswith(("s", "x", "ch", "sh", "z", "tomato")) else "s")


def _german(gender, noun, stem):
    start = {"m": "ein ", "n": "ein ", "f": "eine ", "p": ""}[gender]
    if not stem:
        return start + noun
    end = "" if stem in UNINFLECTED else {"m": "er", "n": "es", "f": "e", "p": "e"}[gender]
    return f"{start}{stem}{end} {noun}"


def _romance(gender, noun, color, articles):
    start = articles[gender]
    return f"{start} {noun} {color}" if color else f"{start} {noun}"


def phrase(thing, language):
    """"a red circle" in a language. thing: a scene's object (scenes.Thing)."""
    if thing.kind == "word":
        number = thing.name.isdigit()
        return {
            "en": f'the {"number" if number else "word"} "{thing.name}"',
            "de": f'{"die Zahl" if number else "das Wort"} "{thing.name}"',
            "fr": f'le {"nombre" if number else "mot"} "{thing.name}"',
            "es": f'{"el número" if number else "la palabra"} "{thing.name}"',
            "zh": f'{"数字" if number else "单词"}"{thing.name}"',
        }[language]
    name, gender = thing.names[language], thing.genders.get(language)
    color = COLORS[thing.color] if thing.color else None
    if language == "en":
        return article(f"{thing.color} {name}" if color else name)
    if language == "de":
        return _german(gender, name, color[1] if color else "")
    if language == "fr":
        return _romance(gender, name, color[2 + (gender == "f")] if color else "",
                        {"m": "un", "f": "une", "p": "des"})
    if language == "es":
        return _romance(gender, name, color[4 + (gender == "f")] if color else "",
                        {"m": "un", "f": "una", "p": "unas"})
    return f"一个{color[6] if color else ''}{name}"


def shape_names(shape):
    de, de_g, fr, fr_g, es, es_g, zh = SHAPES[shape]
    return ({"en": shape, "de": de, "fr": fr, "es": es, "zh": zh},
            {"de": de_g, "fr": fr_g, "es": es_g})


def ground_phrase(ground, language):
    _, de, fr, es, zh = GROUNDS[ground]
    return {"en": f"on a {ground} background", "de": f"vor {de} Hintergrund",
            "fr": f"sur un fond {fr}", "es": f"sobre un fondo {es}", "zh": f"背景是{zh}"}[language]


def caption(things, ground, language):
    """One sentence: what is where, and on which ground."""
    if not things:
        return REFUSAL[language]
    parts = []
    for thing in things:
        place = PLACES[language][thing.row][thing.column]
        words = phrase(thing, language)
        parts.append(f"{place}有{words}" if language == "zh" else f"{words} {place}")
    back = ground_phrase(ground, language)
    if language == "zh":
        return ",".join(parts) + "," + back + "。"
    and_ = {"en": " and ", "de": " und ", "fr": " et ", "es": " y "}[language]
    text = ", ".join(parts[:-1]) + and_ + parts[-1] if len(parts) > 1 else parts[0]
    return text[0].upper() + text[1:] + ", " + back + "."


assert set(PLACES) == set(REFUSAL) == set(LANGUAGES)
