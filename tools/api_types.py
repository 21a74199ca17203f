#!/usr/bin/python3
"""Writes TypeScript types of the whole API from the descriptions of api/operations/: an interface for each structure, request and
answer, and `Operations`, which leads from "SageMaker.ListDevices" to both. No value is emitted, only types.

  tools/api_types.py --output api_types.ts

SPDX-License-Identifier: Apache-2.0
"""
import argparse
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import api_docs  # noqa: E402  (beside this file)

SIMPLE = {"string": "string", "integer": "number", "long": "number", "double": "number", "boolean": "boolean", "timestamp": "number"}


def type_of(name, shapes):
    if name in SIMPLE:
        return SIMPLE[name]
    shape = shapes[name]
    if shape["type"] == "structure":
        return name
    if shape["type"] == "list":
        inner = type_of(shape["of"], shapes)
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    if shape["type"] == "map":
        return f"Record<string, {type_of(shape['of'], shapes)}>"
    if "enum" in shape:
        return " | ".join(json.dumps(value) for value in shape["enum"])
    return SIMPLE[shape["type"]]


def interface(name, members, shapes, indent="  "):
    if not members:
        return [f"{indent}export type {name} = Record<string, never>;"]
    lines = [f"{indent}export interface {name} {{"]
    for member, description in members.items():
        if description.get("docs"):
            lines.append(f"{indent}  /** {description['docs'].replace('*/', '* /')} */")
        optional = "" if description.get("required") else "?"
        lines.append(f"{indent}  {member}{optional}: {type_of(description['shape'], shapes)};")
    return lines + [f"{indent}}}"]


def namespace_of(service):
    return {"sagemaker": "SageMaker", "sagemaker-edge": "SageMakerEdge", "kedge": "Kedge"}[service]


def module(services):
    lines = ["// Types of the API, written by tools/api_types.py from api/operations/; do not edit.",
             "// Times are seconds since the epoch.", "// SPDX-License-Identifier: Apache-2.0", ""]
    operations = []
    for service, content in services.items():
        name = namespace_of(service)
        lines.append(f"export namespace {name} {{")
        for shape, description in sorted(content["shapes"].items()):
            if description["type"] == "structure":
                lines += interface(shape, description["members"], content["shapes"])
        for part in content["parts"].values():
            for operation, description in part.items():
                lines += interface(operation + "Request", description["input"], content["shapes"])
                lines += interface(operation + "Answer", description.get("output") or {}, content["shapes"])
                key = description.get("path") or f"{content['head']['target_prefix']}.{operation}"
                operations.append(f'  "{key}": {{ request: {name}.{operation}Request; answer: {name}.{operation}Answer }};')
        lines += ["}", ""]
    lines += ["/** From X-Amz-Target, or the path, to what goes in and comes out. */", "export interface Operations {"]
    return "\n".join(lines + operations + ["}", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", required=True)
    options = parser.parse_args()
    with open(options.output, "w", encoding="utf-8") as file:
        file.write(module(api_docs.load()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
