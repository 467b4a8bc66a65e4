#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Trains espy-nano from random weights on pictures that scenes.py draws.

    tests/nano/root.sh python3 tests/nano/train.py --out build-nano --minutes 90

Runs on a GPU if there is one, else on the CPU. Seeded; --out holds the state, so
that a later run goes on where this one stopped (Ctrl-C included), and widens
what it learns if --several is raised. Prints its cost: pictures, questions,
seconds. The state's weights become a model by export.py.
"""
import argparse
import json
import math
import os
import signal
import sys
import time

import torch
import torch.nn.functional as F

import batches
import model as nano
import start
import tokenizer
import words


class Muon:
    """Momentum orthogonalised by Newton-Schulz steps (Jordan et al., 2024), for matrices."""

    def __init__(self, params, momentum=.95):
        self.params = list(params)
        self.momentum = momentum
        self.state = [torch.zeros_like(p) for p in self.params]

    @staticmethod
    def orthogonal(g, dtype):
        x = g.flatten(1).to(dtype)
        wide = x.shape[0] > x.shape[1]
        x = x.T if wide else x
        x = x / (x.norm() + 1e-7)
        for _ in range(5):
            a = x @ x.T
            x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
        return (x.T if wide else x).reshape(g.shape).float()

    @torch.no_grad()
    def step(self, rate, decay, dtype):
        for p, m in zip(self.params, self.state):
            if p.grad is None:
                continue
            m.mul_(self.momentum).add_(p.grad)
            g = self.orthogonal(p.grad + self.momentum * m, dtype)
            rows, columns = p.shape[0], p[0].numel()
            p.mul_(1 - rate * decay).add_(g, alpha=-rate * max(1, rows / columns) ** .5)
            p.grad = None


def rate_at(done, cool, warm=.02):
    """Of a run's length done (0..1): up, flat, down to zero."""
    return min(1, done / warm) * min(1, max(0, (1 - done) / cool))


class Run:
    def __init__(self, args):
        self.args = args
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.dtype = torch.bfloat16 if args.bf16 else torch.float32
        torch.manual_seed(args.seed)
        self.tok = tokenizer.make(args.curriculum)
        self.model = nano.build(args.size, self.tok).to(self.device)
        self.heads = nano.Heads(args.curriculum, self.model.config.vision_config.hidden_size,
                                self.model.config.text_config.hidden_size,
                                len(words.COLORS)).to(self.device)
        # The mergers' square matrices would cost Muon more than all others together.
        matrices = [p for n, p in self.model.named_parameters() if p.ndim >= 2 and not
                    ("embed_tokens" in n or "pos_embed" in n or "merger" in n and "fc1" in n)]
        chosen = {id(p) for p in matrices}
        rest = [p for p in self.model.parameters() if id(p) not in chosen]
        self.muon = Muon(matrices)
        self.adam = torch.optim.AdamW(rest + list(self.heads.parameters()), lr=1e-3,
                                      betas=(.9, .98), weight_decay=0, fused=True)
        self.done = {"steps": 0, "pictures": 0, "questions": 0, "seconds": 0.0}
        self.state_path = os.path.join(args.out, "state.pt")
        if os.path.exists(self.state_path):
            self.load()
        elif args.start:
            start.load(self.model, self.tok, args.start)
        self.forward = nano.Pass(self.model, self.dtype)

    def load(self):
        state = torch.load(self.state_path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.heads.load_state_dict(state["heads"])
        if [m.shape for m in state["muon"]] == [m.shape for m in self.muon.state]:
            self.adam.load_state_dict(state["adam"])
            self.muon.state = [m.to(self.device) for m in state["muon"]]
        self.done = state["done"]

    def save(self):
        state = {"model": self.model.state_dict(), "heads": self.heads.state_dict(),
                 "adam": self.adam.state_dict(), "muon": self.muon.state, "done": self.done}
        torch.save(state, self.state_path + ".part")
        os.replace(self.state_path + ".part", self.state_path)

    def step(self, batch, rate):
        t = {k: torch.from_numpy(v).to(self.device) for k, v in batch.items() if k != "targets"}
        seen = self.forward.vision(t["pixels"])
        states = []
        hidden = self.forward.text(t["ids"], t["positions"], t["segments"], seen, t["at"], states)
        answers = t["labels"] >= 0
        logits = self.forward.logits(hidden[answers])
        wanted = t["labels"][answers]
        each = F.cross_entropy(logits, wanted, reduction="none")
        loss = (each * t["weights"]).sum() / t["weights"].sum()
        total, right, read, named = loss, 0.0, 0.0, 0.0
        if batch["targets"]:
            targets = [torch.from_numpy(x).to(self.device) for x in batch["targets"]]
            aux, right, read = self.heads(seen.last, *(x.long() for x in targets[:3]), targets[3])
            total = loss + self.args.auxiliary * aux
        if len(t["named"]):
            aux, named = self.heads.mentions(states[1:-1], t["named"])
            total = total + self.args.auxiliary * aux
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.muon.step(rate * self.args.rate, .01, self.dtype)
        for group in self.adam.param_groups:
            group["lr"] = rate * self.args.rate * .1
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)
        self.done["steps"] += 1
        self.done["pictures"] += len(batch["pixels"])
        self.done["questions"] += int((t["segments"].max(1).values).sum())
        with torch.no_grad():
            tokens = (logits.argmax(-1) == wanted).float().mean()
        return float(loss.detach()), float(tokens), right, read, named


