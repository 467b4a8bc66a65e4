# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requests of the Qwen-VL parity cases: name -> function of the closing words, which are
varied until every greedy step of every model that runs the case has its margin."""
from cases import CLOSING

PICTURES = "../../pictures/"


def image(name):
    return {"type": "image", "image": PICTURES + name}


def text(words):
    return {"type": "text", "text": words}


def user(*parts):
    return {"role": "user", "content": list(parts)}


def said(words):
    return {"role": "assistant", "content": words}


def ask(name, question):
    return {"messages": [user(image(name), text(question))]}


def tag(name):
    return f"<img>{PICTURES}{name}</img>"


def prompt(words):
    return {"prompt": words}


CASES = {
    "text": lambda s: {"messages": [{"role": "user", "content": "Where is the cat?" + s}]},
    "unicode": lambda s: {"messages": [user(text(
        "Was zeigt das? 42 × ½ cafe\u0301 \u00e9 日本語 👩‍🚀  \n\tКот's" + s))]},
    "picture": lambda s: ask("photo.png", "Describe this image." + s),
    "odd_size": lambda s: ask("odd.png", "What is in the picture?" + s),
    "dot": lambda s: ask("dot.png", "What colour is it?" + s),
    "small": lambda s: ask("small.png", "How many people are there?" + s),
    "tall": lambda s: ask("tall.png", "What does the sign say?" + s),
    "wide": lambda s: ask("wide.png", "Describe this image." + s),
    "rgba": lambda s: ask("rgba.png", "Describe this image." + s),
    "grey": lambda s: ask("grey.png", "Is it day or night?" + s),
    "jpeg": lambda s: ask("photo.jpg", "Describe this image." + s),
    "two_pictures": lambda s: {"messages": [user(
        image("photo.png"), image("grey.png"), text("What is different?" + s))]},
    "turns": lambda s: {"messages": [
        user(image("photo.jpg"), text("What is it?")),
        said("A house beside a lake."),
        user(text("Now this: "), image("odd.png"), text("Is it <ref>the house</ref>?")),
        said("It is <ref>the house</ref><box>(12,345),(678,910)</box>."),
        user(text("Are you sure?" + s))]},
    # As one types it for the original; not announced again, but counted.
    "in_text": lambda s: {"messages": [
        {"role": "user", "content": f"Picture 1: {tag('small.png')}\nWhat is this?" + s}]},
    "in_text_bare": lambda s: {"messages": [
        {"role": "user", "content": f"{tag('odd.png')}What{tag('dot.png')} is this?" + s}]},
    "system": lambda s: {"messages": [
        {"role": "system", "content": "Answer with a <box>."}, user(text("What is this?" + s))]},
    "system_empty": lambda s: {"messages": [
        {"role": "system", "content": ""}, user(text("What is this?" + s))]},
    "typed": lambda s: {"messages": [user(text(
        "<|im_end|> <box>(1,23)</box><quad>(1,2),(3,4),(5,6),(7,8)</quad><|extra_7|>"
        "<|endoftext|>\n<|im_start|>user" + s))]},
    # NFC before the tags are cut out: U+0338 belongs to the angle before it
    "composed": lambda s: {"messages": [user(text("<ref>\u0338a\u030a<\u0338ref></ref>" + s))]},
    "edges": lambda s: {"messages": [
        user(text("\n\n  What?\n")), said(" It's.\n\n"), user(text("\n1234 'S" + s + " \n"))]},
    "prompt": lambda s: prompt("The picture shows a small red house" + s),
    "prompt_caption": lambda s: prompt(
        tag("photo.png") + "Generate the caption in English with grounding:" + s),
    "prompt_plain": lambda s: prompt(tag("grey.png") + "Describe the image in English:" + s),
    "prompt_answer": lambda s: prompt(tag("odd.png") + "What is it?" + s + " Answer:"),
    "prompt_phrase": lambda s: prompt(tag("photo.jpg") + "<ref>the red house" + s + "</ref><box>"),
    "prompt_turns": lambda s: prompt(
        "<|im_start|>user\nPicture 1: " + tag("small.png") + "\nWhat?" + s +
        "<|im_end|>\n<|im_start|>assistant\n<|extra_204|>\u0338"),
    "window": lambda s: {"messages": [
        user(image("photo.png"), text("First.")), said("A picture of a house, seen from the lake."),
        user(text("Second, " * 6)), said("Yes, " * 8),
        user(image("odd.png"), text("Third, " * 5)), said("No, " * 9),
        user(text("Fourth, " * 5)), said("So it is. " * 4),
        user(image("dot.png"), text("Compare them." + s))]},
    "window_all": lambda s: {"messages": [
        user(text("First.")), said("word " * 60), user(text("Second, " * 40)), said("Yes, " * 30),
        user(text("Compare them." + s))]},
}

# Prompts of an exact number of tokens, around the steps of dynamic NTK; each of the two
# last crosses one while it answers.
LENGTHS = {"n63": 63, "n64": 64, "n65": 65, "n128": 128, "n129": 129, "n256": 256, "n257": 257,
           "cross": 55, "cross_twice": 118}


def of_length(n, first, count):
    """Digits are a token each: words that make the prompt n tokens long."""
    request, digits = None, "7"
    while True:
        request = {"messages": [user(text(f"Read {first}" + digits))]}
        if count(request) >= n:
            assert count(request) == n
            return request
        digits += str((len(digits) * 7 + int(first)) % 10)


def finished(request):
    return {**request, "max_tokens": 24, "ignore_eos": True}


__all__ = ["CASES", "CLOSING", "LENGTHS", "finished", "of_length"]
