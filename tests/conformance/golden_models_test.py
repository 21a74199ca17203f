#!/usr/bin/python3
"""Compiles the real models and compares their outputs with those another engine gave (../shared/models/golden), within each case's
tolerance: |got - want| <= atol + rtol * |want|. golden_models_test.py TARGET...

SPDX-License-Identifier: Apache-2.0
"""
import glob
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

ROOT = os.environ.get("KEDGE_SOURCE_DIR", os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BIN = os.environ.get("KEDGE_BIN_DIR", os.path.join(ROOT, "build", "dev", "bin"))
MODELS = os.path.join(ROOT, "..", "shared", "models")
FILES = ["version-RFB-320.onnx", "version-RFB-320_simplified.onnx", "version-RFB-320_without_postprocessing.onnx"]


def kedge(*words):
    done = subprocess.run([os.path.join(BIN, "kedge"), *words], text=True, capture_output=True)
    if done.returncode != 0:
        raise RuntimeError(f"kedge {words[0]}: {done.stderr.strip()}")


def check(case, compiled, work):
    """The largest error as a part of what is allowed; above 1 the case fails."""
    inputs = sorted(glob.glob(os.path.join(case, "input_*.npy")))
    words = [word for i, path in enumerate(inputs) for word in ("--input", f"{i}={path}")]
    kedge("run", compiled, *words, "--output-dir", work)
    tolerance = json.load(open(os.path.join(case, "tolerance.json"), encoding="utf-8"))
    worst = 0.0
    for i, path in enumerate(sorted(glob.glob(os.path.join(case, "output_*.npy")))):
        want, got = np.load(path), np.load(os.path.join(work, f"output_{i}.npy"))
        if want.shape != got.shape or want.dtype != got.dtype:
            raise RuntimeError(f"output {i} is {got.dtype}{got.shape}, wanted {want.dtype}{want.shape}")
        worst = max(worst, float((abs(got - want) / (tolerance["atol"] + tolerance["rtol"] * abs(want))).max()))
    return worst


def main():
    if not os.path.isdir(MODELS):
        print("skipped: ../shared not present")
        return 77
    failed = 0
    for target in sys.argv[1:] or ["native"]:
        for file in FILES:
            with tempfile.TemporaryDirectory() as work:
                compiled = os.path.join(work, "compiled")
                kedge("compile", os.path.join(MODELS, "ultraface", file), "--target", target, "-o", compiled)
                for case in sorted(glob.glob(os.path.join(MODELS, "golden", file)) + glob.glob(os.path.join(MODELS, "golden", file + ".*"))):
                    worst = check(case, compiled, os.path.join(work, "out"))
                    failed += worst > 1
                    print(f"{'FAIL' if worst > 1 else 'PASS'} {os.path.basename(case)} {target}: error {worst:.4f} of what is allowed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
