#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the hand-made seeds of the fuzz corpus: one good file or more per
parser, and broken ones, each with one thing wrong. What a fuzzer found stands
beside them under the hash of its bytes."""
import base64
import json
import struct
from pathlib import Path

HERE = Path(__file__).parent / "corpus"
U32, U64 = struct.Struct("<I").pack, struct.Struct("<Q").pack


def save(name, data):
    path = HERE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def text(s):
    return U64(len(s.encode())) + s.encode()


def gguf(keys, tensors, version=3, counts=None, align=32, data=b""):
    n_tensors, n_keys = counts or (len(tensors), len(keys))
    out = b"GGUF" + U32(version) + U64(n_tensors) + U64(n_keys)
    for key, kind, value in keys:
        out += text(key) + U32(kind) + value
    for name, kind, dims, offset in tensors:
        out += text(name) + U32(len(dims)) + b"".join(map(U64, dims)) + U32(kind) + U64(offset)
    return out + b"\0" * (-len(out) % align) + data


def strings(*words):
    return U32(8) + U64(len(words)) + b"".join(map(text, words))


KEYS = [
    ("general.architecture", 8, text("qwen3vl")),
    ("general.alignment", 4, U32(32)),
    ("a", 9, strings("one", "", "three")),
    ("b", 9, U32(5) + U64(2) + struct.pack("<ii", -1, 7)),
    ("c", 12, struct.pack("<d", 0.5)),
    ("d", 7, b"\1"),
    ("e", 1, b"\xfe"),
]
TENSORS = [("w", 0, [4, 2], 0), ("q", 8, [32, 2], 32), ("x", 19, [256], 0), ("s", 1, [], 0)]
GOOD = gguf(KEYS, TENSORS, data=bytes(range(100)))
save("gguf/good.gguf", GOOD)

MIXED = [("token_embd.weight", 0, [256, 3], 0), ("blk.0.ffn_norm.weight", 0, [256], 3072),
         ("blk.0.attn_v.weight", 30, [256, 2], 4096), ("blk.0.ffn_down.weight", 1, [32, 4], 5120),
         ("v.blk.0.ffn_up.weight", 8, [32, 4], 5376), ("v.patch_embd.weight", 1, [2, 2, 3, 4], 5536),
         ("v.position_embd.weight", 2, [32, 2], 5632), ("s", 1, [], 5696)]
save("quantize/good.gguf", gguf(KEYS, MIXED, data=bytes(i * 5 % 61 for i in range(5728))))
save("quantize/clip.gguf", gguf([("general.architecture", 8, text("clip"))], MIXED[4:5],
                                data=bytes(5728)))
save("quantize/other.gguf", gguf([("general.architecture", 8, text("gpt"))], MIXED[:1],
                                 data=bytes(3072)))
save("quantize/nan.gguf", gguf(KEYS, MIXED[:1], data=bytes(1024) + b"\xff" * 2048))
save("quantize/empty.gguf", gguf(KEYS, [("w.weight", 0, [0, 2**30, 2**30], 0)]))
save("quantize/unread.gguf", gguf(KEYS, TENSORS, data=bytes(100)))
save("gguf/version2.gguf", gguf(KEYS[:3], TENSORS[:1], version=2, data=bytes(32)))
save("gguf/big_endian.gguf", b"GGUF" + struct.pack(">IQQ", 3, 0, 0))
save("gguf/truncated.gguf", GOOD[:-1])
save("gguf/half.gguf", GOOD[: len(GOOD) // 2])
save("gguf/many_tensors.gguf", gguf([], TENSORS, counts=(2**63, 0)))
save("gguf/long_array.gguf", gguf([("a", 9, U32(12) + U64(2**61))], []))
save("gguf/nested_array.gguf", gguf([("a", 9, U32(9) + U64(1) + strings("x"))], []))
save("gguf/bad_alignment.gguf", gguf([("general.alignment", 4, U32(3))], []))
save("gguf/twice.gguf", gguf([], TENSORS[:1] * 2, data=bytes(64)))
save("gguf/overflow.gguf", gguf([], [("w", 0, [2**31, 2**31, 4], 0)], data=bytes(32)))
save("gguf/split.gguf", gguf([("split.count", 2, b"\2\0"), ("split.no", 2, b"\0\0")], []))


def safetensors(header, data=b"", n=None):
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return U64(len(raw) if n is None else n) + raw + data


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


HEADER = {
    "__metadata__": {"format": "pt"},
    "a.weight": entry("F32", [2, 3], 0, 24),
    "b": entry("BF16", [], 24, 26),
    "ids": entry("I64", [1], 0, 8),
}
FP8 = {
    "l.weight": entry("F8_E4M3", [4, 6], 4, 28),
    "l.weight_scale_inv": entry("F16", [2, 1], 0, 4),
}
ST = safetensors(HEADER, bytes(26))
save("safetensors/good.safetensors", ST)
save("safetensors/fp8.safetensors", safetensors(FP8, bytes(28)))
save("safetensors/truncated.safetensors", ST[:-1])
save("safetensors/long_header.safetensors", safetensors(HEADER, n=2**63))
save("safetensors/array.safetensors", safetensors(b"[1,2]"))
save("safetensors/twice.safetensors",
     safetensors(b'{"w":{"dtype":"F16","shape":[1],"data_offsets":[0,2]},'
                 b'"w":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}', bytes(2)))
save("safetensors/overflow.safetensors",
     safetensors({"w": entry("F32", [2**40, 2**40], 0, 0)}))
save("safetensors/offsets.safetensors", safetensors({"w": entry("F32", [1], 4, 0)}, bytes(8)))

CONFIG = {"model_type": "qwen3_vl", "text_config": {"rope_scaling": {"mrope_section": [24, 20, 20]},
          "rms_norm_eps": 1e-6, "tie": True, "none": None, "s": "\u00e9\ud83d\ude00\n"}}
save("json/good.json", json.dumps(CONFIG).encode())
save("json/bom.json", b"\xef\xbb\xbf" + json.dumps(CONFIG, ensure_ascii=False, indent=1).encode(
    "utf-8", "surrogatepass"))
save("json/cut.json", json.dumps(CONFIG).encode()[:60])
save("json/two.json", b"{} {}")
save("json/surrogate.json", b'"\\ud800"')
save("json/empty.json", b"")


def byte_alphabet():
    """The printable stand-ins of the bytes 0 to 255."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = iter(range(256, 512))
    return [chr(b) if b in plain else chr(next(rest)) for b in range(256)]


