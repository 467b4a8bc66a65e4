#!/bin/sh
# Runs a command under a virtual X display that draws without a graphics card.
#
#   tests/hosts/on_screen.sh COMMAND...
#
# Exits with 77, or with 1 if ESPY_NEEDS_HOSTS is set, where there is no xvfb-run.
set -eu
if ! command -v xvfb-run >/dev/null; then
    echo "on_screen.sh: no xvfb-run" >&2
    [ -z "${ESPY_NEEDS_HOSTS:-}" ] || exit 1
    exit 77
fi
exec env LIBGL_ALWAYS_SOFTWARE=1 xvfb-run -a -s '-screen 0 640x480x24' "$@"
