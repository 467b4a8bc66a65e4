# SPDX-License-Identifier: LGPL-2.1-or-later
"""The words of the plug-in for OBS: what the code asks for is in words.h, what is there is
asked for, and nothing else is shown. Its settings: each is in the README.

    check_words.py SOURCE_ROOT

A key of words.h stands in the code as a literal: in a call of obs_module_text or word; in
a call of a function with a parameter "const char *key" in that parameter's place, of a
file that looks up; or anywhere if it has a dot ("Place.Top"). "Task.%s" stands for all
keys of that form.
"""
import doctest
import pathlib
import re
import sys

sys.dont_write_bytecode = True
ROOT = pathlib.Path(sys.argv[1])
sys.path.insert(0, str(ROOT / 'plugin-obs'))
import make_locale  # noqa: E402
from check_marked import TOKEN  # noqa: E402

LOOKS_UP = {'obs_module_text': 0, 'word': 0}
SHOWS = re.compile(r'obs_propert(y|ies)_\w+')
# Of what the properties of OBS are given: names, values, units.
TECHNICAL = re.compile(r'[a-z0-9_]*| (s|%)')
DOTTED = re.compile(r'[A-Z][A-Za-z]*\.[A-Za-z0-9%.]+')


def literals(source):
    """(line, text, name of the call around it, place among its arguments).

    >>> list(literals('f(a, "b" /* c */ "d");\\ng(1, h("e"), x ? "f" : "g");'))
    [(1, 'bd', 'f', 1), (2, 'e', 'h', 0), (2, 'f', 'g', 2), (2, 'g', 'g', 2)]
    """
    calls, name, parts, first = [['', 0]], '', [], 0
    for token in TOKEN.finditer(source):
        if token['skip']:
            continue
        if token['string']:
            if not parts:
                first = source.count('\n', 0, token.start()) + 1
            parts.append(token['string'][1:-1])
            continue
        if parts:
            yield first, ''.join(parts), *calls[-1]
            parts = []
        if token['other'] == '(':
            calls.append([name, 0])
        elif token['other'] == ')' and len(calls) > 1:
            calls.pop()
        elif token['other'] == ',':
            calls[-1][1] += 1
        name = token['name'] or ''


def takers_of_keys(source):
    """Functions with a parameter "const char *key", and its place.

    >>> takers_of_keys('void f(int a,\\n const char *key) {}  int g(const char *name);')
    {'f': 1}
    """
    found = {}
    for name, parameters in re.findall(r'(\w+)\(([^(){};]*)\)\s*\{', source):
        for place, parameter in enumerate(parameters.split(',')):
            if re.fullmatch(r'const char \*(const )?key', parameter.strip()):
                found[name] = place
    return found


def pattern_of(text):
    """
    >>> bool(re.fullmatch(pattern_of('Task.%s'), 'Task.find')), pattern_of('a.b')
    (True, 'a\\\\.b')
    """
    return '[A-Za-z0-9]+'.join(re.escape(part) for part in re.split('%[sdu]', text))


def mistakes(sources, words):
    """
    >>> words = {'A': '', 'B.x': '', 'C.one': '', 'C.two': ''}
    >>> mistakes({'f.c': 'word("A"); t = "B.x"; printf("C.%s");'}, words)
    []
    >>> mistakes({'f.c': 'word("Z"); t = "B.y";'}, {})
    ['f.c:1: words.h has no "Z"', 'f.c:1: words.h has no "B.y"']
    >>> adds = 'void add(int i, const char *key) {} void g(void) { add(1, "A"); }'
    >>> mistakes({'f.c': adds}, {}), mistakes({'f.c': adds + ' /* obs_module_text */'}, {})
    ([], ['f.c:1: words.h has no "A"'])
    >>> mistakes({'f.c': 'obs_properties_add_bool(page, "key", "Shown");'}, {'A': ''})
    ['f.c:1: is shown, and not of words.h: "Shown"', 'words.h: nothing asks for "A"']
    """
    bad, used = [], set()
    for file, source in sources.items():
        takers = {**LOOKS_UP, **takers_of_keys(source)} if 'obs_module_text' in source else LOOKS_UP
        for line, text, call, place in literals(source):
            if takers.get(call) == place or DOTTED.fullmatch(text):
                found = {key for key in words if re.fullmatch(pattern_of(text), key)}
                used |= found
                if not found:
                    bad.append(f'{file}:{line}: words.h has no "{text}"')
            elif SHOWS.fullmatch(call) and not TECHNICAL.fullmatch(text):
                bad.append(f'{file}:{line}: is shown, and not of words.h: "{text}"')
            elif text in words:
                used.add(text)
    return bad + [f'words.h: nothing asks for "{key}"' for key in words if key not in used]


def undocumented(header, readme):
    """
    >>> undocumented('#define KEY_A "a"\\n#define KEY_B "b"', 'the key `b`, and "a"')
    ['README.md: nothing of the setting "a"']
    """
    return [f'README.md: nothing of the setting "{key}"'
            for key in re.findall(r'#define KEY_\w+ "(\w+)"', header) if f'`{key}`' not in readme]


def main():
    if doctest.testmod().failed or doctest.testmod(make_locale).failed:
        return 1
    folder = ROOT / 'plugin-obs'
    words = make_locale.words_of((folder / 'words.h').read_text(encoding='utf-8'))
    sources = {path.name: path.read_text(encoding='utf-8') for path in sorted(folder.glob('*.c'))}
    bad = mistakes(sources, words)
    bad += undocumented((folder / 'filter_settings.h').read_text(encoding='utf-8'),
                        (folder / 'README.md').read_text(encoding='utf-8'))
    print('\n'.join(bad + [f'{len(words)} words, {len(sources)} files']))
    return bool(bad) or len(words) < 20


if __name__ == '__main__':
    sys.exit(main())
