#!/usr/bin/python3
"""Writes docs/api/*.md from the operation descriptions of api/operations/: one page a service and part, and an index.

  tools/api_docs.py           writes the pages
  tools/api_docs.py --check   says which pages are not what it would write; exit code 1 if any

SPDX-License-Identifier: Apache-2.0
"""
import argparse
import glob
import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OPERATIONS = os.path.join(ROOT, "api", "operations")
DOCS = os.path.join(ROOT, "docs", "api")
SIMPLE = ("string", "integer", "long", "double", "boolean", "timestamp")
ALWAYS = "Any operation may also answer ValidationException, SerializationException, AccessDeniedException, ThrottlingException, " \
         "ServiceUnavailable and InternalFailure."


def load():
    """{service: {"head": members of the file that names the protocol, "shapes": ..., "parts": {part: {operation: ...}}}}"""
    services = {}
    for path in sorted(glob.glob(os.path.join(OPERATIONS, "*", "*.json"))):
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        service = services.setdefault(document["service"], {"head": {}, "shapes": {}, "parts": {}})
        if "protocol" in document:
            service["head"] = document
        service["shapes"].update(document.get("shapes", {}))
        if document.get("operations"):
            service["parts"][os.path.splitext(os.path.basename(path))[0]] = document["operations"]
    return services


def cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def bounds(shape, noun):
    low, high = shape.get("min"), shape.get("max")
    if low is None and high is None:
        return ""
    if low == high:
        return f"{low} {noun}"
    return f"{'' if low is None else low}..{'' if high is None else high} {noun}".strip()


def type_text(name, shapes):
    """What a value must be, in a table cell."""
    if name in SIMPLE:
        return name
    shape = shapes[name]
    if shape["type"] == "structure":
        return f"[{name}](#{name.lower()})"
    if shape["type"] == "list":
        size = bounds(shape, "")
        return f"list of {type_text(shape['of'], shapes)}" + (f", {size}" if size else "")
    if shape["type"] == "map":
        size = bounds(shape, "entries")
        return f"map of {type_text(shape['key'], shapes)} to {type_text(shape['of'], shapes)}" + (f", {size}" if size else "")
    words = [shape["type"]]
    if "enum" in shape:
        return "one of " + ", ".join(f"`{value}`" for value in shape["enum"])
    size = bounds(shape, "characters" if shape["type"] == "string" else "")
    if size:
        words.append(size)
    if "pattern" in shape and shape["pattern"] != ".*":
        words.append("`" + cell(shape["pattern"]).replace("&lt;", "<") + "`")
    return ", ".join(words)


def table(members, shapes):
    if not members:
        return ["None.", ""]
    lines = ["| member | type | |", "|---|---|---|"]
    for name, member in members.items():
        docs = ("required. " if member.get("required") else "") + member.get("docs", "")
        lines.append(f"| `{name}` | {type_text(member['shape'], shapes)} | {cell(docs.strip())} |")
    return lines + [""]


def used_structures(members, shapes, found):
    """Names of the structures that the members lead to, in order of appearance."""
    for member in members.values():
        name = member["shape"]
        while name not in SIMPLE and shapes[name]["type"] in ("list", "map"):
            name = shapes[name]["of"]
        if name in SIMPLE or shapes[name]["type"] != "structure" or name in found:
            continue
        found.append(name)
        used_structures(shapes[name]["members"], shapes, found)


def wire(head, name, operation):
    if "path" in operation:
        return f"`POST {operation['path']}`"
    return f"`X-Amz-Target: {head['target_prefix']}.{name}`"


def page(service, part, shapes, head, operations):
    lines = [f"# {service}: {part.replace('_', ' ')}", "", "Written by `tools/api_docs.py` from `api/operations/`; do not edit.", ""]
    structures = []
    for name, operation in operations.items():
        fleets = {"named": "", "filtered": "; other fleets are left out for a caller who is restricted to some",
                  "none": ""}[operation.get("fleets", "named")]
        lines += [f"## {name}", "", operation["docs"], "",
                  f"{wire(head, name, operation)}; least role: {operation.get('access', 'operator')}{fleets}.", "", "Request:", ""]
        lines += table(operation["input"], shapes)
        output = operation.get("output")
        if output:
            lines += ["Answer:", ""] + table(output, shapes)
        else:
            lines += ["Answer: empty.", ""]
        errors = ", ".join(operation.get("errors", []))
        lines += [f"Errors: {errors}." if errors else "Errors: no named ones.", ""]
        used_structures(operation["input"], shapes, structures)
        used_structures(output or {}, shapes, structures)
    if structures:
        lines += ["# Structures", ""]
    for name in sorted(structures):
        lines += [f"## {name}", ""] + table(shapes[name]["members"], shapes)
    return "\n".join(lines).rstrip("\n") + "\n"


def index(services):
    lines = ["# API", "", "Written by `tools/api_docs.py` from `api/operations/`; do not edit.", "",
             "Every request is a POST with a JSON body, signed with AWS Signature Version 4 for the service `sagemaker` (any region).",
             "Times are numbers, seconds since the epoch. Lists come in pages: give the `NextToken` of an answer with the next request.",
             "", "An error is `{\"__type\": CODE, \"message\": TEXT}` with the code in `x-amzn-ErrorType` too. " + ALWAYS,
             "`docs/compatibility.md` says what differs from AWS.", ""]
    for service, content in services.items():
        lines += [f"## {service}", "", content["head"].get("docs", ""), ""]
        for part, operations in sorted(content["parts"].items()):
            file = f"{service}-{part}.md".replace("_", "-")
            names = ", ".join(f"[{name}]({file}#{name.lower()})" for name in operations)
            lines += [f"* {part.replace('_', ' ')}: {names}"]
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def pages():
    services = load()
    result = {"README.md": index(services)}
    for service, content in services.items():
        for part, operations in content["parts"].items():
            name = f"{service}-{part}.md".replace("_", "-")
            result[name] = page(service, part, content["shapes"], content["head"], operations)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    wanted = pages()
    os.makedirs(DOCS, exist_ok=True)
    present = {name: open(os.path.join(DOCS, name), encoding="utf-8").read() for name in os.listdir(DOCS)}
    stale = sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))
    if options.check:
        for name in stale:
            print(f"docs/api/{name} is not what tools/api_docs.py writes")
        return 1 if stale else 0
    for name in stale:
        path = os.path.join(DOCS, name)
        if name in wanted:
            with open(path, "w", encoding="utf-8") as file:
                file.write(wanted[name])
        else:
            os.remove(path)
    print(f"{len(wanted)} pages, {len(stale)} changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
