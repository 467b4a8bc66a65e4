# SPDX-License-Identifier: LGPL-2.1-or-later
"""Deliberate mistakes in the reference, to see that the fixtures notice them.

A family lists the classic ones in `<family>_mistakes.py`: MISTAKES, a function of
the model for each, "none" first; PATCHED, what they may replace in modules; CASES,
pairs of run and case. Each is made in a fresh model, the case is run, and the
change of the vision tokens (relative L2) and of the last logits (largest) is
printed. Parity asks for 1e-4 and 1e-3; a mistake must exceed one of them by a wide
margin.
"""
import torch

import checkpoint
import common


def _outputs(model, prepared):
    logits = common.last_logits(model, *prepared)
    if prepared[2] is None:
        return torch.zeros(1), logits
    merged, taps = common.vision(model, *prepared[2:])
    return torch.cat([merged] + taps), logits


def check(name, made):
    family, ids_of = common.family_of(name), common.special_ids()
    kept = [getattr(module, attribute) for module, attribute in made.PATCHED]
    for run, case in made.CASES:
        spec = family.MODELS[run]
        prepared = common.inputs_of(family, common.load_request(name, case),
                                    common.folder_of(name, "requests"), spec["limits"], ids_of)[1:]
        truth = None
        print(f"{run}, {case}:")
        for mistake, make in made.MISTAKES.items():
            model, _ = checkpoint.build(family, spec)
            make(model)
            got = _outputs(model, prepared)
            for (module, attribute), value in zip(made.PATCHED, kept):
                setattr(module, attribute, value)
            truth = truth or got
            moved = float((got[1] - truth[1]).abs().max())
            rel = (float((got[0] - truth[0]).norm() / truth[0].norm())
                   if got[0].shape == truth[0].shape else float("nan"))
            print(f"  {mistake:32} vision {rel:.1e}   logits {moved:.1e}", flush=True)
