#!/bin/bash
# The dialogs by keyboard, on a display of their own, with the model that comes with
# espy: described, copied, asked on, kept, stopped; found, unticked, selected; a model
# that cannot be loaded. What they say is compared with what the program says of the same
# picture. Where an answer has to last, the model is slowed down.
#
#   tests/hosts/dialogs.sh DIALOG_DEMO ESPY [FOLDER for screenshots]
set -u
demo=$(realpath "$1")
espy=$(realpath "$2")
shots=${3:-}
. "$(dirname "$0")/by_keyboard.sh"
need xvfb-run xdotool xclip openbox import
if [ -z "${DISPLAY_OF_DIALOGS:-}" ]; then
    DISPLAY_OF_DIALOGS=1 exec timeout 240 xvfb-run -a -s "-screen 0 1000x720x24" "$0" "$@"
fi
cd "$(dirname "$0")/../.." || exit 1
tmp=$(mktemp -d) || exit 1
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$tmp"' EXIT
export HOME=$tmp XDG_CONFIG_HOME=$tmp/config XDG_DATA_HOME=$tmp/data XDG_RUNTIME_DIR=$tmp
export ESPY_MODEL=espy-nano ESPY_MODELS=$PWD/core/nano
export GSK_RENDERER=cairo LIBGL_ALWAYS_SOFTWARE=1 GTK_A11Y=none NO_AT_BRIDGE=1 GDK_BACKEND=x11
export LC_ALL=C.UTF-8
picture=core/nano/example.png

# open_dialog KIND TITLE [MS per token]: starts it and gives it the keyboard
open_dialog() {
    ESPY_TOKEN_MS=${3:-0} "$demo" "$1" "$picture" >"$tmp/$1.out" 2>"$tmp/$1.err" &
    pid=$!
    until_true 30 window "^$2\$" || { fail "no window '$2'"; cat "$tmp/$1.err"; exit 1; }
    activate
}

close_dialog() {
    keys "${2:-Escape}"
    until_true 5 dead || fail "${2:-Escape} does not close the dialog"
    wait "$pid" || fail "$1 ended with $?"
    # Its own computing alone: a machine that does other things is not its fault.
    awk -v name="$1" '/^blocked:/ { print name ": blocked at most", $2, "ms"; exit $2 >= 50 }' \
        "$tmp/$1.out" || fail "$1: the interface was blocked"
    printed "^hidden: 0\$" "$1" || fail "$1: the end of the text is out of sight"
}
# seen KIND NAME: a number that dialog_demo printed at its end
seen() { sed -n "s/^$2: //p" "$tmp/$1.out"; }
dead() { ! kill -0 "$pid" 2>/dev/null; }

forget_copied() { printf '' | xclip -i -selection clipboard; }
printed() { grep -q "$1" "$tmp/$2.out"; }

openbox >/dev/null 2>&1 &
sleep 1

expected=$("$espy" describe "$picture" 2>/dev/null)
color=$("$espy" ask "What color is the diamond?" "$picture" 2>/dev/null)
[ -n "$expected" ] && [ -n "$color" ] || fail "the program says nothing"

open_dialog describe "Describe Image"
shot describe-begin
keys alt+q
xdotool type --delay 20 "What color is the diamond?"
keys Return
until_true 30 copied "$color" || fail "asked first, got '$(xclip -o -selection clipboard)'"
keys alt+d
until_true 30 copied "$expected" || fail "described as '$(xclip -o -selection clipboard)'"
shot describe
keys alt+k
keys Return
until_true 5 printed "^alt text: " describe || fail "nothing is kept as alt text"
printed "^alt text: $(printf '%s' "$expected" | sed 's/[][\.*^$]/\\&/g')\$" describe ||
    fail "another alt text"
# The built-in model was not taught to talk: that it answers is all that can be asked.
keys alt+q
keys Return
until_true 30 copied_other "$expected" || fail "no answer to a further question"
shot describe-question
said=$(xclip -o -selection clipboard)
close_dialog describe
printed "^answer: $said\$" describe || fail "the last answer is not given back"

box=$("$espy" find diamond "$picture" 2>/dev/null | tail -n 1)
[ -n "$box" ] || fail "the program finds no diamond"
open_dialog find "Find in Image"
keys alt+w
xdotool key ctrl+a
xdotool type --delay 20 "diamond, cactus"
keys Return
applied() { keys alt+i; keys Return; printed "^select: " find; }
sleep 2
until_true 20 applied || fail "nothing is selected"
shot find
printed "^select: .*diamond" find || fail "no diamond is selected"
# What was found has other places in a cropped image, so it is there no more.
keys alt+i
keys c
until_true 5 printed "^crop: " find || fail "the image is not cropped"
n_selected=$(grep -c "^select: " "$tmp/find.out")
keys alt+i
keys n
[ "$(grep -c "^select: " "$tmp/find.out")" = "$n_selected" ] || fail "old places in a cropped image"
close_dialog find

