#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Converts tiny checkpoints with espy and lets llama.cpp read and run the files, in
# the root of root.sh:
#
#   - every type must load and answer, a text and a picture;
#   - with F32 weights and an F32 cache, where both programs compute the same, the
#     greedy answers must be the same text, letter for letter. The picture is one
#     that needs no resizing: llama.cpp resizes by its own rules. The question is a
#     short one: llama.cpp's GELU is a table of F16, which in the end shows where two
#     tokens are nearly as likely.
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
photo=tests/data/pictures/photo.png
question=What
rm -rf "$work"
mkdir -p "$work"
failed=0

# Of Qwen2-VL and Qwen2.5-VL, whose patches have other sizes.
$run run python3 -c 'import sys
from PIL import Image
Image.open(sys.argv[1]).convert("RGB").resize((112, 84)).save(sys.argv[2])' "$photo" "$work/photo.png"

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

# Its log, through which the answer goes, may end before all is written: the longest of
# three counts.
text() {
    longest=
    for _ in 1 2 3; do
        said=$(complete "$1")
        [ ${#said} -le ${#longest} ] || longest=$said
    done
    printf '%s' "$longest"
}
complete() { llama_says llama-completion -m "$1" -p "Where is the cat?" -no-cnv --no-display-prompt; }
look() { llama_says llama-mtmd-cli -m "$1" --mmproj "$2" --image "$picture" -p "$question"; }

# Of a checkpoint below tests/data the name of its files, and its picture.
choose() {
    short=$(echo "$1" | tr / -)
    picture=$work/photo.png
    case $1 in qwen3*) picture=$photo ;; esac
}

say() {
    printf '%-24s %-8s %s\n' "$1" "$2" "$3"
    [ -n "$3" ] && return
    failed=1
    tail -5 "$work/log"
}

for type in F32 F16 BF16 Q8_0 Q6_K Q5_K Q4_K Q4_K_M Q4_0; do
    vision=$type
    case $type in Q[3-6]*) vision=Q8_0 ;; esac
    for source in qwen3_vl/bf16 qwen3_vl/fp8 qwen2_vl/bf16 qwen2_5_vl/bf16; do
        choose "$source"
        name=$short-$type
        "$espy" convert "tests/data/$source" --type $type --vision-type $vision --out "$work/$name.gguf" -q
        say "$name" text "$(text "$work/$name.gguf")"
        say "" picture "$(look "$work/$name.gguf" "$work/mmproj-$short-$vision.gguf")"
        [ $type = F32 ] || rm "$work/$name.gguf" "$work/mmproj-$short-$vision.gguf"
    done
done

same() {
    if [ "$2" = "$3" ]; then
        echo "$1: both say '$2'"
    else
        echo "$1 differs: espy says '$2', llama.cpp '$3'"
        failed=1
    fi
}
for source in qwen3_vl/bf16 qwen2_vl/bf16 qwen2_5_vl/bf16; do
    choose "$source"
    model=$work/$short-F32.gguf
    mmproj=$work/mmproj-$short-F32.gguf
    same "$source text" "$(espy_says "$model" "$mmproj" \
        '{"prompt": "Where is the cat?", "max_tokens": 16, "ignore_eos": true}')" \
        "$(text "$model")"
    # as the tiny models' template has it, without a system message
    same "$source picture" "$(espy_says "$model" "$mmproj" '{"prompt": "<|im_start|>user\n'\
'<|vision_start|><|image_pad|><|vision_end|>'"$question"'<|im_end|>\n<|im_start|>assistant\n",
        "images": ["'"$here/$picture"'"], "max_tokens": 16, "ignore_eos": true}')" \
        "$(look "$model" "$mmproj")"
done
exit $failed