def keep_memory():
    """Starts anew with an allocator that keeps what it has: without, a third of a CPU's
    time goes into pages that are given back and taken again in each step."""
    settings = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
                "MALLOC_TOP_PAD_": str(200 << 20)}
    if "MALLOC_MMAP_MAX_" not in os.environ and not torch.cuda.is_available():
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **settings})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", required=True, help="folder of the state")
    parser.add_argument("--curriculum", choices=("small", "full"), default="small")
    parser.add_argument("--size", choices=tuple(nano.SIZES), default="small", help="of the network")
    parser.add_argument("--start", help="GGUF of an earlier espy-nano to start from")
    parser.add_argument("--minutes", type=float, default=90, help="length of the whole training")
    parser.add_argument("--batch", type=int, default=32, help="pictures in a step")
    parser.add_argument("--tokens", type=int, default=256, help="of questions and answers about a picture")
    parser.add_argument("--several", type=float, default=0, help="share of rows with several pictures")
    parser.add_argument("--pages", type=float, default=.25, help="share of rows that are words alone")
    parser.add_argument("--rate", type=float, default=.01)
    parser.add_argument("--cool", type=float, default=.45, help="share of the run in which the rate falls")
    parser.add_argument("--auxiliary", type=float, default=1.0, help="weight of the auxiliary losses")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--pin", action="store_true",
                        help="one thread on CPU 0, the workers on CPU 1")
    parser.add_argument("--float32", dest="bf16", action="store_false")
    args = parser.parse_args()
    keep_memory()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(1 if args.pin else args.threads)
    run = Run(args)
    n = sum(p.numel() for p in run.model.parameters())
    print(f"{n} parameters on {run.device}, from step {run.done['steps']}", flush=True)
    # Seeds of training are pairs; those of scoring are single numbers.
    queue = batches.stream(args.curriculum, args.seed + 1000 * (1 + run.done["steps"]), args.workers,
                           (args.batch, args.tokens, args.several, args.pages), 1 if args.pin else None)
    if args.pin:
        os.sched_setaffinity(0, {0})
    stop = []
    signal.signal(signal.SIGINT, lambda *_: stop.append(1))
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    log = open(os.path.join(args.out, "log.jsonl"), "a", encoding="utf-8")
    mean, saved = None, time.time()
    while not stop and run.done["seconds"] < args.minutes * 60:
        batch = queue.get()
        start = time.time()
        numbers = run.step(batch, rate_at(run.done["seconds"] / (args.minutes * 60), args.cool))
        run.done["seconds"] += time.time() - start
        if not math.isfinite(numbers[0]):
            raise SystemExit("the loss is not finite")
        if batch["targets"] and batch["ids"].shape[1] > 200:  # of scenes, not of pages
            mean = numbers if mean is None else [.97 * a + .03 * b for a, b in zip(mean, numbers)]
        if run.done["steps"] % 50 == 0 and mean:
            line = dict(run.done, loss=mean[0], tokens=mean[1], things=mean[2], characters=mean[3],
                        named=mean[4], waiting=queue.qsize())
            log.write(json.dumps(line) + "\n")
            log.flush()
            print(" ".join(f"{k} {v:.4g}" for k, v in line.items()), flush=True)
        if time.time() - saved > 120:
            run.save()
            saved = time.time()
    run.save()
    print("cost:", json.dumps(run.done))


if __name__ == "__main__":
    main()
