# SPDX-License-Identifier: LGPL-2.1-or-later
"""Qwen-VL's tokenizer and prompts in plain Python (MODELS-qwen-vl.md, sections 9 to
11): qwen.tiktoken, byte pairs by rank, <img>PATH</img> as slots, ChatML, the window
of earlier turns."""
import base64
import re as plain_re
import unicodedata

import regex

PATTERN = regex.compile(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")

TAGS = ["<ref>", "</ref>", "<box>", "</box>", "<quad>", "</quad>", "<img>", "</img>", "<imgpad>"]
CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] + [f"<|extra_{i}|>" for i in range(205)]
SYSTEM = "You are a helpful assistant."


class Tokenizer:
    def __init__(self, path, n_slots):
        with open(path, "rb") as f:
            lines = [line.split() for line in f if line.strip()]
        self.ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
        first = max(self.ranks.values()) + 1
        self.special = {text: first + i for i, text in enumerate(CONTROL + TAGS)}
        self.n_slots = n_slots

    def __len__(self):
        return len(self.ranks) + len(self.special)

    def _piece(self, piece):
        if piece in self.ranks:
            return [self.ranks[piece]]
        parts = [bytes([b]) for b in piece]
        while True:
            pairs = [(self.ranks.get(a + b), i) for i, (a, b) in enumerate(zip(parts, parts[1:]))]
            pairs = [p for p in pairs if p[0] is not None]
            if not pairs:
                return [self.ranks[p] for p in parts]
            i = min(pairs)[1]
            parts[i:i + 2] = [parts[i] + parts[i + 1]]

    def _ordinary(self, text):
        return [i for piece in PATTERN.findall(text) for i in self._piece(piece.encode())]

    def encode(self, text, allowed=TAGS):
        """(ids, paths of the pictures)"""
        text = unicodedata.normalize("NFC", text)
        cut = "(" + "|".join(map(plain_re.escape, sorted(allowed, key=len, reverse=True))) + ")"
        ids, paths, pieces = [], [], plain_re.split(cut, text)
        while pieces:
            piece = pieces.pop(0)
            if piece not in allowed:
                ids += self._ordinary(piece)
                continue
            ids.append(self.special[piece])
            if piece == "<img>":
                path = ""
                while pieces[0] != "</img>":
                    path += pieces.pop(0)
                paths.append(path)
                ids += [self.special["<imgpad>"]] * self.n_slots
        return ids, paths


def raw(tokenizer, request):
    return tokenizer.encode(request["prompt"], TAGS + CONTROL)


def _content(content, count):
    """The text of a message, its pictures announced; count: those before it."""
    if isinstance(content, str):
        return content
    text = ""
    for part in content:
        if part["type"] == "text":
            text += part["text"]
        else:
            count[0] += 1
            text += f"Picture {count[0]}: <img>{part['image']}</img>\n"
    return text


def chat(tokenizer, request, window):
    """(ids, paths, how many turns were left out)"""
    start, end = tokenizer.special["<|im_start|>"], tokenizer.special["<|im_end|>"]
    nl = tokenizer.encode("\n")[0]

    def turn(role, text):
        content, paths = tokenizer.encode(text)
        return [start] + tokenizer.encode(role)[0] + nl + content + [end], paths

    messages, count, system = list(request["messages"]), [0], SYSTEM
    if messages[0]["role"] == "system":
        system = _content(messages.pop(0)["content"], count)
    said = [(m["role"], _content(m["content"], count)) for m in messages]
    ids, paths = turn("system", system)
    query = turn(*said[-1])
    history = []
    for user, assistant in zip(said[0:-1:2], said[1:-1:2]):
        assert user[0] == "user" and assistant[0] == "assistant"
        a, b = turn(*user), turn(*assistant)
        history.append((nl + a[0] + nl + b[0], a[1] + b[1]))
    kept, total = [], len(ids)
    for tokens, pictures in reversed(history):
        if total + len(tokens) >= window:
            break
        total += len(tokens)
        kept.insert(0, (tokens, pictures))
    for tokens, pictures in kept:
        ids, paths = ids + tokens, paths + pictures
    ids = ids + nl + query[0] + nl + [start] + tokenizer.encode("assistant")[0] + nl
    return ids, paths + query[1], len(history) - len(kept)
