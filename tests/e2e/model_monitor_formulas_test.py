#!/usr/bin/python3
"""Distances of `kedge monitor` against the formulas, computed apart from it: on random datasets, to 1e-9; with scipy beside where it is.

What the command says is read from constraint_violations.json; thresholds are set below every distance, so that each is told.
SPDX-License-Identifier: Apache-2.0
"""
import bisect
import json
import math
import os
import random
import re
import subprocess
import sys
import tempfile

try:
    import scipy.stats
except ImportError:
    scipy = None

KEDGE = os.path.join(os.environ.get("KEDGE_BIN_DIR", "build/dev/bin"), "kedge")
ROUNDS = 6
EXACT = 1e-9


def simple(a, b):
    a, b = sorted(a), sorted(b)
    return max(abs(bisect.bisect_right(a, x) / len(a) - bisect.bisect_right(b, x) / len(b)) for x in a + b)


def robust(distance, n, m):
    return max(0.0, distance - 1.8 * math.sqrt((n + m) / (n * m)))


def shares(a, b):
    return max(abs(a.count(x) / len(a) - b.count(x) / len(b)) for x in set(a + b))


def chi_squared(current, baseline):
    """The p-value with as many categories as are left after the small ones were joined; even degrees of freedom have a closed form."""
    known = [x for x in current if x in set(baseline)]
    cells = [[known.count(x), baseline.count(x) * len(known) / len(baseline)] for x in sorted(set(baseline))]
    while len(cells) >= 2:
        least, allowed = (10, 0) if len(cells) == 2 else (5, int(0.2 * len(cells)))
        if sum(cell[1] < least for cell in cells) <= allowed:
            break
        cells.sort(key=lambda cell: cell[1])
        first = cells.pop(0)
        cells[0] = [cells[0][0] + first[0], cells[0][1] + first[1]]
    statistic = sum((o - e) ** 2 / e for o, e in cells)
    freedom = len(cells) - 1
    if scipy:
        return float(scipy.stats.chi2.sf(statistic, freedom))
    if freedom % 2 == 0:
        return math.exp(-statistic / 2) * sum((statistic / 2) ** k / math.factorial(k) for k in range(freedom // 2))
    half = math.erfc(math.sqrt(statistic / 2))
    term = math.sqrt(2 * statistic / math.pi) * math.exp(-statistic / 2)
    for k in range(1, (freedom - 1) // 2 + 1):
        half += term
        term *= statistic / (2 * k + 1)
    return half


def write(path, rows):
    with open(path, "w", encoding="utf-8") as file:
        file.write("number,color\n" + "".join(f"{number!r},{color}\n" for number, color in rows))


def told(folder, method, categorical):
    """{"number": distance, "color": distance or p-value} as the command says."""
    path = os.path.join(folder, "constraints.json")
    with open(path, encoding="utf-8") as file:
        constraints = json.load(file)
    constraints["monitoring_config"]["distribution_constraints"] = {
        "perform_comparison": "Enabled", "comparison_threshold": -1, "comparison_method": method,
        "categorical_comparison_threshold": 2 if categorical == "ChiSquared" else -1, "categorical_drift_method": categorical}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(constraints, file)
    done = subprocess.run([KEDGE, "monitor", "check", "--baseline", folder, "--data", os.path.join(folder, "current.csv"), "-o", folder],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1, done
    with open(os.path.join(folder, "constraint_violations.json"), encoding="utf-8") as file:
        violations = json.load(file)["violations"]
    return {item["feature_name"]: float(re.search(r": ([-0-9.e+]+) ", item["description"]).group(1))
            for item in violations if item["constraint_check_type"] == "baseline_drift_check"}


def rows_of(generator, count, shift, weights):
    return [(generator.gauss(shift, 1), generator.choices("abcdef", weights)[0]) for _ in range(count)]


def check(seed, folder):
    generator = random.Random(seed)
    baseline = rows_of(generator, generator.randrange(50, 2000), 0, [30, 20, 10, 5, 2, 1])
    current = rows_of(generator, generator.randrange(50, 2000), generator.random(), [20, 20, 10, 10, 3, 2])
    write(os.path.join(folder, "baseline.csv"), baseline)
    write(os.path.join(folder, "current.csv"), current)
    subprocess.run([KEDGE, "monitor", "suggest", "--data", os.path.join(folder, "baseline.csv"), "-o", folder], check=True,
                   stdout=subprocess.DEVNULL)
    (a, colors_a), (b, colors_b) = zip(*baseline), zip(*current)
    n, m = len(a), len(b)
    distance, share = simple(a, b), shares(colors_a, colors_b)
    if scipy:
        assert abs(distance - scipy.stats.ks_2samp(a, b).statistic) < EXACT
    wanted = {("Simple", "LInfinity"): (distance, share), ("Robust", "LInfinity"): (robust(distance, n, m), robust(share, n, m)),
              ("Simple", "ChiSquared"): (distance, chi_squared(colors_b, colors_a))}
    for (method, categorical), (number, color) in wanted.items():
        got = told(folder, method, categorical)
        for name, value in (("number", number), ("color", color)):
            assert abs(got[name] - value) < EXACT, f"seed {seed}, {method}, {categorical}, {name}: {got[name]}, wanted {value}"


def main():
    for seed in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            check(seed, folder)
    print(f"{ROUNDS} datasets, 6 distances of each equal to 1e-9{' (scipy too)' if scipy else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
