#!/bin/sh
# Makes the Debian sid root that holds the reference implementation: Hugging
# Face transformers, PyTorch and gguf-py. Only the makers of test fixtures run
# in it; building and testing espy never needs it.
#
#   tests/reference/root.sh                make the root if it is missing
#   tests/reference/root.sh run CMD...     run CMD in it, this checkout at /espy
#   tests/reference/root.sh llama          add llama.cpp's programs if they are missing
#   tests/reference/root.sh ffmpeg         add the ffmpeg program if it is missing
#
# The root lies in $ESPY_ROOTS/sid (default ~/.cache/espy/roots/sid), takes
# about 1.6 GB and some minutes. Needs root rights and mmdebstrap.
set -eu

here=$(cd "$(dirname "$0")/../.." && pwd)
root=${ESPY_ROOTS:-$HOME/.cache/espy/roots}/sid
"$here/tests/make-root.sh" sid "$root" python3-transformers python3-torch python3-torchvision \
    python3-tokenizers python3-safetensors python3-pil python3-gguf libopenblas0-pthread

[ "${1:-}" != llama ] || exec "$0" run sh -c '
    command -v llama-quantize llama-mtmd-cli >/dev/null && exit
    apt-get update && DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends llama.cpp-tools llama.cpp-tools-extra'
[ "${1:-}" != ffmpeg ] || exec "$0" run sh -c '
    command -v ffmpeg >/dev/null && exit
    apt-get update && DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends ffmpeg'
[ "${1:-}" = run ] || exit 0
shift

# Torch reads /proc to choose its kernels. A private mount namespace keeps the
# mounts from outliving the command.
exec unshare --mount sh -c '
    root=$1; here=$2; shift 2
    mount -t proc proc "$root/proc"
    mount --bind "$here" "$root/espy"
    exec chroot "$root" env -i PATH=/usr/bin:/bin HOME=/root LANG=C.UTF-8 \
        HF_HUB_OFFLINE=1 OMP_NUM_THREADS="${OMP_NUM_THREADS:-2}" \
        sh -c "cd /espy && exec \"\$@\"" sh "$@"
' sh "$root" "$here" "$@"
