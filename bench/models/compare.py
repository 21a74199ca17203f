#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares two folders of output_0.npy, output_1.npy, ...; exit status 1 if they differ.

usage: compare.py EXPECTED_DIR GOT_DIR [--tolerance T]

Each output must have the expected shape, be finite, and differ nowhere by more than T (1e-4) times the
expected output's range: single precision and another order of summation give about 1e-6 in a deep
network, a weight in the wrong place gives about 1.
"""
import argparse
import glob
import os
import sys

import numpy


def main():
    parser = argparse.ArgumentParser(description="compare two folders of outputs")
    parser.add_argument("expected")
    parser.add_argument("got")
    parser.add_argument("--tolerance", type=float, default=1e-4)
    arguments = parser.parse_args()
    files = sorted(glob.glob(os.path.join(arguments.expected, "output_*.npy")))
    worst = 0.0
    for file in files:
        expected = numpy.load(file)
        got = numpy.load(os.path.join(arguments.got, os.path.basename(file)))
        if got.shape != expected.shape or not numpy.isfinite(got).all():
            sys.exit(f"{os.path.basename(file)}: shape {got.shape}, expected {expected.shape}, or not finite")
        extent = float(expected.max() - expected.min()) or 1.0
        worst = max(worst, float(numpy.abs(got - expected).max()) / extent)
    if not files:
        sys.exit(f"no outputs in {arguments.expected}")
    print(f"largest difference {worst:.1e} of the range")
    if worst > arguments.tolerance:
        sys.exit(f"above the tolerance {arguments.tolerance:g}")


if __name__ == "__main__":
    main()
