#!/bin/sh
# Runs a command in the reference's Debian sid root (tests/reference/root.sh), with
# what drawing needs besides: the emoji font, CLDR's names, a word list and fonts.
#
#   tests/nano/root.sh python3 tests/nano/train.py --out build-nano
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
packages="fonts-noto-color-emoji unicode-cldr-core wamerican fonts-dejavu fonts-liberation
fonts-freefont-ttf fonts-roboto-unhinted fonts-open-sans fonts-lato fonts-cantarell fonts-inconsolata
fonts-hack fonts-firacode fonts-linuxlibertine fonts-crosextra-carlito fonts-crosextra-caladea
fonts-comfortaa fonts-cabin fonts-quicksand"

"$here/tests/reference/root.sh"
cp /etc/resolv.conf "${ESPY_ROOTS:-$HOME/.cache/espy/roots}/sid/etc/resolv.conf"
# Words are meant to be split here.
"$here/tests/reference/root.sh" run sh -c 'dpkg -s "$@" >/dev/null 2>&1 && exit
    apt-get -q update && DEBIAN_FRONTEND=noninteractive \
    apt-get -q install -y --no-install-recommends "$@"' sh $packages >&2
exec "$here/tests/reference/root.sh" run "$@"
