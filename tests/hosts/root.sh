#!/bin/sh
# Makes and enters the Debian roots that hold the hosts in which the plug-ins are
# tried: GIMP and OBS, with what building the plug-ins and looking at them needs.
#
#   tests/hosts/root.sh SUITE              make the root, or add to it what it lacks
#   tests/hosts/root.sh SUITE CMD...       run CMD in it, this checkout at /espy
#
# SUITE is bookworm (GIMP 2.10, OBS 29), trixie (GIMP 3.0, OBS 30) or sid (GIMP 3.2,
# OBS 32). The root lies in $ESPY_ROOTS/SUITE-hosts (default ~/.cache/espy/roots),
# takes about 2 GB and some minutes. Needs root rights and mmdebstrap.
set -eu

here=$(cd "$(dirname "$0")/../.." && pwd)
suite=${1:?usage: tests/hosts/root.sh bookworm|trixie|sid [COMMAND...]}
shift
case $suite in
bookworm) gimp="gimp libgimp2.0-dev libgexiv2-dev" ;;
trixie | sid) gimp="gimp libgimp-3.0-dev gir1.2-gimp-3.0 python3-gi" ;;
*) echo "tests/hosts/root.sh: no suite '$suite' (bookworm, trixie, sid)" >&2; exit 2 ;;
esac
root=${ESPY_ROOTS:-$HOME/.cache/espy/roots}/$suite-hosts
# What the tests in the host need, and what espy itself is built with.
packages="$gimp libgtk-4-dev obs-studio obs-plugins libobs-dev libpango1.0-dev python3-websocket ffmpeg
iproute2 gettext xvfb xauth xdotool xclip openbox imagemagick dbus dbus-x11 procps
file python3 libgl1-mesa-dri libegl1 fonts-dejavu-core fonts-noto-cjk adwaita-icon-theme librsvg2-common
libimage-exiftool-perl locales gcc libc6-dev meson ninja-build pkgconf libcjson-dev libjpeg-dev
libpng-dev libwebp-dev libutf8proc-dev libpopt-dev libcmocka-dev libavformat-dev libavcodec-dev
libswscale-dev"

# Words are meant to be split here.
"$here/tests/make-root.sh" "$suite" "$root" $packages
# Tests in other languages need real locales.
for language in de_DE fr_FR; do
    chroot "$root" localedef --list-archive | grep -q "^$language.utf8" ||
        chroot "$root" localedef -i $language -f UTF-8 $language.UTF-8
done
[ $# -gt 0 ] || exit 0

# A private mount namespace keeps the mounts from outliving the command.
exec unshare --mount sh -c '
    root=$1; here=$2; shift 2
    mount -t proc proc "$root/proc"
    mount -t tmpfs tmpfs "$root/dev/shm"
    mount --bind "$here" "$root/espy"
    exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        sh -c "cd /espy && exec \"\$@\"" sh "$@"
' sh "$root" "$here" "$@"
