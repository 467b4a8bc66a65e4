# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every string of the plug-ins that users may see is marked for translation.

    check_marked.py SOURCE_ROOT

A string literal of plugin-gimp/*.c needs _(), N_() or g_dngettext() if it holds two
words, or if it is given to a function that shows text, such as gtk_button_new_with_label.
Exceptions are named below, with the reason.
"""
import doctest
import pathlib
import re
import sys

MARKS = {'_', 'N_', 'g_dngettext'}

# Functions whose literals are shown, whatever they hold.
SHOWS = re.compile(r'gtk_\w*(label|title|tooltip|placeholder|markup|mnemonic|set_text)\w*|'
                   r'g_menu_(item_new|append\w*)|g_set_error(_literal)?|g_error_new\w*')

# Functions whose literals are not for users.
TECHNICAL = {
    'babl_format', 'g_source_set_name', 'g_warning', 'g_debug', 'g_critical', 'assert',
    'gtk_css_provider_load_from_data', 'g_intern_static_string',
}

# Literals that stay as they are: (file, literal) and why.
ENGLISH = 'GIMP 2.10 shows arguments in its procedure browser, in English by custom'
EXCEPTIONS = {
    ('start_gimp2.c', 'RUN-INTERACTIVE (0), RUN-NONINTERACTIVE (1) or RUN-WITH-LAST-VALS (2)'): ENGLISH,
    ('start_gimp2.c', 'The image'): ENGLISH,
    ('start_gimp2.c', 'The layer, where one is looked at'): ENGLISH,
}

TOKEN = re.compile(
    r'(?P<skip>/\*.*?\*/|//[^\n]*|\#\s*include[^\n]*|\'(?:\\.|[^\'\\])*\'|\s+|\\\n)'
    r'|(?P<string>"(?:\\.|[^"\\])*")'
    r'|(?P<name>[A-Za-z_]\w*)'
    r'|(?P<other>.)', re.S)


def literals(source):
    """(line, text, names of the calls around it, innermost last) of each literal;
    literals that stand side by side are one."""
    calls, name, parts = [], '', []
    for token in TOKEN.finditer(source):
        if token['skip']:
            continue
        if token['string']:
            if not parts:
                first = source.count('\n', 0, token.start()) + 1
            parts.append(token['string'][1:-1])
            continue
        if parts:
            yield first, ''.join(parts), list(calls)
            parts = []
        if token['other'] == '(':
            calls.append(name)
        elif token['other'] == ')' and calls:
            calls.pop()
        name = token['name'] or ''


def is_unmarked(file, text, calls):
    """
    >>> def unmarked(source):
    ...     return [text for _, text, calls in literals(source) if is_unmarked('', text, calls)]
    >>> unmarked('a(_("Good one")); b("two words"); /* "a comment" */ c("x", "many " "parts");')
    ['two words', 'many parts']
    >>> unmarked('gtk_label_new("Copy"); gtk_label_new(_("Copy")); f("key"); g("win.copy");')
    ['Copy']
    >>> unmarked('g_menu_append(m, "Keep", "win.keep"); gtk_label_set_text(l, "%s");')
    ['Keep']
    """
    if MARKS & set(calls) or TECHNICAL & set(calls) or (file, text) in EXCEPTIONS:
        return False
    words = re.sub(r'%[-+ #0-9.*]*[a-z]+|\\.', ' ', text)
    if calls and SHOWS.fullmatch(calls[-1]):
        return re.search(r'[^\W\d_]{2}', words) is not None and '.' not in words.strip('.')
    return re.search(r'[^\W\d_]{2,}[,;:]? +[^\W\d_]{2}', words) is not None


def main():
    if doctest.testmod().failed:
        return 1
    n, bad = 0, []
    for path in sorted(pathlib.Path(sys.argv[1], 'plugin-gimp').glob('*.c')):
        for line, text, calls in literals(path.read_text(encoding='utf-8')):
            n += bool(MARKS & set(calls))
            if is_unmarked(path.name, text, calls):
                bad.append(f'{path.name}:{line}: not marked for translation: "{text}"')
    print('\n'.join(bad + [f'{n} literals are marked']))
    return bool(bad) or n < 20


if __name__ == '__main__':
    sys.exit(main())
