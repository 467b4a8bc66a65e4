#!/bin/sh
# Tries espy as a new user meets it: a bare Debian root, a clone of what is
# committed in this checkout, and the two commands of the README.
#
#   tests/fresh-root.sh [SUITE [COMMAND...]]
#
# SUITE is bookworm (default), trixie or sid. With COMMAND that is run in the
# clone instead of the two commands (`tests/fresh-root.sh trixie .ci/run`).
#
# The bare root is made once with mmdebstrap, kept as a tarball in $ESPY_ROOTS
# (default ~/.cache/espy/roots), and unpacked afresh on each run. Needs root
# rights, mmdebstrap and about 2 GB.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
suite=${1:-bookworm}
[ $# -eq 0 ] || shift
case $suite in
bookworm | trixie | sid) ;;
*) echo "usage: tests/fresh-root.sh [bookworm|trixie|sid [COMMAND...]]" >&2; exit 2 ;;
esac

roots=${ESPY_ROOTS:-$HOME/.cache/espy/roots}
tarball=$roots/$suite-bare.tar
root=$roots/$suite-fresh

if [ ! -e "$tarball" ]; then
    mirror=${MIRROR:-$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources)}
    mkdir -p "$roots"
    mmdebstrap --mode=root --variant=minbase --components=main \
        --aptopt='Acquire::Check-Valid-Until "false"' \
        "$suite" "$tarball.part" "$mirror" --format=tar
    mv "$tarball.part" "$tarball"
fi

rm -rf "$root"
mkdir -p "$root"
tar -x --numeric-owner -C "$root" -f "$tarball"
cp /etc/resolv.conf "$root/etc/resolv.conf"
git clone -q --no-hardlinks "$here" "$root/root/espy"
echo "fresh-root: $suite, commit $(git -C "$here" rev-parse --short HEAD)"

if [ $# -eq 0 ]; then
    set -- sh -ec 'echo "\$ ./bootstrap"; ./bootstrap; echo "\$ tests/run"; tests/run'
fi

# A private mount namespace keeps /proc from outliving the command.
exec unshare --mount sh -c '
    root=$1; shift
    mount -t proc proc "$root/proc"
    exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        ${CI:+CI="$CI"} sh -c "cd /root/espy && exec \"\$@\"" sh "$@"
' sh "$root" "$@" </dev/null
