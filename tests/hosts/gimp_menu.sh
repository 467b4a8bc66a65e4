#!/bin/bash
# The real GIMP on a display of its own: the dialog opened from the menu that a
# right-click on the canvas shows, a description that is stopped half-way, then copied
# and kept as alt text; then Find, whose selection GIMP shows. The model is slowed down
# by SLOW_MODEL (slow_model.c), so that there is something to stop.
#
#   tests/hosts/gimp_menu.sh PLUG_IN ESPY SLOW_MODEL [FOLDER for screenshots]
set -u
plug_in=$(realpath "$1")
espy=$(realpath "$2")
slow_model=$(realpath "$3")
shots=${4:-}
. "$(dirname "$0")/by_keyboard.sh"
gimp=$(command -v gimp-3.0 || command -v gimp-3.2 || command -v gimp) || skip "no GIMP"
need xvfb-run xdotool xclip openbox import dbus-run-session
version=$("$gimp" --version | grep -o '[0-9]*\.[0-9]*\.[0-9]*' | head -n 1)
case $version in
3.*) ;;
*) echo "skipped: GIMP $version has no menu at hand"; exit 77 ;;
esac
if [ -z "${DISPLAY_OF_GIMP:-}" ]; then
    DISPLAY_OF_GIMP=1 exec timeout 400 dbus-run-session -- \
        xvfb-run -a -s "-screen 0 1280x900x24" "$0" "$@"
fi
cd "$(dirname "$0")/../.." || exit 1
tmp=$(mktemp -d) || exit 1
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$tmp"' EXIT
export HOME=$tmp/home XDG_RUNTIME_DIR=$tmp ESPY_MODEL=espy-nano ESPY_MODELS=$PWD/core/nano
export GSK_RENDERER=cairo LIBGL_ALWAYS_SOFTWARE=1 GTK_A11Y=none NO_AT_BRIDGE=1 LC_ALL=C.UTF-8
unset XDG_CONFIG_HOME
config=$HOME/.config/GIMP/${version%.*}
mkdir -p "$config/plug-ins/espy-gimp"
ln -s "$plug_in" "$config/plug-ins/espy-gimp/espy-gimp"
cat >"$config/gimprc" <<END
(config-version "$version")
(show-welcome-dialog no)
(check-updates no)
(color-profile-policy keep)
(metadata-rotation-policy keep)
(save-session-info no)
(single-window-mode yes)
END
convert core/nano/example.png -strip -define png:exclude-chunks=all "PNG24:$tmp/scene.png"
# from_menu ITEM TITLE: the right-click menu's last items, counted from its end
from_menu() {
    local i
    window 'scene' && activate
    xdotool mousemove 640 400 click 3
    sleep 1.5
    for ((i = 0; i < $1; i++)); do keys Up; done
    [ "$1" != 2 ] || shot menu
    keys Return
    until_true 60 window "^$2\$" || { fail "no window '$2'"; exit 1; }
    activate
    xdotool mousemove 1270 890 # a pointer over a menu would choose in it
}

openbox >/dev/null 2>&1 &
ESPY_TOKEN_MS=60 LD_PRELOAD=$slow_model "$gimp" "$tmp/scene.png" >"$tmp/gimp.log" 2>&1 &
until_true 120 window 'scene' || { fail "GIMP does not start"; tail -n 20 "$tmp/gimp.log"; exit 1; }
xdotool windowsize "$(head -n 1 "$tmp/window")" 1280 880 windowmove "$(head -n 1 "$tmp/window")" 0 0
sleep 4

expected=$("$espy" describe "$tmp/scene.png" 2>/dev/null)
from_menu 2 'Describe Image'
percent=$(brightness)
[ "$percent" -le 40 ] || fail "GIMP is dark, the dialog has a brightness of $percent %"
keys alt+d
sleep 1
shot writing
keys alt+s
until_true 10 copied_any || fail "nothing is left of a stopped answer"
stopped_within "$expected"
keys alt+d
until_true 60 copied "$expected" || fail "described as '$(xclip -o -selection clipboard)'"
echo "described: $expected"
shot describe
keys alt+k
keys Return
sleep 1
shot kept
keys Escape
until_true 10 gone '^Describe Image$' || fail "Escape does not close the dialog"

from_menu 1 'Find in Image'
keys alt+w
xdotool key ctrl+a
xdotool type --delay 20 "diamond, cactus"
keys Return
sleep 8 # while it works Return would stop it
keys alt+i
keys Return
sleep 1
shot find
keys Escape
until_true 10 gone '^Find in Image$' || fail "Escape does not close the dialog"
window 'scene' && activate
shot selected
exit $failed
