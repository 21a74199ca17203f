#!/usr/bin/python3
"""Writes a C++ file that holds the given files as text: `const EmbeddedFile kX[]` of {name, text}.

The struct is declared in base/embedded.h. Names are relative to --base. Raw string literals are cut
into pieces of 15,000 bytes, below what compilers must accept.
SPDX-License-Identifier: Apache-2.0
"""
import argparse
import os


def literal(data: bytes) -> str:
    pieces = [data[i:i + 15000] for i in range(0, len(data), 15000)] or [b""]
    return "\n".join('"' + "".join(escape(byte) for byte in piece) + '"' for piece in pieces)


def escape(byte: int) -> str:
    if byte in (0x22, 0x5C):
        return "\\" + chr(byte)
    if byte == 0x0A:
        return "\\n"
    if byte == 0x3F:  # no trigraphs
        return "\\?"
    return chr(byte) if 0x20 <= byte < 0x7F else "\\%03o" % byte


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", required=True)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--symbol", required=True)
    parser.add_argument("--base", required=True)
    parser.add_argument("--folder", help="takes every file below it besides")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    if options.folder:
        options.files += [os.path.join(folder, name) for folder, _, names in os.walk(options.folder) for name in names]
    out = ['#include "base/embedded.h"', "", f"namespace {options.namespace} {{",
           f"extern const std::span<const ::kedge::EmbeddedFile> {options.symbol};",
           "static constexpr ::kedge::EmbeddedFile kEmbedded[] = {"]
    for path in sorted(options.files):
        with open(path, "rb") as file:
            data = file.read()
        out.append('{"%s", std::string_view(%s, %d)},' % (os.path.relpath(path, options.base), literal(data), len(data)))
    out.append("};")
    out.append(f"const std::span<const ::kedge::EmbeddedFile> {options.symbol}(kEmbedded);")
    out.append(f"}}  // namespace {options.namespace}")
    with open(options.output, "w", encoding="ascii") as file:
        file.write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
