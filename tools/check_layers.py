#!/usr/bin/python3
"""Checks that include arrows between the folders of src/ point down only, as tools/layers.txt allows.

Tests (*_test.cc and folders testing/) may also include what another folder's testing/ offers.
Also checks that a third-party header is named only where layers.txt says, that no two folders include
each other, and that each folder has a README.md of at most 30 lines. Exits 1 with one line a violation.
SPDX-License-Identifier: Apache-2.0
"""
import os
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')


def read_rules(path):
    allowed, third_party = {}, []
    for line in open(path, encoding="utf-8"):
        line = line.split("#", 1)[0].strip()
        if not line:
            continue
        left, _, right = line.partition(":")
        if left.startswith("third_party "):
            third_party.append((left.split()[1], right.split()))
        else:
            allowed[left] = set(right.split()) | {left, "base"}
    return allowed, third_party


def sources(root):
    for folder, _, names in os.walk(root):
        for name in names:
            if name.endswith((".h", ".cc", ".c", ".inc")):
                yield os.path.join(folder, name)


def check(top):
    src = os.path.join(top, "src")
    allowed, third_party = read_rules(os.path.join(top, "tools", "layers.txt"))
    errors, arrows = [], set()
    for folder in sorted(os.listdir(src)):
        if folder not in allowed:
            errors.append(f"src/{folder}: not named in tools/layers.txt")
            continue
        readme = os.path.join(src, folder, "README.md")
        if not os.path.exists(readme):
            errors.append(f"src/{folder}: has no README.md")
        elif len(open(readme, encoding="utf-8").readlines()) > 30:
            errors.append(f"src/{folder}/README.md: longer than 30 lines")
    for path in sources(src):
        relative = os.path.relpath(path, src)
        folder = relative.split(os.sep)[0]
        for number, line in enumerate(open(path, encoding="utf-8"), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            kind, target = match.groups()
            where = f"src/{relative}:{number}"
            for header, places in third_party:
                if target.startswith(header) and not any(relative.startswith(place) for place in places):
                    errors.append(f"{where}: {target} may be named only in {', '.join(places)}")
            head = target.split("/")[0]
            is_test = relative.endswith("_test.cc") or "/testing/" in relative
            if is_test and target.startswith(head + "/testing/"):
                continue
            if kind == '"' and head in allowed and "/" in target:
                arrows.add((folder, head))
                if head not in allowed.get(folder, set()):
                    errors.append(f"{where}: {folder} may not include {head}")
    for a, b in arrows:
        if a < b and (b, a) in arrows:
            errors.append(f"src/{a} and src/{b} include each other")
    return errors


def main():
    errors = check(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    for error in errors:
        print(error)
    print("layers: " + (f"{len(errors)} violations" if errors else "ok"))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
