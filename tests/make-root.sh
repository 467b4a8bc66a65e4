#!/bin/sh
# Makes a Debian root for tests, or adds the packages to it that it lacks.
#
#   tests/make-root.sh SUITE ROOT PACKAGE...
#
# The folder of this checkout is to be mounted at ROOT/espy. ROOT/.complete lists the
# packages that were asked for so far. Needs root rights and mmdebstrap.
set -eu
suite=$1 root=$2
shift 2
mkdir -p "$root"
exec 9>"$root.lock" # of two checkouts, one works on the root at a time
flock 9
list=$root/.complete
wanted=$(printf '%s\n' "$@" | LC_ALL=C sort -u)

if [ -e "$list" ]; then
    missing=$(echo "$wanted" | LC_ALL=C comm -13 "$list" -)
    [ -n "$missing" ] || exit 0
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    # Words are meant to be split here. What was not asked for stays as old as it is.
    unshare --mount sh -ec 'root=$1; shift
        mount -t proc proc "$root/proc"
        chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \
            sh -ec "apt-get -q update && apt-get -q install -y --no-install-recommends --no-upgrade \"\$@\" &&
                apt-get clean" sh "$@"
        ' sh "$root" $missing >&2 || {
        echo "make-root.sh: $root could not be added to; rm -r it, and it is made anew" >&2
        exit 1
    }
    echo "$missing" | LC_ALL=C sort -o "$list" - "$list"
    exit 0
fi

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
echo "$wanted" >"$list"
