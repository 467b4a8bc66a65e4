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


def _outputs(family, spec, model, prepared):
    logits = common.last_logits(model, *prepared, family, spec)
    _, _, values, grids, films = prepared
    seen = [] if grids is None else [(values, grids)]
    seen += [(film["values"], film["grid"]) for film in films]
    parts = [torch.zeros(1)]
    for one in seen:
        merged, taps = common.vision(model, *one)
        parts += [x.reshape(-1) for x in [merged] + taps]
    return torch.cat(parts), logits


def check(name, made):
    family, ids_of = common.family_of(name), common.special_ids()
    kept = [getattr(module, attribute) for module, attribute in made.PATCHED]
    for run, case in made.CASES:
        spec = family.MODELS[run]
        prepared = common.inputs_of(family, spec, common.load_request(name, case),
                                    common.folder_of(name, "requests"), ids_of)[1:]
        truth = None
        print(f"{run}, {case}:")
        for mistake, make in made.MISTAKES.items():
            model, _ = checkpoint.build(family, spec)
            make(model)
            got = _outputs(family, spec, model, prepared)
            for (module, attribute), value in zip(made.PATCHED, kept):
                setattr(module, attribute, value)
            truth = truth or got
            moved = float((got[1] - truth[1]).abs().max())
            rel = (float((got[0] - truth[0]).norm() / truth[0].norm())
                   if got[0].shape == truth[0].shape else float("nan"))
            print(f"  {mistake:32} vision {rel:.1e}   logits {moved:.1e}", flush=True)
