# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes tests/data/<family>: requests, checkpoints, expectations.

    make_family.py FAMILY                    everything but the GGUF files
    make_family.py FAMILY CASE...            these cases, beside what is there
    make_family.py FAMILY --check-mistakes   how far each deliberate mistake moves
                                             vision tokens and logits
"""
import importlib
import os
import shutil
import sys

import cases
import checkpoint
import common
import mistakes


def margin_of(family, result):
    """-1: a choice of experts is near a tie."""
    routing = (result[0] or {}).get("routing_margins")
    return -1 if routing and min(routing) < family.ROUTING_MARGIN else result[2]


def settle(name, case, takers):
    """The first closing words with which every model that runs the case keeps its
    margins. takers: {run: model}."""
    family, ids_of = common.family_of(name), common.special_ids()
    best = 0
    for closing in cases.CLOSING:
        request = cases.request_of(case, closing)
        results = {}
        for run, model in takers.items():
            try:
                results[run] = common.run_case(family, family.MODELS[run], model, request,
                                               common.folder_of(name, "requests"), ids_of)
            except ValueError:  # an answer with a picture place in it, which is refused
                results[run] = None, None, 0
            if margin_of(family, results[run]) < common.MARGIN:
                break
        worst = min(margin_of(family, r) for r in results.values())
        if worst >= common.MARGIN:
            return request, results
        best = max(best, worst)
    sys.exit(f"{case}: no closing words reach the margin (best {best:.4f})")


def save_case(name, case, request, results):
    common.write_request(name, case, request)
    for run, (values, tensors, margin) in results.items():
        common.save_expected(common.folder_of(name, "expected", run), case, values, tensors)
        logits = tensors["last_logits"]
        print(f"{run:5} {case:15} ids {len(values['input_ids']):4} grids "
              f"{values['image_grid_thw']} films {values.get('video_grid_thw', [])} logits std {logits.std():.2f} margin {margin:.4f} "
              f"distinct {len(set(values['tokens']))}", flush=True)


def main(name, only):
    family, runs = common.family_of(name), common.runs_of(name)
    built = {}
    for run, spec in family.MODELS.items():
        built[run], files = checkpoint.build(family, spec)
        checkpoint.save(family, spec, built[run], files, common.folder_of(name, run))
        if not only:
            shutil.rmtree(common.folder_of(name, "expected", run), ignore_errors=True)
    cases.write_pictures(os.path.join(common.DATA, "pictures"))
    for case in only or cases.CASES:
        takers = {run: model for run, model in built.items() if case in runs[run]["cases"]}
        if takers:
            save_case(name, case, *settle(name, case, takers))


if __name__ == "__main__":
    if "--check-mistakes" in sys.argv:
        mistakes.check(sys.argv[1], importlib.import_module(sys.argv[1] + "_mistakes"))
    else:
        main(sys.argv[1], sys.argv[2:])
