# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes tests/data/qwen3_vl: pictures, requests, checkpoints, expectations.

    make_qwen3_vl.py                    everything but the GGUF files
    make_qwen3_vl.py --check-mistakes   how far each deliberate mistake moves
                                        the logits (must be far above 1e-3)
"""
import json
import os
import shutil
import sys

import common
import qwen3_vl_cases as cases
import qwen3_vl_models as models


def build_all():
    return {name: models.build(spec) for name, spec in models.MODELS.items()}


def write_request(case, request):
    os.makedirs(common.REQUESTS, exist_ok=True)
    with open(os.path.join(common.REQUESTS, case + ".json"), "w") as f:
        json.dump(request, f, indent=1, ensure_ascii=False)
        f.write("\n")


def settle(case, built, ids_of):
    """The first closing words with which every model keeps its margins."""
    best = None
    for closing in cases.CLOSING:
        request = cases.request_of(case, closing)
        results = {}
        for name, (model, _) in built.items():
            if case not in cases.RUNS[name]:
                continue
            results[name] = common.run_case(model, request, common.REQUESTS,
                                            models.MODELS[name]["limits"], ids_of)
            if results[name][2] < common.MARGIN:
                break
        worst = min(r[2] for r in results.values())
        if worst >= common.MARGIN:
            return request, results
        best = max(best or 0, worst)
    sys.exit(f"{case}: no closing words reach the margin (best {best:.4f})")


def main():
    built = build_all()
    ids_of = common.special_ids()
    expected = os.path.join(common.DATA, "expected")
    for name, (model, files) in built.items():
        models.save(models.MODELS[name], model, files, os.path.join(common.DATA, name))
        shutil.rmtree(os.path.join(expected, name), ignore_errors=True)
    cases.write_pictures(os.path.join(common.DATA, "images"))
    for case in cases.CASES:
        request, results = settle(case, built, ids_of)
        write_request(case, request)
        for name, (values, tensors, margin) in results.items():
            common.save_expected(os.path.join(expected, name), case, values, tensors)
            logits = tensors["last_logits"]
            print(f"{name:5} {case:15} ids {len(values['input_ids']):4} grids "
                  f"{values['image_grid_thw']} logits std {logits.std():.2f} margin {margin:.4f} "
                  f"distinct {len(set(values['tokens']))}", flush=True)


if __name__ == "__main__":
    if "--check-mistakes" in sys.argv:
        import qwen3_vl_mistakes
        qwen3_vl_mistakes.check(models, cases, common)
    else:
        main()
