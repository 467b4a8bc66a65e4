#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the small vocabulary of the tests, tests/data/tokenizer/: byte-level
BPE as Qwen's, trained on corpus.txt there, with every special token of
Qwen3-VL after the ordinary tokens. The same vocabulary is written as
tokenizer.json and as vocab.json + merges.txt + tokenizer_config.json.

    tests/reference/root.sh run python3 tests/reference/make_tokenizer.py
"""
import json
import pathlib

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


def main():
    write_small(train())


if __name__ == "__main__":
    main()
