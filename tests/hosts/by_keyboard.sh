# What dialogs.sh and gimp_menu.sh have in common; to be sourced, after `shots` is set.
# Windows are driven by keyboard, and what goes wrong is counted in $failed.
failed=0

# Where nothing may be left out (.ci/run says so), what cannot run has failed.
skip() {
    echo "skipped: $*"
    [ -z "${ESPY_NEEDS_HOSTS:-}" ] || exit 1
    exit 77
}
need() {
    local tool
    for tool; do command -v "$tool" >/dev/null || skip "needs $tool"; done
}

fail() { echo "FAILED: $*"; shot failed; failed=1; }
shot() { [ -z "$shots" ] || { mkdir -p "$shots" && import -window root "$shots/$1.png"; }; }
keys() { xdotool key --clearmodifiers "$@"; sleep 0.5; }

# until_true SECONDS COMMAND...: waits until the command succeeds
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.2
    done
}

# window PATTERN: of a title; its id is then in $tmp/window
window() { xdotool search --onlyvisible --name "$1" >"$tmp/window" 2>/dev/null; }
gone() { ! window "$1"; }
activate() { xdotool windowactivate --sync "$(head -n 1 "$tmp/window")"; sleep 1.2; }

# Presses Copy; what then is in the clipboard.
copied() { keys alt+c; [ "$(timeout 2 xclip -o -selection clipboard 2>/dev/null)" = "$1" ]; }
copied_other() { ! copied "$1"; }
copied_any() { copied_other ""; }

# stopped_within TEXT: whether an answer that was stopped is a beginning of TEXT
stopped_within() {
    local said
    said=$(xclip -o -selection clipboard)
    echo "stopped: $said"
    case $1 in
    "$said") fail "stopped, and still all was said" ;;
    "$said"*) ;;
    *) fail "stopped at '$said'" ;;
    esac
}

# Of the lower edge of the window in $tmp/window, in percent.
brightness() {
    import -window "$(head -n 1 "$tmp/window")" -gravity south -crop 100x8+0+4 -resize 1x1! \
        -format '%[fx:round(100*u.intensity)]' info:-
}
