# SPDX-License-Identifier: LGPL-2.1-or-later
"""The vocabulary of espy-nano: byte-level BPE in Qwen's form with all of Qwen's
special tokens.

Merges are not learned from pairs but spell whole words from the left, each
with the blank before it (" circle"). So the words of the answers are one token
each, while a word that stands in a picture, quoted or alone, falls into its
letters: reading letter by letter is what a small model can learn.
"""
import json
import os
import re
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "reference"))
from make_tokenizer import ADDED, CHAT_TEMPLATE, PATTERN  # noqa: E402

import emoji  # noqa: E402
import questions  # noqa: E402
import words  # noqa: E402

PUNCTUATION = ['[{"', '":', " [", "],", ' "', '"},', ' {"', '"}]', '",', '"]', "bbox"]
COMMON = """Answer Report JSON German French Spanish Chinese
a an and the is are in on of at to as for it this that there what how many with no not was left right top
bottom center image text word number background color things thing where relative every instance that
belongs following categories coordinates format array strings tags list detail sentence short plain
only content from without any additional descriptions or formatting does say one you see see seconds
seconds different happens missing added now moves appears disappears up down nothing light dark gray
unicorn""".split()


def bytes_to_letters():
    """GPT-2's printable stand-ins of the 256 bytes."""
    plain = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    letters = {b: chr(b) for b in plain}
    for n, b in enumerate(b for b in range(256) if b not in letters):
        letters[b] = chr(256 + n)
    return letters


def _spelled(curriculum):
    """Every piece that is to become one token."""
    pieces = list(PUNCTUATION)
    texts = list(COMMON)
    for language in emoji.LANGUAGES:
        texts += questions.CAPTIONS[language] + [words.REFUSAL[language]]
        texts += [p for row in words.PLACES[language] for p in row]
        texts += [words.ground_phrase(g, language) for g in words.GROUNDS]
        texts += [n for c in words.COLORS for n in words.color_names(c)[language]]
        for _, names, _ in emoji.known(curriculum):
            texts.append(names[language])
        for shape in words.SHAPES:
            texts.append(words.shape_names(shape)[0][language])
    for _, names, _ in emoji.known(curriculum):
        texts.append(words.plural(names["en"]))
    texts += [words.plural(s) for s in words.SHAPES]
    texts += "ein eine einem das Wort die Zahl un une des le mot nombre et sur fond una unas el la palabra número y sobre fondo vor Hintergrund und".split()
    for text in texts:
        for word in re.findall(r"[^\W\d_]+", text):
            if ord(word[0]) > 0x2E80:
                pieces += list(word)  # one token a character
            else:
                pieces.append(" " + word)
    return list(dict.fromkeys(pieces))


def make(curriculum):
    letters = bytes_to_letters()
    vocab = {letters[b]: i for i, b in enumerate(sorted(letters, key=lambda b: letters[b]))}
    merges = []
    for piece in _spelled(curriculum):
        symbols = [letters[b] for b in piece.encode("utf-8")]
        left = symbols[0]
        for right in symbols[1:]:
            if left + right not in vocab:
                merges.append((left, right))
                vocab[left + right] = len(vocab)
            left += right
    tok = Tokenizer(BPE(vocab=vocab, merges=merges))
    tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    tok.add_tokens([AddedToken(t, special=s, normalized=False) for t, s in ADDED])
    return tok


def save(tok, folder):
    tok.save(os.path.join(folder, "tokenizer.json"))
    added = {str(tok.token_to_id(t)): {
        "content": t, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False,
        "special": s} for t, s in ADDED}
    config = {"added_tokens_decoder": added, "bos_token": None, "eos_token": "<|im_end|>",
              "pad_token": "<|endoftext|>", "unk_token": None, "add_prefix_space": False,
              "model_max_length": 4096, "tokenizer_class": "Qwen2Tokenizer",
              "chat_template": CHAT_TEMPLATE}
    with open(os.path.join(folder, "tokenizer_config.json"), "w", encoding="utf-8") as f:
        json.dump(config, f, indent=1, ensure_ascii=False)
