#!/bin/sh
# Writes the TypeScript types into the folder $1 and compiles them strictly, if there is a tsc; 77: there is none.
# SPDX-License-Identifier: Apache-2.0
set -e
mkdir -p "$1"
"$(dirname "$0")/api_types.py" --output "$1/api_types.ts"
command -v tsc > /dev/null || { echo "skipped: no tsc"; exit 77; }
tsc --strict --noEmit --target es2020 "$1/api_types.ts"
