#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the small vocabulary of the tests, tests/data/tokenizer/: byte-level
BPE as Qwen's, trained on corpus.txt there, with every special token of
Qwen3-VL after the ordinary tokens. The same vocabulary is written as
tokenizer.json and as vocab.json + merges.txt + tokenizer_config.json.

    tests/reference/root.sh run python3 tests/reference/make_tokenizer.py

Given a GGUF with Qwen2's own vocabulary, it also makes lines.txt:

    tests/reference/root.sh run python3 tests/reference/make_tokenizer.py build/qwen2-vocab.gguf

A line there is "<hash> <hash> <text>": the FNV-1a hashes (64 bits, over the ids
as 32-bit little endian) of the reference's ids with the small and with the real
vocabulary, special tokens recognised; and the text with backslash, line ends
and control characters escaped as \\xHH, one escape per byte of UTF-8.
"""
import json
import pathlib
import sys
import unicodedata

from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers, trainers
from tokenizers.models import BPE

N_TOKENS = 800
OUT = pathlib.Path(__file__).resolve().parent.parent / "data" / "tokenizer"

# MODELS: the Qwen2 pattern, used from Qwen-VL to Qwen3-VL.
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

# In the order of the released ids; True: left out by "skip special tokens".
ADDED = [
    ("<|endoftext|>", True),
    ("<|im_start|>", True),
    ("<|im_end|>", True),
    ("<|object_ref_start|>", True),
    ("<|object_ref_end|>", True),
    ("<|box_start|>", True),
    ("<|box_end|>", True),
    ("<|quad_start|>", True),
    ("<|quad_end|>", True),
    ("<|vision_start|>", True),
    ("<|vision_end|>", True),
    ("<|vision_pad|>", True),
    ("<|image_pad|>", True),
    ("<|video_pad|>", True),
    ("<tool_call>", False),
    ("</tool_call>", False),
    ("<|fim_prefix|>", False),
    ("<|fim_middle|>", False),
    ("<|fim_suffix|>", False),
    ("<|fim_pad|>", False),
    ("<|repo_name|>", False),
    ("<|file_sep|>", False),
    ("<tool_response>", False),
    ("</tool_response>", False),
    ("<think>", False),
    ("</think>", False),
]

# The chat form of Qwen3-VL without tools.
CHAT_TEMPLATE = """\
{%- set n = namespace(images=0, videos=0) -%}
{%- for message in messages -%}
{{- '<|im_start|>' + message.role + '\\n' -}}
{%- if message.content is string -%}
{{- message.content -}}
{%- else -%}
{%- for part in message.content -%}
{%- if part.type == 'image' -%}
{%- set n.images = n.images + 1 -%}
{%- if add_vision_id -%}{{- 'Picture ' ~ n.images ~ ': ' -}}{%- endif -%}
{{- '<|vision_start|><|image_pad|><|vision_end|>' -}}
{%- elif part.type == 'video' -%}
{%- set n.videos = n.videos + 1 -%}
{%- if add_vision_id -%}{{- 'Video ' ~ n.videos ~ ': ' -}}{%- endif -%}
{{- '<|vision_start|><|video_pad|><|vision_end|>' -}}
{%- elif 'text' in part -%}
{{- part.text -}}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
{{- '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}
"""


def added_tokens():
    return [AddedToken(text, special=special, normalized=False) for text, special in ADDED]


def qwen_tokenizer(model):
    """A tokenizer with Qwen's steps around a BPE model."""
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def train():
    tokenizer = qwen_tokenizer(BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=N_TOKENS - len(ADDED),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train([str(OUT / "corpus.txt")], trainer)
    tokenizer.add_tokens(added_tokens())
    assert tokenizer.get_vocab_size() == N_TOKENS
    return tokenizer


def write_json(name, value, **options):
    text = json.dumps(value, ensure_ascii=False, **options)
    (OUT / name).write_text(text + "\n", encoding="utf-8")


def write_small(tokenizer):
    state = json.loads(tokenizer.to_str())
    write_json("tokenizer.json", state, indent=1)
    write_json("vocab.json", state["model"]["vocab"])
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in state["model"]["merges"]]
    (OUT / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
    decoder = {
        str(tokenizer.token_to_id(text)): {
            "content": text,
            "lstrip": False,
            "normalized": False,
            "rstrip": False,
            "single_word": False,
            "special": special,
        }
        for text, special in ADDED
    }
    config = {
        "add_bos_token": False,
        "add_prefix_space": False,
        "added_tokens_decoder": decoder,
        "additional_special_tokens": [text for text, special in ADDED[1:] if special],
        "bos_token": None,
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>",
        "errors": "replace",
        "model_max_length": 262144,
        "pad_token": "<|endoftext|>",
        "split_special_tokens": False,
        "tokenizer_class": "Qwen2Tokenizer",
        "unk_token": None,
    }
    write_json("tokenizer_config.json", config, indent=1)


class Dice:
    """A generator of our own, so that the lines never change."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % n

    def of(self, items):
        return items[self.below(len(items))]

    def some(self, low, high, make):
        return "".join(make() for _ in range(low + self.below(high - low + 1)))


SCRIPTS = {
    "latin": [(0x41, 0x5A), (0x61, 0x7A)],
    "latin with accents": [(0x61, 0x7A), (0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x17F), (0x1E00, 0x1EFF)],
    "greek": [(0x391, 0x3A1), (0x3A3, 0x3CE), (0x1F00, 0x1F07), (0x1F80, 0x1FAF)],
    "cyrillic": [(0x400, 0x45F)],
    "armenian": [(0x531, 0x556), (0x561, 0x586)],
    "hebrew": [(0x5D0, 0x5EA), (0x5B0, 0x5BC), (0xFB2A, 0xFB36)],
    "arabic": [(0x620, 0x64A), (0x64B, 0x652), (0x660, 0x669)],
    "devanagari": [(0x905, 0x939), (0x93C, 0x94D), (0x958, 0x95F), (0x966, 0x96F)],
    "bengali": [(0x985, 0x98C), (0x995, 0x9A8), (0x9BE, 0x9C4), (0x9C7, 0x9C8), (0x9CB, 0x9CD), (0x9D7, 0x9D7)],
    "tamil": [(0xB95, 0xB95), (0xBA8, 0xBAA), (0xBBE, 0xBC2), (0xBC6, 0xBC8), (0xBCA, 0xBCD), (0xBD7, 0xBD7)],
    "sinhala": [(0xD9A, 0xDB1), (0xDCA, 0xDCA), (0xDCF, 0xDD4), (0xDD9, 0xDDF)],
    "thai": [(0xE01, 0xE3A), (0xE40, 0xE4E), (0xE50, 0xE59)],
    "tibetan": [(0xF40, 0xF47), (0xF71, 0xF81), (0xF90, 0xF97)],
    "georgian": [(0x10D0, 0x10FA), (0x1C90, 0x1CBA)],
    "han": [(0x4E00, 0x9FFF)],
    "rare han": [(0x3400, 0x4DBF), (0x20000, 0x20FFF), (0xF900, 0xFA6D), (0x2F800, 0x2FA1D)],
    "kana": [(0x3041, 0x3096), (0x3099, 0x309A), (0x30A1, 0x30FA), (0xFF66, 0xFF9F)],
    "hangul": [(0xAC00, 0xD7A3)],
    "jamo": [(0x1100, 0x1112), (0x1161, 0x1175), (0x11A7, 0x11C2)],
    "fullwidth": [(0xFF01, 0xFF5E)],
}
BLANKS = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
NOT_BLANKS = "\x1c\x1d\x1e\x1f\u180e\u200b\u200c\u200d\u2060\ufeff"
MARKS = [c for c in range(0x300, 0x36F)] + [0x591, 0x5B7, 0x64B, 0x651, 0x93C, 0xE38, 0x20D0, 0x3099, 0x1D165]
PUNCTUATION = ".,;:!?-_()[]{}'\"/\\|@#$%^&*+=~`<>" + "«»„“”‘’—–…¿¡。、，！？「」（）・٪؟।฿€£™©²½"
EMOJI = ["😀", "👍", "👍🏽", "❤️", "👨‍👩‍👧‍👦", "👩🏿‍💻", "🏳️‍🌈", "🇩🇪", "🇯🇵", "1️⃣", "☂", "🧑‍🚀", "\U0001FAE8"]
CONTRACTIONS = ["s", "t", "re", "ve", "m", "ll", "d", "S", "T", "RE", "Ve", "rE", "M", "LL", "lL", "D"]
CONTRACTIONS += ["\u017f", "\u212a", "k", "r", "v", "l", "rf", "lm", "se", "dd", "\u017fe", "ſt", "é", "1", " s"]
CODE = ["for", "if", "(", ")", "{", "}", "    ", "\t", "\n", "==", "!=", "->", "0x1F", "i++", ";", "\r\n", "//", "  "]
CODE += ["def", "return", "NULL", "#include", "<stdio.h>", "\"%d\\n\"", "&&", "[0]", "x_1", ":", "None", "</div>"]
CUTS = ["<|im_end|", "<|im_end", "|im_end|>", "< |im_end|>", "<|IM_END|>", "<", "<|", "<|im_", "<think", "<|image_pad|"]

# Scripts of Unicode 16 with compositions of their own, which older utf8proc lacks.
YOUNG = [(0x897, 0x897), (0x10D69, 0x10D6D), (0x10EFC, 0x10EFC), (0x11380, 0x113FF), (0x11F5A, 0x11F5A)]
YOUNG += [(0x16100, 0x1613F), (0x16D40, 0x16D7F), (0x1E5D0, 0x1E5FF)]


def make_lines():
    dice = Dice(2511_21631)
    corpus = (OUT / "corpus.txt").read_text(encoding="utf-8").splitlines()
    words = sorted({word for line in corpus for word in line.split()})
    scripts = {
        name: [chr(c) for low, high in ranges for c in range(low, high + 1) if unicodedata.category(chr(c)) != "Cn"]
        for name, ranges in SCRIPTS.items()
    }
    names = list(scripts)
    assigned = [
        chr(c)
        for c in range(0x110000)
        if unicodedata.category(chr(c)) not in ("Cn", "Co", "Cs")
        and not any(low <= c <= high for low, high in YOUNG)
    ]
    digits = [c for c in assigned if unicodedata.category(c)[0] == "N"]
    specials = [text for text, _ in ADDED]

    def letters(name, low=1, high=9):
        return dice.some(low, high, lambda: dice.of(scripts[name]))

    def blank():
        return dice.of(BLANKS) if dice.below(3) == 0 else dice.of("  \n\r\t ")

    def marked():
        base = letters(dice.of(names), 1, 2)
        return base + dice.some(0, 5, lambda: chr(dice.of(MARKS)))

    def atom():
        return dice.of([
            lambda: dice.of(words), lambda: letters(dice.of(names)), lambda: dice.of(digits), blank,
            lambda: dice.of(PUNCTUATION), lambda: dice.of(EMOJI), marked, lambda: dice.of(assigned),
            lambda: " ", lambda: str(dice.below(10**6)), lambda: "'" + dice.of(CONTRACTIONS),
        ])()

    def sentence(name):
        parts = []
        for _ in range(2 + dice.below(6)):
            parts.append(letters(name))
            parts.append(dice.of([" ", " ", " ", "  ", ", ", ". ", " - ", "\n", "! ", " (", ") ", str(dice.below(100))]))
        return "".join(parts)

    def mixed_case(word):
        return "".join(c.upper() if dice.below(2) else c for c in word)

    kinds = {
        "a line of the corpus": (60, lambda: corpus[dice.below(len(corpus))][:120]),
        "words of many languages": (1500, lambda: " ".join(dice.of(words) for _ in range(1 + dice.below(7)))),
        "one script": (2200, lambda: sentence(dice.of(names))),
        "anything": (2600, lambda: dice.some(1, 9, atom)),
        "any characters": (900, lambda: dice.some(1, 8, lambda: dice.of(assigned))),
        "blanks": (600, lambda: dice.some(1, 7, blank) + dice.of(["", "a", "1", "!", "中"]) + dice.some(0, 5, blank)),
        "nearly blanks": (150, lambda: dice.some(1, 5, lambda: dice.of(BLANKS + NOT_BLANKS + "ab"))),
        "contractions": (700, lambda: dice.some(1, 3, lambda: mixed_case(dice.of(words)) + dice.of(["'", "’"])
                                                + dice.of(CONTRACTIONS) + dice.of(["", " ", "x", "."]))),
        "marks out of order": (700, lambda: dice.some(1, 4, marked)),
        "hangul, in parts too": (300, lambda: dice.some(1, 8, lambda: dice.of(
            [letters("jamo", 1, 3), letters("hangul", 1, 2),
             unicodedata.normalize("NFD", letters("hangul", 1, 1))]))),
        "digits": (250, lambda: dice.some(1, 6, lambda: dice.of(digits) + dice.of(["", "", " ", "a", "."]))),
        "code": (500, lambda: dice.some(3, 14, lambda: dice.of(CODE) + dice.of(["", "", " "]))),
        "emoji": (200, lambda: dice.some(1, 6, lambda: dice.of(EMOJI) + dice.of(["", "", " ", "\u200d", "\ufe0f"]))),
        "control characters": (150, lambda: dice.some(1, 9, lambda: chr(dice.below(33)) if dice.below(3)
                                                      else chr(0x7E + dice.below(35)))),
        "special tokens": (500, lambda: dice.some(1, 5, lambda: dice.of([dice.of(specials), dice.of(CUTS), atom()]))),
        "long pieces": (120, lambda: dice.some(49, 220, lambda: dice.of("aaeinrsth"))),
        "long runs": (60, lambda: dice.of(["a", " ", "-", "=", "ab", "\n", "é", "中", "\u0301", "e\u0323\u0301"])
                      * (50 + dice.below(60))),
    }
    lines = [""]
    for count, make in kinds.values():
        lines += [make() for _ in range(count)]
    return lines


def real_tokenizer(path):
    """Qwen2's vocabulary as the reference would load it, from a GGUF."""
    from gguf import GGUFReader

    fields = GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    types = fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(line.split(" ")) for line in fields["tokenizer.ggml.merges"].contents()]
    vocab = {token: i for i, token in enumerate(tokens) if types[i] == 1}
    tokenizer = qwen_tokenizer(BPE(vocab=vocab, merges=merges))
    added = [token for i, token in enumerate(tokens) if types[i] == 3]
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in added])
    assert all(tokenizer.token_to_id(token) == tokens.index(token) for token in added)
    return tokenizer


def fnv(ids):
    value = 0xCBF29CE484222325
    for byte in b"".join(i.to_bytes(4, "little") for i in ids):
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def escape(text):
    return "".join(
        "".join(f"\\x{byte:02x}" for byte in c.encode())
        if c == "\\" or unicodedata.category(c) in ("Cc", "Zl", "Zp")
        else c
        for c in text
    )


def write_lines(tokenizers):
    rows = []
    for text in make_lines():
        hashes = [fnv(tokenizer.encode(text).ids) for tokenizer in tokenizers]
        rows.append(" ".join(hashes + [escape(text)]))
    (OUT / "lines.txt").write_text("\n".join(rows) + "\n", encoding="utf-8", newline="\n")
    print(f"{len(rows)} lines")


def main():
    small = train()
    write_small(small)
    if len(sys.argv) > 1:
        real = real_tokenizer(sys.argv[1])
        if len(sys.argv) > 2:
            real.save(sys.argv[2])
        write_lines([small, real])


if __name__ == "__main__":
    main()
