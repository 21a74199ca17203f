#!/usr/bin/python3
"""Says what is wrong with docs/compatibility.md: a row of the capability table that is missing, or a test that does not exist.

A test is named as SUITE.NAME (GoogleTest), FILE.py::NAME (a method of a script in tests/e2e) or the name of a ctest.
SPDX-License-Identifier: Apache-2.0
"""
import glob
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROWS = [*range(1, 25), *range(45, 50)]


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def known_tests():
    tests = set()
    for path in glob.glob(os.path.join(ROOT, "src", "**", "*_test.cc"), recursive=True):
        tests |= {f"{suite}.{name}" for suite, name in re.findall(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", read(path), re.M)}
    for path in glob.glob(os.path.join(ROOT, "tests", "e2e", "*.py")):
        tests |= {f"{os.path.basename(path)}::{name}" for name in re.findall(r"def (test_\w+)\(", read(path))}
    for path in glob.glob(os.path.join(ROOT, "**", "CMakeLists.txt"), recursive=True):
        if os.sep + "build" + os.sep not in path:
            tests |= set(re.findall(r"kedge_(?:test|e2e)\((\w+)", read(path)))
    return tests


def main():
    text = read(os.path.join(ROOT, "docs", "compatibility.md"))
    rows = {int(number): tests for number, tests in re.findall(r"^\| (\d+) \| [^|]+ \| ([^|]+) \|", text, re.M)}
    tests = known_tests()
    wrong = [f"row {row} is missing" for row in ROWS if row not in rows]
    for row, names in sorted(rows.items()):
        for name in (word.strip() for word in names.split(",")):
            if name not in tests and not (name == "every_operation" and any(test.startswith(name) for test in tests)):
                wrong.append(f"row {row} names the test '{name}', which does not exist")
    for sentence in wrong:
        print(f"docs/compatibility.md: {sentence}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
