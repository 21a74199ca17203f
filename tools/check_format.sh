#!/usr/bin/env bash
# Checks that every C++ file is as clang-format-19 would have it. With --fix: formats them.
# api/kedge_model.h is laid out by hand, in columns.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t files < <(git ls-files '*.cc' '*.h' ':!api/kedge_model.h')
if [ "${1:-}" = --fix ]; then
  clang-format-19 -i "${files[@]}"
else
  clang-format-19 --dry-run -Werror "${files[@]}"
  echo "format: ${#files[@]} files ok"
fi
