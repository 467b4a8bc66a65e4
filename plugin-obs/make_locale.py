# SPDX-License-Identifier: LGPL-2.1-or-later
"""The words of plugin-obs/words.h, as OBS looks them up: lines of KEY="text".

    make_locale.py words.h OUT.ini              the words as they are, in English
    make_locale.py words.h OUT.ini espy.mo      in the language of a catalogue, and in
                                                English what that lacks
"""
import gettext
import re
import sys

LITERAL = r'"(?:[^"\\\n]|\\.)*"'
WORD = re.compile(r'\s*'.join(['WORD', r'\(', f'({LITERAL})', ',', 'N_', r'\(',
                               rf'({LITERAL}(?:\s*{LITERAL})*)', r'\)', r'\)']))


class Mistake(Exception):
    pass


def without_comments(source):
    """
    >>> without_comments('a /* "b" */ "/* c */" // d')
    'a   "/* c */"  '
    """
    return re.sub(rf'({LITERAL})|/\*.*?\*/|//[^\n]*', lambda found: found[1] or ' ', source,
                  flags=re.S)


def plain(literals):
    r"""The text of C string literals that stand side by side.

    >>> plain(r'"one \"two\"\n" "\\ three"')
    'one "two"\n\\ three'
    >>> plain(r'"\x41"')
    Traceback (most recent call last):
    make_locale.Mistake: "\x41": of escapes only \n \t \" \\ are known
    """
    escapes = {'n': '\n', 't': '\t', '"': '"', '\\': '\\'}

    def unescape(found):
        if found[1] not in escapes:
            raise Mistake(f'{literals}: of escapes only \\n \\t \\" \\\\ are known')
        return escapes[found[1]]

    return ''.join(re.sub(r'\\(.)', unescape, part[1:-1]) for part in re.findall(LITERAL, literals))


def escaped(text):
    r"""The text between the quotes of a value. OBS reads \n \t \r \" as C does, but leaves
    every other backslash alone, so that none can stand before what would become one of
    these.

    >>> print(escaped('a "b"\nc\\d\té'))
    a \"b\"\nc\d\té
    >>> escaped('c:\\name')
    Traceback (most recent call last):
    make_locale.Mistake: c:\name: OBS cannot show a backslash before n, t, r, ", \ or the end
    """
    if re.search(r'\\([ntr"\\\n\t]|$)', text):
        raise Mistake(f'{text}: OBS cannot show a backslash before n, t, r, ", \\ or the end')
    return text.replace('"', '\\"').replace('\n', '\\n').replace('\t', '\\t')


def words_of(source):
    r"""The English texts by key.

    >>> words_of('WORD("A.b", N_("One"))\n/* WORD("no") */ WORD("c",\n  N_("Two "\n  "three"))')
    {'A.b': 'One', 'c': 'Two three'}
    >>> words_of('WORD("a", N_("One")) WORD("A", N_("Two"))')
    Traceback (most recent call last):
    make_locale.Mistake: the key A is given twice (OBS 29 does not tell capitals apart)
    >>> words_of('WORD("a", _("One"))')
    Traceback (most recent call last):
    make_locale.Mistake: of 1 WORD, 0 are of the form WORD("Key", N_("text"))
    """
    code = without_comments(source)
    words = {}
    for key, literals in WORD.findall(code):
        key, text = plain(key), plain(literals)
        if not re.fullmatch(r'[A-Za-z][\w.-]*', key, re.A):
            raise Mistake(f'the key {key!r} is not of letters, digits and . _ -')
        if key.lower() in map(str.lower, words):
            raise Mistake(f'the key {key} is given twice (OBS 29 does not tell capitals apart)')
        if not text.strip():
            raise Mistake(f'the text of {key} is empty')
        words[key] = text
    n = len(re.findall(r'\bWORD\b', re.sub(LITERAL, '', code)))
    if n != len(words):
        raise Mistake(f'of {n} WORD, {len(words)} are of the form WORD("Key", N_("text"))')
    return words


def lines_of(words, translate):
    """The lines of a file. Sorted, for OBS 29 loses a key that comes after two which
    begin with it.

    >>> lines_of({'b': 'Two', 'a.x': 'One'}, {'One': 'Eins', 'Two': 'Zwei'}.get)
    ['a.x="Eins"', 'b="Zwei"']
    """
    return [f'{key}="{escaped(translate(words[key]))}"' for key in sorted(words, key=str.lower)]


def main(words_h, out, catalogue=None):
    try:
        with open(words_h, encoding='utf-8') as f:
            words = words_of(f.read())
        translate = str
        if catalogue:
            with open(catalogue, 'rb') as f:
                translate = gettext.GNUTranslations(f).gettext
        lines = lines_of(words, translate)
    except (Mistake, OSError, UnicodeDecodeError) as e:
        sys.exit(f'make_locale.py: {words_h}: {e}')
    with open(out, 'w', encoding='utf-8') as f:
        f.write('\n'.join(lines) + '\n')


if __name__ == '__main__':
    main(*sys.argv[1:])
