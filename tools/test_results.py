#!/usr/bin/python3
"""Counts test results: `record` notes the outcome of a suite, `summary` prints what failed, then "N passed, N failed, N skipped".

GoogleTest programs are counted case by case from their XML, every other ctest test as one, from ctest's JUnit file.
SPDX-License-Identifier: Apache-2.0
"""
import argparse
import glob
import os
import sys
import xml.etree.ElementTree as xml


def gtest_cases(folder):
    """{program: [(case, outcome)]} of every GoogleTest XML file in a folder."""
    programs = {}
    for path in glob.glob(os.path.join(folder, "*.xml")):
        cases = []
        try:
            root = xml.parse(path).getroot()
        except xml.ParseError:
            continue  # the program died while writing: ctest's own file says so
        for case in root.iter("testcase"):
            outcome = "passed"
            if case.find("failure") is not None:
                outcome = "failed"
            elif case.find("skipped") is not None or case.get("result") == "skipped":
                outcome = "skipped"
            cases.append((f'{case.get("classname")}.{case.get("name")}', outcome))
        programs[os.path.splitext(os.path.basename(path))[0]] = cases
    return programs


def ctest_outcomes(path):
    for case in xml.parse(path).getroot().iter("testcase"):
        outcome = {"run": "passed", "fail": "failed", "notrun": "failed", "disabled": "skipped"}[case.get("status")]
        if case.find("skipped") is not None and case.find("failure") is None:
            outcome = "skipped"
        yield case.get("name"), outcome


def collect(results):
    rows = []  # (suite, case, outcome)
    for path in sorted(glob.glob(os.path.join(results, "*.ctest.xml"))):
        suite = os.path.basename(path).split(".")[0]
        programs = gtest_cases(os.path.join(results, suite))
        for name, outcome in ctest_outcomes(path):
            cases = programs.get(name, [])
            rows += [(suite, f"{name}: {case}", state) for case, state in cases]
            # A program that failed without a failing case has crashed or run out of time.
            if not cases or (outcome == "failed" and all(state != "failed" for _, state in cases)):
                rows.append((suite, name, outcome))
    recorded = os.path.join(results, "recorded")
    if os.path.exists(recorded):
        rows += [("script", *line.split()) for line in open(recorded, encoding="utf-8")]
    return rows


def summary(results):
    rows = collect(results)
    for state in ("skipped", "failed"):
        for suite, case, outcome in rows:
            if outcome == state:
                print(f"{state}: [{suite}] {case}")
    count = {state: sum(outcome == state for *_, outcome in rows) for state in ("passed", "failed", "skipped")}
    print(f'{count["passed"]} passed, {count["failed"]} failed, {count["skipped"]} skipped')
    return 1 if count["failed"] or not count["passed"] else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["record", "summary"])
    parser.add_argument("--results", required=True)
    parser.add_argument("--suite")
    parser.add_argument("--outcome", choices=["passed", "failed", "skipped"])
    options = parser.parse_args()
    if options.command == "summary":
        return summary(options.results)
    with open(os.path.join(options.results, "recorded"), "a", encoding="utf-8") as file:
        file.write(f"{options.suite} {options.outcome}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