def vocab(words, merges, added, pre="qwen2", types=None):
    tokens = byte_alphabet() + words + [t for t, _ in added]
    types = types or [1] * (256 + len(words)) + [kind for _, kind in added]
    return gguf([
        ("general.architecture", 8, text("qwen3vl")),
        ("tokenizer.ggml.model", 8, text("gpt2")),
        ("tokenizer.ggml.pre", 8, text(pre)),
        ("tokenizer.ggml.tokens", 9, strings(*tokens)),
        ("tokenizer.ggml.token_type", 9,
         U32(5) + U64(len(types)) + b"".join(struct.pack("<i", t) for t in types)),
        ("tokenizer.ggml.merges", 9, strings(*merges)),
    ], [])


WORDS = ["el", "ll", "ell", "ello", "re", "\u0120re", "\u0120wo", "ret", "\u010a\u010a", "rl"]
MERGES = ["l l", "e l", "e ll", "ell o", "r e", "\u0120 re", "\u0120 wo", "re t", "\u010a \u010a"]
ADDED = [("<|im_end|>", 3), ("<|image_pad|>", 3), ("<think>", 4), ("[PAD]", 5)]
save("vocab/good.gguf", vocab(WORDS, MERGES[:6] + MERGES[7:], ADDED))
save("vocab/missing.gguf", vocab(WORDS, MERGES, ADDED))  # "wo" is no token
save("vocab/no_blank.gguf", vocab(WORDS, ["ll"], ADDED))
save("vocab/twice.gguf", vocab(WORDS + WORDS, MERGES[:2] * 2, ADDED * 2))
save("vocab/types.gguf", vocab(WORDS, MERGES[:1], ADDED, types=[1, 3]))
save("vocab/not_utf8.gguf", vocab(WORDS, MERGES[:1], ADDED).replace(b"ello", b"el\xff\xc3"))
save("vocab/no_bytes.gguf", vocab(WORDS, MERGES[:1], ADDED, types=[5] * 270))


def tiktoken(*tokens, first=0):
    return b"".join(base64.b64encode(t) + b" %d\n" % (first + i) for i, t in enumerate(tokens))


