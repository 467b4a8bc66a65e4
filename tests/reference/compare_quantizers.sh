#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# espy's quantisers beside llama.cpp's, on the same numbers; compare_quantizers.py
# says how. Also whether llama.cpp runs what espy wrote, with blocks of all types.
#
#   tests/reference/compare_quantizers.sh [BUILD]        (default build)
set -eu

here=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-build}
cd "$here"
run=tests/reference/root.sh
espy=$build/core/cli/espy
work=$build/compare_quantizers
$run llama
rm -rf "$work"
mkdir -p "$work"
$run run python3 tests/reference/compare_quantizers.py make "$work/hf" >"$work/log" 2>&1 ||
    { cat "$work/log"; exit 1; }
"$espy" convert "$work/hf" --type F32 --vision-type F16 --out "$work/f32.gguf" -q
pairs=
for type in Q8_0 Q4_0 Q4_K Q5_K Q6_K; do
    theirs=$type
    case $type in Q[45]_K) theirs=${type}_S ;; esac
    "$espy" quantize "$work/f32.gguf" "$work/ours-$type.gguf" --type $type -q
    $run run llama-quantize --pure "$work/f32.gguf" "$work/theirs-$type.gguf" $theirs >"$work/log" 2>&1 ||
        { cat "$work/log"; exit 1; }
    pairs="$pairs $type=$work/ours-$type.gguf,$work/theirs-$type.gguf"
    $run run llama-completion -m "$work/ours-$type.gguf" -p "Where is the cat?" -n 8 --temp 0 \
        --no-warmup -t 1 -no-cnv --no-display-prompt --ignore-eos >"$work/answer" 2>"$work/log" ||
        { cat "$work/log"; exit 1; }
done
# shellcheck disable=SC2086
$run run python3 tests/reference/compare_quantizers.py compare "$work/f32.gguf" $pairs

# The mixes choose the same types for the same tensors.
"$espy" quantize "$work/f32.gguf" "$work/ours-mix.gguf" --type Q4_K_M -q
$run run llama-quantize "$work/f32.gguf" "$work/theirs-mix.gguf" Q4_K_M >"$work/log" 2>&1
$run run python3 -c '
import sys, gguf
a, b = ({t.name: t.tensor_type.name for t in gguf.GGUFReader(p).tensors} for p in sys.argv[1:])
for name in a:
    if a[name] != b[name]: sys.exit(f"Q4_K_M: {name} is {a[name]}, with llama.cpp {b[name]}")
print("Q4_K_M: the same types for all", len(a), "tensors")
' "$work/ours-mix.gguf" "$work/theirs-mix.gguf"
