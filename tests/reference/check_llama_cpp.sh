#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Converts a tiny checkpoint with espy and lets llama.cpp read and run the files, in
# the root of root.sh:
#
#   - every type must load and answer, a text and a picture;
#   - with F32 weights and an F32 cache, where both programs compute the same, the
#     greedy answers must be the same text, letter for letter. The picture is one
#     that needs no resizing: llama.cpp resizes by its own rules.
#
#   tests/reference/check_llama_cpp.sh [BUILD]        (default build)
set -eu

here=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-build}
cd "$here"
run=tests/reference/root.sh
$run llama
espy=$build/core/cli/espy
work=$build/check_llama_cpp
data=tests/data/qwen3_vl
picture=tests/data/pictures/photo.png
rm -rf "$work"
mkdir -p "$work"
failed=0

# The text of an answer, of espy and of llama.cpp; $1 the model, $2 its mmproj.
espy_says() {
    printf '%s' "$3" >"$work/request.json"
    "$espy" run --exact -m "$1" --mmproj "$2" -r "$work/request.json" |
        python3 -c 'import json, sys; sys.stdout.write(json.load(sys.stdin)["text"].strip())'
}

llama_says() {
    $run run "$@" -n 16 --temp 0 --ignore-eos --no-warmup -t 1 -ctk f32 -ctv f32 -fa off \
        2>"$work/log" | python3 -c 'import sys
sys.stdout.write(sys.stdin.buffer.read().decode("utf-8", "replace").strip())'
}

text() { llama_says llama-completion -m "$1" -p "Where is the cat?" -no-cnv --no-display-prompt; }
look() { llama_says llama-mtmd-cli -m "$1" --mmproj "$2" --image "$picture" -p "What is this?"; }

say() {
    printf '%-10s %-8s %s\n' "$1" "$2" "$3"
    [ -n "$3" ] && return
    failed=1
    tail -5 "$work/log"
}

for type in F32 F16 BF16 Q8_0 Q6_K Q5_K Q4_K Q4_K_M Q4_0; do
    vision=$type
    case $type in Q[3-6]*) vision=Q8_0 ;; esac
    for source in bf16 fp8; do
        name=$source-$type
        "$espy" convert "$data/$source" --type $type --vision-type $vision --out "$work/$name.gguf" -q
        say "$name" text "$(text "$work/$name.gguf")"
        say "" picture "$(look "$work/$name.gguf" "$work/mmproj-$source-$vision.gguf")"
        [ $type = F32 ] || rm "$work/$name.gguf" "$work/mmproj-$source-$vision.gguf"
    done
done

model=$work/bf16-F32.gguf
mmproj=$work/mmproj-bf16-F32.gguf
same() {
    if [ "$2" = "$3" ]; then
        echo "$1: both say '$2'"
    else
        echo "$1 differs: espy says '$2', llama.cpp '$3'"
        failed=1
    fi
}
same text "$(espy_says "$model" "$mmproj" \
    '{"prompt": "Where is the cat?", "max_tokens": 16, "ignore_eos": true}')" "$(text "$model")"
same picture "$(espy_says "$model" "$mmproj" '{"messages": [{"role": "user", "content": [
    {"type": "image", "image": "'"$here/$picture"'"},
    {"type": "text", "text": "What is this?"}]}], "max_tokens": 16, "ignore_eos": true}')" \
    "$(look "$model" "$mmproj")"
exit $failed
