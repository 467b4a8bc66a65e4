#!/bin/sh
# Makes a Debian root for tests, unless it is there whole.
#
#   tests/make-root.sh SUITE ROOT PACKAGE...
#
# The folder of this checkout is to be mounted at ROOT/espy. Needs root rights and
# mmdebstrap.
set -eu
suite=$1 root=$2
shift 2
[ ! -e "$root/.complete" ] || exit 0
mirror=$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources)
rm -rf "$root"
mkdir -p "$root"
mmdebstrap --mode=root --variant=apt --components=main \
    --aptopt='Acquire::Check-Valid-Until "false"' \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --include="$(echo "$@" | tr ' ' ,)" "$suite" "$root" "$mirror" >&2
mkdir -p "$root/espy"
touch "$root/.complete"
