# SPDX-License-Identifier: LGPL-2.1-or-later
"""The emoji that espy-nano knows. Their names come from CLDR (Debian's
unicode-cldr-core); what CLDR does not say, their genders, stands here.

One row: emoji, then the genders of its names in German, French and Spanish
(m, f, n; p for a plural). SMALL is the curriculum of a CPU run, SMALL + MORE
the full one.
"""
import functools
import xml.etree.ElementTree as ElementTree

LANGUAGES = ("en", "de", "fr", "es", "zh")
CLDR = "/usr/share/unicode/cldr/common/annotations/%s.xml"

SMALL = """
🐱nff 🐶nff 🐟mmm 🦋mmf 🐢fff 🐘mmm 🐧mmm 🦉ffm 🐞mff 🐝fff 🍎mff 🍌ffm 🍇pmp 🍓fff 🍕fff
🍩mmm 🌲mmm 🌻fmm 🍄mmm 🌵mmm 🚗nfm 🚲nmf ✈nmm ⛵nmm 🚀ffm 🏠nff ☂mmm 🎈mmm 🎸fff ⚽mmm
"""

MORE = """
🐭nff 🐰nff 🦊mmm 🐻mmm 🐼mmm 🐨mmm 🐯nff 🦁mfm 🐮nff 🐷nff 🐸mff 🐵nff 🐔nff 🦆fmm 🦅mmf 🐺mmm
🐴nff 🐛ffm 🐌fmm 🐜fff 🕷fff 🦂mmm 🐍fmf 🦎fmm 🐙mfm 🦑mmm 🦀mmm 🐬mmm 🦈mmm 🐊mmm 🐆mmm 🦓nmf
🦒fff 🐪nmm 🐑nmf 🐐fff 🦌mmm 🐿nmf 🦔mmm 🌷ffm 🌹fff 🌴fmf 🍁nff 🍊fff 🍋fmm 🍉fff 🍒ppp 🍍fmf
🥥ffm 🥝fmm 🍅ffm 🥑fmm 🥕fff 🌽mmf 🍞nmm 🧀nff 🍔mmf 🍟ppp 🎂mmf 🍪mmf 🏀mmm 🎾mmf 🎲mpm 🎹fmm
🎺fff 🎻fmm 🥁ffm 🚌mmm 🚒nmm 🚜mmm 🏍nff 🚁mmm ⚓mff ⌚ffm ⏰mmm 📷mmf 📺mmf 💡fff 🔑mff 🔨mmm
✂fpp ✉mfm 🎁nmm 👑fff 👓fpp 🎩mmm ☀fmm 🌙fmf ⛄mmm 🌈mmm
"""


def _rows(text):
    return [(word[0], tuple(word[1:])) for word in text.split()]


@functools.cache
def _cldr(language):
    tree = ElementTree.parse(CLDR % language)
    return {a.get("cp").replace("\ufe0f", ""): a.text
            for a in tree.iter("annotation") if a.get("type") == "tts"}


def _name(emoji, language):
    name = _cldr(language)[emoji]
    if language == "en":  # "cat face" is what users call a cat
        name = name.removesuffix(" face").removesuffix(" without snow")
    return name


@functools.cache
def known(curriculum):
    """[(emoji, {language: name}, {language: gender})]; curriculum "small" or "full"."""
    rows = _rows(SMALL if curriculum == "small" else SMALL + MORE)
    return [(e, {l: _name(e, l) for l in LANGUAGES}, dict(zip(("de", "fr", "es"), g)))
            for e, g in rows]


@functools.cache
def strangers():
    """Emoji outside every curriculum, for pictures that are to be refused."""
    ours = {e for e, _ in _rows(SMALL + MORE)}
    blocks = [(0x1F300, 0x1F5FF), (0x1F600, 0x1F64F), (0x1F680, 0x1F6C5), (0x1F900, 0x1F9FF),
              (0x1FA70, 0x1FA95)]
    # Plain shapes, letters and signs would be near what is known.
    near = set("🌐🔴🔵🟠🟡🟢🟣🟤🔶🔷🔸🔹🔺🔻💠🔘🔳🔲❤💙💚💛💜💓💔💕💖💗💘💝💞💟🤍🖤🤎🧡🌟💍🏐🏠🏡")
    names = _cldr("en")
    return [chr(c) for low, high in blocks for c in range(low, high + 1)
            if chr(c) in names and chr(c) not in ours and chr(c) not in near
            and not 0x1F500 <= c <= 0x1F567 and not 0x1F3FB <= c <= 0x1F3FF]