BYTES = [bytes([b]) for b in range(256)]
SPELLED = [b"ll", b"el", b"ell", b"ello", b" w", b"or", b" wor", b"aa", b"aaaa", b"world", b"\xc3\xa9"]
RANKS = tiktoken(*BYTES, *SPELLED)
save("vocab/ranks.tiktoken", RANKS)
save("vocab/crlf.tiktoken", RANKS.replace(b"\n", b"\r\n") + b"\n")
save("vocab/twice.tiktoken", RANKS + tiktoken(b"ll", first=267))
save("vocab/same_rank.tiktoken", RANKS + tiktoken(b"lll", first=3))
save("vocab/far_rank.tiktoken", RANKS + tiktoken(b"lll", first=2**63))
save("vocab/cut.tiktoken", RANKS[:-3])
save("vocab/not_base64.tiktoken", RANKS.replace(b"AQ==", b"A=Q="))
save("vocab/few_bytes.tiktoken", tiktoken(*BYTES[97:123]))

# Answers; the first byte is the way of reading, see fuzz_shapes.c.
ANSWERS = {
    "list.txt": """@```json
[
\t{"bbox_2d": [74, 361, 324, 808], "label": "plate/dish", "color": "white"},
\t{'point_2d': [74.5, 361], 'label': 'it's', 'sure': True, "n": null},
\t{"bbox_2d": [0.1, 0.2, 0.5, 1.0], "text_content": "a \\u7c73\\ud83d\\ude00 \\\\"},
\t{"bbox_2d": [[1,2],[3,4]], "name_en": "Rice"}, {"polygon": [[2,2],[30,3],[31,40],[2,41]]}
]
``` and [1], {"cat": [[1,2,3,4]], "dog": {"x1": 1, "y1": 2, "x2": 3, "y2": 4}} """,
    "tags.txt": """ <ref> Two</ref><box>(302,257),(582,671)</box> and <quad>(1,2),(30,3),(31,40),(2,41)</quad>
<|object_ref_start|>van<|object_ref_end|><|box_start|>(342,308),(670,766)<|box_end|>
bus(342,308),(670,766)(1,2),(3,4)
98,98,490,490 small cake
<points x1="490" y1="98" x2="98" y2="490" alt="pin">pin</points><point x="1" y="2">b</point>
""",
    "page.txt": """2```html
<h1 data-bbox="1 2 30 4" class="x">A &lt; B</h1><ol data-bbox="1 2 3 4"><li data-bbox="1,5,30,7">c
<!-- Image (1, 2, 30, 40) --> \\begin{tabular}{|c|} {x} """,
    "film.txt": """1{"00:23.00 - 00:48.00": "trim", "1:00 to 1:02": "b"}
[{"start": 1.5, "end": "00:03", "description": "a"}, {"time": 1.0, "bbox_2d": [1,2,3,4], "label": ""},
{"bbox_3d":[2.88,0.56,6.28,4.45,1.7,1.84,0.75,0.49,0.75],"label":"car"}]""",
    "think.txt": """#draft [{"bbox_2d":[1,1,2,2]}]</think> <think>x</think>{"bbox_2d": [966, 546, 632, 476]}""",
    "cut.txt": """0[{"bbox_2d": [5,6,70,80], "label": "a", "tags": ["b", 2]}, {"bbox_2d": [1,2, {"box": [9,9,10,10]""",
    "loop.txt": "p[" + '{"bbox_2d": [5,6,70,80], "label": "a"},' * 12,
}
for name, answer in ANSWERS.items():
    save("shapes/" + name, answer.encode())

# Of further families a config, and a GGUF without vocabulary and data.
MODELS = HERE.parents[1] / "data"
for name, config, gguf_path in [
        ("moe", "qwen3_vl_moe/bf16", "qwen3_vl_moe/gguf/micro-bf16.gguf"),
        ("qwen2_vl", "qwen2_vl/micro", "qwen2_vl/gguf/micro-bf16.gguf"),
        ("qwen2_5_vl", "qwen2_5_vl/micro", "qwen2_5_vl/gguf/one-file-native.gguf")]:
    numbers = json.loads((MODELS / config / "config.json").read_text())
    save(f"config/{name}.json", json.dumps(numbers).encode())
    whole = (MODELS / gguf_path).read_bytes()
    end = max(whole.rindex(b"blk."), whole.rfind(b"v.patch_embd"))
    save("model/" + name, whole[:whole.index(b"tokenizer.ggml.tokens")] +
         whole[whole.index(b"tokenizer.chat_template"):end + 80])