# A slow model: its words come one after the other, and it can be stopped, and asked again.
open_dialog describe "Describe Image" 60
forget_copied
keys alt+d
sleep 1
shot describe-writing
keys alt+s
until_true 5 copied_any || fail "nothing is left of a stopped answer"
shot describe-stopped
stopped_within "$expected"
keys alt+d
until_true 30 copied "$expected" || fail "after a stop: '$(xclip -o -selection clipboard)'"
close_dialog describe
[ "$(seen describe grew)" -ge 6 ] || fail "the text came in $(seen describe grew) pieces"
awk -v ms="$(seen describe stopped)" 'BEGIN { exit !(ms >= 0 && ms < 300) }' ||
    fail "stopping took $(seen describe stopped) ms"

# What was said of another picture is not taken for what is said of this one.
open_dialog describe "Describe Image" 60
forget_copied
keys alt+d
sleep 1
keys alt+l
keys Down
keys Return
sleep 2
! copied_any || fail "the answer about another picture can be copied: '$(xclip -o -selection clipboard)'"
keys alt+d
until_true 30 copied "$expected" || fail "of the layer: '$(xclip -o -selection clipboard)'"
close_dialog describe
sed -i 's/^source=.*/source=visible/' "$tmp/config/espy/gimp.ini"

# What is not ticked stays out. The list is two steps from the words: the button, the row.
open_dialog find "Find in Image" 10
keys alt+w
keys Return
sleep 3 # while it works Return would stop it
until_true 20 applied || fail "nothing is selected"
n_selected=$(grep -c "^select: " "$tmp/find.out")
[ "$n_selected" -ge 2 ] || fail "found $n_selected, and one is to be unticked"
keys alt+w
for key in Tab Tab space; do keys $key; done
shot find-unticked
applied_again() { keys alt+i; keys Return; [ "$(grep -c "^select: " "$tmp/find.out")" -gt "$n_selected" ]; }
until_true 5 applied_again || fail "nothing is selected of what is left"
[ "$(grep -c "^select: " "$tmp/find.out")" = $((2 * n_selected - 1)) ] || fail "unticked, and still selected"
close_dialog find
[ "$(seen find grew)" -ge 2 ] || fail "the finds did not come one by one"

# A second start remembers, and Escape in the middle of an answer ends it at once.
open_dialog describe "Describe Image"
keys alt+d Escape
until_true 5 dead || fail "an answer under way holds the dialog"
grep -q "What color" "$tmp/config/espy/gimp.ini" || fail "the question is not remembered"
for line in keep=alt-text kept-preset=caption into=selection-new; do
    grep -q "^$line\$" "$tmp/config/espy/gimp.ini" || fail "to be repeated, and not remembered: $line"
done

# As dark as GIMP is.
for theme in dark:0:40 Gray:0:40 light:60:100; do
    IFS=: read -r name least most <<<"$theme"
    DIALOG_THEME=$name open_dialog find "Find in Image"
    shot "find-$name"
    percent=$(brightness)
    [ "$percent" -ge "$least" ] && [ "$percent" -le "$most" ] || fail "in $name, a brightness of $percent %"
    # That of the model goes alone, by the same keys.
    for key in ctrl+w Escape; do
        keys alt+m
        until_true 5 window "^Model\$" || fail "no window 'Model'"
        keys $key
        until_true 5 gone "^Model\$" || fail "$key does not close 'Model'"
    done
    close_dialog find ctrl+w
done

# A model that cannot be loaded: said at once and at the next start, not tried again
# until the user says so.
printf '[gimp]\nmodel=/no/such/model.gguf\n' >"$tmp/config/espy/gimp.ini"
failed_note=$tmp/config/espy/gimp-failure.ini
noted() { [ -s "$failed_note" ]; }
unnoted() { [ ! -e "$failed_note" ]; }
open_dialog describe "Describe Image"
keys alt+d
until_true 10 noted || fail "a model that is missing is not noted down"
close_dialog describe
[ -z "$(seen describe answer)" ] || fail "an answer without a model"
touch -d @1 "$failed_note"
open_dialog describe "Describe Image"
shot describe-failure
keys alt+d
keys alt+q
xdotool type --delay 20 "Who?"
keys Return
sleep 1
[ "$(stat -c %Y "$failed_note" 2>/dev/null)" = 1 ] || fail "loaded again without being asked to"
keys alt+t
tried() { [ -e "$failed_note" ] && [ "$(stat -c %Y "$failed_note")" != 1 ]; }
until_true 10 tried || fail "Try Again does not try"
keys alt+b
until_true 5 unnoted || fail "the built-in model, and the failure is still noted down"
keys alt+d
until_true 30 copied "$expected" || fail "the built-in model said '$(xclip -o -selection clipboard)'"
close_dialog describe
grep -q "^model=espy-nano\$" "$tmp/config/espy/gimp.ini" || fail "the built-in model is not remembered"

cat "$tmp"/*.out
[ -s "$tmp/describe.err" ] && cat "$tmp/describe.err"
exit $failed
