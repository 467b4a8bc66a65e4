#!/bin/sh
# Every catalogue of po/ compiles and is complete: each string of the plug-ins' sources
# is translated, none of it fuzzy, and every source that marks strings is listed.
#
#   check_catalogues.sh SOURCE_ROOT
set -eu
cd "$1"
export LC_ALL=C.UTF-8

for tool in xgettext msgfmt msgcmp; do
    command -v $tool >/dev/null || {
        echo "$tool (gettext) is missing"
        [ -z "${ESPY_NEEDS_HOSTS:-}" ] || exit 1
        exit 77
    }
done
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0
say() { echo "$*" >&2; failed=1; }

marked=$(grep -lE '(^|[^A-Za-z_])(N?_\("|g_dngettext)' plugin-gimp/*.c plugin-obs/*.[ch] | sort)
[ "$marked" = "$(sort po/POTFILES)" ] ||
    say "po/POTFILES is not the list of files that mark strings:" $marked

xgettext --from-code=UTF-8 --keyword=_ --keyword=N_ --keyword=g_dngettext:2,3 \
    --files-from=po/POTFILES --output="$tmp/espy.pot"
n=$(grep -c '^msgid' "$tmp/espy.pot")
[ "$n" -gt 1 ] || say "no strings were found"

for lang in $(cat po/LINGUAS); do
    po=po/$lang.po
    msgfmt --check --statistics --output-file="$tmp/$lang.mo" "$po" 2>"$tmp/said" ||
        say "$po does not compile:"
    # "84 translated messages, 1 fuzzy translation, 2 untranslated messages."
    if grep -qE 'fuzzy|untranslated' "$tmp/said"; then say "$po is not complete:"; fi
    cat "$tmp/said"
    msgcmp "$po" "$tmp/espy.pot" || say "$po lacks strings of the sources"
    grep -q "^\"Language: $lang\\\\n\"" "$po" || say "$po does not say that it is $lang"
done
exit $failed
